//! The `exeat` binary: reads the command line and hands over to one module per subcommand.
//!
//! Nothing is decided here. A subcommand's module owns its arguments (`Command`) and its work
//! (`run`); this file only dispatches, prints the one line of an error, and picks the exit status.

mod args;
mod audit;
mod completions;
mod demo;
mod exit;
mod identity;
mod policy;
mod run;

use std::process::ExitCode;

use args::Command;
use run::Which;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = match args::parse() {
        Ok(command) => command,
        Err(status) => return status,
    };
    let outcome = match command {
        Command::Run(command) => run::run(command, Which::All),
        Command::Gateway(command) => run::run(command, Which::Gateway),
        Command::Dbproxy(command) => run::run(command, Which::Dbproxy),
        Command::Demo(command) => demo::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Identity(command) => identity::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Completions(command) => completions::run(command),
    };
    outcome.unwrap_or_else(|error| exit::report(&error))
}

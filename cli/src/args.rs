//! The command line as a whole: the list of subcommands. Each one's own arguments live in its module.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::audit;
use crate::completions;
use crate::demo;
use crate::exit::Status;
use crate::identity;
use crate::policy;
use crate::run;

/// Identity-aware egress gateway and PostgreSQL access proxy: every outbound connection and every
/// statement needs a permit, and each is on record.
#[derive(Debug, Parser)]
#[command(
    name = "exeat",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every service that the configuration names: gateway, database proxy, or both
    Run(run::Command),
    /// Run the egress gateway of the configuration only
    Gateway(run::Command),
    /// Run the database proxy of the configuration only
    Dbproxy(run::Command),
    /// Show the whole product on this machine: database, origins, services, a tour, and nothing left behind
    Demo(demo::Command),
    /// Look into the audit log, and prove it: tail, search, show, verify, replay
    Audit(audit::Command),
    /// The built-in CA, tokens and passwords: init, issue, token, password, revoke, list
    Identity(identity::Command),
    /// Check a policy, explain a decision, run a policy's own test cases: check, explain, test, schema
    Policy(policy::Command),
    /// Print a completion script for a shell
    Completions(completions::Command),
}

/// Reads the command line. Help and version are printed and end with status 0; a usage error is
/// printed and ends with `EX_USAGE`.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    match Arguments::try_parse() {
        Ok(arguments) => Ok(arguments.command),
        Err(error) => {
            // A closed pipe (`exeat --help | head`) is no reason to fail.
            error.print().ok();
            Err(if error.use_stderr() {
                Status::Usage.into()
            } else {
                ExitCode::SUCCESS
            })
        }
    }
}

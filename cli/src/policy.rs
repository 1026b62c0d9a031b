//! `exeat policy …`: check a policy, explain a decision, run the cases beside it.
//!
//! Nothing is decided here: every answer comes from `exeat_policy::evaluate`, the function that the
//! services call, and policies are read by the function that the services read them with.

mod catalog;
mod check;
mod drift;
mod explain;
mod files;
mod grants;
mod question;
mod server;
mod test;
mod url;
mod wall;

use std::io::Write as _;
use std::process::ExitCode;

/// The arguments of `exeat policy`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

/// What to do with a policy.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check policy files: prints `ok`, or every problem with file, line, caret and hint
    ///
    /// Several files, or a folder of them, are one policy. Exit status 0, 78 where it does not hold, 66 where there is none.
    Check(check::Arguments),
    /// Say whether a connection or a statement is allowed, by which rule, and what to add where not
    ///
    /// Exit status 0 where it is allowed, 1 where it is denied, 78 where the policy does not hold, 66 where
    /// there is none, 69 where the database of --database-url can't be asked.
    Explain(Box<explain::Arguments>),
    /// Print the catalog of a configured database, for `explain --catalog`
    ///
    /// Reads it as the proxy does. Exit status 69 where the database does not answer.
    Catalog(catalog::Arguments),
    /// Print the SQL that gives the database roles exactly what the policy allows, or apply it
    ///
    /// Exit status 0; 1 where something is left after --apply, 69 where the database does not answer.
    Grants(Box<grants::Arguments>),
    /// Compare what the database lets its roles do with the policy, in both directions
    ///
    /// Exit status 0 where they are equal, 1 where they differ, 69 where the database does not answer.
    Drift(Box<drift::Arguments>),
    /// Run the test cases that stand beside a policy (`NAME.test.yaml`)
    ///
    /// Exit status 0 where all hold, 1 where one fails, 78 where a file can't be used.
    Test(test::Arguments),
    /// Print the JSON Schema of policy files, for completion in editors
    Schema,
}

/// Runs `exeat policy`.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command.action {
        Action::Check(arguments) => check::run(&arguments),
        Action::Explain(arguments) => explain::run(&arguments),
        Action::Catalog(arguments) => catalog::run(&arguments),
        Action::Grants(arguments) => grants::run(&arguments),
        Action::Drift(arguments) => drift::run(&arguments),
        Action::Test(arguments) => test::run(&arguments),
        Action::Schema => {
            std::io::stdout()
                .lock()
                .write_all(exeat_policy::schema().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

//! The command line as a whole: the list of subcommands. Each one's own arguments live in its module.

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;
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
    /// Look into the audit log, and prove it: tail, search, show, verify, replay, tiles
    Audit(audit::Command),
    /// The built-in CA, tokens and passwords: init, issue, token, password, revoke, list
    Identity(identity::Command),
    /// Check a policy, explain a decision, run its test cases, make it privileges: check, explain, test, grants, drift, catalog, schema
    Policy(policy::Command),
    /// Print a completion script for a shell
    Completions(completions::Command),
}

/// Reads the command line. Help and version are printed and end with status 0; a usage error is told in
/// one line and ends with `EX_USAGE`.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    Arguments::try_parse()
        .map(|arguments| arguments.command)
        .map_err(|error| refuse(&error))
}

fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == HELP_INSTEAD {
        // A closed pipe (`exeat --help | head`) is no reason to fail.
        error.print().ok();
    } else {
        let line = line(&error.render().to_string());
        writeln!(anstream::stderr(), "exeat: {line}").ok();
    }
    if error.use_stderr() {
        Status::Usage.into()
    } else {
        ExitCode::SUCCESS
    }
}

/// A command without its subcommand shows its help.
const HELP_INSTEAD: ErrorKind = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

/// What clap says in paragraphs, as one line: what is wrong, the tip, and the usage as what to do.
fn line(rendered: &str) -> String {
    let (said, usage) = rendered
        .split_once("\nUsage: ")
        .unwrap_or((rendered, "try --help"));
    let mut out = String::new();
    for part in said.lines().map(str::trim).filter(|part| !part.is_empty()) {
        let part = part.strip_prefix("error: ").unwrap_or(part);
        if part.starts_with("For more information") {
            continue;
        }
        let glue = match out.chars().last() {
            None => "",
            Some(':') => " ",
            Some(_) if part.starts_with("tip: ") => "; ",
            Some(_) => ", ",
        };
        out.push_str(glue);
        out.push_str(part.strip_prefix("tip: ").unwrap_or(part));
    }
    let usage = usage.lines().next().unwrap_or_default().trim();
    match usage.strip_prefix("exeat") {
        Some(_) => format!("{out}; usage: {usage}"),
        None => format!("{out}; {usage}"),
    }
}

#[cfg(test)]
mod tests;

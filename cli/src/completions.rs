//! `exeat completions SHELL`: prints the completion script of a shell to standard output.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::Arguments;

/// The arguments of `exeat completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Command {
    /// The shell to write the script for
    shell: clap_complete::Shell,
}

/// Prints the script.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(
        command.shell,
        &mut Arguments::command(),
        "exeat",
        &mut script,
    );
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

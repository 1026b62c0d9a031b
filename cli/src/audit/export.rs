//! `exeat audit tiles`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use exeat_audit::export_tiles;

use super::place;

/// The arguments of `exeat audit tiles`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder to write; it must not exist, or be empty
    out: PathBuf,
}

pub(super) fn run(log: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    place::record(log, "tiles")?;
    let leaves = export_tiles(log, &arguments.out).map_err(|error| place::failed(&error))?;
    writeln!(
        std::io::stdout(),
        "{leaves} leaves in {}",
        arguments.out.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

//! `exeat policy check`

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::files;

/// The arguments of `exeat policy check`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Policy files, or folders of them (`*.yaml`, `*.yml`, without `*.test.yaml`); together they are one policy
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = files::policy(&arguments.paths)?;
    let plural =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    writeln!(
        std::io::stdout().lock(),
        "ok: {}, {}, policy {}",
        plural(policy.roles().count(), "role"),
        plural(policy.rules(), "rule"),
        policy.hash(),
    )?;
    Ok(ExitCode::SUCCESS)
}

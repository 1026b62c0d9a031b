//! `make bench`: exeat against its peers in one run, in turns, on this machine.
//!
//! Each round measures every peer once, in rotating order; the table shows medians over the rounds and ratios
//! to the named peer. The load generator, the origin and the database share the machine's cores with
//! what is measured, so absolute figures say little: compare the ratios, and the CPU time per operation.

mod cpu;
mod database;
mod gateway;
mod load;
mod origin;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

/// What the command line asks for.
pub(crate) struct Plan {
    /// How often each peer is measured.
    pub(crate) rounds: usize,
    /// Seconds per measurement.
    pub(crate) seconds: u64,
    /// Concurrent connections.
    pub(crate) connections: usize,
}

const USAGE: &str = "usage: exeat-bench [--rounds N] [--seconds N] [--connections N] [--only gateway|database] [--out FILE]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("exeat-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A build without optimizations costs three times as much, and looks like a slow release.
fn measures_its_own_build() -> Result<()> {
    let own = std::env::current_exe().context("the bench's own path")?;
    if let Some(named) = std::env::var_os("EXEAT_BIN").map(PathBuf::from)
        && named.parent() != own.parent()
    {
        bail!(
            "EXEAT_BIN names {}, of another build than this bench: unset it",
            named.display()
        );
    }
    Ok(())
}

fn run() -> Result<()> {
    let mut plan = Plan {
        rounds: 3,
        seconds: 5,
        connections: 32,
    };
    let (mut only, mut out) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        if flag == "--help" || flag == "-h" {
            println!("{USAGE}");
            return Ok(());
        }
        let value = arguments
            .next()
            .with_context(|| format!("{flag} needs a value; {USAGE}"))?;
        match flag.as_str() {
            "--rounds" => plan.rounds = value.parse().context(USAGE)?,
            "--seconds" => plan.seconds = value.parse().context(USAGE)?,
            "--connections" => plan.connections = value.parse().context(USAGE)?,
            "--only" => only = Some(value),
            "--out" => out = Some(PathBuf::from(value)),
            _ => bail!("unknown flag `{flag}`; {USAGE}"),
        }
    }
    if plan.rounds == 0 || plan.seconds == 0 || plan.connections == 0 {
        bail!("--rounds, --seconds and --connections are 1 or more");
    }
    measures_its_own_build()?;
    let mut text = report::heading(&plan);
    if only.as_deref().is_none_or(|part| part == "gateway") {
        text.push_str(&gateway::measure(&plan)?);
    }
    if only.as_deref().is_none_or(|part| part == "database") {
        text.push_str(&database::measure(&plan)?);
    }
    println!("{text}");
    if let Some(out) = out {
        std::fs::write(&out, &text).with_context(|| format!("writing {}", out.display()))?;
        eprintln!("written to {}", out.display());
    }
    Ok(())
}

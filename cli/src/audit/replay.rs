//! `exeat audit replay`

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use exeat_audit::{Policies, Reader, replay};
use serde_json::json;

use super::{filter, place};
use crate::exit::Status;

/// The arguments of `exeat audit replay`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: filter::Arguments,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(log: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    place::record(log, "replay")?;
    let filter = arguments.filter.filter();
    let mut policies = Policies::of(log);
    let mut reader = Reader::open(log).map_err(|error| place::failed(&error))?;
    let (mut same, mut all, mut mismatches) = (0_u64, 0_u64, Vec::new());
    while let Some(entry) = reader.next().map_err(|error| place::unreadable(&error))? {
        if !filter.matches(&entry.event) {
            continue;
        }
        match replay(&entry.event, |hash| policies.policy(hash)) {
            Ok(false) => continue,
            Ok(true) => same += 1,
            Err(mismatch) => mismatches.push(mismatch.to_string()),
        }
        all += 1;
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(
            out,
            "{}",
            json!({ "same": same, "decisions": all, "mismatches": mismatches })
        )?;
    } else {
        for mismatch in &mismatches {
            writeln!(out, "{mismatch}")?;
        }
        writeln!(out, "fidelity {same} of {all}")?;
    }
    Ok(if same == all {
        ExitCode::SUCCESS
    } else {
        Status::No.into()
    })
}

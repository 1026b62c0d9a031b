//! `exeat audit verify`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use exeat_audit::{AuditError, PUBLIC_FILE, PublicKey, Report, VerifyError, verify};
use serde_json::json;

use super::{json, place};
use crate::exit::{Failure, Status};

/// The arguments of `exeat audit verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The public key that you kept; without it the one in the log's folder
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// A signed checkpoint that you kept (a copy of the log's `checkpoint` file): the log must continue it
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(log: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file = arguments
        .public_key
        .clone()
        .unwrap_or_else(|| log.join(PUBLIC_FILE));
    let key = PublicKey::read(&file).map_err(|error| match error {
        // A wrong file that somebody named says nothing about the log.
        AuditError::Key { .. } if arguments.public_key.is_some() => {
            let why =
                format!("audit verify: {error}; give the log's `{PUBLIC_FILE}`, or a copy of it");
            Failure::new(Status::Config, why)
        }
        error => place::failed(&error),
    })?;
    let mut kept = Vec::new();
    for path in &arguments.checkpoint {
        kept.push(fs::read_to_string(path).map_err(|error| {
            let why = format!(
                "audit verify: cannot read `{}`: {error}; give a kept checkpoint",
                path.display()
            );
            Failure::new(Status::NoInput, why)
        })?);
    }
    let mut out = std::io::stdout().lock();
    match verify(log, &key, &kept) {
        Ok(report) if arguments.json => writeln!(out, "{}", object(&report, &key))?,
        Ok(report) => write!(out, "{}", page(&report, &key))?,
        Err(VerifyError::Read(error)) => return Err(place::failed(&error).into()),
        Err(VerifyError::Bad(fault)) => {
            if arguments.json {
                let fault = json!({
                    "sequence": fault.sequence, "segment": fault.segment, "offset": fault.offset,
                    "id": fault.id, "what": fault.what,
                });
                writeln!(out, "{}", json!({ "verified": false, "fault": fault }))?;
            }
            let why = format!(
                "audit verify: the log is not what was signed: {fault}; keep the folder as it is, and compare it with a copy"
            );
            return Err(Failure::new(Status::No, why).into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn signed_at(report: &Report) -> String {
    report.checkpoint.at.map_or_else(
        || "unknown".to_owned(),
        |at| json::time(at.saturating_mul(1000)),
    )
}

fn object(report: &Report, key: &PublicKey) -> serde_json::Value {
    json!({
        "verified": true,
        "records": report.records,
        "leaves": report.leaves,
        "segments": report.segments,
        "bytes": report.bytes,
        "root": hex(&report.root),
        "checkpoint": {
            "origin": report.checkpoint.origin,
            "size": report.checkpoint.size,
            "root": hex(&report.checkpoint.root),
            "time": signed_at(report),
        },
        "checkpoints": report.checkpoints,
        "unsigned_leaves": report.unsigned,
        "torn_bytes": report.torn,
        "missing_tiles": report.missing_tiles,
        "policies": report.policies,
        "public_key": key.to_string(),
    })
}

fn page(report: &Report, key: &PublicKey) -> String {
    let mut text = format!(
        "The log verifies.\n\
         \x20 records      {} in {} leaves, {} segments, {} bytes\n\
         \x20 root         {}\n\
         \x20 checkpoint   {} leaves, signed {}\n\
         \x20 signed by    {key}\n\
         \x20 checkpoints  {} agree\n\
         \x20 policies     {} kept\n",
        report.records,
        report.leaves,
        report.segments,
        report.bytes,
        hex(&report.root),
        report.checkpoint.size,
        signed_at(report),
        report.checkpoints,
        report.policies,
    );
    if report.unsigned > 0 {
        text += &format!(
            "  unsigned     {} leaves came after the newest checkpoint\n",
            report.unsigned
        );
    }
    if report.torn > 0 {
        text += &format!(
            "  torn         {} bytes at the end are no whole leaf (yet)\n",
            report.torn
        );
    }
    if report.missing_tiles > 0 {
        text += &format!(
            "  tiles        {} are missing; they are not needed\n",
            report.missing_tiles
        );
    }
    text
}

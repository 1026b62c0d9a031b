//! `exeat audit tail`

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use exeat_audit::{Entry, Reader};

use super::{filter, human, json, place};

/// How often a followed log is looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// The arguments of `exeat audit tail`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Go on printing what is added, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// How many records to start with
    #[arg(long = "lines", short = 'n', value_name = "N", default_value_t = 20)]
    count: usize,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: filter::Arguments,
}

pub(super) fn run(log: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    place::record(log, "tail")?;
    let filter = arguments.filter.filter();
    let mut out = std::io::stdout().lock();
    let mut print = |entry: &Entry| -> anyhow::Result<()> {
        match arguments.json {
            true => writeln!(out, "{}", json::record(entry, None)?)?,
            false => writeln!(out, "{}", human::line(&human::row(entry, None)))?,
        }
        Ok(out.flush()?)
    };
    let (last, mut reader) =
        Reader::last(log, arguments.count, &filter).map_err(|error| place::unreadable(&error))?;
    last.iter().try_for_each(&mut print)?;
    if !arguments.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        match reader.next().map_err(|error| place::unreadable(&error))? {
            Some(entry) if filter.matches(&entry.event) => print(&entry)?,
            Some(_) => {}
            // A file says nothing when it grows; this thread has nothing else to do.
            None => thread::park_timeout(PERIOD),
        }
    }
}

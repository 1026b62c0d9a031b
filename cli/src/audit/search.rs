//! `exeat audit search`

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use exeat_audit::{Body, Entry, Event, Filter, ReadError, Reader, Uuid};

use super::{filter, human, json, place};
use crate::exit::Status;

/// The arguments of `exeat audit search`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    filter: filter::Arguments,
    /// How many records at most, the newest ones; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

/// Records that were found, and what came of them.
#[derive(Debug, Default)]
struct Found {
    entries: VecDeque<Entry>,
    completions: HashMap<Uuid, Option<Event<'static>>>,
}

pub(super) fn run(log: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    place::record(log, "search")?;
    let filter = arguments.filter.filter();
    let found = find(log, &filter, arguments.limit).map_err(|error| place::unreadable(&error))?;
    let mut out = std::io::stdout().lock();
    let completion = |entry: &Entry| {
        found
            .completions
            .get(&entry.event.id)
            .and_then(Option::as_ref)
    };
    if arguments.json {
        for entry in &found.entries {
            writeln!(out, "{}", json::record(entry, completion(entry))?)?;
        }
    } else if !found.entries.is_empty() {
        let rows: Vec<_> = found
            .entries
            .iter()
            .map(|entry| human::row(entry, completion(entry)))
            .collect();
        writeln!(out, "{}", human::table(&rows).trim_fmt())?;
    }
    Ok(match found.entries.is_empty() {
        true => {
            anstream::eprintln!("exeat: audit search: no record matches");
            Status::No.into()
        }
        false => ExitCode::SUCCESS,
    })
}

fn find(log: &Path, filter: &Filter, limit: usize) -> Result<Found, ReadError> {
    let mut reader = match filter.since {
        Some(since) => Reader::since(log, since)?,
        None => Reader::open(log)?,
    };
    let mut found = Found::default();
    while let Some(entry) = reader.next()? {
        match &entry.event.body {
            // Shown with its decision, which comes first; by itself only where other events are shown too.
            Body::Completion(completion) => {
                if let Some(place) = found.completions.get_mut(&completion.decision) {
                    *place = Some(entry.event);
                    continue;
                }
            }
            Body::Decision(_) if filter.matches(&entry.event) => {
                found.completions.insert(entry.event.id, None);
            }
            _ => {}
        }
        if filter.matches(&entry.event) {
            found.entries.push_back(entry);
        }
        if limit > 0
            && found.entries.len() > limit
            && let Some(dropped) = found.entries.pop_front()
        {
            found.completions.remove(&dropped.event.id);
        }
    }
    Ok(found)
}

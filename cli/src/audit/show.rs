//! `exeat audit show`

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use exeat_audit::{Body, Decided, Entry, Parameter, Reader, Uuid};
use exeat_policy::{Caller, Request, Subject};
use serde_json::Value;

use super::{human, json, place};
use crate::exit::{Failure, Status};

/// The arguments of `exeat audit show`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The record's id, or the start of it; the id of a completion shows its decision too
    id: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(log: &Path, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    place::record(log, "show")?;
    let prefix = arguments.id.to_ascii_lowercase();
    let found = find(log, &prefix)?;
    let mut out = std::io::stdout().lock();
    let decision = found
        .iter()
        .find(|entry| !matches!(entry.event.body, Body::Completion(_)));
    let completion = found
        .iter()
        .find(|entry| matches!(entry.event.body, Body::Completion(_)));
    let Some(first) = decision.or(completion) else {
        let why = format!(
            "audit show: no record's id starts with `{prefix}`; find it with `exeat audit search`"
        );
        return Err(Failure::new(Status::No, why).into());
    };
    let second = completion.filter(|entry| entry.event.id != first.event.id);
    if arguments.json {
        writeln!(
            out,
            "{}",
            json::record(first, second.map(|entry| &entry.event))?
        )?;
    } else {
        for entry in [Some(first), second].into_iter().flatten() {
            write!(out, "{}", page(entry)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The record that a prefix means, with the other half of it.
fn find(log: &Path, prefix: &str) -> Result<Vec<Entry>, Failure> {
    let read = |error| place::unreadable(&error);
    let mut meant: BTreeSet<Uuid> = BTreeSet::new();
    let mut reader = Reader::open(log).map_err(|error| place::failed(&error))?;
    while let Some(entry) = reader.next().map_err(read)? {
        if entry.event.id.to_string().starts_with(prefix) {
            meant.insert(match &entry.event.body {
                Body::Completion(completion) => completion.decision,
                _ => entry.event.id,
            });
        }
    }
    let mut ids = meant.iter();
    let (Some(id), None) = (ids.next(), ids.next()) else {
        if meant.is_empty() {
            return Ok(Vec::new());
        }
        let some: Vec<_> = meant.iter().take(4).map(ToString::to_string).collect();
        let why = format!(
            "audit show: {} records' ids start with `{prefix}`, e.g. {}; give more of it",
            meant.len(),
            some.join(", ")
        );
        return Err(Failure::new(Status::Usage, why));
    };
    let mut found = Vec::new();
    let mut reader = Reader::open(log).map_err(|error| place::failed(&error))?;
    while let Some(entry) = reader.next().map_err(read)? {
        let wanted = entry.event.id == *id
            || matches!(&entry.event.body, Body::Completion(completion) if completion.decision == *id);
        if wanted {
            found.push(entry);
        }
    }
    Ok(found)
}

/// A record as lines of name and value.
fn page(entry: &Entry) -> anyhow::Result<String> {
    let event = &entry.event;
    let mut text = format!("{} {}\n", event.body.kind(), event.id);
    let mut line = |name: &str, value: &str| {
        let value = value.replace('\n', "\n               ");
        writeln!(text, "  {name:<12} {value}")
    };
    line("time", &json::time(event.at))?;
    line("service", human::service(event.plane))?;
    if let Some(session) = event.session {
        line("session", &session.to_string())?;
    }
    match &event.body {
        Body::Decision(decided) => {
            for (name, value) in decision(decided) {
                line(name, &value)?;
            }
        }
        Body::Completion(completion) => line("outcome", &human::counted(completion))?,
        other => {
            let value = serde_json::to_value(other)?;
            let fields = value.get(other.kind()).and_then(Value::as_object);
            for (name, value) in fields.into_iter().flatten() {
                line(
                    name,
                    &value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned),
                )?;
            }
        }
    }
    line(
        "leaf",
        &format!(
            "{} ({}, byte {})",
            entry.sequence, entry.segment, entry.offset
        ),
    )?;
    Ok(text)
}

fn decision(decided: &Decided<'_>) -> Vec<(&'static str, String)> {
    let request = &*decided.request;
    let mut lines = Vec::new();
    match human::caller(request) {
        Caller::Known(principal) => {
            lines.push(("role", principal.role.to_string()));
            let method = human::word(&principal.method);
            lines.push(("identity", format!("{} ({method})", principal.identity)));
            if let Some(at) = principal.expires_at {
                lines.push(("expires", json::time(at.saturating_mul(1000))));
            }
        }
        Caller::Unknown(why) => lines.push(("caller", format!("unknown: {}", human::word(why)))),
    }
    if !decided.labels.is_empty() {
        let labels: Vec<_> = decided
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        lines.push(("labels", labels.join(" ")));
    }
    lines.push(("request", human::question(decided)));
    lines.extend(inputs(request));
    if let Some(statement) = &decided.statement {
        lines.push(("statement", statement.sql.to_string()));
        for (nth, value) in (1..).zip(statement.parameters.iter()) {
            lines.push(("parameter", format!("${nth} = {}", parameter(value))));
        }
    }
    lines.push(("answer", human::answer(decided)));
    let decision = &*decided.decision;
    lines.push(("basis", human::word(&decision.basis)));
    lines.extend(
        decision
            .rule
            .as_ref()
            .map(|rule| ("rule", rule.path.to_string())),
    );
    lines.extend(
        decision
            .detail
            .as_ref()
            .map(|detail| ("detail", detail.to_string())),
    );
    lines.push(("audit", human::word(&decision.obligations.audit)));
    lines.push(("policy", decision.policy.to_string()));
    lines
}

fn inputs(request: &Request) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    match request {
        Request::Connection(request) => {
            lines.push(("protocol", human::word(&request.protocol)));
            if let Some(addresses) = &request.addresses {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                lines.push(("addresses", addresses.join(" ")));
            }
            lines.extend(request.tls.as_ref().map(|tls| ("tls", human::word(tls))));
            lines.extend(
                request
                    .exhausted
                    .map(|limit| ("limit", human::word(&limit))),
            );
        }
        Request::Session(request) => {
            lines.extend(
                request
                    .exhausted
                    .map(|limit| ("limit", human::word(&limit))),
            );
        }
        Request::Statement(request) => {
            match &request.subject {
                Subject::Readable(facts) => {
                    lines.extend(
                        facts
                            .relations
                            .iter()
                            .map(|used| ("touches", human::access(used))),
                    );
                    lines.extend(
                        facts
                            .functions
                            .iter()
                            .map(|name| ("calls", name.to_string())),
                    );
                }
                Subject::Unreadable(why) => lines.push(("unreadable", why.detail.to_string())),
            }
            lines.push(("catalog", request.catalog.to_string()));
            lines.extend(
                request
                    .exhausted
                    .map(|limit| ("limit", human::word(&limit))),
            );
        }
    }
    lines
}

fn parameter(value: &Parameter) -> String {
    match value {
        Parameter::Null => "NULL".to_owned(),
        Parameter::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Parameter::Binary(hex) => format!("\\x{hex}"),
        Parameter::Commitment(hash) => format!("commitment {hash}"),
    }
}

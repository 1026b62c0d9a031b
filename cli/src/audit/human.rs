//! Records in words: one row, or one line, per record.

use comfy_table::{ContentArrangement, Table, presets};
use exeat_audit::{Body, Completion, Decided, Entry, Event, Outcome, Plane};
use exeat_policy::{
    Access, Caller, Columns, Effect, Facts, Host, RelationAccess, Request, Subject, Verb,
};
use serde::Serialize;
use serde_json::Value;

use super::json;

/// What a row tells.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) time: String,
    pub(super) service: &'static str,
    pub(super) who: String,
    pub(super) what: String,
    pub(super) answer: String,
    pub(super) outcome: String,
    pub(super) id: String,
}

/// A record as a row.
pub(super) fn row(entry: &Entry, completion: Option<&Event<'_>>) -> Row {
    let event = &entry.event;
    let (who, what, answer) = words(&event.body);
    let outcome = match completion.map(|event| &event.body) {
        Some(Body::Completion(completion)) => counted(completion),
        _ => String::new(),
    };
    let service = service(event.plane);
    Row {
        time: json::time(event.at),
        service,
        who,
        what,
        answer,
        outcome,
        id: event.id.to_string(),
    }
}

/// Rows as a table.
pub(super) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["TIME", "SERVICE", "WHO", "WHAT", "ANSWER", "OUTCOME", "ID"]);
    for row in rows {
        let Row {
            time,
            service,
            who,
            what,
            answer,
            outcome,
            id,
        } = row;
        table.add_row([time.as_str(), service, who, what, answer, outcome, id]);
    }
    table
}

/// A row as a line.
pub(super) fn line(row: &Row) -> String {
    let Row {
        time,
        service,
        who,
        what,
        answer,
        outcome,
        id,
    } = row;
    let parts = [time.as_str(), service, who, what, answer, outcome, id];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}

/// The name of a part of the product.
pub(super) fn service(plane: Plane) -> &'static str {
    match plane {
        Plane::Gateway => "gateway",
        Plane::Dbproxy => "dbproxy",
        Plane::Control => "control",
    }
}

fn words(body: &Body<'_>) -> (String, String, String) {
    let plain = |what: String| (String::new(), what, String::new());
    match body {
        Body::Decision(decided) => (
            who(caller(&decided.request)),
            question(decided),
            answer(decided),
        ),
        Body::Completion(completion) => plain(format!(
            "completion of {}: {}",
            completion.decision,
            counted(completion)
        )),
        Body::SessionOpened(opened) => plain(format!(
            "session opened by {} on {}",
            opened.peer, opened.listener
        )),
        Body::SessionClosed(closed) => plain(format!("session closed: {}", word(&closed.outcome))),
        Body::LogStarted(started) => plain(format!(
            "log started with {} leaves by version {}",
            started.leaves, started.version
        )),
        Body::LogStopped(stopped) => {
            plain(format!("log stopped after {} records", stopped.records))
        }
        Body::LogRecovered(it) => plain(format!(
            "log recovered: {} bytes cut, {} leaves were not signed yet",
            it.cut_bytes, it.unsigned_leaves
        )),
        Body::LogRead(read) => (
            read.user.to_string(),
            format!("read the log: {}", read.filter),
            String::new(),
        ),
        Body::PolicyActivated(policy) => plain(format!("policy {} in force", policy.hash)),
        Body::PolicyRefused(refused) => {
            plain(format!("policy refused: {}", first_line(&refused.error)))
        }
        Body::ConfigurationChanged(it) => plain(format!(
            "{} {}: {}",
            it.part,
            if it.accepted { "changed" } else { "refused" },
            first_line(&it.detail)
        )),
        Body::WallCompared(it) => plain(match &it.error {
            Some(error) => format!("second wall of {}: can't be told: {error}", it.database),
            None if it.beyond + it.short == 0 => format!("second wall of {} holds", it.database),
            None => format!(
                "second wall of {}: {} beyond the policy, {} short of it",
                it.database, it.beyond, it.short
            ),
        }),
        Body::Refused(refused) => (
            String::new(),
            refused.detail.to_string(),
            format!("refused: {}", refused.code),
        ),
    }
}

/// The caller of a request.
pub(super) fn caller(request: &Request) -> &Caller {
    match request {
        Request::Connection(request) => &request.caller,
        Request::Session(request) => &request.caller,
        Request::Statement(request) => &request.caller,
    }
}

fn who(caller: &Caller) -> String {
    match caller {
        Caller::Known(principal) => principal.role.to_string(),
        Caller::Unknown(why) => format!("? {}", word(why)),
    }
}

/// What was asked, in one line.
pub(super) fn question(decided: &Decided<'_>) -> String {
    match &*decided.request {
        Request::Connection(request) => {
            let host = match &request.authority.host {
                Host::Name(name) => name.to_string(),
                Host::Address(address) if address.is_ipv6() => format!("[{address}]"),
                Host::Address(address) => address.to_string(),
            };
            format!("connect {host}:{}", request.authority.port)
        }
        Request::Session(request) => format!("session on {}", request.database),
        Request::Statement(request) => match &request.subject {
            Subject::Readable(facts) => format!("{}: {}", request.database, statement(facts)),
            Subject::Unreadable(why) => {
                format!("{}: unreadable ({})", request.database, word(&why.kind))
            }
        },
    }
}

fn statement(facts: &Facts) -> String {
    let mut names: Vec<String> = facts
        .relations
        .iter()
        .map(|used| used.relation.to_string())
        .collect();
    names.dedup();
    match names.is_empty() || facts.verb == Verb::Empty {
        true => facts.label.to_string(),
        false => format!("{} {}", facts.label, names.join(", ")),
    }
}

/// The answer, in one line.
pub(super) fn answer(decided: &Decided<'_>) -> String {
    let decision = &*decided.decision;
    match decision.effect {
        Effect::Allow if decision.reason == exeat_policy::Reason::Allowed => "allow".to_owned(),
        Effect::Allow => format!(
            "allow ({}: {})",
            word(&decision.basis),
            word(&decision.reason)
        ),
        Effect::Deny => format!("deny: {}", word(&decision.reason)),
    }
}

/// What came of a decision, in one line.
pub(super) fn counted(completion: &Completion<'_>) -> String {
    let mut parts = Vec::new();
    if completion.outcome != Outcome::Completed {
        parts.push(word(&completion.outcome));
    }
    parts.extend(
        completion
            .sqlstate
            .as_ref()
            .map(|state| format!("SQLSTATE {state}")),
    );
    parts.extend(completion.error.as_ref().map(ToString::to_string));
    parts.extend(completion.rows.map(|rows| format!("{rows} rows")));
    parts.push(format!("{} B in", completion.bytes_in));
    parts.push(format!("{} B out", completion.bytes_out));
    parts.push(duration(completion.duration_us));
    parts.join(", ")
}

/// Microseconds for people.
pub(super) fn duration(micros: u64) -> String {
    match micros {
        0..1000 => format!("{micros} us"),
        1000..10_000_000 => format!("{}.{:03} ms", micros / 1000, micros % 1000),
        _ => format!("{} s", micros / 1_000_000),
    }
}

/// What a statement does to a relation.
pub(super) fn access(used: &RelationAccess) -> String {
    let columns = match &used.columns {
        Columns::All => "(*)".to_owned(),
        Columns::Named(names) if names.is_empty() => String::new(),
        Columns::Named(names) => {
            format!(
                "({})",
                names
                    .iter()
                    .map(|name| &**name)
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
    };
    format!(
        "{} {}{columns}",
        word::<Access>(&used.access),
        used.relation
    )
}

/// A value as the log spells it.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

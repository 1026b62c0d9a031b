//! What the start-up packet sets: every setting of it is a SET, and judged as one.
//!
//! What would leave everything as the proxy pins it is dropped: it changes nothing, and the server is told
//! the pinned value anyway.

use std::sync::Arc;

use exeat_audit::AuditError;
use exeat_policy::{
    Confirmation, Decision, Effect, Facts, PolicySet, Request, Setting, StatementRequest, Subject,
    Verb, evaluate,
};
use exeat_service::clock;

use super::Asked;
use crate::denial;
use crate::record::Recorder;
use crate::stop::Stop;
use crate::wire::write::Error;

/// What the proxy pins in the start-up packet to the server.
pub(super) struct Standing<'a> {
    pub(super) search_path: &'a [Arc<str>],
    pub(super) as_role: &'a str,
    /// Nothing is pinned.
    pub(super) relaxed: bool,
}

/// Names that mean something else in a start-up packet than a setting.
const PROTOCOL: [&str; 4] = ["user", "database", "options", "replication"];

/// The settings that go to the server.
pub(super) fn judge(
    asked: &mut Asked,
    standing: &Standing<'_>,
    policy: &PolicySet,
    recorder: &Recorder,
) -> Result<Vec<(String, String)>, Stop> {
    let mut kept = Vec::new();
    for (spelled, value) in std::mem::take(&mut asked.settings) {
        let name = spelled.to_ascii_lowercase();
        if PROTOCOL.contains(&name.as_str()) || name.starts_with("_pq_.") {
            let message = format!("unrecognized configuration parameter \"{spelled}\"");
            return Err(Stop::tell(
                "startup_parameter",
                Error::fatal("42704", message),
            ));
        }
        if standing.has(&name, &value) {
            continue;
        }
        if name == "client_encoding" && !standing.relaxed {
            return Err(other_encoding(&value));
        }
        if let Some(error) = denied(asked, &name, &value, policy, recorder)? {
            return Err(Stop::denied(error));
        }
        kept.push((spelled, value));
    }
    Ok(kept)
}

impl Standing<'_> {
    /// Whether the session has this value anyway.
    fn has(&self, name: &str, value: &str) -> bool {
        match name {
            "client_encoding" => is_utf8(value),
            "search_path" => exeat_sql::is_path(value, self.search_path),
            "role" => value == "none" || value == self.as_role,
            "session_authorization" => value == self.as_role,
            _ => false,
        }
    }
}

/// PostgreSQL compares the names of encodings without punctuation and case. SQL_ASCII is what libpq
/// takes from a C locale; it means "no conversion", which UTF-8 to UTF-8 is.
fn is_utf8(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    matches!(plain.as_str(), "utf8" | "unicode" | "sqlascii")
}

fn other_encoding(value: &str) -> Stop {
    let message = format!("client_encoding \"{value}\" is not accepted");
    let error = Error::fatal("22023", message)
        .detail("Statements are read as UTF-8.")
        .hint("Set client_encoding (PGCLIENTENCODING) to UTF8.");
    Stop::tell("client_encoding", error)
}

/// The error of a setting that the policy does not allow; that is on record then.
fn denied(
    asked: &Asked,
    name: &str,
    value: &str,
    policy: &PolicySet,
    recorder: &Recorder,
) -> Result<Option<Error>, AuditError> {
    let request = request(asked, name, value);
    let decision: Decision = evaluate(policy, &request);
    if decision.effect == Effect::Allow {
        return Ok(None);
    }
    let (id, _) = recorder.decision(&request, &decision, None)?;
    Ok(Some(denial::startup_setting(&request, &decision, id, name)))
}

fn request(asked: &Asked, name: &str, value: &str) -> Request {
    let facts = Facts {
        verb: Verb::Set,
        label: "set".into(),
        relations: Vec::new(),
        functions: Vec::new(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: vec![Setting {
            name: name.into(),
            value: Some(value.into()),
        }],
        confirmation: Confirmation::Confirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    };
    Request::Statement(StatementRequest {
        caller: asked.caller.clone(),
        database: Arc::clone(&asked.name),
        subject: Subject::Readable(Arc::new(facts)),
        catalog: 0,
        exhausted: None,
        at: clock::now(),
    })
}

#[cfg(test)]
mod tests;

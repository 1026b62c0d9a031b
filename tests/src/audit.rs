//! The audit log as its own command shows it: `exeat audit search --json`, one record per line.

use std::path::Path;

use serde_json::Value;

use crate::exeat::exeat;
use crate::run::run;

/// Records in their order.
#[derive(Clone, Debug)]
pub struct Records(pub Vec<Value>);

impl Records {
    /// Reads the whole log.
    #[track_caller]
    pub fn read(directory: &Path) -> Self {
        let log = directory.to_str().unwrap();
        let ran = run(&exeat([
            "audit", "--log", log, "search", "--json", "--limit", "0",
        ]));
        Self(
            ran.ok()
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        )
    }

    /// The bodies of the events of this kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let path = format!("/event/{kind}");
        self.0
            .iter()
            .filter_map(move |record| record.pointer(&path))
    }

    /// What came of allowed requests: each stands with its decision.
    pub fn completions(&self) -> Vec<&Value> {
        self.0
            .iter()
            .filter_map(|record| {
                record
                    .pointer("/completion")
                    .or(record.pointer("/event/completion"))
            })
            .collect()
    }

    /// How the sessions of a service ended (outcome, error), in the order in which they began.
    pub fn endings(&self, plane: &str) -> Vec<(&str, &str)> {
        let mut endings: Vec<_> = self
            .0
            .iter()
            .filter(|record| text(record, "/plane") == Some(plane))
            .filter_map(|record| {
                let closed = record.pointer("/event/session_closed")?;
                let (outcome, error) = (text(closed, "/outcome"), text(closed, "/error"));
                Some((
                    text(record, "/session")?,
                    outcome.unwrap_or_default(),
                    error.unwrap_or_default(),
                ))
            })
            .collect();
        // Ids of sessions count up with time.
        endings.sort_unstable();
        endings
            .into_iter()
            .map(|(_, outcome, error)| (outcome, error))
            .collect()
    }

    /// The codes of what was refused before there was a request to judge, in order.
    pub fn refusals(&self) -> Vec<&str> {
        self.of_kind("refused")
            .filter_map(|refused| text(refused, "/code"))
            .collect()
    }

    /// Decisions: request, decision, statement.
    pub fn decisions(&self) -> Vec<&Value> {
        self.of_kind("decision").collect()
    }

    /// The reason codes of the decisions with this effect, in order.
    pub fn reasons(&self, effect: &str) -> Vec<&str> {
        self.decisions()
            .into_iter()
            .filter(|decided| text(decided, "/decision/effect") == Some(effect))
            .filter_map(|decided| text(decided, "/decision/reason"))
            .collect()
    }

    /// The reason codes of the denials, in order.
    pub fn denials(&self) -> Vec<&str> {
        self.reasons("deny")
    }

    /// The statements of the decisions with this effect, in order.
    pub fn statements(&self, effect: &str) -> Vec<&str> {
        self.decisions()
            .into_iter()
            .filter(|decided| text(decided, "/decision/effect") == Some(effect))
            .filter_map(|decided| text(decided, "/statement/sql"))
            .collect()
    }

    /// The only denial with this reason.
    #[track_caller]
    pub fn denial(&self, reason: &str) -> &Value {
        let found: Vec<_> = self
            .decisions()
            .into_iter()
            .filter(|decided| text(decided, "/decision/reason") == Some(reason))
            .filter(|decided| text(decided, "/decision/effect") == Some("deny"))
            .collect();
        assert_eq!(
            found.len(),
            1,
            "denials for {reason}; the log has {:?}",
            self.denials()
        );
        found[0]
    }

    /// Whether any record holds this text anywhere.
    pub fn hold(&self, needle: &str) -> bool {
        self.0
            .iter()
            .any(|record| record.to_string().contains(needle))
    }
}

/// A string below a value.
pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

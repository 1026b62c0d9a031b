//! What a process that died left open: allowed requests without a completion, sessions without an end.
//! The next start puts on record that it is not known what came of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use exeat_policy::{Effect, Request};
use serde_json::Value;
use uuid::Uuid;

use crate::error::AuditError;
use crate::event::{Body, Completion, Event, Outcome, Plane, SessionClosed};
use crate::files;
use crate::read::Reader;

/// How many segments are looked through. What was opened earlier and is open still has no end on record.
const SEGMENTS: usize = 2;
const TAIL: u64 = 64 << 10;

/// Ends for everything that was left open, oldest first. Reads nothing but its tail of a log that was
/// closed in order.
pub(super) fn ends(directory: &Path) -> Result<Vec<Event<'static>>, AuditError> {
    let segments = files::segments(directory)?;
    let Some(last) = segments.last() else {
        return Ok(Vec::new());
    };
    if stopped(&files::segment(directory, *last)).unwrap_or(false) {
        return Ok(Vec::new());
    }
    let first = segments
        .iter()
        .nth_back(SEGMENTS - 1)
        .or(segments.first())
        .unwrap_or(last);
    let mut reader = Reader::from_segment(directory, *first)?;
    let mut open = Open::default();
    loop {
        match reader.next() {
            Ok(Some(entry)) => open.note(&entry.event),
            Ok(None) => break,
            Err(error) => {
                // The tree says that this is what was written, so it is not this start's to judge.
                tracing::warn!(%error, "what was left open in the audit log could not be looked for");
                break;
            }
        }
    }
    Ok(open.ends())
}

/// Whether the newest event of a segment, readings of the log apart, is the log's own end.
fn stopped(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let newest = tail.split(|byte| *byte == b'\n').rev().find_map(|line| {
        let leaf: Value = serde_json::from_slice(line).ok()?;
        let kind = leaf.get("event")?.as_object()?.keys().next()?.clone();
        (kind != "log_read").then_some(kind)
    });
    Ok(newest.is_some_and(|kind| kind == "log_stopped"))
}

#[derive(Debug, Default)]
struct Open {
    requests: BTreeMap<Uuid, (Plane, Option<Uuid>)>,
    sessions: BTreeMap<Uuid, Plane>,
}

impl Open {
    fn note(&mut self, event: &Event<'_>) {
        match &event.body {
            // Whoever started or stopped it saw to what was open then.
            Body::LogStarted(_) | Body::LogStopped(_) => *self = Self::default(),
            Body::Decision(decided) => {
                let effect = decided.decision.effect == Effect::Allow;
                let runs = !matches!(&*decided.request, Request::Session(_));
                if effect && runs {
                    self.requests.insert(event.id, (event.plane, event.session));
                }
            }
            Body::Completion(completion) => {
                self.requests.remove(&completion.decision);
            }
            Body::SessionOpened(_) => self
                .sessions
                .extend(event.session.map(|id| (id, event.plane))),
            Body::SessionClosed(_) => {
                if let Some(session) = event.session {
                    self.sessions.remove(&session);
                }
            }
            Body::LogRecovered(_)
            | Body::LogRead(_)
            | Body::PolicyActivated(_)
            | Body::PolicyRefused(_)
            | Body::ConfigurationChanged(_)
            | Body::WallCompared(_)
            | Body::Refused(_) => {}
        }
    }

    fn ends(self) -> Vec<Event<'static>> {
        let requests = self.requests.into_iter().map(|(id, (plane, session))| {
            Event::now(
                plane,
                session,
                Body::Completion(Completion::of(id, Outcome::Unknown)),
            )
        });
        let sessions = self.sessions.into_iter().map(|(id, plane)| {
            let closed = SessionClosed {
                outcome: Outcome::Unknown,
                bytes_in: 0,
                bytes_out: 0,
                duration_us: 0,
                error: None,
            };
            Event::now(plane, Some(id), Body::SessionClosed(closed))
        });
        requests.chain(sessions).collect()
    }
}

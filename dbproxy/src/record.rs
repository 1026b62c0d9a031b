//! Writing down what a session does: opened, decided, completed, refused, closed.
//!
//! The record is finished exactly once; a session that is dropped unfinished records `aborted`.
//! Nothing branches on what is written here, but on whether it could be written.

use std::sync::Arc;
use std::time::Instant;

use data_encoding::HEXLOWER;
use exeat_audit::{
    AuditError, Body, Completion, Decided, Event, Labels, Log, Outcome, Parameter, Plane, Receipt,
    Refused, SessionClosed, SessionOpened, micros,
};
use exeat_policy::{Decision, Reason, Request};
use exeat_service::Live;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::metrics;
use crate::relay::Running;

/// Writes the events of one session.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    log: Log,
    session: Uuid,
    labels: Arc<Labels>,
}

impl Recorder {
    pub(crate) fn new(log: Log, session: Uuid) -> Self {
        Self {
            log,
            session,
            labels: Arc::new(Labels::new()),
        }
    }

    /// The same session, now that the labels of its role are known.
    pub(crate) fn with_labels(&self, labels: Labels) -> Self {
        Self {
            labels: Arc::new(labels),
            ..self.clone()
        }
    }

    fn append(&self, body: Body<'_>) -> Result<(Uuid, Receipt), AuditError> {
        let event = Event::now(Plane::Dbproxy, Some(self.session), body);
        let receipt = self.log.append(&event)?;
        Ok((event.id, receipt))
    }

    /// A decision; its id is what a denied client is told and what the completion refers to.
    pub(crate) fn decision(
        &self,
        request: &Request,
        decision: &Decision,
        statement: Option<(&str, &[Parameter])>,
    ) -> Result<(Uuid, Receipt), AuditError> {
        let mut decided = Decided::new(request, decision).labels(&self.labels);
        if let Some((sql, parameters)) = statement {
            decided = decided.statement(sql, parameters);
        }
        self.append(Body::Decision(decided))
    }

    /// What came of a statement.
    pub(crate) fn completion(
        &self,
        running: &Running,
        rows: Option<u64>,
        outcome: Outcome,
        sqlstate: Option<&str>,
    ) -> Result<(), AuditError> {
        let took = running.started.elapsed();
        metrics::statement(took);
        let completion = Completion {
            rows: rows.or(Some(running.rows)),
            bytes_in: running.bytes_in,
            bytes_out: running.bytes_out,
            duration_us: micros(took),
            sqlstate: sqlstate.map(Into::into),
            error: (outcome == Outcome::Limited).then(|| Reason::LimitRows.code().into()),
            ..Completion::of(running.decision, outcome)
        };
        self.append(Body::Completion(completion)).map(drop)
    }

    /// Statements that were let through, and that the server skipped because of an error before them.
    pub(crate) fn never_ran(&self, skipped: &[Running]) -> Result<(), AuditError> {
        skipped.iter().try_for_each(|running| {
            let completion = Completion {
                error: Some("skipped_after_error".into()),
                duration_us: micros(running.started.elapsed()),
                ..Completion::of(running.decision, Outcome::Aborted)
            };
            self.append(Body::Completion(completion)).map(drop)
        })
    }

    /// A salted SHA-256 of a value: `<salt>:<hash>` in lower-case hex. Who knows the value can show that
    /// it is the one; the salt keeps equal values from looking equal.
    pub(crate) fn commit(value: &[u8]) -> String {
        let salt = exeat_audit::id();
        let mut hash = Sha256::new();
        hash.update(salt.as_bytes());
        hash.update(value);
        let mut commitment = HEXLOWER.encode(salt.as_bytes());
        commitment.push(':');
        HEXLOWER.encode_append(&hash.finalize(), &mut commitment);
        commitment
    }

    /// What was refused before there was a request to judge.
    pub(crate) fn refused(&self, code: &str, detail: &str) -> Result<(), AuditError> {
        metrics::refused(code);
        self.noted(code, detail)
    }

    /// What came of something that is no session, and counted elsewhere: on record, whether refused or not.
    pub(crate) fn noted(&self, code: &str, detail: &str) -> Result<(), AuditError> {
        let refused = Refused {
            code: code.into(),
            detail: detail.into(),
        };
        self.append(Body::Refused(refused)).map(drop)
    }
}

/// The record of a session, open until it is finished or dropped.
#[derive(Debug)]
pub(crate) struct Record {
    live: Arc<Live>,
    recorder: Recorder,
    since: Instant,
    opened: bool,
    finished: bool,
}

impl Record {
    pub(crate) fn new(live: Arc<Live>, log: Log) -> Self {
        Self {
            recorder: Recorder::new(log, live.id()),
            live,
            since: Instant::now(),
            opened: false,
            finished: false,
        }
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// A client asked for a session.
    pub(crate) fn opened(
        &mut self,
        peer: std::net::SocketAddr,
        listener: std::net::SocketAddr,
        tls: bool,
    ) -> Result<(), AuditError> {
        let opened = SessionOpened {
            peer,
            listener: listener.to_string().into(),
            tls,
        };
        self.recorder.append(Body::SessionOpened(opened))?;
        self.opened = true;
        Ok(())
    }

    /// The session ended like this.
    pub(crate) fn close(mut self, outcome: Outcome, error: Option<&str>) {
        self.finish(outcome, error);
    }

    fn finish(&mut self, outcome: Outcome, error: Option<&str>) {
        if std::mem::replace(&mut self.finished, true) || !self.opened {
            return;
        }
        let (bytes_in, bytes_out) = self.live.bytes();
        let closed = SessionClosed {
            outcome,
            bytes_in,
            bytes_out,
            duration_us: micros(self.since.elapsed()),
            error: error.map(Into::into),
        };
        if let Err(error) = self.recorder.append(Body::SessionClosed(closed)) {
            // Nothing is let through any more; the end of a session can only be told to the log file.
            tracing::error!(session = %self.live.id(), %error, "the end of a session is not on record");
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.finish(Outcome::Aborted, None);
    }
}

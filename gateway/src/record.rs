//! Step 6, record: what goes into the audit log about a session. Opened when something begins, filled as
//! facts arrive, finished once; dropped unfinished it says `aborted`. Nothing branches on a record.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use exeat_audit::{
    AuditError, Body, Completion, Decided, Event, Log, Outcome, Plane, Receipt, Refused,
    SessionClosed, SessionOpened, micros,
};
use exeat_policy::{Decision, PolicySet, Request, TlsFinding};
use exeat_service::{Core, EndReason, Live, SessionInfo};
use uuid::Uuid;

use crate::metrics;
use crate::refusal::Refusal;

/// The record of a client's connection.
pub(crate) struct Session {
    log: Log,
    live: Arc<Live>,
    started: Instant,
    outcome: Outcome,
    error: Option<&'static str>,
}

impl Session {
    /// Opens the record.
    pub(crate) fn open(
        log: &Log,
        live: &Arc<Live>,
        peer: SocketAddr,
        listener: SocketAddr,
        tls: bool,
    ) -> Self {
        let opened = SessionOpened {
            peer,
            listener: listener.to_string().into(),
            tls,
        };
        let record = Self {
            log: log.clone(),
            live: live.clone(),
            started: Instant::now(),
            outcome: Outcome::Aborted,
            error: None,
        };
        record.append(Body::SessionOpened(opened));
        record
    }

    /// A message was refused before it became a request.
    pub(crate) fn refused(log: &Log, live: &Live, refusal: Refusal) {
        metrics::refused(refusal.code);
        let refused = Refused {
            code: refusal.code.into(),
            detail: refusal.message.into(),
        };
        let _ = log.append(&Event::now(
            Plane::Gateway,
            Some(live.id()),
            Body::Refused(refused),
        ));
    }

    /// How it ended, and the kind of the error where one ended it.
    pub(crate) fn ended(&mut self, outcome: Outcome, error: Option<&'static str>) {
        self.outcome = outcome;
        self.error = error;
    }

    /// Where the log can't be written, what has to be let through is stopped by its own decision.
    fn append(&self, body: Body<'_>) {
        let _ = self
            .log
            .append(&Event::now(Plane::Gateway, Some(self.live.id()), body));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let (bytes_in, bytes_out) = self.live.bytes();
        self.append(Body::SessionClosed(SessionClosed {
            outcome: self.outcome,
            bytes_in,
            bytes_out,
            duration_us: micros(self.started.elapsed()),
            error: self.error.map(Cow::Borrowed),
        }));
    }
}

/// Writes down a decision.
///
/// # Errors
/// The log can't be written: nothing may be let through.
pub(crate) fn decided(
    log: &Log,
    live: &Live,
    policy: &PolicySet,
    request: &Request,
    decision: &Decision,
) -> Result<(Uuid, Receipt), AuditError> {
    let labels = labels(policy, request);
    let body = Body::Decision(Decided::new(request, decision).labels(&labels));
    let event = Event::now(Plane::Gateway, Some(live.id()), body);
    let receipt = log.append(&event)?;
    Ok((event.id, receipt))
}

/// Writes down the denial that ended a session while it went on.
pub(crate) fn ended(core: &Core, live: &Live, reason: &EndReason) {
    if let EndReason::Denied(decision) = reason
        && let Some(request) = live.denied_request()
    {
        let policy = core.policy.current();
        // What ends anyway needs no leave of the log.
        let _ = decided(&core.log, live, &policy, &request, decision);
    }
}

/// The record of what came of an allowed request.
pub(crate) struct Exchange {
    log: Log,
    live: Arc<Live>,
    decision: Uuid,
    started: Instant,
    before: (u64, u64),
    tls: Option<TlsFinding>,
    dialled: Option<IpAddr>,
    aliases: Vec<Box<str>>,
    outcome: Outcome,
    error: Option<&'static str>,
}

impl Exchange {
    /// Opens the record of what this decision allowed.
    pub(crate) fn open(log: &Log, live: &Arc<Live>, decision: Uuid) -> Self {
        Self {
            log: log.clone(),
            live: live.clone(),
            decision,
            started: Instant::now(),
            before: live.bytes(),
            tls: None,
            dialled: None,
            aliases: Vec::new(),
            outcome: Outcome::Aborted,
            error: None,
        }
    }

    /// The id of the decision's record.
    pub(crate) fn decision(&self) -> Uuid {
        self.decision
    }

    /// The aliases that led to the addresses.
    pub(crate) fn led_by(&mut self, aliases: Vec<Box<str>>) {
        self.aliases = aliases;
    }

    /// The address that answered.
    pub(crate) fn dialled(&mut self, address: IpAddr) {
        self.dialled = Some(address);
    }

    /// What the first bytes proved.
    pub(crate) fn found(&mut self, finding: TlsFinding) {
        self.tls = Some(finding);
    }

    /// How it ended, and the kind of the error where one ended it. The last word counts.
    pub(crate) fn ended(&mut self, outcome: Outcome, error: Option<&'static str>) {
        self.outcome = outcome;
        self.error = error;
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let (bytes_in, bytes_out) = self.live.bytes();
        let mut completion = Completion::of(self.decision, self.outcome);
        completion.bytes_in = bytes_in - self.before.0;
        completion.bytes_out = bytes_out - self.before.1;
        completion.duration_us = micros(self.started.elapsed());
        completion.tls = self.tls.as_ref().map(Cow::Borrowed);
        completion.dialled = self.dialled;
        completion.aliases = Cow::Borrowed(&self.aliases);
        completion.error = self.error.map(Cow::Borrowed);
        let body = Body::Completion(completion);
        let _ = self
            .log
            .append(&Event::now(Plane::Gateway, Some(self.live.id()), body));
    }
}

/// Registers a session, before anything is decided about it.
pub(crate) fn register(
    sessions: &exeat_service::Registry,
    peer: SocketAddr,
    listener: SocketAddr,
) -> Arc<Live> {
    Arc::new(sessions.register(SessionInfo {
        plane: Plane::Gateway,
        peer,
        listener,
    }))
}

fn labels(policy: &PolicySet, request: &Request) -> exeat_audit::Labels {
    let Request::Connection(request) = request else {
        return exeat_audit::Labels::new();
    };
    let exeat_policy::Caller::Known(principal) = &request.caller else {
        return exeat_audit::Labels::new();
    };
    policy
        .role(&principal.role)
        .map_or_else(exeat_audit::Labels::new, |role| {
            role.labels()
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect()
        })
}

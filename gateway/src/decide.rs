//! Step 3, decide: one question in, a permit or a denial out. Asked on the name alone before any DNS
//! query, then with every address that the name leads to; the answer is on record before anything acts
//! on it. Only this file makes a [`Permit`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_audit::{AuditError, Outcome, Plane, Receipt};
use exeat_policy::{
    AuditMode, Authority, Caller, ConnectionRequest, Decision, Effect, Host, LimitKind, PolicySet,
    Protocol, Request, TlsFinding, evaluate,
};
use exeat_service::limits::ByteQuota;
use exeat_service::{EndReason, Lease, Live, clock};
use uuid::Uuid;

use crate::denial::LOOP;
use crate::dns;
use crate::gateway::Worker;
use crate::identify::Identified;
use crate::metrics;
use crate::record::{self, Exchange};

/// What one request asks for.
pub(crate) struct Question {
    /// Where to.
    pub(crate) authority: Authority,
    /// What will be spoken.
    pub(crate) protocol: Protocol,
    /// Who asks.
    pub(crate) identified: Identified,
    /// The time that identifying took.
    pub(crate) took: Duration,
}

/// Why there is no permit.
#[derive(Debug)]
pub(crate) enum Denial {
    /// The policy says no.
    Denied(Box<Denied>),
    /// The name leads nowhere; the decision that allowed to ask for it is on record with this id.
    Unresolved(Uuid, dns::Failure),
    /// The destination is this gateway.
    Loop,
    /// The decision can't be written down.
    Unrecorded,
    /// The session was told to end.
    Ended,
}

/// A denial of the policy, with what its answer says.
#[derive(Debug)]
pub(crate) struct Denied {
    /// The id of the decision's record.
    pub(crate) id: Uuid,
    /// The question.
    pub(crate) asked: ConnectionRequest,
    /// The answer.
    pub(crate) decision: Decision,
}

impl From<AuditError> for Denial {
    fn from(error: AuditError) -> Self {
        tracing::error!(plane = "gateway", %error, "a decision can't be written down");
        Self::Unrecorded
    }
}

/// Leave to connect to exactly these addresses for exactly this question.
pub(crate) struct Permit {
    addresses: Vec<IpAddr>,
    port: u16,
    grant: Grant,
}

impl Permit {
    /// The addresses and the port that may be dialled, and what holds once they are.
    pub(crate) fn into_parts(self) -> (Vec<IpAddr>, u16, Grant) {
        (self.addresses, self.port, self.grant)
    }
}

/// What holds while an allowed request lives: its record, its places in the limits, its question.
pub(crate) struct Grant {
    asked: Asked,
    mode: AuditMode,
    tls: bool,
    receipt: Receipt,
    quota: Option<Arc<ByteQuota>>,
    _lease: Option<Lease>,
    /// The record of what comes of it.
    pub(crate) record: Exchange,
}

impl Grant {
    /// Whether the bytes inside must be a TLS handshake for the authority.
    pub(crate) fn wants_tls(&self) -> bool {
        self.tls
    }

    /// The byte quota of the role, where it has one.
    pub(crate) fn quota(&self) -> Option<Arc<ByteQuota>> {
        self.quota.clone()
    }

    /// Waits until the decision is as safe as its mode promises before the first byte passes.
    pub(crate) async fn on_record(&self) -> Result<(), Denial> {
        Ok(self.receipt.wait(self.mode).await?)
    }

    /// Asks once more with what the first bytes proved.
    pub(crate) fn found(
        &mut self,
        worker: &Worker,
        live: &Live,
        finding: TlsFinding,
    ) -> Result<(), Denial> {
        self.record.found(finding.clone());
        self.asked.fill(|asked| {
            asked.tls = Some(finding);
            asked.at = clock::now();
        });
        let policy = worker.gateway.core.policy.current();
        let started = Instant::now();
        let decision = evaluate(&policy, &self.asked.0);
        if decision.effect == Effect::Deny {
            exeat_service::metrics::decided(Plane::Gateway, &decision, started.elapsed());
            return Err(self.asked.denied(worker, live, &policy, decision));
        }
        live.hold(self.asked.0.clone());
        still_allowed(live)
    }
}

/// Decides one question.
pub(crate) async fn decide(
    worker: &Worker,
    live: &Arc<Live>,
    local: IpAddr,
    question: Question,
) -> Result<Permit, Denial> {
    let core = &worker.gateway.core;
    let Question {
        authority,
        protocol,
        identified: Identified { caller, evidence },
        took,
    } = question;
    let limits = Limited::of(worker, &caller);
    let host = authority.host.clone();
    let port = authority.port;
    let mut asked = Asked(Request::Connection(ConnectionRequest {
        caller: caller.clone(),
        authority,
        protocol,
        addresses: None,
        tls: None,
        exhausted: limits.exhausted,
        at: clock::now(),
    }));

    // The name alone: a name that is denied causes no query.
    let policy = core.policy.current();
    let started = Instant::now();
    let decision = evaluate(&policy, &asked.0);
    let took = took + started.elapsed();
    if decision.effect == Effect::Deny {
        exeat_service::metrics::decided(Plane::Gateway, &decision, took);
        return Err(asked.denied(worker, live, &policy, decision));
    }

    let answer = match resolve(worker, &host).await {
        Ok(answer) => answer,
        Err(failure) => {
            // What was asked was allowed; that it came to nothing is on record too.
            exeat_service::metrics::decided(Plane::Gateway, &decision, took);
            let (id, _) = record::decided(&core.log, live, &policy, &asked.0, &decision)?;
            metrics::upstream_error(failure.kind());
            Exchange::open(&core.log, live, id).ended(Outcome::Failed, Some(failure.kind()));
            return Err(Denial::Unresolved(id, failure));
        }
    };

    let addresses = answer.addresses;

    // Every address: one that may not be dialled denies the whole answer.
    asked.fill(|asked| {
        asked.addresses = Some(addresses.clone());
        asked.at = clock::now();
    });
    let policy = core.policy.current();
    let started = Instant::now();
    let decision = evaluate(&policy, &asked.0);
    exeat_service::metrics::decided(Plane::Gateway, &decision, took + started.elapsed());
    if decision.effect == Effect::Deny {
        return Err(asked.denied(worker, live, &policy, decision));
    }
    if addresses
        .iter()
        .any(|address| worker.gateway.is_own(*address, port, local))
    {
        let (id, _) = record::decided(&core.log, live, &policy, &asked.0, &decision)?;
        Exchange::open(&core.log, live, id).ended(Outcome::Failed, Some(LOOP.code));
        return Err(Denial::Loop);
    }

    // From here a change of policy or identities ends what goes on.
    if let Caller::Known(principal) = &caller {
        live.identified(principal, evidence);
    }
    live.hold(asked.0.clone());
    still_allowed(live)?;

    let (id, receipt) = record::decided(&core.log, live, &policy, &asked.0, &decision)?;
    let mode = decision.obligations.audit;
    if mode == AuditMode::Strict {
        receipt.wait(mode).await?;
    }
    let mut record = Exchange::open(&core.log, live, id);
    record.led_by(answer.chain);
    Ok(Permit {
        addresses,
        port,
        grant: Grant {
            asked,
            mode,
            tls: protocol == Protocol::Tunnel && decision.obligations.tls,
            receipt,
            quota: limits.quota,
            _lease: limits.lease,
            record,
        },
    })
}

/// The question of one connection as the policy takes it. INVARIANT: always [`Request::Connection`].
struct Asked(Request);

impl Asked {
    fn fill(&mut self, fill: impl FnOnce(&mut ConnectionRequest)) {
        if let Request::Connection(asked) = &mut self.0 {
            fill(asked);
        }
    }

    /// Writes a denial down.
    fn denied(
        &self,
        worker: &Worker,
        live: &Live,
        policy: &PolicySet,
        decision: Decision,
    ) -> Denial {
        let Request::Connection(asked) = &self.0 else {
            return Denial::Unrecorded;
        };
        match record::decided(&worker.gateway.core.log, live, policy, &self.0, &decision) {
            Ok((id, _)) => Denial::Denied(Box::new(Denied {
                id,
                asked: asked.clone(),
                decision,
            })),
            Err(error) => error.into(),
        }
    }
}

/// What the limits of the caller's role leave.
struct Limited {
    exhausted: Option<LimitKind>,
    quota: Option<Arc<ByteQuota>>,
    lease: Option<Lease>,
}

impl Limited {
    fn of(worker: &Worker, caller: &Caller) -> Self {
        let mut left = Self {
            exhausted: None,
            quota: None,
            lease: None,
        };
        let Caller::Known(principal) = caller else {
            return left;
        };
        let limits = &worker.gateway.core.limits;
        left.quota = limits.bytes(&principal.role);
        left.exhausted = limits.connect(&principal.role);
        if left.quota.as_ref().is_some_and(|quota| quota.exhausted()) {
            left.exhausted = Some(LimitKind::Bytes);
        }
        // A plain request holds a place like a tunnel does: its client may be gone while it runs.
        if left.exhausted.is_none() {
            match limits.tunnel(&principal.role) {
                Ok(lease) => left.lease = Some(lease),
                Err(kind) => left.exhausted = Some(kind),
            }
        }
        left
    }
}

async fn resolve(worker: &Worker, host: &Host) -> Result<dns::Answer, dns::Failure> {
    match host {
        Host::Address(address) => Ok(dns::Answer {
            addresses: vec![*address],
            chain: Vec::new(),
        }),
        Host::Name(name) => worker.dns.resolve(name).await,
    }
}

/// A change that came in while this was decided counts.
fn still_allowed(live: &Live) -> Result<(), Denial> {
    match live.has_ended() {
        None => Ok(()),
        Some(
            EndReason::Denied(_) | EndReason::Expired | EndReason::Drained | EndReason::Killed,
        ) => Err(Denial::Ended),
    }
}

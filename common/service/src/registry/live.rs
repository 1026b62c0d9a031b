//! One live session: what it holds, how it is told to end, what it has moved.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use exeat_identity::Evidence;
use exeat_policy::{Caller, Decision, Effect, Principal, Request, UnixMillis, evaluate};
use tokio::sync::Notify;
use uuid::Uuid;

use super::{EndReason, Registry, SessionInfo, Shared, lock};
use crate::{clock, metrics};

/// A wait on the wall clock is cut into pieces of this length, so that a clock that is set forward
/// ends a session whose proof is over.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Entry {
    id: Uuid,
    info: SessionInfo,
    since: UnixMillis,
    held: Mutex<Held>,
    ended: OnceLock<EndReason>,
    told: Notify,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) principal: Option<Arc<Principal>>,
    /// What proved it, to ask again.
    evidence: Option<Evidence>,
    pub(super) request: Option<Request>,
    /// The question whose answer ended the session, as it was asked again.
    denied: Option<Request>,
    /// The generation at the last hold, or at registration: what is held next was decided by it or a
    /// later one.
    generation: u64,
}

impl Entry {
    pub(super) fn new(info: SessionInfo, generation: u64) -> Self {
        Self {
            id: exeat_audit::id(),
            info,
            since: clock::now(),
            held: Mutex::new(Held {
                generation,
                ..Held::default()
            }),
            ended: OnceLock::new(),
            told: Notify::new(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        }
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn info(&self) -> SessionInfo {
        self.info
    }

    pub(super) fn since(&self) -> UnixMillis {
        self.since
    }

    pub(super) fn bytes(&self) -> (u64, u64) {
        (
            self.bytes_in.load(Ordering::Relaxed),
            self.bytes_out.load(Ordering::Relaxed),
        )
    }

    pub(super) fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        lock(&self.held)
    }

    /// Ends the session; the first reason counts.
    pub(super) fn end(&self, reason: EndReason) {
        if self.ended.set(reason.clone()).is_ok() {
            metrics::session_ended(self.info.plane, &reason);
            self.told.notify_waiters();
        }
    }

    /// Judges what the session holds by policy and identities as they are now; whether that ended it.
    pub(super) fn judge(&self, shared: &Shared) -> bool {
        let denied = {
            let mut held = self.held();
            let denied = held
                .request
                .as_ref()
                .and_then(|request| judge(request, held.evidence.as_ref(), shared));
            denied.map(|(request, decision)| {
                held.denied.get_or_insert(request);
                decision
            })
        };
        denied
            .map(|denied| self.end(EndReason::Denied(Arc::new(denied))))
            .is_some()
    }
}

/// The denial of a request that was allowed before; `None` where it is still allowed.
fn judge(
    request: &Request,
    evidence: Option<&Evidence>,
    shared: &Shared,
) -> Option<(Request, Decision)> {
    let (policy, now) = (shared.policy.current(), clock::now());
    let mut request = request.clone();
    let (caller, exhausted, at) = match &mut request {
        Request::Connection(request) => {
            (&mut request.caller, &mut request.exhausted, &mut request.at)
        }
        Request::Session(request) => (&mut request.caller, &mut request.exhausted, &mut request.at),
        Request::Statement(request) => {
            (&mut request.caller, &mut request.exhausted, &mut request.at)
        }
    };
    // It already has its place in every limit.
    *exhausted = None;
    *at = now;
    // A proof that fails now replaces the caller. One that gives another role does not: what goes on was
    // opened for the old role, which `evaluate` finds to claim the identity no longer.
    let again = evidence.map(|evidence| {
        shared
            .identity
            .load()
            .identify_again(evidence, &policy, now)
    });
    if let Some(unknown @ Caller::Unknown(_)) = again {
        *caller = unknown;
    }
    let decision = evaluate(&policy, &request);
    (decision.effect == Effect::Deny).then_some((request, decision))
}

/// A registered session, held by the task that serves it. Dropping it ends the registration.
#[derive(Debug)]
pub struct Live {
    registry: Registry,
    entry: Arc<Entry>,
}

impl Live {
    pub(super) fn new(registry: Registry, entry: Arc<Entry>) -> Self {
        Self { registry, entry }
    }

    /// The id of the session in every record of it.
    pub fn id(&self) -> Uuid {
        self.entry.id
    }

    /// Names who it belongs to, and what proved it: a change of identities asks that proof again.
    pub fn identified(&self, principal: &Arc<Principal>, evidence: Option<Evidence>) {
        let mut held = self.entry.held();
        held.principal = Some(principal.clone());
        held.evidence = evidence;
        drop(held);
        if principal.expires_at.is_some() {
            // Who waits in `ended` must learn of the deadline.
            self.entry.told.notify_waiters();
        }
    }

    /// Holds the request that allowed what is going on now. It is judged again with every change of
    /// policy or identities, the first time right here where one came in since the last hold. Decide
    /// first, then hold, then decide the next.
    pub fn hold(&self, request: Request) {
        let stale = {
            let mut held = self.entry.held();
            held.request = Some(request);
            // INVARIANT: under the lock, so that either this sees the new generation or the walk over
            // the sessions sees the request. The walk leaves the generation as it is: what is being
            // decided while it passes may still be held by the old policy afterwards.
            let generation = self.registry.0.generation.load(Ordering::Acquire);
            std::mem::replace(&mut held.generation, generation) != generation
        };
        if stale {
            self.entry.judge(&self.registry.0);
        }
    }

    /// What was going on is over (a request on a kept-alive connection): nothing is judged again.
    pub fn release(&self) {
        let mut held = self.entry.held();
        held.request = None;
        held.principal = None;
        held.evidence = None;
    }

    /// Counts bytes from the client.
    pub fn count_in(&self, bytes: u64) {
        self.entry.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes to the client.
    pub fn count_out(&self, bytes: u64) {
        self.entry.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes so far: from the client, to the client.
    pub fn bytes(&self) -> (u64, u64) {
        self.entry.bytes()
    }

    /// Whether the session was told to end, without waiting.
    pub fn has_ended(&self) -> Option<&EndReason> {
        self.entry.ended.get()
    }

    /// The question that [`EndReason::Denied`] answers, for its record.
    pub fn denied_request(&self) -> Option<Request> {
        self.entry.held().denied.clone()
    }

    /// Resolves when the session must end, and says why: after a change denied it, when the proof of
    /// the principal named last expires, by an operator, or because the process stops. The relay
    /// selects on it.
    pub fn ended(&self) -> impl Future<Output = EndReason> + Send + 'static {
        let entry = self.entry.clone();
        async move {
            loop {
                let mut told = pin!(entry.told.notified());
                told.as_mut().enable();
                if let Some(reason) = entry.ended.get() {
                    return reason.clone();
                }
                let expires = entry
                    .held()
                    .principal
                    .as_ref()
                    .and_then(|principal| principal.expires_at);
                let Some(expires) = expires else {
                    told.await;
                    continue;
                };
                let left = u64::try_from(expires.saturating_sub(clock::now())).unwrap_or(0);
                if left == 0 {
                    entry.end(EndReason::Expired);
                    continue;
                }
                let sleep = Duration::from_millis(left).min(LONGEST_SLEEP);
                tokio::select! {
                    () = told => {}
                    () = tokio::time::sleep(sleep) => {}
                }
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.registry.remove(&self.entry);
    }
}

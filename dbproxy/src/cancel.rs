//! CancelRequests: the proxy gives out keys of its own, and passes a request with the right key on to
//! the database connection of that one session, only while a statement of it runs.
//!
//! While a cancel is on its way nothing more of the session is forwarded, so that a late one can't hit
//! the statement after.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::metrics;
use crate::upstream::CancelTarget;
use crate::wire::startup::CancelKey;

/// How long a database may take to accept a cancel.
const DEADLINE: Duration = Duration::from_secs(5);

/// The keys of all sessions of the process. Not one per core: a cancel comes on a connection of its own.
#[derive(Debug, Default)]
pub(crate) struct Cancels {
    sessions: Mutex<HashMap<u32, Arc<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    session: Uuid,
    secret: Vec<u8>,
    target: CancelTarget,
    running: AtomicBool,
    in_flight: AtomicUsize,
    waker: AtomicWaker,
}

/// A session's side. Dropping it forgets the key.
#[derive(Debug)]
pub(crate) struct CancelHandle {
    cancels: Arc<Cancels>,
    entry: Arc<Entry>,
    process: u32,
    /// What was said last, so that the hot path does not write to a shared line for nothing.
    running: bool,
    waited: bool,
}

/// The system's random generator failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system's random generator failed")]
pub(crate) struct NoRandomness;

impl Cancels {
    /// A key for a session: four bytes of secret for protocol 3.0, 32 from 3.2 on.
    pub(crate) fn register(
        self: &Arc<Self>,
        session: Uuid,
        minor: u16,
        target: CancelTarget,
    ) -> Result<CancelHandle, NoRandomness> {
        let mut secret = vec![0; if minor >= 2 { 32 } else { 4 }];
        getrandom::fill(&mut secret).map_err(|_| NoRandomness)?;
        let entry = Arc::new(Entry {
            session,
            secret,
            target,
            running: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            waker: AtomicWaker::new(),
        });
        loop {
            let process = getrandom::u32().map_err(|_| NoRandomness)? >> 1;
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            if process == 0 || sessions.contains_key(&process) {
                continue;
            }
            sessions.insert(process, Arc::clone(&entry));
            drop(sessions);
            return Ok(CancelHandle {
                cancels: Arc::clone(self),
                entry,
                process,
                running: false,
                waited: false,
            });
        }
    }

    /// Passes a request on where its key is right and a statement runs. Says what became of it, for the
    /// record; the client is told nothing.
    pub(crate) async fn request(&self, key: &CancelKey) -> (&'static str, Option<Uuid>) {
        let found = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(&key.process).cloned()
        };
        // A key of equal length is compared even where there is none, so that both take as long.
        let none = vec![0; key.secret.len()];
        let secret = found.as_ref().map_or(&none, |entry| &entry.secret);
        let right = bool::from(secret.ct_eq(&key.secret));
        let (outcome, session) = match found.filter(|_| right) {
            None => ("cancel_wrong_key", None),
            Some(entry) if !entry.running.load(Ordering::Acquire) => {
                ("cancel_nothing_runs", Some(entry.session))
            }
            Some(entry) => {
                let session = entry.session;
                Entry::send(entry).await;
                ("cancel_forwarded", Some(session))
            }
        };
        metrics::cancel(outcome);
        (outcome, session)
    }
}

impl Entry {
    async fn send(self: Arc<Self>) {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        // Counted down however this ends, also when the task is dropped.
        let flight = Flight(self);
        let sent = tokio::time::timeout(DEADLINE, flight.0.target.cancel()).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!(session = %flight.0.session, "the database did not take a cancel request");
        }
    }
}

struct Flight(Arc<Entry>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.0.waker.wake();
    }
}

impl CancelHandle {
    /// What the client gets as BackendKeyData.
    pub(crate) fn key(&self) -> (u32, &[u8]) {
        (self.process, &self.entry.secret)
    }

    /// Whether there is something to cancel.
    pub(crate) fn set_running(&mut self, running: bool) {
        if self.running != running {
            self.running = running;
            self.entry.running.store(running, Ordering::Release);
        }
    }

    /// Cancels what runs, for a cause of the proxy's own.
    pub(crate) fn send(&self) {
        metrics::cancel("cancel_by_proxy");
        tokio::spawn(Entry::send(Arc::clone(&self.entry)));
    }

    /// Whether a cancel is on its way.
    pub(crate) fn in_flight(&mut self) -> bool {
        self.waited = self.entry.in_flight.load(Ordering::Acquire) > 0;
        self.waited
    }

    /// Ready once after the last cancel is through, where [`Self::in_flight`] said that there is one.
    pub(crate) fn poll_done(&mut self, cx: &Context<'_>) -> Poll<()> {
        if !self.waited {
            return Poll::Pending;
        }
        self.entry.waker.register(cx.waker());
        if self.entry.in_flight.load(Ordering::Acquire) > 0 {
            return Poll::Pending;
        }
        self.waited = false;
        Poll::Ready(())
    }
}

impl Drop for CancelHandle {
    fn drop(&mut self) {
        let mut sessions = self
            .cancels
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&self.process);
    }
}

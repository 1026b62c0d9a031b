//! The live sessions. A session registers before its decision; whenever policy or identities change,
//! what it holds is judged again, and only a session that is now denied ends.
//!
//! The registry decides nothing by itself: it asks `exeat_policy::evaluate` and
//! `Authenticators::identify_again`.

mod live;
mod view;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use exeat_audit::Plane;
use exeat_identity::Authenticators;
use exeat_policy::Decision;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{PolicyStore, metrics};
use live::Entry;
pub use live::Live;
pub use view::SessionView;

/// Sessions are spread over this many maps, so that cores seldom meet on a lock.
const SHARDS: usize = 16;

/// What is known of a session when it is accepted.
#[derive(Clone, Copy, Debug)]
pub struct SessionInfo {
    /// The service.
    pub plane: Plane,
    /// The client's address.
    pub peer: SocketAddr,
    /// The listener's address.
    pub listener: SocketAddr,
}

/// Why a live session was ended from here.
#[derive(Clone, Debug)]
pub enum EndReason {
    /// Judged again after a change, and denied.
    Denied(Arc<Decision>),
    /// The proof of its identity ended.
    Expired,
    /// The process stops.
    Drained,
    /// An operator ended it.
    Killed,
}

impl EndReason {
    /// The outcome that the record of the session names.
    pub fn outcome(&self) -> exeat_audit::Outcome {
        match self {
            Self::Denied(_) => exeat_audit::Outcome::Denied,
            Self::Expired => exeat_audit::Outcome::Expired,
            Self::Drained => exeat_audit::Outcome::Drained,
            Self::Killed => exeat_audit::Outcome::Killed,
        }
    }
}

/// The live sessions of a process. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: PolicyStore,
    identity: Arc<ArcSwap<Authenticators>>,
    /// Counts the changes of policy and identities.
    generation: AtomicU64,
    shards: [Mutex<HashMap<Uuid, Arc<Entry>>>; SHARDS],
    /// How many are live.
    live: AtomicUsize,
    /// Told when the last one ended.
    empty: Notify,
    /// Bytes of the sessions that ended, per plane and direction.
    closed: [Traffic; 2],
}

#[derive(Debug, Default)]
struct Traffic {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Registry {
    pub(crate) fn new(policy: PolicyStore, identity: Arc<ArcSwap<Authenticators>>) -> Self {
        Self(Arc::new(Shared {
            policy,
            identity,
            generation: AtomicU64::new(0),
            shards: Default::default(),
            live: AtomicUsize::new(0),
            empty: Notify::new(),
            closed: Default::default(),
        }))
    }

    /// Registers a session, before anything is decided about it. Dropping the value ends it.
    pub fn register(&self, info: SessionInfo) -> Live {
        let generation = self.0.generation.load(Ordering::Acquire);
        let entry = Arc::new(Entry::new(info, generation));
        metrics::session_opened(info.plane);
        self.0.live.fetch_add(1, Ordering::Relaxed);
        self.0.shard(entry.id()).insert(entry.id(), entry.clone());
        Live::new(self.clone(), entry)
    }

    /// How many sessions are live.
    pub fn len(&self) -> usize {
        self.0.live.load(Ordering::Acquire)
    }

    /// Whether no session is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends a session; whether there was one with this id.
    pub fn kill(&self, id: Uuid) -> bool {
        let entry = self.0.shard(id).get(&id).cloned();
        entry
            .inspect(|entry| entry.end(EndReason::Killed))
            .is_some()
    }

    /// The live sessions as the admin API shows them, oldest first.
    pub fn views(&self) -> Vec<SessionView> {
        let mut views: Vec<_> = self.entries().iter().map(|entry| entry.view()).collect();
        views.sort_by_key(|view| (view.since, view.id));
        views
    }

    /// Bytes of all sessions of a plane so far: from clients, to clients.
    pub fn bytes(&self, plane: Plane) -> (u64, u64) {
        let closed = self.0.closed(plane);
        let mut total = (
            closed.bytes_in.load(Ordering::Relaxed),
            closed.bytes_out.load(Ordering::Relaxed),
        );
        for shard in &self.0.shards {
            for entry in lock(shard).values() {
                if entry.info().plane == plane {
                    let (bytes_in, bytes_out) = entry.bytes();
                    total = (total.0 + bytes_in, total.1 + bytes_out);
                }
            }
        }
        total
    }

    /// Judges every live session again; how many were ended. To be called after policy or
    /// identities were replaced.
    pub(crate) fn judge_again(&self) -> usize {
        // INVARIANT: the generation grows after the replacement and before the walk. A session that
        // the walk meets too early (it holds nothing yet) sees the new generation when it holds.
        self.0.generation.fetch_add(1, Ordering::AcqRel);
        self.entries()
            .iter()
            .filter(|entry| entry.judge(&self.0))
            .count()
    }

    /// Ends every live session.
    pub(crate) fn end_all(&self, reason: &EndReason) {
        for entry in self.entries() {
            entry.end(reason.clone());
        }
    }

    /// Resolves when no session is live.
    pub async fn emptied(&self) {
        loop {
            let emptied = self.0.empty.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        self.0
            .shards
            .iter()
            .flat_map(|shard| lock(shard).values().cloned().collect::<Vec<_>>())
            .collect()
    }

    fn remove(&self, entry: &Entry) {
        let (bytes_in, bytes_out) = entry.bytes();
        let closed = self.0.closed(entry.info().plane);
        closed.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        closed.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
        self.0.shard(entry.id()).remove(&entry.id());
        metrics::session_closed(entry.info().plane);
        if self.0.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}

impl Shared {
    #[expect(
        clippy::indexing_slicing,
        reason = "a remainder by the length is an index"
    )]
    fn shard(&self, id: Uuid) -> MutexGuard<'_, HashMap<Uuid, Arc<Entry>>> {
        // The end of a version 7 id is random, the start is a clock.
        lock(&self.shards[(id.as_u128() % SHARDS as u128) as usize])
    }

    fn closed(&self, plane: Plane) -> &Traffic {
        let [gateway, dbproxy] = &self.closed;
        match plane {
            Plane::Gateway => gateway,
            // The control plane has no sessions.
            Plane::Dbproxy | Plane::Control => dbproxy,
        }
    }
}

/// A poisoned lock is still a map: nothing is left half-done under it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

//! Limits per role: rates, live tunnels and sessions, byte quotas. What is exhausted becomes an
//! input of the decision; nothing here denies by itself.
//!
//! All cores of a process share the counts. A reload keeps the state of what did not change, so that
//! touching the policy gives nobody a fresh allowance.

mod quota;
mod rate;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use exeat_policy::{DatabaseLimits, EgressLimits, LimitKind, PolicySet, Role};
use governor::clock::{Clock, QuantaClock};

pub use quota::ByteQuota;
use rate::Gate;

/// The limits of every role of the active policy. `C` is a seam for tests.
#[derive(Debug)]
pub struct Limits<C: Clock = QuantaClock> {
    clock: C,
    roles: ArcSwap<HashMap<Arc<str>, Arc<RoleState<C>>>>,
}

#[derive(Debug)]
struct RoleState<C: Clock> {
    connects: Option<Gate<C>>,
    tunnels: Count,
    bytes: Option<Arc<ByteQuota>>,
    databases: HashMap<Arc<str>, DatabaseState<C>>,
}

#[derive(Debug)]
struct DatabaseState<C: Clock> {
    sessions: Count,
    statements: Option<Gate<C>>,
}

/// How many are live, and how many may be. Counted also without a limit: one may come with a reload.
#[derive(Debug)]
struct Count {
    live: Arc<AtomicU32>,
    most: Option<u32>,
}

/// Holds one place of a limit until it is dropped.
#[derive(Debug)]
#[must_use = "dropping the lease gives the place back"]
pub struct Lease(Option<Arc<AtomicU32>>);

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(live) = &self.0 {
            live.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Limits {
    /// The limits of a policy.
    pub fn new(policy: &PolicySet) -> Self {
        Self::with_clock(policy, QuantaClock::default())
    }
}

impl<C: Clock + Clone> Limits<C> {
    /// The limits of a policy, by this clock.
    pub fn with_clock(policy: &PolicySet, clock: C) -> Self {
        let limits = Self {
            clock,
            roles: ArcSwap::default(),
        };
        limits.follow(policy);
        limits
    }

    /// Takes over the limits of a new policy; what did not change keeps its state.
    pub fn follow(&self, policy: &PolicySet) {
        let before = self.roles.load();
        let state = |role: &Role| {
            let old = before.get(role.name());
            (
                role.name().clone(),
                Arc::new(RoleState::new(role, old.map(Arc::as_ref), &self.clock)),
            )
        };
        self.roles
            .store(Arc::new(policy.roles().map(state).collect()));
    }

    /// Counts a new egress connection of the role; the limit's kind where it is one too many.
    pub fn connect(&self, role: &str) -> Option<LimitKind> {
        let roles = self.roles.load();
        let gate = roles.get(role)?.connects.as_ref()?;
        (!gate.pass()).then_some(LimitKind::Connects)
    }

    /// A place for a live tunnel of the role.
    pub fn tunnel(&self, role: &str) -> Result<Lease, LimitKind> {
        match self.roles.load().get(role) {
            Some(state) => state.tunnels.lease().ok_or(LimitKind::Tunnels),
            None => Ok(Lease(None)),
        }
    }

    /// The byte quota of the role, where it has one: count into it, and ask before a connection.
    pub fn bytes(&self, role: &str) -> Option<Arc<ByteQuota>> {
        self.roles.load().get(role)?.bytes.clone()
    }

    /// A place for a live session of the role on the database.
    pub fn session(&self, role: &str, database: &str) -> Result<Lease, LimitKind> {
        match self
            .roles
            .load()
            .get(role)
            .and_then(|state| state.databases.get(database))
        {
            Some(state) => state.sessions.lease().ok_or(LimitKind::Sessions),
            None => Ok(Lease(None)),
        }
    }

    /// Counts a statement of the role on the database; the limit's kind where it is one too many.
    pub fn statement(&self, role: &str, database: &str) -> Option<LimitKind> {
        let roles = self.roles.load();
        let gate = roles
            .get(role)?
            .databases
            .get(database)?
            .statements
            .as_ref()?;
        (!gate.pass()).then_some(LimitKind::Statements)
    }
}

impl<C: Clock + Clone> RoleState<C> {
    fn new(role: &Role, old: Option<&Self>, clock: &C) -> Self {
        let EgressLimits {
            connects,
            tunnels,
            bytes,
            ..
        } = role.egress_limits();
        let databases = role.databases().filter_map(|name| {
            let old = old.and_then(|old| old.databases.get(name));
            Some((
                name.clone(),
                DatabaseState::new(&role.database(name)?.limits, old, clock),
            ))
        });
        Self {
            connects: Gate::follow(*connects, old.and_then(|old| old.connects.as_ref()), clock),
            tunnels: Count::follow(*tunnels, old.map(|old| &old.tunnels)),
            bytes: bytes
                .map(|quota| ByteQuota::follow(quota, old.and_then(|old| old.bytes.as_ref()))),
            databases: databases.collect(),
        }
    }
}

impl<C: Clock + Clone> DatabaseState<C> {
    fn new(limits: &DatabaseLimits, old: Option<&Self>, clock: &C) -> Self {
        Self {
            sessions: Count::follow(limits.sessions, old.map(|old| &old.sessions)),
            statements: Gate::follow(
                limits.statements,
                old.and_then(|old| old.statements.as_ref()),
                clock,
            ),
        }
    }
}

impl Count {
    fn follow(most: Option<u32>, old: Option<&Self>) -> Self {
        Self {
            live: old.map(|old| old.live.clone()).unwrap_or_default(),
            most,
        }
    }

    fn lease(&self) -> Option<Lease> {
        let most = self.most.unwrap_or(u32::MAX);
        let more = |live: u32| (live < most).then_some(live + 1);
        self.live
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Lease(Some(self.live.clone())))
    }
}

#[cfg(test)]
mod tests;

//! What a cached verdict depends on beside the text: role, proof, policy, database, catalog, search path.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use exeat_policy::{Method, PolicyHash, PolicySet, Principal};

use crate::catalog::Snapshot;

/// So many different scopes are remembered by number; more than that start anew.
const REMEMBERED: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    role: Arc<str>,
    /// The identity matters, because a role may lose it.
    identity: exeat_policy::Identity,
    method: Method,
    policy: PolicyHash,
    database: Arc<str>,
    catalog: u64,
    search_path: Arc<[Arc<str>]>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);
static NUMBERS: Mutex<Option<HashMap<Key, u64>>> = Mutex::new(None);

/// A scope, as of one moment.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// Equal numbers mean equal scopes, on every thread; a number is never given twice. Never 0.
    pub(crate) id: u64,
    pub(crate) policy: Arc<PolicySet>,
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// The version of the catalog that names are resolved against; 0 without one.
    pub(crate) version: u64,
    /// How many rows a statement may give.
    pub(crate) rows: Option<u64>,
}

impl Scope {
    pub(super) fn new(
        policy: Arc<PolicySet>,
        snapshot: Option<Arc<Snapshot>>,
        principal: &Principal,
        database: &Arc<str>,
        search_path: &Arc<[Arc<str>]>,
    ) -> Self {
        let version = snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
        let rows = policy
            .role(&principal.role)
            .and_then(|role| role.database(database))
            .and_then(|grant| grant.limits.rows);
        let key = Key {
            role: Arc::clone(&principal.role),
            identity: principal.identity.clone(),
            method: principal.method,
            policy: policy.hash().clone(),
            database: Arc::clone(database),
            catalog: version,
            search_path: Arc::clone(search_path),
        };
        Self {
            id: number(key),
            policy,
            snapshot,
            version,
            rows,
        }
    }

    /// Whether it still is what holds now.
    pub(super) fn is(&self, policy: &Arc<PolicySet>, catalog: u64) -> bool {
        self.version == catalog && Arc::ptr_eq(&self.policy, policy)
    }
}

fn number(key: Key) -> u64 {
    let mut numbers = NUMBERS.lock().unwrap_or_else(PoisonError::into_inner);
    let numbers = numbers.get_or_insert_default();
    if let Some(number) = numbers.get(&key) {
        return *number;
    }
    if numbers.len() >= REMEMBERED {
        numbers.clear();
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    numbers.insert(key, number);
    number
}

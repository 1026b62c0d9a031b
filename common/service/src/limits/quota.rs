//! Bytes in a period. Windows are aligned to the Unix epoch, so a quota per day starts anew at
//! midnight UTC on every node.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use exeat_policy::{Quota, UnixMillis};

use crate::clock;

/// The byte quota of a role. Lock-free: every chunk that a relay moves is counted.
#[derive(Debug)]
pub struct ByteQuota {
    quota: Quota,
    /// The number of the window that `used` belongs to.
    window: AtomicI64,
    used: AtomicU64,
}

impl ByteQuota {
    /// The quota; the old one where it did not change.
    pub(super) fn follow(quota: Quota, old: Option<&Arc<Self>>) -> Arc<Self> {
        match old.filter(|old| old.quota == quota) {
            Some(old) => old.clone(),
            None => Arc::new(Self {
                quota,
                window: AtomicI64::new(0),
                used: AtomicU64::new(0),
            }),
        }
    }

    /// Counts bytes that went through, in either direction. `false`: the quota is used up.
    pub fn add(&self, bytes: u64) -> bool {
        self.add_at(bytes, clock::now())
    }

    /// Whether the quota is used up.
    pub fn exhausted(&self) -> bool {
        !self.add(0)
    }

    pub(super) fn add_at(&self, bytes: u64, now: UnixMillis) -> bool {
        let per = i64::try_from(self.quota.per.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let window = now.div_euclid(per);
        let seen = self.window.load(Ordering::Acquire);
        // Only one of those who see the new window first empties the count.
        if seen != window
            && self
                .window
                .compare_exchange(seen, window, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
        {
            self.used.store(0, Ordering::Release);
        }
        self.used
            .fetch_add(bytes, Ordering::Relaxed)
            .saturating_add(bytes)
            < self.quota.bytes
    }
}

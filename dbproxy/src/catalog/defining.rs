//! What sessions have defined, and the newest snapshot does not have yet: who means something of it waits for the
//! next one, which is a matter of milliseconds.
//!
//! Pure but for the clock.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::locked;

/// So many definitions are told apart.
const MOST: usize = 64;

/// What a session has defined, as all others are told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Whose it is: a number that no other session has.
    pub(crate) by: u64,
    /// Of what was defined, and of what leads to it.
    pub(crate) names: BTreeSet<Arc<str>>,
    /// Only a reading of all that has changed shows it.
    pub(crate) wide: bool,
}

/// The moment from which on a snapshot has what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) moment: Instant,
    /// Only where all that has changed was read.
    pub(super) wide: bool,
}

/// Definitions that were told and not read yet.
#[derive(Debug, Default)]
pub(super) struct Defining {
    count: AtomicUsize,
    told: Mutex<Vec<(Since, Told)>>,
}

impl Defining {
    /// A session has defined something.
    pub(super) fn tell(&self, more: Told) {
        let since = Since {
            moment: Instant::now(),
            wide: more.wide,
        };
        let mut told = locked(&self.told);
        match told.last_mut() {
            // Too many to be told apart: the last one is several sessions' from now on.
            Some((latest, last)) if count_of(&self.count) >= MOST => {
                latest.moment = since.moment;
                latest.wide |= since.wide;
                last.names.extend(more.names);
                last.by = 0;
            }
            _ => told.push((since, more)),
        }
        self.count.store(told.len(), Ordering::Release);
    }

    /// A snapshot has all that was told before this moment; what is `wide` only where `all` that has changed was
    /// read.
    pub(super) fn was_read(&self, began: Instant, all: bool) {
        if count_of(&self.count) == 0 {
            return;
        }
        let mut told = locked(&self.told);
        told.retain(|(since, _)| since.moment >= began || (since.wide && !all));
        self.count.store(told.len(), Ordering::Release);
    }

    /// Since when the latest is there of those of other sessions whose names are meant.
    pub(super) fn meant(&self, by: u64, means: impl Fn(&str) -> bool) -> Option<Since> {
        if count_of(&self.count) == 0 {
            return None;
        }
        let told = locked(&self.told);
        let mut told = told.iter().rev().filter(|(_, told)| told.by != by);
        let latest = told.find(|(_, told)| told.names.iter().any(|name| means(name)));
        latest.map(|(since, _)| *since)
    }
}

fn count_of(count: &AtomicUsize) -> usize {
    count.load(Ordering::Acquire)
}

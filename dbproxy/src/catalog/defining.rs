//! What sessions have defined, and the newest snapshot does not have yet: who means something of it waits for the
//! next one, which is a matter of milliseconds.
//!
//! Pure but for the clock. What it does not know of costs nobody anything but that wait: the walls stand without it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::locked;

/// So many definitions are outstanding at most.
const MOST: usize = 64;
/// How long anybody waits for one.
pub(super) const LONGEST: Duration = Duration::from_secs(1);

/// Definitions that were told and not read yet, with the moment of each.
#[derive(Debug, Default)]
pub(super) struct Defining {
    count: AtomicUsize,
    told: Mutex<Vec<(Instant, BTreeSet<Arc<str>>)>>,
}

impl Defining {
    /// A session has defined something of these names.
    pub(super) fn tell(&self, names: BTreeSet<Arc<str>>) {
        let mut told = locked(&self.told);
        if told.len() < MOST {
            told.push((Instant::now(), names));
        }
        self.count.store(told.len(), Ordering::Release);
    }

    /// All that was told before this moment was read.
    pub(super) fn was_read(&self, began: Instant) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut told = locked(&self.told);
        told.retain(|(moment, _)| *moment >= began);
        self.count.store(told.len(), Ordering::Release);
    }

    /// When the latest was told of those whose names are meant.
    pub(super) fn meant(&self, means: impl Fn(&str) -> bool) -> Option<Instant> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let told = locked(&self.told);
        let mut told = told.iter().rev();
        let latest = told.find(|(_, names)| names.iter().any(|name| means(name)));
        let moment = latest.map(|(moment, _)| *moment);
        moment.filter(|moment| moment.elapsed() < LONGEST)
    }
}

//! Verdicts by scope and text, one table per thread: no lock, no sharing, bounded.
//!
//! A verdict is found by comparing the whole text: a collision of hashes costs a look-up, never a
//! wrong verdict.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::verdict::Verdict;

/// Places; two texts that fall on the same place push each other out.
const PLACES: usize = 4096;
/// Longer texts are judged anew each time, so that a table holds some megabytes at most.
const LONGEST: usize = 4096;

struct Table {
    hasher: RandomState,
    places: Vec<Option<Entry>>,
}

#[derive(Clone)]
struct Entry {
    /// The text, or the template of texts that the verdict serves.
    key: Arc<[u8]>,
    verdict: Arc<Verdict>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table {
        hasher: RandomState::new(),
        places: vec![None; PLACES],
    });
}

/// The verdict on this text or template in this scope, if it is remembered. A text that is another one's
/// template is one of the texts that the template's verdict serves.
pub(super) fn find(scope: u64, sql: &[u8]) -> Option<Arc<Verdict>> {
    if sql.len() > LONGEST {
        return None;
    }
    TABLE.with_borrow_mut(|table| {
        let known = table.place(scope, sql)?.as_ref()?;
        (known.verdict.scope == scope && &*known.key == sql).then(|| Arc::clone(&known.verdict))
    })
}

/// Remembers a verdict under its text, or under the template of the texts that it serves.
pub(super) fn keep(key: Arc<[u8]>, verdict: &Arc<Verdict>) {
    if key.len() > LONGEST {
        return;
    }
    TABLE.with_borrow_mut(|table| {
        if let Some(place) = table.place(verdict.scope, &key) {
            let verdict = Arc::clone(verdict);
            *place = Some(Entry { key, verdict });
        }
    });
}

impl Table {
    fn place(&mut self, scope: u64, sql: &[u8]) -> Option<&mut Option<Entry>> {
        let hash = self.hasher.hash_one((scope, sql));
        let at = usize::try_from(hash % PLACES as u64).ok()?;
        self.places.get_mut(at)
    }
}

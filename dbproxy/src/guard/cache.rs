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
    places: Vec<Option<Arc<Verdict>>>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table {
        hasher: RandomState::new(),
        places: vec![None; PLACES],
    });
}

/// The verdict on this text in this scope, if it is remembered.
pub(super) fn find(scope: u64, sql: &[u8]) -> Option<Arc<Verdict>> {
    if sql.len() > LONGEST {
        return None;
    }
    TABLE.with_borrow_mut(|table| {
        let known = table.place(scope, sql)?.as_ref()?;
        (known.scope == scope && &*known.sql == sql).then(|| Arc::clone(known))
    })
}

/// Remembers a verdict.
pub(super) fn keep(verdict: &Arc<Verdict>) {
    if verdict.sql.len() > LONGEST {
        return;
    }
    TABLE.with_borrow_mut(|table| {
        if let Some(place) = table.place(verdict.scope, &verdict.sql) {
            *place = Some(Arc::clone(verdict));
        }
    });
}

impl Table {
    fn place(&mut self, scope: u64, sql: &[u8]) -> Option<&mut Option<Arc<Verdict>>> {
        let hash = self.hasher.hash_one((scope, sql));
        let at = usize::try_from(hash % PLACES as u64).ok()?;
        self.places.get_mut(at)
    }
}

//! Verdicts by scope and text, one table per thread: no lock, no sharing, bounded in places and in bytes.
//!
//! A verdict is found by comparing the whole text: a collision of hashes costs a look-up, never a
//! wrong verdict. INVARIANT: what is kept is as long as its key and its facts, whatever the length of the
//! text that it was made of.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::verdict::{Stands, Verdict};

/// Places; two texts that fall on the same place push each other out.
const PLACES: usize = 4096;
/// Longer texts and templates are judged anew each time.
const LONGEST: usize = 4096;
/// The most bytes of all places of a thread.
const MOST: usize = 16 << 20;

struct Table {
    hasher: RandomState,
    places: Vec<Option<Entry>>,
    /// How many bytes are kept.
    bytes: usize,
    /// The place that is given up next, where there are too many.
    hand: usize,
}

#[derive(Clone)]
struct Entry {
    /// The text, or the template of texts that the verdict serves.
    key: Arc<[u8]>,
    verdict: Arc<Verdict>,
    bytes: usize,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::new(Table::new());
}

/// The verdict on this text or template in this scope, if it is remembered. A text that is another one's
/// template is one of the texts that the template's verdict serves.
pub(super) fn find(scope: u64, sql: &[u8]) -> Option<Arc<Verdict>> {
    if sql.len() > LONGEST {
        return None;
    }
    let stands = Stands::In(scope);
    TABLE.with_borrow(|table| {
        let known = table.places.get(table.place(stands, sql))?.as_ref()?;
        (known.verdict.stands == stands && &*known.key == sql).then(|| Arc::clone(&known.verdict))
    })
}

/// Remembers a verdict under its text, or under the template of the texts that it serves.
pub(super) fn keep(key: Arc<[u8]>, verdict: &Arc<Verdict>) {
    if key.len() > LONGEST {
        return;
    }
    // A template's text may be of any length, and each text that it serves brings its own.
    let verdict = if verdict.sql.len() > LONGEST {
        Arc::new(verdict.without_text())
    } else {
        Arc::clone(verdict)
    };
    TABLE.with_borrow_mut(|table| table.keep(key, verdict));
}

impl Table {
    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            places: vec![None; PLACES],
            bytes: 0,
            hand: 0,
        }
    }

    fn place(&self, stands: Stands, sql: &[u8]) -> usize {
        let hash = self.hasher.hash_one((stands, sql));
        usize::try_from(hash % PLACES as u64).unwrap_or(0)
    }

    fn keep(&mut self, key: Arc<[u8]>, verdict: Arc<Verdict>) {
        let bytes = key.len() + verdict.weight();
        let at = self.place(verdict.stands, &key);
        self.give_up(at);
        for _ in 0..PLACES {
            if self.bytes + bytes <= MOST {
                break;
            }
            self.give_up(self.hand);
            self.hand = (self.hand + 1) % PLACES;
        }
        if self.bytes + bytes > MOST {
            return;
        }
        if let Some(place) = self.places.get_mut(at) {
            self.bytes += bytes;
            *place = Some(Entry {
                key,
                verdict,
                bytes,
            });
        }
    }

    fn give_up(&mut self, at: usize) {
        let given = self.places.get_mut(at).and_then(Option::take);
        self.bytes -= given.map_or(0, |entry| entry.bytes);
    }
}

#[cfg(test)]
mod tests;

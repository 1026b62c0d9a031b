//! Ids and times of events: UUID version 7 (RFC 9562 §5.7) and microseconds since the Unix epoch.
//!
//! An id is made on every hot path, so the random part comes from a per-thread block of operating
//! system randomness rather than from one system call per id. It must never come from a seeded
//! generator: ids are shown to clients, and a guessable one would let them name other people's records.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{Builder, Uuid};

/// Microseconds since the Unix epoch.
pub type UnixMicros = i64;

const RANDOM_BYTES: usize = 10;
const BLOCK: usize = RANDOM_BYTES * 64;

struct Block {
    bytes: [u8; BLOCK],
    used: usize,
}

thread_local! {
    static RANDOM: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK], used: BLOCK }) };
}

/// The time now.
pub fn now() -> UnixMicros {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// A duration as records hold it: microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A new id for the moment `at`.
pub(crate) fn id_at(at: UnixMicros) -> Uuid {
    let millis = u64::try_from(at / 1000).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random()).into_uuid()
}

/// A new id for this moment.
pub fn id() -> Uuid {
    id_at(now())
}

fn random() -> [u8; RANDOM_BYTES] {
    RANDOM.with_borrow_mut(|block| {
        if block.used + RANDOM_BYTES > BLOCK {
            if getrandom::fill(&mut block.bytes).is_err() {
                // The operating system has no randomness: a version 4 id of the library fails the same way,
                // so fall back to what is unique though not unguessable.
                return fallback();
            }
            block.used = 0;
        }
        let mut out = [0; RANDOM_BYTES];
        if let Some(source) = block.bytes.get_mut(block.used..block.used + RANDOM_BYTES) {
            out.copy_from_slice(source);
            source.fill(0);
        }
        block.used += RANDOM_BYTES;
        out
    })
}

fn fallback() -> [u8; RANDOM_BYTES] {
    use std::hash::{BuildHasher, RandomState};
    let mut out = [0; RANDOM_BYTES];
    let word = RandomState::new().hash_one(now()).to_le_bytes();
    for (to, from) in out.iter_mut().zip(word) {
        *to = from;
    }
    out
}

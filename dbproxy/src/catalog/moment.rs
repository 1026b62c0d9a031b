//! The moment that a snapshot shows, as the server tells it.

use std::collections::BTreeSet;
use std::sync::Arc;

/// So many transactions are told apart; where more were read their rows are read again.
const MOST: usize = 65_536;

/// A moment of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Transactions before this one had ended.
    pub(crate) since: u32,
    /// Later ones that had ended too and wrote a lot, all of which was read: while an older one stays open, that
    /// would be read again and again.
    pub(super) read: Arc<BTreeSet<u32>>,
    /// The transactions of the server, and whether any was in progress.
    pub(super) state: String,
    /// How often the catalog was written by a moment before; nothing where that is not known.
    pub(super) written: String,
    /// `server_version_num / 10000`.
    pub(crate) major: u16,
}

impl Moment {
    /// With what was read until now, by an earlier moment too: what has ended by `since` is asked for no more.
    pub(super) fn and_read(self, earlier: &Self, more: impl Iterator<Item = u32>) -> Self {
        let is_later = |xid: &u32| xid.wrapping_sub(self.since) < 1 << 31;
        let earlier = earlier.read.iter().copied();
        let read: BTreeSet<u32> = earlier.chain(more).filter(is_later).collect();
        let read = if read.len() > MOST {
            BTreeSet::new()
        } else {
            read
        };
        Self {
            read: Arc::new(read),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(since: u32, read: &[u32]) -> Moment {
        Moment {
            since,
            read: Arc::new(read.iter().copied().collect()),
            ..Moment::default()
        }
    }

    #[test]
    fn what_was_read_is_known_until_it_is_older_than_all_that_is_open() {
        for (since, earlier, more, read) in [
            (10, &[][..], &[][..], &[][..]),
            (10, &[12, 15], &[20], &[12, 15, 20]),
            (15, &[12, 15], &[], &[15]),
            (21, &[12, 15], &[20], &[]),
            // The server's 32 bits are through.
            (u32::MAX - 1, &[u32::MAX], &[3], &[3, u32::MAX]),
            (3, &[u32::MAX], &[3], &[3]),
        ] {
            let now = moment(since, &[]).and_read(&moment(9, earlier), more.iter().copied());
            assert!(now.read.iter().eq(read), "{since} {earlier:?} {more:?}");
        }
    }
}

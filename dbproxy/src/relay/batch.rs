//! Where the client's messages stand: the batch that it is in, and whether more of it is looked at.
//!
//! Pure.

/// What the client sent of the extended protocol since its last Sync or Query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Nothing of it went on.
    #[default]
    Fresh,
    /// The server is in it.
    Open {
        /// It was asked to send all answers that it holds.
        flushed: bool,
    },
    /// It has failed: the server ignores everything up to the Sync, and so do we.
    Failed,
    /// It has failed before the server heard of it: its Sync is answered here.
    Refused,
}

impl Batch {
    /// Whether the client's messages are ignored until its Sync.
    pub(crate) fn is_skipped(self) -> bool {
        matches!(self, Self::Failed | Self::Refused)
    }

    /// Whether the server holds answers back that it was not asked for yet; from now on it was.
    pub(crate) fn flush(&mut self) -> bool {
        let held = *self == Self::Open { flushed: false };
        if held {
            *self = Self::Open { flushed: true };
        }
        held
    }
}

/// Whether what the client sends is examined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Attention {
    /// It is.
    #[default]
    All,
    /// Nothing, until all answers are there.
    Settling,
}

//! A statement that was let through and recorded: what is counted until it completes.

use std::time::Instant;

use exeat_audit::Receipt;
use exeat_policy::{AuditMode, Verb};
use uuid::Uuid;

/// A statement on its way.
#[derive(Debug)]
pub(crate) struct Running {
    /// The id of its decision.
    pub(crate) decision: Uuid,
    /// How far the decision's record got.
    pub(crate) receipt: Receipt,
    pub(crate) mode: AuditMode,
    pub(crate) verb: Verb,
    pub(crate) started: Instant,
    /// Rows that came.
    pub(crate) rows: u64,
    /// Rows that its portal gave before.
    pub(crate) before: u64,
    /// How many rows may come.
    pub(crate) limit: Option<u64>,
    /// More rows came than may: the rest is dropped, and the client gets an error.
    pub(crate) over: bool,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// The portal that it runs, where rows are counted over several messages. Until its first row
    /// comes nothing of `before` is known.
    pub(crate) portal: Option<Box<[u8]>>,
}

impl Running {
    /// Counts one row; whether it is one too many.
    pub(crate) fn row(&mut self) -> bool {
        self.rows += 1;
        self.limit
            .is_some_and(|limit| self.before.saturating_add(self.rows) > limit)
    }

    /// Whether it changes what names of the database mean.
    pub(crate) fn defines(&self) -> bool {
        matches!(self.verb, Verb::Define | Verb::Discard)
    }

    /// Whether an error of the client's choosing leaves nothing behind that the client is not told of.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(
            self.verb,
            Verb::Select | Verb::CopyOut | Verb::Fetch | Verb::Show | Verb::Explain
        )
    }
}

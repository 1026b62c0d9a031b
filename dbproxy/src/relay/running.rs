//! A statement that was let through and recorded: what is counted until it completes.

use std::sync::Arc;
use std::time::Instant;

use exeat_audit::{Outcome, Receipt};
use exeat_policy::{AuditMode, Verb};
use uuid::Uuid;

use crate::analysis::Judgeable;
use crate::disclosure::Sight;
use crate::guard::{Again, Passed};
use crate::wire::write::Error;

/// Why a result is not passed on to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// More rows came than may.
    RowLimit,
    /// It has a column that was not judged: the table has changed since the statement was.
    NotJudged,
    /// It would not be let through any more.
    Overtaken,
}

impl Stopped {
    /// What the client gets.
    pub(crate) fn error(self) -> Error {
        match self {
            Self::RowLimit => Error::plain(
                "53400",
                "the result has more rows than the policy allows for one statement",
            )
            .detail("Reason: limit_rows. The rows up to the limit were sent, the rest was not.")
            .hint("Ask for fewer rows (WHERE, LIMIT), or for a higher `rows` limit of the role."),
            // PostgreSQL's words and code where a result is another than it was: drivers prepare anew.
            Self::NotJudged => Error::plain("0A000", "cached plan must not change result type")
                .detail("The result has a column that was not judged: the table has just changed.")
                .hint("Send the statement again."),
            Self::Overtaken => Error::plain("0A000", "cached plan must not change result type")
                .detail(
                    "While the statement waited, the policy or what its names mean has changed.",
                )
                .hint("Send the statement again: what is said of it now tells why."),
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::RowLimit => Outcome::Limited,
            Self::NotJudged | Self::Overtaken => Outcome::Denied,
        }
    }
}

/// A statement on its way.
#[derive(Debug)]
pub(crate) struct Running {
    /// The id of its decision.
    pub(crate) decision: Uuid,
    /// How far the decision's record got.
    pub(crate) receipt: Receipt,
    pub(crate) mode: AuditMode,
    /// `None` where it could not be read.
    pub(crate) verb: Option<Verb>,
    pub(crate) started: Instant,
    /// When it was let through.
    pub(crate) admitted: Instant,
    /// What it was let through by.
    pub(crate) passed: Option<Passed>,
    /// What it is judged again by where its result takes long to come; `None` where it need not be any more.
    pub(crate) again: Option<Again>,
    /// Rows that came.
    pub(crate) rows: u64,
    /// Rows that its portal gave before.
    pub(crate) before: u64,
    /// How many rows may come.
    pub(crate) limit: Option<u64>,
    /// Why the rest of its result is dropped, and the client gets an error.
    pub(crate) stopped: Option<Stopped>,
    /// What its result may come from, where PostgreSQL was asked.
    pub(crate) judgeable: Option<Arc<Judgeable>>,
    /// What the client may see of the server's messages about it.
    pub(crate) sight: Sight,
    /// It runs code that is not PostgreSQL's own.
    pub(crate) foreign: bool,
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
        matches!(self.stopped, Some(Stopped::NotJudged | Stopped::Overtaken))
            || self
                .limit
                .is_some_and(|limit| self.before.saturating_add(self.rows) > limit)
    }

    /// Whether it changes what names of the database mean.
    pub(crate) fn defines(&self) -> bool {
        matches!(self.verb, None | Some(Verb::Define | Verb::Discard))
    }

    /// Whether an error of the client's choosing leaves nothing behind that the client is not told of.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(
            self.verb,
            Some(Verb::Select | Verb::CopyOut | Verb::Fetch | Verb::Show | Verb::Explain)
        )
    }
}

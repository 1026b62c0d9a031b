//! A statement that is on its way, judged again: what it waits for in the server may take any time, and policy and
//! catalog change meanwhile.

use std::sync::Arc;

use exeat_policy::{UnreadableKind, Verb};

use super::verdict::{Prepared, Stands, Verdict};
use super::{Answer, Asked, Guard};

/// What a statement on its way was judged by.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    sent: Sent,
    /// What it names and runs: a prepared statement, a cursor.
    inner: Option<Arc<Prepared>>,
}

#[derive(Clone, Debug)]
enum Sent {
    /// One of the statements of a text.
    Within(Arc<Verdict>, usize),
    Prepared(Arc<Prepared>),
}

/// Whether rows, or words of the server that quote them, may come of a statement of this kind. Definitions are
/// left out: after them their own names mean something else.
fn gives_or_takes_rows(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Select
            | Verb::Insert
            | Verb::Update
            | Verb::Delete
            | Verb::Merge
            | Verb::CopyOut
            | Verb::Call
            | Verb::Explain
            | Verb::Execute
            | Verb::Declare
            | Verb::Fetch
    )
}

impl Again {
    /// Of one of the statements of a text.
    pub(crate) fn within(verdict: &Arc<Verdict>, index: usize, answer: &Answer) -> Option<Self> {
        Self::of(Sent::Within(Arc::clone(verdict), index), answer)
    }

    /// Of a prepared statement.
    pub(crate) fn prepared(prepared: &Arc<Prepared>, answer: &Answer) -> Option<Self> {
        Self::of(Sent::Prepared(Arc::clone(prepared)), answer)
    }

    fn of(sent: Sent, answer: &Answer) -> Option<Self> {
        let inner = answer.inner.clone();
        let again = Self { sent, inner };
        answer
            .verb
            .is_some_and(gives_or_takes_rows)
            .then_some(again)
    }

    fn outer(&self) -> &Verdict {
        match &self.sent {
            Sent::Within(verdict, _) => verdict,
            Sent::Prepared(prepared) => &prepared.verdict,
        }
    }
}

impl Guard {
    /// Whether a statement that was judged by this is judged alike now, without looking at it.
    pub(crate) fn still_stands(&mut self, again: &Again) -> bool {
        let scope = Stands::In(self.scope().id);
        let inner = again.inner.as_ref();
        again.outer().stands == scope && inner.is_none_or(|inner| inner.verdict.stands == scope)
    }

    /// Waits for what others have just defined, where the statement means something of it.
    pub(crate) fn is_being_defined(&self, again: &Again) -> Result<(), Asked> {
        self.others_define(&again.outer().sql)?;
        match &again.inner {
            Some(inner) => self.others_define(&inner.verdict.sql),
            None => Ok(()),
        }
    }

    /// What is said of it now. It counts as none of the role's statements.
    pub(crate) fn judged_again(&mut self, again: &Again) -> Result<Answer, Asked> {
        let outer = match &again.sent {
            Sent::Prepared(prepared) => self.current(prepared)?,
            Sent::Within(verdict, index) => self.current(&Arc::new(Prepared {
                verdict: Arc::clone(verdict),
                index: Some(*index),
                types: Box::default(),
            }))?,
        };
        let inner = match &again.inner {
            Some(inner) => Some(self.current(inner)?),
            None => None,
        };
        let Some(outer) = outer.judged() else {
            let detail = "the statement is not what it was";
            let judged = self.refused(UnreadableKind::Unsupported, detail);
            return Ok(self.answer(&judged, None));
        };
        match inner.as_ref().and_then(|inner| inner.judged()) {
            Some(inner) => {
                let both = self.combined(outer, inner);
                Ok(self.answer(&both, None))
            }
            None => Ok(self.answer(outer, None)),
        }
    }
}

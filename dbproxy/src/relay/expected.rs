//! What the server still has to answer, oldest first: one entry per message that was forwarded.
//!
//! Pure. After an error the server skips what came before the next Sync; this queue forgets the same
//! entries, so that each later answer meets its own question.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::names::Undo;
use super::running::Running;
use crate::wire::write::Error;

/// One answer that is due.
#[derive(Debug)]
pub(crate) enum Expected {
    /// ParseComplete.
    Parse(Undo),
    /// BindComplete.
    Bind(Undo),
    /// CloseComplete.
    Close(Undo),
    /// ParameterDescription, then [`Self::Describe`].
    DescribeStatement,
    /// RowDescription or NoData.
    Describe,
    /// Rows, then CommandComplete, EmptyQueryResponse or PortalSuspended; or COPY.
    Execute(Running, Option<Undo>),
    /// EmptyQueryResponse.
    Nothing,
    /// ReadyForQuery.
    Sync,
    /// All statements of a Query, then ReadyForQuery.
    Query(Query),
    /// The error that stands in for a denied message of the extended protocol; the client gets this one.
    Denied(Box<Error>),
    /// The rows of the proxy's own question about the catalog, then ReadyForQuery.
    Catalog(Vec<Vec<String>>),
}

/// A Query message on its way.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Its statements, in order; an entry for each that completes with a tag of its own.
    pub(crate) statements: SmallVec<[Running; 1]>,
    /// How many of them have completed.
    pub(crate) done: usize,
    /// What each of them does to names: its index, and how to take it back.
    pub(crate) effects: Vec<(usize, Undo)>,
    /// It failed: only ReadyForQuery is still to come.
    pub(crate) failed: bool,
    /// It is a FunctionCall, whose one statement completes with a FunctionCallResponse.
    pub(crate) calls: bool,
    /// It is no Query of the client's: its error is replaced by this one, or dropped.
    pub(crate) forced: Option<Forced>,
}

/// A statement that is meant to fail, so that the server's transaction is failed as the client is told.
#[derive(Debug)]
pub(crate) enum Forced {
    /// The client gets this error.
    Denial(Box<Error>),
    /// The client got its error already.
    Silent,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Expected>,
}

/// What the server skipped because of an error.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// Definitions to take back, newest first.
    pub(crate) undo: Vec<Undo>,
    /// Statements that were recorded and never ran.
    pub(crate) statements: Vec<Running>,
    /// No Sync is on its way: the server skips also what comes next.
    pub(crate) open: bool,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn push(&mut self, expected: Expected) {
        self.entries.push_back(expected);
    }

    pub(crate) fn push_front(&mut self, expected: Expected) {
        self.entries.push_front(expected);
    }

    pub(crate) fn front(&self) -> Option<&Expected> {
        self.entries.front()
    }

    pub(crate) fn front_mut(&mut self) -> Option<&mut Expected> {
        self.entries.front_mut()
    }

    pub(crate) fn pop(&mut self) -> Option<Expected> {
        self.entries.pop_front()
    }

    /// Whether the entry behind the first one is a Sync.
    pub(crate) fn second_is_sync(&self) -> bool {
        matches!(self.entries.get(1), Some(Expected::Sync))
    }

    /// The statement whose rows come now.
    pub(crate) fn running(&mut self) -> Option<&mut Running> {
        match self.entries.front_mut()? {
            Expected::Execute(running, _) => Some(running),
            Expected::Query(query) => query.statements.get_mut(query.done),
            _ => None,
        }
    }

    /// A message of the extended protocol failed: the server skips to the next Sync.
    pub(crate) fn skip_to_sync(&mut self) -> Skipped {
        let mut skipped = Skipped::default();
        loop {
            match self.entries.pop_front() {
                None => {
                    skipped.open = true;
                    break;
                }
                Some(Expected::Sync) => {
                    self.entries.push_front(Expected::Sync);
                    break;
                }
                Some(Expected::Parse(undo) | Expected::Bind(undo) | Expected::Close(undo)) => {
                    skipped.undo.push(undo);
                }
                Some(Expected::Execute(running, undo)) => {
                    skipped.undo.extend(undo);
                    skipped.statements.push(running);
                }
                Some(Expected::Query(query)) => skip_query(query, &mut skipped),
                Some(
                    Expected::DescribeStatement
                    | Expected::Describe
                    | Expected::Nothing
                    | Expected::Denied(_)
                    | Expected::Catalog(_),
                ) => {}
            }
        }
        skipped.undo.reverse();
        skipped
    }

    /// The session ends: every statement that is still on its way, oldest first.
    pub(crate) fn drain(&mut self) -> Vec<Running> {
        let mut left = Vec::new();
        for entry in self.entries.drain(..) {
            match entry {
                Expected::Execute(running, _) => left.push(running),
                Expected::Query(query) => {
                    left.extend(query.statements.into_iter().skip(query.done))
                }
                Expected::Parse(_)
                | Expected::Bind(_)
                | Expected::Close(_)
                | Expected::DescribeStatement
                | Expected::Describe
                | Expected::Nothing
                | Expected::Sync
                | Expected::Denied(_)
                | Expected::Catalog(_) => {}
            }
        }
        left
    }
}

/// A Query within an extended pipeline is skipped like anything else.
fn skip_query(query: Query, skipped: &mut Skipped) {
    skipped
        .undo
        .extend(query.effects.into_iter().map(|(_, undo)| undo));
    skipped
        .statements
        .extend(query.statements.into_iter().skip(query.done));
}

//! What the server still has to answer, oldest first: one entry per message that was forwarded, and one per
//! question of the proxy's own, however many messages that takes.
//!
//! Pure. After an error the server skips what comes up to the next Sync; this queue forgets the same
//! entries, so that each later answer meets its own question.

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use super::names::{Effect, Id};
use super::own_question::OwnQuestion;
use super::running::Running;
use crate::analysis::Judgeable;
use crate::disclosure::{Foreign, Sight};
use crate::guard::{Code, copies_in, fires_deferred};
use crate::wire::write::Error;

/// One answer that is due.
#[derive(Debug)]
pub(crate) enum Expected {
    /// ParseComplete.
    Parse(Effect),
    /// BindComplete.
    Bind(Effect),
    /// CloseComplete. There may be nothing of that name.
    Close(Option<Effect>),
    /// This answer to a message of the proxy's own; the client does not get it.
    Own(u8),
    /// CloseComplete for a statement that nothing can use any more; the client does not get it.
    Cleared(Id),
    /// ParameterDescription, then [`Self::Describe`]; and whether the server may parse the statement anew for
    /// it, and run code for that.
    DescribeStatement(Option<Arc<Judgeable>>, bool),
    /// RowDescription or NoData; what it may name, where PostgreSQL was asked.
    Describe(Option<Arc<Judgeable>>),
    /// The same for what the client runs without asking for it: the client does not get it. The Execute
    /// is right behind.
    Look(Arc<Judgeable>),
    /// Rows, then CommandComplete, EmptyQueryResponse or PortalSuspended; or COPY.
    Execute(Running, Option<Effect>),
    /// EmptyQueryResponse.
    Nothing,
    /// ReadyForQuery.
    Sync,
    /// All statements of a Query, then ReadyForQuery.
    Query(Query),
    /// The error that stands in for a denied message of the extended protocol; the client gets this one.
    /// With what the message does to names although it fails.
    Denied(Box<Error>, Option<Effect>),
    /// The answer to the proxy's own question about the catalog.
    Catalog(Question),
    /// The answer to the proxy's own question about a statement.
    Analysis(Box<OwnQuestion>),
}

/// The proxy's own question about the catalog, on its way.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) rows: Vec<Vec<String>>,
    /// How many of its statements are still to be answered.
    pub(crate) left: usize,
    /// How many are where its rows come.
    pub(crate) told_at: usize,
    /// It ends with the last of them; elsewhere with ReadyForQuery.
    pub(crate) within_batch: bool,
    /// The server refused it.
    pub(crate) failed: bool,
}

/// A Query message on its way.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Its statements, in order; an entry for each that completes with a tag of its own.
    pub(crate) statements: SmallVec<[Running; 1]>,
    /// How many of them have completed.
    pub(crate) done: usize,
    /// What the server does to names before any of them.
    pub(crate) opening: Option<Effect>,
    /// What each of them does to names, with its index.
    pub(crate) effects: Vec<(usize, Effect)>,
    /// It failed: only ReadyForQuery is still to come.
    pub(crate) failed: bool,
    pub(crate) kind: QueryKind,
}

/// Whose a Query is, and how it is answered.
#[derive(Debug, Default)]
pub(crate) enum QueryKind {
    /// The client's: each of its statements completes with a tag of its own.
    #[default]
    Read,
    /// The client's, in words that could not be read: any number of statements completes, and they are one
    /// entry until ReadyForQuery.
    Unread,
    /// A FunctionCall, whose one statement completes with a FunctionCallResponse.
    Function,
    /// None of the client's, and goes well: the client hears nothing of it but an error.
    Hidden,
    /// None of the client's, and fails: its error is replaced by this one, or dropped.
    Forced(Forced),
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
    /// How many entries were put in.
    pushed: u64,
    /// The number of the newest one that may change what names of the database mean.
    defining: u64,
    /// The number of the newest one at which code that was put off may run.
    ending: u64,
    /// The number of the newest Bind for which code may run once the statement's names are settled, and its
    /// portal.
    binding: (u64, Id),
}

/// What the server skipped because of an error.
#[derive(Debug, Default)]
pub(crate) struct Skipped {
    /// What was not done to names.
    pub(crate) effects: Vec<Effect>,
    /// Statements that were not closed.
    pub(crate) unreachable: Vec<Id>,
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
        self.pushed += 1;
        let changes = |running: &Running| running.defines() || running.foreign;
        let (changes, ends) = match &expected {
            Expected::Execute(running, _) => (changes(running), fires_deferred(running.verb)),
            Expected::Query(query) => (query.statements.iter().any(changes), true),
            Expected::Sync => (false, true),
            Expected::Parse(effect) => (effect.code() >= Code::Early, false),
            Expected::Bind(effect) => match (effect.code(), effect.id()) {
                (Code::Never, _) => (false, false),
                (Code::Run, Some(portal)) => {
                    // What an earlier one does matters to this portal too.
                    self.defining = self.defining.max(self.binding.0);
                    self.binding = (self.pushed, portal);
                    (false, false)
                }
                (Code::Run | Code::Early | Code::Parsed, _) => (true, false),
            },
            Expected::DescribeStatement(_, runs_code) => (*runs_code, false),
            _ => (false, false),
        };
        if changes {
            self.defining = self.pushed;
        }
        if ends {
            self.ending = self.pushed;
        }
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

    /// The client's name for what the entry in front defines under this name of ours.
    pub(crate) fn name_of(&self, id: Id) -> Option<&[u8]> {
        match self.entries.front()? {
            Expected::Parse(effect) | Expected::Bind(effect) => effect.name_of(id),
            Expected::Execute(_, effect) => effect.as_ref()?.name_of(id),
            _ => None,
        }
    }

    /// The portal that what comes now is about, in the client's words.
    pub(crate) fn portal(&self) -> Option<&[u8]> {
        let entry = match self.entries.front()? {
            Expected::Look(_) => self.entries.get(1)?,
            entry => entry,
        };
        match entry {
            Expected::Execute(running, _) => running.portal.as_deref(),
            _ => None,
        }
    }

    /// The statement whose result was looked at.
    pub(crate) fn looked_at(&mut self) -> Option<&mut Running> {
        match (self.entries.front()?, self.entries.get(1)?) {
            (Expected::Look(_), Expected::Execute(..)) => {}
            _ => return None,
        }
        match self.entries.get_mut(1)? {
            Expected::Execute(running, _) => Some(running),
            _ => None,
        }
    }

    /// Whether the newest of what was forwarded may ask the client for data. Nothing is forwarded behind
    /// it before it is answered or has its data.
    pub(crate) fn ends_with_copy_in(&self) -> bool {
        let copies = |running: &Running| copies_in(running.verb);
        match self.entries.back() {
            Some(Expected::Execute(running, _)) => copies(running),
            Some(Expected::Query(query)) => query.statements.iter().skip(query.done).any(copies),
            _ => false,
        }
    }

    /// Whether what comes now answers the proxy's own question.
    pub(crate) fn asks_catalog(&self) -> bool {
        matches!(self.entries.front(), Some(Expected::Catalog(_)))
    }

    /// Whether what the server runs now is of the proxy's own: the client has sent nothing like it.
    pub(crate) fn runs_own(&self) -> bool {
        match self.entries.front() {
            Some(Expected::Query(query)) => {
                matches!(query.kind, QueryKind::Hidden | QueryKind::Forced(_))
            }
            Some(
                Expected::Catalog(_)
                | Expected::Analysis(_)
                | Expected::Own(_)
                | Expected::Cleared(_)
                | Expected::Denied(..),
            ) => true,
            _ => false,
        }
    }

    /// Whether what comes now answers the proxy's own question about a statement.
    pub(crate) fn asks_about_a_statement(&self) -> bool {
        matches!(self.entries.front(), Some(Expected::Analysis(_)))
    }

    /// What the client may see of a message about what runs now.
    pub(crate) fn sight(&self) -> Sight {
        let running = match self.entries.front() {
            Some(Expected::Execute(running, _)) => Some(running),
            // The values of a message are its own; their checks may be anybody's.
            Some(Expected::Parse(effect) | Expected::Bind(effect)) => {
                let code = effect.sight().map_or(Foreign::Anywhere, |sight| sight.code);
                return Sight { rows: true, code };
            }
            // A commit's triggers come after the last statement.
            Some(Expected::Query(query)) => {
                query.statements.get(query.done).or(query.statements.last())
            }
            _ => None,
        };
        running.map_or(Sight::ALL, |running| running.sight)
    }

    /// Whether something is on its way that may change what names mean, but for what a Bind runs.
    pub(crate) fn defines(&self) -> bool {
        self.is_on_its_way(self.defining)
    }

    /// The portal of a Bind that is on its way and may run code. What this portal runs is settled by then.
    pub(crate) fn binds_with_code(&self) -> Option<Id> {
        let (number, portal) = self.binding;
        self.is_on_its_way(number).then_some(portal)
    }

    fn is_on_its_way(&self, number: u64) -> bool {
        number + self.entries.len() as u64 > self.pushed
    }

    /// Whether something is on its way at which code that was put off may run.
    pub(crate) fn ends(&self) -> bool {
        self.is_on_its_way(self.ending)
    }

    /// Whether one statement is on its way, and nothing of what follows it in the next batch.
    pub(crate) fn has_one_statement(&self) -> bool {
        /// Parse, Bind, Describe, Execute, Sync and what is closed between them.
        const BATCH: usize = 12;
        let (mut statements, mut syncs) = (0, 0);
        for entry in self.entries.iter().take(BATCH) {
            match entry {
                Expected::Execute(..) | Expected::Query(_) => statements += 1,
                Expected::Sync => syncs += 1,
                Expected::Catalog(_) | Expected::Analysis(_) => return false,
                _ => {}
            }
        }
        self.entries.len() <= BATCH && statements == 1 && syncs <= 1
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

    /// Every statement that is on its way.
    pub(crate) fn statements_mut(&mut self) -> impl Iterator<Item = &mut Running> {
        self.entries.iter_mut().flat_map(|entry| match entry {
            Expected::Execute(running, _) => std::slice::from_mut(running),
            Expected::Query(query) => query.statements.get_mut(query.done..).unwrap_or_default(),
            _ => &mut [],
        })
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
                Some(Expected::Parse(effect) | Expected::Bind(effect)) => {
                    skipped.effects.push(effect);
                }
                Some(Expected::Close(effect) | Expected::Denied(_, effect)) => {
                    skipped.effects.extend(effect)
                }
                Some(Expected::Cleared(id)) => skipped.unreachable.push(id),
                Some(Expected::Execute(running, effect)) => {
                    skipped.effects.extend(effect);
                    skipped.statements.push(running);
                }
                Some(Expected::Query(query)) => skip_query(query, &mut skipped),
                Some(
                    Expected::DescribeStatement(..)
                    | Expected::Describe(_)
                    | Expected::Look(_)
                    | Expected::Nothing
                    | Expected::Own(_)
                    | Expected::Catalog(_)
                    | Expected::Analysis(_),
                ) => {}
            }
        }
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
                | Expected::Own(_)
                | Expected::Cleared(_)
                | Expected::DescribeStatement(..)
                | Expected::Describe(_)
                | Expected::Look(_)
                | Expected::Nothing
                | Expected::Sync
                | Expected::Denied(..)
                | Expected::Catalog(_)
                | Expected::Analysis(_) => {}
            }
        }
        left
    }
}

/// A Query within an extended pipeline is skipped like anything else.
fn skip_query(query: Query, skipped: &mut Skipped) {
    skipped.effects.extend(query.opening);
    skipped
        .effects
        .extend(query.effects.into_iter().map(|(_, effect)| effect));
    skipped
        .statements
        .extend(query.statements.into_iter().skip(query.done));
}

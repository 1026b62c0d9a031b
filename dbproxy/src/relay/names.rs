//! The prepared statements and portals of one session: what the client's names stand for, and what the
//! same things are called on the server.
//!
//! A definition of the protocol (Parse, Bind) goes to the server under a name that no other definition of
//! the session ever has, so what was judged and recorded is what runs, whatever errors and redefinitions
//! do. SQL-level PREPARE and DECLARE share the client's names with them; they keep the client's name on
//! the server and are forwarded only when no answer is due.
//!
//! INVARIANT: a name that is not in here was never judged, and is never executed.

pub(super) mod called;
pub(super) mod spelled;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use exeat_audit::Parameter;

use crate::analysis::Judgeable;
use crate::disclosure::Sight;
use crate::guard::{Code, Judged, Prepared};
pub(crate) use called::{Called, Id};
pub(crate) use table::Object;
use table::{Change, Table};

/// So many prepared statements and portals may a session hold.
const MOST: usize = 8192;
/// A definition up to this size is not weighed.
const SMALL: usize = 4 << 10;
/// So many bytes may the texts and values of a session's definitions take, small ones left out.
const LARGEST: usize = 64 << 20;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// This.
    Is(T),
    /// Nothing.
    Nothing,
    /// It depends on an answer that is still to come: ask again when all answers are there.
    Unsettled,
}

impl<T> Known<T> {
    /// The same of what it is.
    pub(crate) fn map<U>(self, of: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Is(known) => Known::Is(of(known)),
            Self::Nothing => Known::Nothing,
            Self::Unsettled => Known::Unsettled,
        }
    }
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) prepared: Arc<Prepared>,
    /// How the name that its text names (EXECUTE, FETCH, …) is written in what the server has.
    pub(crate) written: Called,
    /// PREPARE or DECLARE made it: what runs is the query in that text, not the text.
    pub(crate) by_sql: bool,
}

/// A portal, and what it runs.
#[derive(Clone, Debug)]
pub(crate) struct Portal {
    pub(crate) statement: Statement,
    pub(crate) parameters: Arc<[Parameter]>,
    /// Made by DECLARE: it may outlive its transaction.
    pub(crate) cursor: bool,
    /// Rows that it gave so far.
    pub(crate) rows: u64,
}

/// What the server says that a name stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named<'r> {
    pub(crate) name: &'r [u8],
    /// The beginning of the text that made it.
    pub(crate) text: &'r [u8],
    /// How many characters that text has.
    pub(crate) length: usize,
}

impl Named<'_> {
    /// Whether this text made it.
    fn is(&self, sent: &[u8]) -> bool {
        sent.starts_with(self.text)
            && str::from_utf8(sent).is_ok_and(|sent| sent.chars().count() == self.length)
    }
}

/// What a forwarded message does to names.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A statement comes or goes, on the server as well.
    Statement(Change<Statement>),
    /// The unnamed statement is another one or gone; the server still has the old one.
    Unnamed(Change<Statement>),
    /// A portal comes or goes.
    Portal(Change<Portal>),
    /// All of these.
    Several(Vec<Self>),
}

/// The names of a session.
#[derive(Debug, Default)]
pub(crate) struct Names {
    statements: Table<Statement>,
    portals: Table<Portal>,
    batch: u64,
    given: Id,
    /// Statements that the server still has, and that no name stands for any more.
    unreachable: Vec<Id>,
    /// The portal whose result this batch described last, and what that is held against.
    described: Option<(Id, Arc<Judgeable>)>,
}

impl Names {
    /// A Sync or a Query was forwarded: what comes now is not skipped when something before it fails.
    pub(crate) fn next_batch(&mut self) {
        self.batch += 1;
        self.described = None;
    }

    /// A Describe of a portal was forwarded. Within its batch an Execute is skipped where this is.
    pub(crate) fn describe(&mut self, called: Called, judgeable: &Arc<Judgeable>) {
        self.described = match called {
            Called::Ours(id) => Some((id, Arc::clone(judgeable))),
            // The name may be another cursor's soon.
            Called::AsIs => None,
        };
    }

    /// Whether the batch has described a portal, and its result is held against this.
    pub(crate) fn is_described(&self, called: Called, judgeable: &Arc<Judgeable>) -> bool {
        self.described
            .as_ref()
            .is_some_and(|(id, known)| called == Called::Ours(*id) && Arc::ptr_eq(known, judgeable))
    }

    /// Whether there is room for one more definition of this size.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        // Small ones are bounded by their number.
        let count = self.statements.len() + self.portals.len();
        count < MOST && (size <= SMALL || self.size() + size <= LARGEST)
    }

    fn size(&self) -> usize {
        let text = |statement: &Statement| statement.prepared.verdict.sql.len();
        let values = |portal: &Portal| portal.parameters.iter().map(size_of_value).sum();
        self.statements.sum(text) + self.portals.sum(values)
    }

    pub(crate) fn statement(&self, name: &[u8]) -> Known<&Object<Statement>> {
        self.statements.look_up(name, self.batch)
    }

    pub(crate) fn portal(&self, name: &[u8]) -> Known<&Object<Portal>> {
        self.portals.look_up(name, self.batch)
    }

    /// Whether the end of a transaction that is still to be answered may take this portal along.
    pub(crate) fn may_end(&self, portal: &[u8]) -> bool {
        self.portals.is_of_earlier_batch(portal, self.batch)
    }

    /// The unnamed portal, if there may be one: a new one takes its place.
    pub(crate) fn unnamed_portal(&self) -> Option<Called> {
        self.portals.newest(b"").map(|portal| portal.called)
    }

    /// A name for the server that was never given before.
    pub(crate) fn give(&mut self) -> Id {
        self.given.next()
    }

    /// A Parse or PREPARE is forwarded.
    pub(crate) fn prepare(&mut self, name: &[u8], called: Called, value: Statement) -> Effect {
        let object = Some(Object { called, value });
        let change = self.statements.change(name, object, self.batch);
        if name.is_empty() {
            Effect::Unnamed(change)
        } else {
            Effect::Statement(change)
        }
    }

    /// A Bind or DECLARE is forwarded.
    pub(crate) fn open(&mut self, name: &[u8], called: Called, value: Portal) -> Effect {
        let object = Some(Object { called, value });
        Effect::Portal(self.portals.change(name, object, self.batch))
    }

    /// A Close of a statement, or DEALLOCATE.
    pub(crate) fn deallocate(&mut self, name: &[u8]) -> Effect {
        Effect::Statement(self.statements.change(name, None, self.batch))
    }

    /// A Close of a portal, or CLOSE.
    pub(crate) fn close(&mut self, name: &[u8]) -> Effect {
        Effect::Portal(self.portals.change(name, None, self.batch))
    }

    /// A Query is forwarded: to the server it uses the unnamed statement and portal.
    pub(crate) fn use_unnamed(&mut self) -> Option<Effect> {
        let mut effects: Vec<Effect> = self.forget_unnamed().into_iter().collect();
        if self.portals.newest(b"").is_some() {
            effects.push(self.close(b""));
        }
        (!effects.is_empty()).then_some(Effect::Several(effects))
    }

    /// A Parse without a name fails: the statement before it is gone by then.
    pub(crate) fn forget_unnamed(&mut self) -> Option<Effect> {
        self.statements.newest(b"")?;
        let change = self.statements.change(b"", None, self.batch);
        Some(Effect::Unnamed(change))
    }

    /// DEALLOCATE ALL.
    pub(crate) fn deallocate_all(&mut self) -> Effect {
        let all = self.statements.forget_all(self.batch);
        Effect::Several(all.into_iter().map(Effect::Statement).collect())
    }

    /// CLOSE ALL.
    pub(crate) fn close_all(&mut self) -> Effect {
        let all = self.portals.forget_all(self.batch);
        Effect::Several(all.into_iter().map(Effect::Portal).collect())
    }

    /// DISCARD ALL.
    pub(crate) fn discard_all(&mut self) -> Effect {
        Effect::Several(vec![self.deallocate_all(), self.close_all()])
    }

    /// The server did what was forwarded.
    pub(crate) fn done(&mut self, effect: Effect) {
        match effect {
            Effect::Statement(change) => drop(self.statements.done(change)),
            Effect::Unnamed(change) => {
                let before = self.statements.done(change);
                self.left_behind(before);
            }
            Effect::Portal(change) => drop(self.portals.done(change)),
            Effect::Several(effects) => effects.into_iter().for_each(|effect| self.done(effect)),
        }
    }

    /// The server skipped what was forwarded.
    pub(crate) fn skipped(&mut self, effect: &Effect) {
        match effect {
            Effect::Statement(change) | Effect::Unnamed(change) => {
                self.statements.not_done(change);
            }
            Effect::Portal(change) => self.portals.not_done(change),
            Effect::Several(effects) => effects.iter().for_each(|effect| self.skipped(effect)),
        }
    }

    /// The server refused what was forwarded. A Parse has dropped the unnamed statement by then.
    pub(crate) fn refused(&mut self, effect: &Effect) {
        if let Effect::Unnamed(_) = effect {
            let before = self.statements.lost(b"");
            self.left_behind(before);
        }
        self.skipped(effect);
    }

    fn left_behind(&mut self, before: Option<Object<Statement>>) {
        if let Some(Called::Ours(id)) = before.map(|before| before.called) {
            self.unreachable.push(id);
        }
    }

    /// A statement that is to be closed on the server: nothing can use it any more.
    pub(crate) fn next_unreachable(&mut self) -> Option<Id> {
        self.unreachable.pop()
    }

    /// The server skipped its Close.
    pub(crate) fn still_unreachable(&mut self, id: Id) {
        self.unreachable.push(id);
    }

    /// How many rows a portal gave, as of the last answer.
    pub(crate) fn rows(&mut self, name: &[u8]) -> u64 {
        let portal = self.portals.confirmed_mut(name);
        portal.map_or(0, |portal| portal.value.rows)
    }

    /// A portal gave rows.
    pub(crate) fn count(&mut self, name: &[u8], rows: u64) {
        if let Some(portal) = self.portals.confirmed_mut(name) {
            portal.value.rows = portal.value.rows.saturating_add(rows);
        }
    }

    /// The transaction is over: the server has dropped every portal but held cursors. What is not yet
    /// confirmed belongs to the next transaction.
    pub(crate) fn transaction_ended(&mut self) {
        self.portals.retain(|portal| portal.cursor);
    }

    /// After code of others was run, with no answer due: what SQL itself has named is held against what the
    /// server says of it, and what is something else now is forgotten. Whether all names of ours still stand
    /// for what was made by the protocol.
    pub(crate) fn hold_against(&mut self, statements: &[Named<'_>], portals: &[Named<'_>]) -> bool {
        let ours = |named: &Named<'_>| called::is_reserved(named.name);
        let (bound, cursors): (Vec<Named<'_>>, Vec<Named<'_>>) =
            portals.iter().partition(|it| ours(it));
        let same = |known: &HashMap<&[u8], Named<'_>>, name: &[u8], statement: &Statement| {
            let found = known.get(name);
            found.is_some_and(|named| named.is(statement.prepared.verdict.forwarded()))
        };
        let prepared = by_name(statements);
        let cursors = by_name(&cursors);
        self.statements.retain_named(|name, object| {
            object.called != Called::AsIs || same(&prepared, name, &object.value)
        });
        self.portals.retain_named(|name, object| {
            object.called != Called::AsIs || same(&cursors, name, &object.value.statement)
        });
        let opened = |named: &Named<'_>| {
            let Some(id) = called::id(named.name) else {
                return false;
            };
            let statement = self.portals.called(id).map(|portal| &portal.statement);
            // What is closed here may still be there.
            statement.is_none_or(|statement| {
                statement.written != Called::AsIs
                    || named.is(statement.prepared.verdict.forwarded())
            })
        };
        !statements.iter().any(ours) && bound.iter().all(opened)
    }

    /// What the client calls what the server calls so.
    pub(crate) fn name_of(&self, id: Id) -> Option<&[u8]> {
        let statement = self.statements.name_of(id);
        statement.or_else(|| self.portals.name_of(id))
    }
}

fn by_name<'n>(all: &[Named<'n>]) -> HashMap<&'n [u8], Named<'n>> {
    all.iter().map(|named| (named.name, *named)).collect()
}

impl Effect {
    /// The statement that this defines, or opens a portal for, unless it is empty.
    pub(crate) fn judged(&self) -> Option<&Judged> {
        let statement = match self {
            Self::Statement(change) | Self::Unnamed(change) => change.becomes()?,
            Self::Portal(change) => &change.becomes()?.statement,
            Self::Several(_) => return None,
        };
        statement.prepared.judged()
    }

    /// When that may run code that is not PostgreSQL's own.
    pub(crate) fn code(&self) -> Code {
        self.judged().map_or(Code::Never, |judged| judged.code)
    }

    /// What the server calls what this defines, where that is a name of ours.
    pub(crate) fn id(&self) -> Option<Id> {
        let called = match self {
            Self::Statement(change) | Self::Unnamed(change) => change.called()?,
            Self::Portal(change) => change.called()?,
            Self::Several(_) => return None,
        };
        match called {
            Called::Ours(id) => Some(id),
            Called::AsIs => None,
        }
    }

    /// What the client may see of messages about the statement that a portal is opened for.
    pub(crate) fn sight(&self) -> Option<Sight> {
        Some(self.judged()?.sight)
    }

    /// What the client calls what this defines as that.
    pub(crate) fn name_of(&self, id: Id) -> Option<&[u8]> {
        match self {
            Self::Statement(change) | Self::Unnamed(change) => change.defines(id),
            Self::Portal(change) => change.defines(id),
            Self::Several(effects) => effects.iter().find_map(|effect| effect.name_of(id)),
        }
    }
}

fn size_of_value(value: &Parameter) -> usize {
    match value {
        Parameter::Null => 0,
        Parameter::Text(text) | Parameter::Binary(text) | Parameter::Commitment(text) => text.len(),
    }
}

#[cfg(test)]
mod tests;

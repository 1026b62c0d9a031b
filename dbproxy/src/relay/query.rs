//! Query messages: every statement of the text is judged, and all run or none.

use std::sync::Arc;

use exeat_policy::{UnreadableKind, Verb};
use smallvec::SmallVec;

use super::batch::{Attention, Batch};
use super::deny::Refusal;
use super::expected::{Expected, Query, QueryKind};
use super::names::called::is_reserved;
use super::names::spelled::Edit;
use super::names::{Called, Effect, Known, Portal, Statement};
use super::running::Running;
use super::{Copy, Relay};
use crate::guard::{Again, Answer, Judged, Prepared, Verdict};
use crate::wire::backend::Status;
use crate::wire::{Frame, frame, frontend};

/// What the record says of a FETCH from a cursor that a function opened: its rows are the function's.
const NOT_DECLARED: &str = "/* a cursor that this session did not declare */";

/// What stands in the place of names.
type Edits = SmallVec<[Edit; 1]>;

/// Whether a statement works with names: run through a name of its own, what those stand for would run,
/// or change, without being judged or known here.
fn works_with_names(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Execute
            | Verb::Fetch
            | Verb::Prepare
            | Verb::Declare
            | Verb::Deallocate
            | Verb::Close
            | Verb::Discard
    )
}

impl Relay {
    pub(super) fn query(&mut self, frame: Frame) -> Result<(), Refusal> {
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let concerned = self.is_concerned(frontend::query(body)?);
        self.know_own_definitions(concerned)?;
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let sql = frontend::query(body)?;
        let verdict = match self.guard.verdict(sql, &[]) {
            Ok(verdict) => verdict,
            Err(asked) => return Err(self.find_out(asked)),
        };
        // What was put off may run within the message, before what stands behind.
        let goes_on =
            self.transaction.trust.may_run_code_at_its_end() && verdict.goes_on_behind_an_end();
        // What is not there is known for sure before anything runs.
        self.await_catalog(&verdict)?;
        match (verdict.waits() || goes_on, self.batch) {
            (true, Batch::Fresh) => return self.begin_script(frame, &verdict),
            (true, _) if goes_on => return Err(Refusal::not_within_a_message()),
            _ => {}
        }
        if let Some(judged) = verdict.refused_in_any_case() {
            let answer = self.guard.ask(judged);
            if !answer.is_allowed() {
                return Err(self.denial(&answer, &[]));
            }
        }
        let (query, edits) = match self.admit_query(&verdict, frame.length) {
            Err(Refusal::Behind) => return self.begin_script(frame, &verdict),
            admitted => admitted?,
        };
        self.forward_query(frame, &verdict, &edits);
        self.expect_query(query);
        Ok(())
    }

    /// A Query is on its way.
    pub(super) fn expect_query(&mut self, query: Query) {
        self.queue.push(Expected::Query(query));
        self.names.next_batch();
        self.batch = Batch::Fresh;
    }

    /// Every statement of a text, asked about and on record; and what the server has to be told in the place
    /// of names.
    pub(super) fn admit_query(
        &mut self,
        verdict: &Arc<Verdict>,
        length: usize,
    ) -> Result<(Query, Edits), Refusal> {
        let mut query = Query::default();
        let mut edits = Edits::new();
        let mut answers: SmallVec<[Answer; 1]> = SmallVec::new();
        for (index, judged) in verdict.statements.iter().enumerate() {
            match self.ask_with_effect(verdict, index, judged) {
                Ok((answer, edit, effect)) => {
                    query.effects.extend(effect.map(|effect| (index, effect)));
                    edits.extend(edit);
                    answers.push(answer);
                }
                Err(refusal) => {
                    // All or nothing: what came before this statement is not forwarded either.
                    for (_, effect) in &query.effects {
                        self.names.skipped(effect);
                    }
                    self.attention = Attention::All;
                    return Err(refusal);
                }
            }
        }
        for (index, (answer, judged)) in answers.iter().zip(&verdict.statements).enumerate() {
            let mut running = self.admit(answer, &[])?;
            running.again = Again::within(verdict, index, answer);
            running.bytes_in = length as u64;
            self.count_with_cursor(&mut running, judged);
            query.statements.push(running);
        }
        if verdict.copies_in() {
            self.copy = Copy::Waiting;
        }
        if verdict.is_unread() {
            query.kind = QueryKind::Unread;
        }
        if let Some(called) = self.names.unnamed_portal() {
            self.close_own_portal(called);
        }
        query.opening = self.names.use_unnamed();
        Ok((query, edits))
    }

    /// What the server calls what a statement names, and where the statement has to say so.
    pub(super) fn edit(&mut self, judged: &Judged) -> Result<Option<Edit>, Refusal> {
        let Called::Ours(id) = self.called(judged)? else {
            return Ok(None);
        };
        // What is on its way may end what the name stands for.
        self.settled()?;
        match judged.name_at.clone() {
            Some(place) => Ok(Some((place, id))),
            // What is left as it is would mean something else.
            None => Err(Self::unclear_name(
                judged.name.as_deref().unwrap_or_default(),
            )),
        }
    }

    fn called(&self, judged: &Judged) -> Result<Called, Refusal> {
        let Some(name) = judged.name.as_deref() else {
            return Ok(Called::AsIs);
        };
        let called = match judged.verb() {
            Some(Verb::Prepare | Verb::Execute | Verb::Deallocate) => self
                .names
                .statement(name.as_bytes())
                .map(|statement| statement.called),
            _ => self
                .names
                .portal(name.as_bytes())
                .map(|portal| portal.called),
        };
        match called {
            Known::Is(called) => Ok(called),
            Known::Nothing => Ok(Called::AsIs),
            Known::Unsettled => Err(Refusal::Wait),
        }
    }

    /// Whether the name that a statement names still is what stands in the text that the server has.
    pub(super) fn still_written(&self, judged: &Judged, written: Called) -> Result<(), Refusal> {
        if self.called(judged)? == written {
            return Ok(());
        }
        let name = judged.name.as_deref().unwrap_or_default();
        Err(match judged.verb() {
            Some(Verb::Prepare) => Refusal::Error(Self::statement_exists(name.as_bytes())),
            Some(Verb::Declare) => Self::cursor_exists(name),
            Some(Verb::Execute | Verb::Deallocate) => Self::unknown_statement(name.as_bytes()),
            _ => Self::unknown_cursor(name),
        })
    }

    /// Asks about a statement; one that names another is asked about together with that one.
    pub(super) fn ask(&mut self, judged: &Judged) -> Result<Answer, Refusal> {
        let inner = match (judged.verb(), &judged.name) {
            (Some(verb), Some(name)) => self.named(verb, name)?,
            _ => None,
        };
        let Some(inner) = inner else {
            let mut answer = self.guard.ask(judged);
            if judged.verb() == Some(Verb::Fetch) {
                answer.foreign = true;
                answer.text = format!("{} {NOT_DECLARED}", answer.text).into();
            }
            return Ok(answer);
        };
        let by_sql = inner.by_sql;
        let prepared = match self.guard.current(&inner.prepared) {
            Ok(prepared) => prepared,
            Err(asked) => return Err(self.find_out(asked)),
        };
        match prepared.judged() {
            // What SQL itself prepared or declared is a query.
            Some(inner) if !by_sql && inner.verb().is_some_and(works_with_names) => {
                Err(Refusal::hidden())
            }
            Some(inner) => {
                let both = self.guard.combined(judged, inner);
                Ok(Answer {
                    inner: Some(Arc::clone(&prepared)),
                    ..self.guard.ask(&both)
                })
            }
            None => Ok(self.guard.ask(judged)),
        }
    }

    /// What runs when a statement that names this runs.
    fn named(&mut self, verb: Verb, name: &str) -> Result<Option<Statement>, Refusal> {
        let known = match verb {
            Verb::Execute => match self.names.statement(name.as_bytes()) {
                Known::Is(statement) => return Ok(Some(statement.value.clone())),
                Known::Nothing => {
                    self.settled()?;
                    return Err(match self.transaction.status() {
                        Status::Failed => Refusal::block_has_failed(),
                        _ => Self::unknown_statement(name.as_bytes()),
                    });
                }
                Known::Unsettled => return Err(Refusal::Wait),
            },
            Verb::Prepare | Verb::Deallocate => self.names.statement(name.as_bytes()).map(|_| None),
            Verb::Fetch => self
                .names
                .portal(name.as_bytes())
                .map(|portal| Some(portal.value.statement.clone())),
            Verb::Declare | Verb::Close => self.names.portal(name.as_bytes()).map(|_| None),
            _ => return Ok(None),
        };
        match (known, verb) {
            (Known::Is(inner), _) => Ok(inner),
            (Known::Unsettled, _) => Err(Refusal::Wait),
            (Known::Nothing, Verb::Prepare | Verb::Declare) if is_reserved(name.as_bytes()) => {
                Err(Self::reserved_name(name))
            }
            (Known::Nothing, Verb::Deallocate) if is_reserved(name.as_bytes()) => {
                Err(Self::unknown_statement(name.as_bytes()))
            }
            (Known::Nothing, Verb::Fetch | Verb::Close) if is_reserved(name.as_bytes()) => {
                Err(Self::unknown_cursor(name))
            }
            // A cursor that a function opened: its query was judged with the function, and nothing that
            // is on its way can give the name to something else.
            (Known::Nothing, Verb::Fetch) => self.settled().map(|()| None),
            (Known::Nothing, _) => Ok(None),
        }
    }

    /// The rows of a cursor are those of one statement, however many FETCHes bring them.
    pub(super) fn count_with_cursor(&self, running: &mut Running, judged: &Judged) {
        if let (Some(Verb::Fetch), Some(name)) = (running.verb, &judged.name)
            && let Known::Is(_) = self.names.portal(name.as_bytes())
        {
            running.portal = Some(name.as_bytes().into());
        }
    }

    fn ask_with_effect(
        &mut self,
        verdict: &Arc<Verdict>,
        index: usize,
        judged: &Judged,
    ) -> Result<(Answer, Option<Edit>, Option<Effect>), Refusal> {
        self.changes_nothing_itself(judged)?;
        // Those before it run before the server finds that out.
        let behind = index > 0 && self.batch == Batch::Fresh && verdict.may_go_by_steps();
        let answer = match self.ask(judged) {
            Err(refusal) if behind && refusal.is_of_a_name() => return Err(Refusal::Behind),
            answer => answer?,
        };
        if !answer.is_allowed() {
            let fails = answer.rejection.is_some() || judged.fails_by_itself();
            return Err(match behind && fails {
                true => Refusal::Behind,
                false => self.denial(&answer, &[]),
            });
        }
        let edit = self.edit(judged)?;
        let effect = self.name_effect(verdict, index, judged)?;
        Ok((answer, edit, effect))
    }

    /// A statement that is parsed and run in one, see [`Judged::is_run_too_early`].
    pub(super) fn changes_nothing_itself(&mut self, judged: &Judged) -> Result<(), Refusal> {
        let Some(why) = judged.is_run_too_early() else {
            return Ok(());
        };
        let answer = self.unread(UnreadableKind::Unsupported, why);
        match answer.is_allowed() {
            true => Ok(()),
            false => Err(self.denial(&answer, &[])),
        }
    }

    /// What a statement does to names, entered at once. It is done only when no answer is due, and
    /// nothing is looked at until it is answered itself.
    pub(super) fn name_effect(
        &mut self,
        verdict: &Arc<Verdict>,
        index: usize,
        judged: &Judged,
    ) -> Result<Option<Effect>, Refusal> {
        let Some(verb) = judged.verb() else {
            return Ok(None);
        };
        let change = match (verb, judged.name.as_deref()) {
            (Verb::Prepare | Verb::Declare, None) => return Ok(None),
            (Verb::Prepare | Verb::Declare, Some(_)) => true,
            (Verb::Deallocate | Verb::Close, _) => true,
            // The narrower forms of DISCARD leave statements and cursors as they are.
            (Verb::Discard, _) => judged.said.discards_all,
            _ => false,
        };
        if !change {
            return Ok(None);
        }
        self.settled()?;
        let called = self.called(judged)?;
        self.attention = Attention::Settling;
        let statement = || Statement {
            prepared: Arc::new(Prepared {
                verdict: Arc::clone(verdict),
                index: Some(index),
                types: Box::default(),
            }),
            written: Called::AsIs,
            by_sql: true,
        };
        Ok(Some(match (verb, judged.name.as_deref()) {
            (Verb::Prepare, Some(name)) => self.names.prepare(name.as_bytes(), called, statement()),
            (Verb::Declare, Some(name)) => {
                let cursor = Portal {
                    statement: statement(),
                    parameters: Arc::new([]),
                    cursor: true,
                    rows: 0,
                };
                self.names.open(name.as_bytes(), called, cursor)
            }
            (Verb::Deallocate, Some(name)) => self.names.deallocate(name.as_bytes()),
            (Verb::Deallocate, None) => self.names.deallocate_all(),
            (Verb::Close, Some(name)) => self.names.close(name.as_bytes()),
            (Verb::Close, None) => self.names.close_all(),
            _ => self.names.discard_all(),
        }))
    }

    /// Waits where only an answer that is due tells whether a portal is still there.
    pub(super) fn portal_settled(&mut self, name: &[u8]) -> Result<(), Refusal> {
        if self.names.may_end(name) {
            self.settled()?;
        }
        Ok(())
    }

    /// Waits until no answer is due.
    pub(super) fn settled(&mut self) -> Result<(), Refusal> {
        if self.queue.is_empty() {
            return Ok(());
        }
        self.ask_for_answers();
        Err(Refusal::Wait)
    }
}

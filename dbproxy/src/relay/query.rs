//! Query messages: every statement of the text is judged, and all run or none.

use std::sync::Arc;

use exeat_policy::Verb;
use smallvec::SmallVec;

use super::deny::Refusal;
use super::expected::{Expected, Query};
use super::names::{Known, Names, Portal, Undo};
use super::running::Running;
use super::{Copy, Relay};
use crate::guard::{Answer, Judged, Prepared, Verdict};
use crate::wire::{Frame, frame, frontend};

impl Relay {
    pub(super) fn query(&mut self, frame: Frame) -> Result<(), Refusal> {
        self.know_own_definitions()?;
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let sql = frontend::query(body)?;
        let verdict = match self.guard.verdict(sql, &[]) {
            Ok(verdict) => verdict,
            Err(asked) => return Err(self.find_out(asked)),
        };
        self.await_catalog(&verdict)?;
        let mut query = Query::default();
        let mut answers: SmallVec<[Answer; 1]> = SmallVec::new();
        for (index, judged) in verdict.statements.iter().enumerate() {
            match self.ask_with_effect(&verdict, index, judged) {
                Ok((answer, undo)) => {
                    query.effects.extend(undo.map(|undo| (index, undo)));
                    answers.push(answer);
                }
                Err(refusal) => {
                    // All or nothing: what came before this statement is not forwarded either.
                    self.take_back(query.effects);
                    return Err(refusal);
                }
            }
        }
        for (answer, judged) in answers.iter().zip(&verdict.statements) {
            let mut running = self.admit(answer, &[])?;
            running.bytes_in = frame.length as u64;
            self.count_with_cursor(&mut running, judged);
            query.statements.push(running);
        }
        if verdict.copies_in() {
            self.copy = Copy::Waiting;
        }
        self.forward_text(frame, 0, verdict.blanked.as_deref());
        self.queue.push(Expected::Query(query));
        self.names.next_batch();
        self.unsynced = false;
        Ok(())
    }

    /// Asks about a statement; one that names another is asked about together with that one.
    pub(super) fn ask(&mut self, judged: &Judged) -> Result<Answer, Refusal> {
        let inner = match (judged.verb(), &judged.name) {
            (Verb::Execute, Some(name)) => match self.names.statement(name.as_bytes()) {
                Known::Is(prepared) => Some(Arc::clone(prepared)),
                Known::Nothing => return Err(Self::unknown_statement(name.as_bytes())),
                Known::Unsettled => return Err(Refusal::Wait),
            },
            (Verb::Fetch, Some(name)) => match self.names.portal(name.as_bytes()) {
                Known::Is(portal) => Some(Arc::clone(&portal.statement)),
                Known::Nothing => return Err(Self::unknown_portal(name.as_bytes())),
                Known::Unsettled => return Err(Refusal::Wait),
            },
            _ => None,
        };
        let Some(inner) = inner else {
            return Ok(self.guard.ask(judged));
        };
        let inner = match self.guard.current(&inner) {
            Ok(inner) => inner,
            Err(asked) => return Err(self.find_out(asked)),
        };
        match inner.judged() {
            Some(inner) => {
                let both = self.guard.combined(judged, inner);
                Ok(self.guard.ask(&both))
            }
            None => Ok(self.guard.ask(judged)),
        }
    }

    /// The rows of a cursor are those of one statement, however many FETCHes bring them.
    pub(super) fn count_with_cursor(&self, running: &mut Running, judged: &Judged) {
        if let (Verb::Fetch, Some(name)) = (running.verb, &judged.name)
            && let Known::Is(cursor) = self.names.portal(name.as_bytes())
        {
            running.before = cursor.rows;
            running.portal = Some(name.as_bytes().into());
        }
    }

    fn ask_with_effect(
        &mut self,
        verdict: &Arc<Verdict>,
        index: usize,
        judged: &Judged,
    ) -> Result<(Answer, Option<Undo>), Refusal> {
        let answer = self.ask(judged)?;
        if !answer.is_allowed() {
            return Err(self.denial(&answer, &[]));
        }
        let undo = self.name_effect(verdict, index, judged)?;
        Ok((answer, undo))
    }

    /// What a statement does to names, entered at once.
    pub(super) fn name_effect(
        &mut self,
        verdict: &Arc<Verdict>,
        index: usize,
        judged: &Judged,
    ) -> Result<Option<Undo>, Refusal> {
        let prepared = || {
            Arc::new(Prepared {
                verdict: Arc::clone(verdict),
                index: Some(index),
                types: Box::default(),
            })
        };
        let undo = match (judged.verb(), judged.name.as_deref()) {
            (Verb::Prepare, Some(name)) => self.names.prepare(name.as_bytes(), prepared())?,
            (Verb::Declare, Some(name)) => {
                let cursor = Portal {
                    statement: prepared(),
                    parameters: Arc::new([]),
                    cursor: true,
                    rows: 0,
                };
                self.names.open(name.as_bytes(), cursor)?
            }
            (Verb::Deallocate, Some(name)) => self.names.deallocate(name.as_bytes())?,
            (Verb::Close, Some(name)) => self.names.close(name.as_bytes())?,
            (Verb::Deallocate, None) => self.settled(|names| names.deallocate_all())?,
            (Verb::Close, None) => self.settled(|names| names.close_all())?,
            // The narrower forms of DISCARD leave statements and cursors as they are.
            (Verb::Discard, _) if judged.is_discard_all() => {
                self.settled(|names| names.discard_all())?
            }
            _ => return Ok(None),
        };
        Ok(Some(undo))
    }

    /// What concerns all names at once is done only when no answer is due, and nothing is looked at
    /// until it is answered itself.
    fn settled(&mut self, change: impl FnOnce(&mut Names) -> Undo) -> Result<Undo, Refusal> {
        if !self.queue.is_empty() {
            self.ask_for_answers();
            return Err(Refusal::Wait);
        }
        self.settling = true;
        Ok(change(&mut self.names))
    }

    fn take_back(&mut self, effects: Vec<(usize, Undo)>) {
        for (_, undo) in effects.into_iter().rev() {
            self.names.undo(undo);
        }
    }
}

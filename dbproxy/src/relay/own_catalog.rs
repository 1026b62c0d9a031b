//! What a session's own definitions mean for the names in its next statements.
//!
//! Nobody else sees what an open transaction has created, and nobody else ever sees a temporary table.
//! So after a definition of its own the session asks over its own connection, between two statements,
//! and judges by that answer until the shared snapshot has caught up.

use super::batch::{Attention, Batch};
use super::deny::Refusal;
use super::expected::{Expected, Question};
use super::look::{LOOK, Looked};
use super::names::{Called, Id, Known, Named};
use super::trust::Asks;
use super::{End, Relay};
use crate::analysis::ServerError;
use crate::catalog::row;
use crate::denial;
use crate::upstream::ASKED;
use crate::wire::backend::{self, Status};
use crate::wire::{Fields, Frame, Violation, frame, write};

/// The question's own patience in place of the client's, and no compilation of its many expressions, which looks
/// at no time-out and takes a minute where the client's planner settings make them dear; until the end of the
/// transaction at most.
const OWN_PATIENCE: &str = "SELECT \
    pg_catalog.set_config('exeat.jit', pg_catalog.current_setting('jit'), true), \
    pg_catalog.set_config('jit', 'off', true), \
    pg_catalog.set_config('exeat.statement', pg_catalog.current_setting('statement_timeout'), true), \
    pg_catalog.set_config('exeat.lock', pg_catalog.current_setting('lock_timeout'), true), \
    pg_catalog.set_config('statement_timeout', '20s', true), \
    pg_catalog.set_config('lock_timeout', '0', true)";

/// Back to what the client has.
const THEIR_PATIENCE: &str = "SELECT \
    pg_catalog.set_config('jit', pg_catalog.current_setting('exeat.jit'), true), \
    pg_catalog.set_config('statement_timeout', pg_catalog.current_setting('exeat.statement'), true), \
    pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('exeat.lock'), true)";

impl Relay {
    /// Called before a portal is run: what only its own Bind may have run changes nothing for it.
    pub(super) fn know_own_definitions_for(&mut self, portal: &[u8]) -> Result<(), Refusal> {
        if self.transaction.trust.knows_all() && self.queue.binds_with_code().is_none() {
            return self.know_own_definitions(false);
        }
        let known = self.names.portal(portal);
        let concerned = match &known {
            Known::Is(portal) => self.is_concerned(&portal.value.statement.prepared.verdict.sql),
            Known::Nothing | Known::Unsettled => true,
        };
        let bound = match (self.queue.binds_with_code(), self.transaction.trust.bound()) {
            (None, None) => return self.know_own_definitions(concerned),
            (Some(bound), None) | (None, Some(bound)) => Some(bound),
            (Some(_), Some(_)) => None,
        };
        let called = known.map(|portal| portal.called);
        let own = bound.filter(|bound| called == Known::Is(Called::Ours(*bound)));
        self.know_what_is_defined(own, concerned)
    }

    /// Called before a text is judged: makes sure that the session's own definitions are known, also
    /// those that an earlier message of the same batch makes. `concerned`: the text can mean anything of them.
    pub(super) fn know_own_definitions(&mut self, concerned: bool) -> Result<(), Refusal> {
        self.know_what_is_defined(None, concerned)
    }

    /// For a portal whose Bind may have run code, or for all.
    fn know_what_is_defined(&mut self, bound: Option<Id>, concerned: bool) -> Result<(), Refusal> {
        if let Some(error) = self.catalog_failed.take() {
            // Without the answer nothing can be judged; the next message asks again.
            return Err(Refusal::Error(Box::new(denial::by_the_server(&error))));
        }
        let settled = self.queue.is_empty() && self.transaction.status() == Status::Idle;
        if settled && !self.transaction.trust.knows_all() && self.guard.own_is_seen_by_all() {
            self.transaction.trust.all_have_seen();
        }
        if self.looks.is_unanswered(self.guard.catalogs()) {
            self.something_has_changed();
        }
        // While the open transaction has defined something, its end may take that away.
        let defining = self.queue.defines()
            || (self.transaction.trust.may_lose_definitions() && !self.queue.is_empty())
            || (self.transaction.trust.may_run_code_at_its_end() && self.queue.ends())
            || (bound.is_none() && self.queue.binds_with_code().is_some());
        let asks = match self.transaction.trust.asks(bound) {
            Asks::Definitions if !concerned => Asks::Nothing,
            asks => asks,
        };
        if !defining && asks == Asks::Nothing && !self.guard.own_catalog_is_stale() {
            return Ok(());
        }
        if !self.queue.is_empty() {
            self.ask_for_answers();
            return Err(Refusal::Wait);
        }
        // In a failed block the server answers none. What is not known stays unknown then, and is refused.
        if self.transaction.status() == Status::Failed {
            return Ok(());
        }
        if asks == Asks::Look {
            self.ask_own_catalog(&LOOK);
            return Err(Refusal::Wait);
        }
        if self.batch != Batch::Fresh && asks == Asks::Nothing {
            // Nothing of this session's has changed, and who asks first in a batch changes what may
            // follow (VACUUM and its kin must be alone).
            return Ok(());
        }
        let Some(question) = self.guard.own_question() else {
            return Ok(());
        };
        self.ask_own_catalog(&question);
        Err(Refusal::Wait)
    }

    /// Whether a text can mean anything of what the session has defined and has not looked at since.
    pub(super) fn is_concerned(&self, text: &[u8]) -> bool {
        !self.transaction.trust.knows_all() && self.guard.own_may_concern(text)
    }

    /// A Query would end the batch's transaction, and several statements of one have one timeout. The unnamed
    /// statement and portal are none of the client's.
    fn ask_own_catalog(&mut self, question: &str) {
        let within_batch = self.batch != Batch::Fresh;
        // A look takes no longer than what would give it time.
        let looks = question == *LOOK;
        self.inbound.inject(|out| {
            if looks {
                write::run(out, question);
            } else {
                write::run(out, OWN_PATIENCE);
                write::run(out, question);
                write::run(out, THEIR_PATIENCE);
            }
            if !within_batch {
                write::frame(out, b'S', |_| {});
            }
        });
        self.queue.push(Expected::Catalog(Question {
            rows: Vec::new(),
            told_at: if looks { 1 } else { 2 },
            left: if looks { 1 } else { 3 },
            failed: false,
            within_batch,
        }));
        if within_batch {
            self.batch = Batch::Open { flushed: false };
            self.ask_for_answers();
        }
        self.attention = Attention::Settling;
    }

    /// A part of the answer. Nothing of it goes to the client, but an error within its batch: the batch
    /// has failed.
    pub(super) fn catalog_answer(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        let Some(Expected::Catalog(question)) = self.queue.front_mut() else {
            return Err(End::Desynchronised);
        };
        let mut answered = false;
        match frame.tag {
            b'D' if question.left == question.told_at => {
                question.rows.push(row(body).map_err(End::Server)?);
            }
            b'D' | b'1' | b'2' => {}
            b'E' => return self.catalog_refused(frame),
            b'C' => {
                question.left = question.left.saturating_sub(1);
                answered = question.within_batch && question.left == 0;
            }
            b'Z' if !question.within_batch => {
                self.transaction
                    .goes_on(backend::ready(body).map_err(End::Server)?);
                answered = true;
            }
            _ => return Err(End::Desynchronised),
        }
        self.outbound.discard(frame.length);
        if answered && let Some(Expected::Catalog(question)) = self.queue.pop() {
            self.own_catalog(&question)?;
        }
        Ok(())
    }

    /// An error in the place of the answer: what is known stays unknown, and the message that waits for it
    /// is refused with it. Within a batch, or between the statements of a message, it is what has failed.
    fn catalog_refused(&mut self, frame: Frame) -> Result<(), End> {
        // What the question was to be about is forgotten by now.
        self.guard.own().note_anything();
        let Some(Expected::Catalog(question)) = self.queue.front_mut() else {
            return Err(End::Desynchronised);
        };
        if question.within_batch {
            return self.failed(frame);
        }
        question.failed = true;
        tracing::warn!("a session's own catalog can't be read");
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        let error = ServerError::read(body);
        if Fields::read(body).is_fatal() {
            return self.failed(frame);
        }
        if self.script.is_some() {
            // Of the statements of one message none runs behind one that failed.
            self.script_failed();
            self.pass_error(frame);
            return Ok(());
        }
        self.catalog_failed = Some(error);
        self.outbound.discard(frame.length);
        Ok(())
    }

    fn own_catalog(&mut self, question: &Question) -> Result<(), End> {
        if question.failed {
            return Ok(());
        }
        let open = question.within_batch || self.transaction.status() != Status::Idle;
        if let [row, named @ ..] = question.rows.as_slice()
            && let Some(looked) = Looked::read(row)
        {
            self.is_still_pinned(looked.settings)?;
            self.is_still_named(named)?;
            let catalogs = self.guard.catalogs();
            if let Some(newer) = self.looks.looked(&looked, catalogs) {
                self.hand.wait_for(newer);
            }
            let changed = looked.changed;
            if self
                .transaction
                .trust
                .looked(looked.temporary || changed, changed && open)
            {
                // What code has done beside what is known to be defined is told by no name.
                self.guard.own().note_anything();
            }
            return Ok(());
        }
        if !question.rows.is_empty()
            && let Err(further) = self.guard.own().see(&question.rows, open)
        {
            self.ask_own_catalog(&further);
            return Ok(());
        }
        // The end of the transaction may take a temporary table away.
        let passing = self.transaction.status() != Status::Idle && self.guard.own().has_temporary();
        self.transaction.trust.seen(passing);
        Ok(())
    }

    /// Something has changed, by code, of which nothing else is known.
    fn something_has_changed(&mut self) {
        let open = self.batch != Batch::Fresh || self.transaction.status() != Status::Idle;
        self.transaction.trust.looked(true, open);
        self.guard.own().note_anything();
    }

    /// Whether the session still understands names, strings and rights as it did when it began. Where all
    /// passes, the client may change them itself.
    fn is_still_pinned(&mut self, settings: &[String]) -> Result<(), End> {
        if settings.len() != ASKED.len() {
            return Err(End::Desynchronised);
        }
        let changed = |(name, value): &(&&str, &String)| !self.guard.is_as_begun(name, value);
        match ASKED.iter().zip(settings).find(changed) {
            Some((name, _)) => self.is_loose(name),
            None => Ok(()),
        }
    }

    /// What the session began with is another now: its end, but where the client may change everything itself.
    pub(super) fn is_loose(&mut self, setting: &str) -> Result<(), End> {
        if !self.guard.is_relaxed() {
            return Err(End::Pinned(setting.to_owned()));
        }
        self.guard.loosen(setting);
        Ok(())
    }

    /// Whether names of ours still stand for what we made; those of SQL that stand for something else now
    /// stand for nothing that was judged.
    fn is_still_named(&mut self, rows: &[Vec<String>]) -> Result<(), End> {
        let (mut statements, mut portals) = (Vec::new(), Vec::new());
        for row in rows {
            let [kind, name, text, length, ..] = row.as_slice() else {
                return Err(End::Desynchronised);
            };
            let named = Named {
                name: name.as_bytes(),
                text: text.as_bytes(),
                length: length.parse().map_err(|_| End::Desynchronised)?,
            };
            match kind.as_str() {
                "statement" => statements.push(named),
                _ => portals.push(named),
            }
        }
        let ours = self.names.hold_against(&statements, &portals);
        let is_known = |named: &Named<'_>| !matches!(self.names.portal(named.name), Known::Nothing);
        let all_known = ours && portals.iter().all(is_known);
        let relaxed = self.guard.is_relaxed();
        // Who may do everything may have code open any cursor: nobody may read it later on.
        let was_relaxed = self.looks.was_relaxed();
        match relaxed {
            true if !all_known => self.guard.loosen("names of statements and cursors"),
            false if !ours || (was_relaxed && !all_known) => return Err(End::Renamed),
            _ => {}
        }
        Ok(())
    }

    /// The server has run code that is not PostgreSQL's own: it may have made a temporary table that hides
    /// another one.
    pub(super) fn code_was_run(&mut self) {
        self.looks.are_due(self.guard.is_relaxed());
        self.transaction.trust.code_ran();
    }

    /// The server has answered a statement that ends a transaction, or a part of it.
    pub(super) fn transaction_changed(&mut self) {
        if self.transaction.trust.part_ended() {
            self.guard.own().look_anew();
        }
    }

    /// The server has answered a definition.
    pub(super) fn definitions_changed(&mut self) {
        self.transaction.trust.defines();
    }

    /// The server is idle again: what the transaction defined is there for all, or gone.
    pub(super) fn transaction_over(&mut self) {
        if self.transaction.trust.transaction_over() {
            self.guard.own_ended();
        }
    }
}

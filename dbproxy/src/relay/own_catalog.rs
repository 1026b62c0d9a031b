//! What a session's own definitions mean for the names in its next statements.
//!
//! Nobody else sees what an open transaction has created, and nobody else ever sees a temporary table.
//! So after a definition of its own the session asks over its own connection, between two statements,
//! and judges by that answer until the shared snapshot has caught up.

use super::batch::{Attention, Batch};
use super::deny::Refusal;
use super::expected::{Expected, Question};
use super::{End, Relay};
use crate::catalog::row;
use crate::wire::backend::{self, Status};
use crate::wire::{Frame, Violation, frame, write};

/// Whether the session has a schema for temporary objects: it has one once it made the first. And whether
/// its transaction has changed something for all, which nobody else sees yet: the server counts rows of the
/// catalog that are written (<https://www.postgresql.org/docs/current/monitoring-stats.html>), unless it was
/// told not to count.
const LOOK: &str = "SELECT 'looked', pg_catalog.pg_my_temp_schema()::pg_catalog.text, \
    (NOT pg_catalog.current_setting('track_counts')::pg_catalog.bool \
    OR pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(t.c) \
    OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_updated(t.c) \
    OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_deleted(t.c)) \
    OPERATOR(pg_catalog.>) 0::pg_catalog.numeric)::pg_catalog.text, '', '', '', '' \
    FROM pg_catalog.unnest(ARRAY['pg_catalog.pg_class', 'pg_catalog.pg_attribute', \
    'pg_catalog.pg_namespace', 'pg_catalog.pg_proc', 'pg_catalog.pg_type', 'pg_catalog.pg_operator', \
    'pg_catalog.pg_cast', 'pg_catalog.pg_rewrite', 'pg_catalog.pg_inherits', 'pg_catalog.pg_policy', \
    'pg_catalog.pg_constraint', 'pg_catalog.pg_attrdef', 'pg_catalog.pg_trigger']\
    ::pg_catalog.regclass[]) t(c)";
const LOOKED: &str = "looked";

impl Relay {
    /// Called before a text is judged: makes sure that the session's own definitions are known, also
    /// those that an earlier message of the same batch makes.
    pub(super) fn know_own_definitions(&mut self) -> Result<(), Refusal> {
        // While the open transaction has defined something, its end may take that away.
        let defining = self.queue.defines()
            || (self.defined && !self.queue.is_empty())
            || (self.ran_code && self.queue.ends());
        let unknown = defining || self.dirty || self.suspect;
        if !unknown && !self.guard.own_catalog_is_stale() {
            return Ok(());
        }
        if !self.queue.is_empty() {
            self.ask_for_answers();
            return Err(Refusal::Wait);
        }
        // In a failed block the server answers none. What is not known stays unknown then, and is refused.
        if self.status == Status::Failed {
            return Ok(());
        }
        if self.suspect && !self.dirty {
            self.ask_own_catalog(LOOK);
            return Err(Refusal::Wait);
        }
        if self.suspect {
            // What code has done besides is told by no name.
            self.guard.own().note_anything();
        }
        if self.batch != Batch::Fresh && !self.dirty {
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

    fn ask_own_catalog(&mut self, question: &str) {
        if self.batch != Batch::Fresh {
            self.ask_within_batch(question);
        } else {
            self.inbound.inject(|out| write::query(out, question));
            self.queue.push(Expected::Catalog(Question::default()));
        }
        self.attention = Attention::Settling;
    }

    /// A Query would end the batch's transaction. The unnamed statement and portal are none of the
    /// client's.
    fn ask_within_batch(&mut self, question: &str) {
        self.inbound.inject(|out| write::run(out, question));
        self.expect_extended(Expected::Catalog(Question {
            within_batch: Some(1),
            ..Question::default()
        }));
        self.ask_for_answers();
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
        match (frame.tag, &mut question.within_batch) {
            (b'D', _) => question.rows.push(row(body).map_err(End::Server)?),
            (b'E', Some(_)) => return self.failed(frame),
            (b'E', None) if self.script.is_some() => {
                // Of the statements of one message none runs behind one that failed.
                self.script_failed();
                self.pass_error(frame);
                return Ok(());
            }
            (b'E', None) => tracing::warn!("a session's own catalog can't be read"),
            (b'1' | b'2', Some(_)) | (b'T' | b'n' | b'I', None) => {}
            (b'C', Some(left)) => {
                *left = left.saturating_sub(1);
                answered = *left == 0;
            }
            (b'C', None) => {}
            (b'Z', None) => {
                self.status = backend::ready(body).map_err(End::Server)?;
                answered = true;
            }
            _ => return Err(End::Desynchronised),
        }
        self.outbound.discard(frame.length);
        if answered && let Some(Expected::Catalog(question)) = self.queue.pop() {
            self.own_catalog(&question);
        }
        Ok(())
    }

    fn own_catalog(&mut self, question: &Question) {
        let open = question.within_batch.is_some() || self.status != Status::Idle;
        if let [row] = question.rows.as_slice()
            && let [kind, schema, changed, ..] = row.as_slice()
            && kind == LOOKED
        {
            self.suspect = false;
            let changed = changed != "false";
            if schema != "0" || changed {
                self.guard.own().note_anything();
                self.dirty = true;
            }
            // The end of the transaction may take it away, or show it to all.
            self.defined |= changed && open;
            return;
        }
        if !question.rows.is_empty()
            && let Err(further) = self.guard.own().see(&question.rows, open)
        {
            self.ask_own_catalog(&further);
            return;
        }
        // The end of the transaction may take a temporary table away.
        self.defined |= self.status != Status::Idle && self.guard.own().has_temporary();
        self.dirty = false;
        self.suspect = false;
    }

    /// The server has run code that is not PostgreSQL's own: it may have made a temporary table that hides
    /// another one.
    pub(super) fn code_was_run(&mut self) {
        self.suspect = true;
        self.ran_code = true;
    }

    /// The server has answered a statement that ends a transaction, or a part of it.
    pub(super) fn transaction_changed(&mut self) {
        if self.defined {
            self.guard.own().look_anew();
            self.dirty = true;
        }
    }

    /// The server has answered a definition.
    pub(super) fn definitions_changed(&mut self) {
        self.dirty = true;
        self.defined = true;
    }

    /// The server is idle again: what the transaction defined is there for all, or gone.
    pub(super) fn transaction_over(&mut self) {
        // Its end has run what was put off.
        self.suspect |= std::mem::take(&mut self.ran_code);
        if std::mem::take(&mut self.defined) {
            self.guard.catalogs().refresh();
            self.guard.own().look_anew();
            self.dirty = true;
        }
    }
}

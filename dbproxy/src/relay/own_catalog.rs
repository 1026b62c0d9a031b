//! What a session's own definitions mean for the names in its next statements.
//!
//! Nobody else sees what an open transaction has created, and nobody else ever sees a temporary table.
//! So after a definition of its own the session asks over its own connection, between two statements,
//! and judges by that answer until the shared snapshot has caught up.

use super::batch::{Attention, Batch};
use super::deny::Refusal;
use super::expected::{Expected, Question};
use super::{End, Relay};
use crate::catalog::{self, row};
use crate::wire::backend::{self, Status};
use crate::wire::{Frame, Violation, frame, write};

impl Relay {
    /// Called before a text is judged: makes sure that the session's own definitions are known, also
    /// those that an earlier message of the same batch makes.
    pub(super) fn know_own_definitions(&mut self) -> Result<(), Refusal> {
        let defining = self.queue.defines();
        if !defining && !self.dirty && !self.guard.own_catalog_is_stale() {
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
        if self.batch == Batch::Fresh {
            self.inbound.inject(|out| write::query(out, catalog::QUERY));
            self.queue.push(Expected::Catalog(Question::default()));
        } else if self.dirty {
            self.ask_within_batch();
        } else {
            // Nothing of this session's has changed, and who asks first in a batch changes what may
            // follow (VACUUM and its kin must be alone).
            return Ok(());
        }
        self.attention = Attention::Settling;
        Err(Refusal::Wait)
    }

    /// A Query would end the batch's transaction. The unnamed statement and portal are none of the
    /// client's.
    fn ask_within_batch(&mut self) {
        let questions = || catalog::QUERY.split("; ");
        for question in questions() {
            self.inbound.inject(|out| {
                write::parse(out, "", question);
                write::frame(out, b'B', |out| out.extend_from_slice(&[0; 8]));
                write::frame(out, b'E', |out| out.extend_from_slice(&[0; 5]));
            });
        }
        self.expect_extended(Expected::Catalog(Question {
            within_batch: Some(questions().count()),
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
        if answered && let Some(Expected::Catalog(question)) = self.queue.pop() {
            self.own_catalog(&question);
        }
        self.outbound.discard(frame.length);
        Ok(())
    }

    fn own_catalog(&mut self, question: &Question) {
        if !question.rows.is_empty() {
            let open = question.within_batch.is_some() || self.status != Status::Idle;
            self.guard
                .see_own_catalog(catalog::read(&question.rows), open);
        }
        self.dirty = false;
    }

    /// The server has answered a definition.
    pub(super) fn definitions_changed(&mut self) {
        self.dirty = true;
        self.defined = true;
    }

    /// The server is idle again: what the transaction defined is there for all, or gone.
    pub(super) fn transaction_over(&mut self) {
        if std::mem::take(&mut self.defined) {
            self.guard.catalogs().refresh();
            self.dirty = true;
        }
    }
}

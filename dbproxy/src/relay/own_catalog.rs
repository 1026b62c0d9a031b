//! What a session's own definitions mean for the names in its next statements.
//!
//! Nobody else sees what an open transaction has created, and nobody else ever sees a temporary table.
//! So after a definition of its own the session asks over its own connection, between two statements,
//! and judges by that answer until the shared snapshot has caught up.

use std::sync::Arc;

use exeat_policy::{Access, RelationAccess, Request, StatementRequest, Subject};

use super::deny::Refusal;
use super::expected::Expected;
use super::{End, Relay};
use crate::catalog::row;
use crate::guard::Answer;
use crate::wire::backend::{self, Status};
use crate::wire::{Frame, Violation, frame, write};

impl Relay {
    /// Called before a text is judged: makes sure that the session's own definitions are known.
    pub(super) fn know_own_definitions(&mut self) -> Result<(), Refusal> {
        if !self.dirty && !self.guard.own_catalog_is_stale() {
            return Ok(());
        }
        if !self.queue.is_empty() {
            self.ask_for_answers();
            return Err(Refusal::Wait);
        }
        // Within a batch a question would end the batch's transaction; in a failed block the server
        // answers none. What is not known stays unknown then, and is refused.
        if self.unsynced || self.status == Status::Failed {
            return Ok(());
        }
        let named = std::mem::take(&mut self.definitions);
        let Some(question) = self.guard.own_question(&named) else {
            return Ok(());
        };
        self.inbound.inject(|out| write::query(out, &question));
        self.queue.push(Expected::Catalog(Vec::new()));
        self.settling = true;
        Err(Refusal::Wait)
    }

    /// A part of the answer. Nothing of it goes to the client.
    pub(super) fn catalog_answer(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        match frame.tag {
            b'D' => {
                let row = row(body).map_err(End::Server)?;
                if let Some(Expected::Catalog(rows)) = self.queue.front_mut() {
                    rows.push(row);
                }
            }
            b'E' => tracing::warn!("a session's own catalog can't be read"),
            b'Z' => {
                self.status = backend::ready(body).map_err(End::Server)?;
                if let Some(Expected::Catalog(rows)) = self.queue.pop()
                    && !rows.is_empty()
                {
                    let open = self.status != Status::Idle;
                    self.guard.see_own_catalog(&rows, open);
                }
                self.dirty = false;
                self.flushed = false;
            }
            b'T' | b'C' | b'n' | b'I' => {}
            _ => return Err(End::Desynchronised),
        }
        self.outbound.discard(frame.length);
        Ok(())
    }

    /// The names of what a statement defines: their columns may be others afterwards.
    pub(super) fn note_definitions(&mut self, answer: &Answer) {
        let Request::Statement(StatementRequest {
            subject: Subject::Readable(facts),
            ..
        }) = &answer.request
        else {
            return;
        };
        let defined = |access: &&RelationAccess| access.access == Access::Define;
        for access in facts.relations.iter().filter(defined) {
            if !self.definitions.contains(&access.relation.name) {
                self.definitions.push(Arc::clone(&access.relation.name));
            }
        }
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

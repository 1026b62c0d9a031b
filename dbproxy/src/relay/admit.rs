//! Asking about a statement and writing the answer down.

use std::sync::Arc;
use std::time::Instant;

use exeat_audit::{Parameter, Plane};
use exeat_policy::{AuditMode, UnreadableKind};
use exeat_service::metrics::decided;

use super::deny::Refusal;
use super::expected::{Query, QueryKind};
use super::running::Running;
use super::{End, Relay};
use crate::denial;
use crate::guard::{Answer, Asked, Verdict};
use crate::wire::Frame;
use crate::wire::backend::Status;

impl Relay {
    /// An allowed statement, on record. In strict mode nothing more leaves for the server until the
    /// record is durable.
    pub(super) fn admit(
        &mut self,
        answer: &Answer,
        parameters: &[Parameter],
    ) -> Result<Running, Refusal> {
        let (decision, receipt) = self
            .recorder
            .decision(
                &answer.request,
                &answer.decision,
                Some((&answer.text, parameters)),
            )
            .map_err(End::Audit)?;
        decided(
            Plane::Dbproxy,
            &answer.decision,
            self.hand.begun().elapsed(),
        );
        self.guard.own_note(answer);
        self.transaction.shows_at_most(answer.sight);
        let mode = answer.decision.obligations.audit;
        if mode == AuditMode::Strict {
            self.inbound_gate.close(&receipt, mode);
        }
        Ok(Running {
            decision,
            receipt,
            mode,
            verb: answer.verb,
            started: self.hand.begun(),
            admitted: Instant::now(),
            passed: self.guard.passed(answer),
            again: None,
            rows: 0,
            before: 0,
            limit: self.guard.row_limit(),
            stopped: None,
            judgeable: answer.judgeable.clone(),
            sight: answer.sight,
            foreign: answer.foreign,
            bytes_in: 0,
            bytes_out: 0,
            portal: None,
        })
    }

    /// A denied statement, on record.
    pub(super) fn denial(&mut self, answer: &Answer, parameters: &[Parameter]) -> Refusal {
        if answer.foreign && self.guard.own().has_seen() {
            // Where PostgreSQL was asked over this connection, that may have run code.
            self.code_was_run();
        }
        let rejection = answer.rejection.as_ref();
        if rejection.is_some_and(|rejection| !rejection.is_of_grammar()) {
            // In a failed block the server looks at no statement, but for its grammar.
            if !self.queue.is_empty() {
                self.ask_for_answers();
                return Refusal::Wait;
            }
            // Where the question itself has failed the block, its error is the statement's.
            let own = self.transaction.failed_by_a_question();
            if self.transaction.status() == Status::Failed && !own {
                return Refusal::block_has_failed();
            }
        }
        decided(
            Plane::Dbproxy,
            &answer.decision,
            self.hand.begun().elapsed(),
        );
        let recorded = self.recorder.decision(
            &answer.request,
            &answer.decision,
            Some((&answer.text, parameters)),
        );
        match recorded {
            Ok((id, _)) => Refusal::Error(Box::new(match &answer.rejection {
                Some(rejection) => denial::rejected(rejection),
                None => denial::statement(
                    &answer.request,
                    &answer.decision,
                    id,
                    &answer.text,
                    self.guard.asks(),
                ),
            })),
            Err(error) => Refusal::End(End::Audit(error)),
        }
    }

    /// The function call sub-protocol runs functions by their number: nothing that a rule could name. It
    /// passes only where the policy lets everything pass.
    pub(super) fn function_call(&mut self, frame: Frame) -> Result<(), Refusal> {
        let answer = self.unread(
            UnreadableKind::Unsupported,
            "the function call sub-protocol is not accepted",
        );
        if !answer.is_allowed() {
            return Err(self.denial(&answer, &[]));
        }
        let mut running = self.admit(&answer, &[])?;
        running.bytes_in = frame.length as u64;
        let mut query = Query {
            kind: QueryKind::Function,
            ..Query::default()
        };
        query.statements.push(running);
        self.inbound.pass(frame.length);
        self.expect_query(query);
        Ok(())
    }

    /// The answer about what is not read.
    pub(super) fn unread(&mut self, kind: UnreadableKind, detail: &str) -> Answer {
        let judged = self.guard.refused(kind, detail);
        self.guard.ask(&judged)
    }

    /// What a text needs before it can be judged.
    pub(super) fn find_out(&mut self, asked: Asked) -> Refusal {
        match asked {
            Asked::Others(pending) => self.hand.wait_for(pending),
            Asked::Aside(questions) => self.hand.wait_for(self.guard.ask_aside(questions)),
            Asked::Own(questions) => return self.ask_over_own(questions),
        }
        Refusal::Wait
    }

    /// Waits for a newer catalog where that could make a text readable.
    pub(super) fn await_catalog(&mut self, verdict: &Arc<Verdict>) -> Result<(), Refusal> {
        if !verdict.is_unresolved() {
            return Ok(());
        }
        // Looked for once, in a snapshot that begins after the message was complete.
        if self.guard.catalogs().is_newer_than(self.hand.begun()) {
            return Ok(());
        }
        let newer = self.guard.catalogs().newer_than(self.hand.begun());
        self.hand.wait_for(newer);
        Err(Refusal::Wait)
    }
}

//! Errors of the server: whose they are, what the client is told, and what did not happen because of them.

use std::borrow::Cow;

use exeat_audit::Outcome;

use super::batch::Batch;
use super::expected::{Expected, Forced};
use super::names::called::in_the_clients_words;
use super::{End, Relay};
use crate::wire::backend::{self, ErrorFields, Status};
use crate::wire::write::{self, Error};
use crate::wire::{Frame, frame};

/// SQLSTATE query_canceled.
const CANCELLED: &str = "57014";

impl Relay {
    /// A statement gave more rows than it may, and was through before it could be cancelled.
    pub(super) fn completed_over_limit(&mut self, frame: Frame) -> Result<(), End> {
        self.outbound.discard(frame.length);
        let last = match self.queue.front() {
            Some(Expected::Query(query)) => query.done + 1 == query.statements.len(),
            _ => self.queue.second_is_sync(),
        };
        let reads = self
            .queue
            .running()
            .is_some_and(|running| running.only_reads());
        // What the server does next, or has done already, can't be undone any more.
        if !last || !(reads || self.status == Status::Transaction) {
            return Err(End::RowLimit);
        }
        self.outbound.inject(|out| write::error(out, &over_limit()));
        self.finish_statement(None, Outcome::Limited, None)?;
        if let Some(Expected::Query(query)) = self.queue.front_mut() {
            query.failed = true;
        }
        self.told_failed = true;
        Ok(())
    }

    pub(super) fn failed(&mut self, frame: Frame) -> Result<(), End> {
        let unscanned = self.outbound.unscanned();
        let body = unscanned
            .get(frame::HEADER..frame.length.min(unscanned.len()))
            .unwrap_or_default();
        let ErrorFields { code, fatal, .. } = backend::error_fields(body);
        let code = code.unwrap_or("XX000").to_owned();
        if fatal {
            // It is what the client hears last, whether the server closes then or not.
            self.fatal = true;
            self.outbound.pass(frame.length);
            return Err(End::ServerClosed);
        }
        let mut over = false;
        if let Some(running) = self.queue.running() {
            over = running.over;
            self.outbound_gate.close(&running.receipt, running.mode);
        }
        let ours = match self.queue.front_mut() {
            None => return Err(End::Desynchronised),
            Some(Expected::Denied(error, _)) => Some(Some(error.as_ref().clone())),
            Some(Expected::Query(query)) => match query.forced.take() {
                Some(Forced::Denial(error)) => Some(Some(*error)),
                Some(Forced::Silent) => Some(None),
                None => None,
            },
            Some(_) => None,
        };
        match ours {
            Some(error) => self.replace(frame, error.as_ref()),
            None if over => self.replace(frame, Some(&over_limit())),
            None => self.pass_error(frame),
        }
        let outcome = match code.as_str() {
            _ if over => Outcome::Limited,
            CANCELLED => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        let finished = self.finish_failed(outcome, &code);
        self.copy_awaited();
        finished
    }

    /// An error in the server's words goes on; where they name what only we call so, in the client's.
    fn pass_error(&mut self, frame: Frame) {
        let (names, queue) = (&self.names, &self.queue);
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        // A portal may have ended with its transaction before this message of the client's reached it.
        let lost = queue.portal().unwrap_or_default();
        let name_of = |id| {
            let known = names.name_of(id).or_else(|| queue.name_of(id));
            known.or(Some(lost))
        };
        match in_the_clients_words(body, name_of) {
            Cow::Borrowed(_) => self.outbound.pass(frame.length),
            Cow::Owned(body) => {
                self.outbound.discard(frame.length);
                self.outbound
                    .inject(|out| write::frame(out, b'E', |out| out.extend_from_slice(&body)));
            }
        }
    }

    fn replace(&mut self, frame: Frame, error: Option<&Error>) {
        self.outbound.discard(frame.length);
        if let Some(error) = error {
            self.outbound.inject(|out| write::error(out, error));
        }
    }

    fn finish_failed(&mut self, outcome: Outcome, code: &str) -> Result<(), End> {
        self.query_opened();
        if matches!(self.queue.front(), Some(Expected::Sync)) {
            // The commit of an implicit transaction failed.
            return Ok(());
        }
        if let Some(running) = self.queue.running() {
            self.recorder
                .completion(running, None, outcome, Some(code))
                .map_err(End::Audit)?;
        }
        if let Some(Expected::Query(query)) = self.queue.front_mut() {
            query.failed = true;
            let failed = query.done;
            let effects = std::mem::take(&mut query.effects);
            let skipped: Vec<_> = query.statements.drain(failed..).skip(1).collect();
            for (_, effect) in &effects {
                self.names.skipped(effect);
            }
            return self.recorder.never_ran(&skipped).map_err(End::Audit);
        }
        match self.queue.pop() {
            Some(Expected::Parse(effect) | Expected::Bind(effect)) => self.names.refused(&effect),
            Some(Expected::Close(Some(effect)) | Expected::Execute(_, Some(effect))) => {
                self.names.skipped(&effect);
            }
            // It failed as it was to.
            Some(Expected::Denied(_, Some(effect))) => self.names.done(effect),
            Some(Expected::Cleared(id)) => self.names.still_unreachable(id),
            _ => {}
        }
        let skipped = self.queue.skip_to_sync();
        for effect in &skipped.effects {
            self.names.skipped(effect);
        }
        for id in skipped.unreachable {
            self.names.still_unreachable(id);
        }
        if skipped.open {
            self.batch = Batch::Failed;
        }
        self.recorder
            .never_ran(&skipped.statements)
            .map_err(End::Audit)
    }
}

/// The error that ends a result with too many rows.
fn over_limit() -> Error {
    Error::plain(
        "53400",
        "the result has more rows than the policy allows for one statement",
    )
    .detail("Reason: limit_rows. The rows up to the limit were sent, the rest was not.")
    .hint("Ask for fewer rows (WHERE, LIMIT), or for a higher `rows` limit of the role.")
}

//! Errors of the server: whose they are, what the client is told, and what did not happen because of them.

use std::borrow::Cow;

use exeat_audit::Outcome;

use super::batch::Batch;
use super::expected::{Expected, Forced, QueryKind};
use super::names::called::in_the_clients_words;
use super::running::Stopped;
use super::{End, Relay};
use crate::analysis::Trees;
use crate::disclosure::{Sight, disclosed};
use crate::guard::Code;
use crate::wire::backend::Status;
use crate::wire::write::{self, Error};
use crate::wire::{Fields, Frame, frame};

/// SQLSTATE query_canceled.
const CANCELLED: &str = "57014";

impl Relay {
    /// A statement's result is not passed on, and it was through before it could be cancelled.
    pub(super) fn completed_though_stopped(
        &mut self,
        frame: Frame,
        stopped: Stopped,
    ) -> Result<(), End> {
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
        if !last || !(reads || self.transaction.status() == Status::Transaction) {
            return Err(match stopped {
                Stopped::RowLimit => End::RowLimit,
                Stopped::NotJudged => End::NotJudged,
                Stopped::Overtaken => End::Overtaken,
            });
        }
        self.outbound
            .inject(|out| write::error(out, &stopped.error()));
        self.finish_statement(None, stopped.outcome(), None)?;
        if let Some(Expected::Query(query)) = self.queue.front_mut() {
            query.failed = true;
        }
        self.transaction.fails_for_the_client();
        Ok(())
    }

    pub(super) fn failed(&mut self, frame: Frame) -> Result<(), End> {
        let unscanned = self.outbound.unscanned();
        let body = unscanned
            .get(frame::HEADER..frame.length.min(unscanned.len()))
            .unwrap_or_default();
        let (code, fatal) = code_of(body);
        if fatal {
            // It is what the client hears last, whether the server closes then or not.
            self.fatal = true;
            self.outbound.pass(frame.length);
            return Err(End::ServerClosed);
        }
        self.script_failed();
        let mut stopped = None;
        if let Some(running) = self.queue.running() {
            stopped = running.stopped;
            self.outbound_gate.close(&running.receipt, running.mode);
        }
        let ours = match self.queue.front_mut() {
            None => return Err(End::Desynchronised),
            Some(Expected::Denied(error, _)) => Some(Some(error.as_ref().clone())),
            Some(Expected::Query(query)) => match &query.kind {
                QueryKind::Forced(Forced::Denial(error)) => Some(Some(error.as_ref().clone())),
                QueryKind::Forced(Forced::Silent) => Some(None),
                QueryKind::Read | QueryKind::Unread | QueryKind::Function | QueryKind::Hidden => {
                    None
                }
            },
            Some(_) => None,
        };
        match (ours, stopped) {
            (Some(error), _) => self.replace(frame, error.as_ref()),
            (None, Some(stopped)) => self.replace(frame, Some(&stopped.error())),
            (None, None) => self.pass_error(frame),
        }
        let outcome = match (stopped, code.as_str()) {
            (Some(stopped), _) => stopped.outcome(),
            (None, CANCELLED) => Outcome::Cancelled,
            (None, _) => Outcome::Failed,
        };
        let finished = self.finish_failed(outcome, &code);
        self.copy_awaited();
        finished
    }

    /// An error in the server's words goes on; where they name what only we call so, in the client's.
    pub(super) fn pass_error(&mut self, frame: Frame) {
        let (names, queue) = (&self.names, &self.queue);
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        // A portal may have ended with its transaction before this message of the client's reached it.
        let lost = queue.portal().unwrap_or_default();
        let name_of = |id| {
            let known = names.name_of(id).or_else(|| queue.name_of(id));
            known.or(Some(lost))
        };
        let body = in_the_clients_words(body, name_of);
        let body = match self.disclosed(&body) {
            Some(told) => Cow::Owned(told),
            None => body,
        };
        let body = match self.within_message(&body) {
            Some(moved) => moved,
            None => match body {
                Cow::Borrowed(_) => return self.outbound.pass(frame.length),
                Cow::Owned(body) => body,
            },
        };
        self.tell(frame, &body);
    }

    /// Another body in the place of a message's own.
    fn tell(&mut self, frame: Frame, body: &[u8]) {
        self.outbound.discard(frame.length);
        self.outbound
            .inject(|out| write::frame(out, frame.tag, |out| out.extend_from_slice(body)));
    }

    /// What the client may see of a message about what runs now; `None` where that is all of it.
    fn disclosed(&self, body: &[u8]) -> Option<Vec<u8>> {
        if self.queue.asks_about_a_statement() {
            return self.disclosed_of_a_question(body);
        }
        // What fails at the end of a transaction may be about any of its statements.
        let sight = self.queue.sight().least(self.transaction.sight());
        disclosed(body, sight, |schema, table, columns| {
            self.guard.reads(schema, table, columns)
        })
    }

    /// The same about a statement that is looked at: the text is the client's, and code that runs then was
    /// judged by nobody.
    fn disclosed_of_a_question(&self, body: &[u8]) -> Option<Vec<u8>> {
        let by_code = Fields::read(body).has(b'W');
        let sight = if by_code { Sight::NONE } else { Sight::ALL };
        disclosed(body, sight, |_, _, _| false)
    }

    /// A NoticeResponse: at any time, about anything.
    pub(super) fn notice(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        let own = self.queue.runs_own() && is_of_the_server_itself(body);
        if own || Trees::is_tree(body) {
            self.outbound.discard(frame.length);
            return Ok(());
        }
        if self.is_of_hidden_block(body) {
            self.outbound.discard(frame.length);
            return Ok(());
        }
        match self.disclosed(body) {
            Some(told) => self.tell(frame, &told),
            None => self.outbound.pass(frame.length),
        }
        Ok(())
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
            let foreign = running.foreign;
            self.recorder
                .completion(running, None, outcome, Some(code))
                .map_err(End::Audit)?;
            if foreign {
                // A procedure may have committed before it failed.
                self.code_was_run();
            }
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
            Some(Expected::Parse(effect) | Expected::Bind(effect)) => {
                if effect.code() != Code::Never {
                    // What it ran is undone, but not all that code may have done.
                    self.code_was_run();
                }
                self.names.refused(&effect);
            }
            Some(Expected::DescribeStatement(_, true)) => self.code_was_run(),
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

/// Whether a notice is what the server says of its own work, and no code: it may quote what is run.
fn is_of_the_server_itself(body: &[u8]) -> bool {
    let fields = Fields::read(body);
    matches!(fields.bytes(b'V'), Some(b"DEBUG" | b"LOG")) && !fields.has(b'W')
}

/// The SQLSTATE of an error, and whether the server closes.
fn code_of(body: &[u8]) -> (String, bool) {
    let fields = Fields::read(body);
    let code = fields.text(b'C').map(Cow::into_owned);
    (
        code.unwrap_or_else(|| "XX000".to_owned()),
        fields.is_fatal(),
    )
}

//! What the server sends, matched with what it was asked.
//!
//! INVARIANT: an answer that nobody is waiting for, or that can't be the answer to what was asked, ends
//! the session: it would mean that the server did something else than what was judged.

use exeat_audit::Outcome;
use exeat_policy::Verb;

use super::expected::{Expected, Forced};
use super::{Copy, End, Relay};
use crate::wire::backend::{self, ErrorFields, Status};
use crate::wire::write::{self, Error};
use crate::wire::{Frame, Violation, frame};

/// SQLSTATE query_canceled.
const CANCELLED: &str = "57014";

impl Relay {
    /// Examines all that has arrived from the server.
    pub(super) fn scan_server(&mut self) -> Result<(), End> {
        while !self.outbound.within_frame() && !self.outbound.congested() {
            let unscanned = self.outbound.unscanned();
            let Some(frame) = frame::header(unscanned).map_err(End::Server)? else {
                break;
            };
            let ours = matches!(self.queue.front(), Some(Expected::Catalog(_)));
            let whole = ours || matches!(frame.tag, b'C' | b'E' | b'S' | b'Z');
            if whole && frame.length <= frame::WHOLE && unscanned.len() < frame.length {
                self.outbound.need(frame.length);
                break;
            }
            // What comes unasked is for the client, whatever is asked now.
            if ours && !matches!(frame.tag, b'S' | b'A' | b'N') {
                self.catalog_answer(frame)?;
            } else {
                self.answer(frame)?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, frame: Frame) -> Result<(), End> {
        match frame.tag {
            b'D' => self.row(frame),
            b'C' | b'I' | b's' => self.completed(frame),
            b'Z' => self.ready(frame),
            b'E' => self.failed(frame),
            b'S' => self.parameter(frame),
            // At any time, about anything.
            b'N' | b'A' => {
                self.outbound.pass(frame.length);
                Ok(())
            }
            b'1' | b'2' | b'3' => self.defined(frame),
            b'V' => self.function_result(frame),
            b'T' | b't' | b'n' => self.described(frame),
            b'G' | b'H' | b'd' | b'c' => self.copying(frame),
            _ => Err(End::Server(Violation::UnexpectedType)),
        }
    }

    /// No answer to what was asked: that is still open, and its statements get their completion from
    /// the end of the session.
    fn out_of_turn(&mut self, asked: Option<Expected>) -> End {
        if let Some(asked) = asked {
            self.queue.push_front(asked);
        }
        End::Desynchronised
    }

    /// ParseComplete, BindComplete, CloseComplete.
    fn defined(&mut self, frame: Frame) -> Result<(), End> {
        match (frame.tag, self.queue.pop()) {
            (b'1', Some(Expected::Parse(undo)))
            | (b'2', Some(Expected::Bind(undo)))
            | (b'3', Some(Expected::Close(undo))) => self.names.confirm(undo),
            (_, other) => return Err(self.out_of_turn(other)),
        }
        self.outbound.pass(frame.length);
        Ok(())
    }

    /// ParameterDescription, RowDescription, NoData.
    fn described(&mut self, frame: Frame) -> Result<(), End> {
        match (frame.tag, self.queue.front()) {
            (b't', Some(Expected::DescribeStatement)) => {
                self.queue.pop();
                self.queue.push_front(Expected::Describe);
            }
            (b'T' | b'n', Some(Expected::Describe)) => {
                self.queue.pop();
            }
            // In a Query the rows are described without being asked for.
            (b'T', Some(Expected::Query(query))) if query.forced.is_none() => {
                return self.result(frame);
            }
            _ => return Err(End::Desynchronised),
        }
        self.outbound.pass(frame.length);
        Ok(())
    }

    /// FunctionCallResponse: all of the answer but ReadyForQuery.
    fn function_result(&mut self, frame: Frame) -> Result<(), End> {
        match self.queue.front() {
            Some(Expected::Query(query)) if query.calls && !query.failed => {}
            _ => return Err(End::Server(Violation::UnexpectedType)),
        }
        self.result(frame)?;
        self.finish_statement(None, Outcome::Completed, None)
    }

    /// A part of a statement's result: held until the statement's decision is where its mode says.
    fn result(&mut self, frame: Frame) -> Result<(), End> {
        let running = self.queue.running().ok_or(End::Desynchronised)?;
        running.bytes_out += frame.length as u64;
        self.outbound_gate.close(&running.receipt, running.mode);
        self.outbound.pass(frame.length);
        Ok(())
    }

    fn row(&mut self, frame: Frame) -> Result<(), End> {
        let running = self.queue.running().ok_or(End::Desynchronised)?;
        if running.row() {
            if !running.over {
                running.over = true;
                self.cancel.send();
            }
            self.outbound.discard(frame.length);
            return Ok(());
        }
        self.result(frame)
    }

    /// CopyInResponse, CopyOutResponse, CopyData, CopyDone.
    fn copying(&mut self, frame: Frame) -> Result<(), End> {
        match frame.tag {
            b'G' if self.copy == Copy::Waiting => {
                self.copy = Copy::In;
                self.result(frame)
            }
            b'G' => Err(End::Desynchronised),
            b'd' => self.row(frame),
            _ => self.result(frame),
        }
    }

    /// CommandComplete, EmptyQueryResponse, PortalSuspended.
    fn completed(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame);
        let rows = body.filter(|_| frame.tag == b'C').and_then(backend::rows);
        let over = match self.queue.front_mut() {
            Some(Expected::Nothing) if frame.tag == b'I' => {
                self.queue.pop();
                self.outbound.pass(frame.length);
                return Ok(());
            }
            Some(Expected::Query(query)) if frame.tag == b'I' => {
                if !query.statements.is_empty() || query.forced.is_some() {
                    return Err(End::Desynchronised);
                }
                self.outbound.pass(frame.length);
                return Ok(());
            }
            Some(Expected::Query(query)) if frame.tag == b's' || query.failed || query.calls => {
                return Err(End::Desynchronised);
            }
            // What was read as a statement can't be empty to the server.
            Some(Expected::Execute(..)) if frame.tag == b'I' => return Err(End::Desynchronised),
            Some(Expected::Execute(..) | Expected::Query(_)) => {
                self.queue.running().ok_or(End::Desynchronised)?.over
            }
            _ => return Err(End::Desynchronised),
        };
        if over {
            return self.completed_over_limit(frame);
        }
        self.result(frame)?;
        self.finish_statement(rows, Outcome::Completed, None)
    }

    /// The first statement in the queue is done.
    fn finish_statement(
        &mut self,
        rows: Option<u64>,
        outcome: Outcome,
        sqlstate: Option<&str>,
    ) -> Result<(), End> {
        let Some(running) = self.queue.running() else {
            return Ok(());
        };
        if let Some(portal) = &running.portal {
            self.names.count(portal, running.rows);
        }
        let defines = matches!(running.verb, Verb::Define | Verb::Discard);
        self.recorder
            .completion(running, rows, outcome, sqlstate)
            .map_err(End::Audit)?;
        match self.queue.front_mut() {
            Some(Expected::Query(query)) => {
                query.done += 1;
                let done = query.done;
                while let Some((index, _)) = query.effects.first() {
                    if *index >= done {
                        break;
                    }
                    let (_, undo) = query.effects.remove(0);
                    self.names.confirm(undo);
                }
            }
            _ => {
                if let Some(Expected::Execute(_, Some(undo))) = self.queue.pop() {
                    self.names.confirm(undo);
                }
                self.copy = Copy::None;
            }
        }
        if defines && outcome == Outcome::Completed {
            self.definitions_changed();
        }
        Ok(())
    }

    /// A statement gave more rows than it may, and was through before it could be cancelled.
    fn completed_over_limit(&mut self, frame: Frame) -> Result<(), End> {
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

    fn failed(&mut self, frame: Frame) -> Result<(), End> {
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
            Some(Expected::Denied(error)) => Some(Some(error.as_ref().clone())),
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
            None => self.outbound.pass(frame.length),
        }
        let outcome = match code.as_str() {
            _ if over => Outcome::Limited,
            CANCELLED => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.finish_failed(outcome, &code)
    }

    fn replace(&mut self, frame: Frame, error: Option<&Error>) {
        self.outbound.discard(frame.length);
        if let Some(error) = error {
            self.outbound.inject(|out| write::error(out, error));
        }
    }

    fn finish_failed(&mut self, outcome: Outcome, code: &str) -> Result<(), End> {
        self.copy = Copy::None;
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
            for (_, undo) in effects.into_iter().rev() {
                self.names.undo(undo);
            }
            return self.recorder.never_ran(&skipped).map_err(End::Audit);
        }
        let failed = match self.queue.pop() {
            Some(Expected::Parse(undo) | Expected::Bind(undo) | Expected::Close(undo)) => {
                Some(undo)
            }
            Some(Expected::Execute(_, undo)) => undo,
            _ => None,
        };
        let skipped = self.queue.skip_to_sync();
        for undo in skipped.undo.into_iter().chain(failed) {
            self.names.undo(undo);
        }
        if skipped.open {
            self.skipping = true;
        }
        self.recorder
            .never_ran(&skipped.statements)
            .map_err(End::Audit)
    }

    fn ready(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        let status = backend::ready(body).map_err(End::Server)?;
        match self.queue.pop() {
            Some(Expected::Sync) => {}
            Some(Expected::Query(query))
                if query.forced.is_none()
                    && (query.failed || query.done == query.statements.len()) => {}
            // The server ran fewer statements than were read in the text, or was not asked to.
            other => return Err(self.out_of_turn(other)),
        }
        self.status = status;
        self.flushed = false;
        self.copy = Copy::None;
        if status == Status::Idle {
            self.names.transaction_ended();
            self.transaction_over();
        }
        if std::mem::take(&mut self.told_failed) && status == Status::Transaction {
            // The client believes that its block has failed: make it so before it hears more.
            self.outbound.discard(frame.length);
            if !self.queue.is_empty() {
                return Err(End::RowLimit);
            }
            self.fail_block();
            return Ok(());
        }
        self.outbound.pass(frame.length);
        Ok(())
    }

    fn parameter(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        let (name, value) = backend::parameter_status(body).map_err(End::Server)?;
        if !self.pinned.holds(name, value) && !self.guard.is_relaxed() {
            return Err(End::Pinned(name.to_owned()));
        }
        self.outbound.pass(frame.length);
        Ok(())
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

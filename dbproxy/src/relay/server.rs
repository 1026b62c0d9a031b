//! What the server sends, matched with what it was asked.
//!
//! INVARIANT: an answer that nobody is waiting for, or that can't be the answer to what was asked, ends
//! the session: it would mean that the server did something else than what was judged.

use std::borrow::Cow;

use exeat_audit::Outcome;

use super::expected::{Expected, Forced};
use super::names::called::in_the_clients_words;
use super::running::Stopped;
use super::{Copy, End, Relay};
use crate::analysis::Trees;
use crate::disclosure::{disclosed, origins};
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
            let ours = self.queue.asks_catalog();
            let asked = self.queue.asks_about_a_statement();
            let whole =
                ours || asked || matches!(frame.tag, b'C' | b'E' | b'N' | b'S' | b'T' | b'Z');
            if whole && frame.length <= frame::WHOLE && unscanned.len() < frame.length {
                self.outbound.need(frame.length);
                break;
            }
            // What comes unasked is for the client, whatever is asked now.
            if asked && !matches!(frame.tag, b'S' | b'A') {
                self.own_answer(frame)?;
            } else if ours && !matches!(frame.tag, b'S' | b'A' | b'N') {
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
            b'N' => self.notice(frame),
            b'A' => {
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
            (b'1', Some(Expected::Parse(effect)))
            | (b'2', Some(Expected::Bind(effect)))
            | (b'3', Some(Expected::Close(Some(effect)))) => self.names.done(effect),
            (b'3', Some(Expected::Close(None))) => {}
            (b'3', Some(Expected::Cleared(_))) => {
                self.outbound.discard(frame.length);
                return Ok(());
            }
            (tag, Some(Expected::Own(own))) if tag == own => {
                self.outbound.discard(frame.length);
                return Ok(());
            }
            (_, other) => return Err(self.out_of_turn(other)),
        }
        self.outbound.pass(frame.length);
        Ok(())
    }

    /// ParameterDescription, RowDescription, NoData.
    fn described(&mut self, frame: Frame) -> Result<(), End> {
        if frame.tag == b'T' && !self.was_judged(frame)? {
            return self.not_judged(frame);
        }
        match (frame.tag, self.queue.front_mut()) {
            (b't', Some(Expected::DescribeStatement(judgeable))) => {
                let judgeable = judgeable.take();
                self.queue.pop();
                self.queue.push_front(Expected::Describe(judgeable));
            }
            (b'T' | b'n', Some(Expected::Describe(_))) => {
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

    /// Whether each column of a result comes from what was judged, as far as the server tells.
    fn was_judged(&mut self, frame: Frame) -> Result<bool, End> {
        let judgeable = match self.queue.front() {
            Some(Expected::Describe(judgeable)) => judgeable.clone(),
            Some(Expected::Query(_)) => {
                let running = self.queue.running();
                running.and_then(|running| running.judgeable.clone())
            }
            _ => None,
        };
        let Some(judgeable) = judgeable else {
            return Ok(true);
        };
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        let origins = origins(body).map_err(End::Server)?;
        let judged = |(table, column): &(u32, i16)| *table == 0 || judgeable.holds(*table, *column);
        Ok(origins.iter().all(judged))
    }

    /// A result has a column that nobody judged: nothing of it goes on.
    fn not_judged(&mut self, frame: Frame) -> Result<(), End> {
        // The catalog that the statement was judged by is no more.
        self.guard.catalogs().refresh();
        match self.queue.running() {
            Some(running) => running.stopped = Some(Stopped::NotJudged),
            // What is described may be run already, and its rows be on their way.
            None => return Err(End::NotJudged),
        }
        self.cancel.send();
        self.outbound.discard(frame.length);
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
        if running.rows == 0
            && running.limit.is_some()
            && let Some(portal) = &running.portal
        {
            running.before = self.names.rows(portal);
        }
        if running.row() {
            if running.stopped.is_none() {
                running.stopped = Some(Stopped::RowLimit);
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
        let stopped = match self.queue.front_mut() {
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
                self.queue.running().ok_or(End::Desynchronised)?.stopped
            }
            _ => return Err(End::Desynchronised),
        };
        if let Some(stopped) = stopped {
            return self.completed_though_stopped(frame, stopped);
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
        self.query_opened();
        let Some(running) = self.queue.running() else {
            return Ok(());
        };
        if let Some(portal) = &running.portal {
            self.names.count(portal, running.rows);
        }
        let defines = running.defines();
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
                    let (_, effect) = query.effects.remove(0);
                    self.names.done(effect);
                }
            }
            _ => {
                if let Some(Expected::Execute(_, Some(effect))) = self.queue.pop() {
                    self.names.done(effect);
                }
                self.copy = Copy::None;
            }
        }
        if defines && outcome == Outcome::Completed {
            self.definitions_changed();
        }
        Ok(())
    }

    /// The server is at a Query.
    fn query_opened(&mut self) {
        if let Some(Expected::Query(query)) = self.queue.front_mut()
            && let Some(opening) = query.opening.take()
        {
            self.names.done(opening);
        }
    }

    /// A statement gave more rows than it may, and was through before it could be cancelled.
    fn completed_though_stopped(&mut self, frame: Frame, stopped: Stopped) -> Result<(), End> {
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
        self.outbound
            .inject(|out| write::error(out, &stopped.error()));
        self.finish_statement(None, stopped.outcome(), None)?;
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
        let mut stopped = None;
        if let Some(running) = self.queue.running() {
            stopped = running.stopped;
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
        self.finish_failed(outcome, &code)
    }

    /// An error in the server's words goes on; where they name what only we call so, in the client's.
    fn pass_error(&mut self, frame: Frame) {
        let (names, queue) = (&self.names, &self.queue);
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        let name_of = |id| names.name_of(id).or_else(|| queue.name_of(id));
        let body = in_the_clients_words(body, name_of);
        let body = match self.disclosed(&body) {
            Some(told) => told,
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
        let sight = self.queue.sight();
        disclosed(body, sight, |schema, table, columns| {
            self.guard.reads(schema, table, columns)
        })
    }

    /// A NoticeResponse: at any time, about anything.
    fn notice(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        if Trees::is_tree(body) {
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
        self.copy = Copy::None;
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
            self.skipping = true;
        }
        self.recorder
            .never_ran(&skipped.statements)
            .map_err(End::Audit)
    }

    fn ready(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        let status = backend::ready(body).map_err(End::Server)?;
        self.query_opened();
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

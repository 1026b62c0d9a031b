//! What the server sends, matched with what it was asked.
//!
//! INVARIANT: an answer that nobody is waiting for, or that can't be the answer to what was asked, ends
//! the session: it would mean that the server did something else than what was judged.

use std::sync::Arc;

use exeat_audit::Outcome;
use exeat_policy::Verb;

use super::client::Flow;
use super::expected::{Expected, QueryKind};
use super::running::Stopped;
use super::{Copy, End, Relay};
use crate::disclosure::origins;
use crate::guard::{Code, fires_deferred};
use crate::wire::backend::{self, Status};
use crate::wire::{Frame, Violation, frame};

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
            let longest = if asked { frame::TREE } else { frame::WHOLE };
            if whole && frame.length <= longest && unscanned.len() < frame.length {
                self.outbound.need(frame.length);
                break;
            }
            // What comes unasked is for the client, whatever is asked now.
            if asked && !matches!(frame.tag, b'S' | b'A') {
                self.own_answer(frame)?;
            } else if ours && !matches!(frame.tag, b'S' | b'A' | b'N') {
                self.catalog_answer(frame)?;
            } else {
                if self.is_overtaken(frame)? == Flow::Wait {
                    break;
                }
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
            (b'1', Some(Expected::Parse(effect))) => {
                if effect.code() >= Code::Early {
                    self.code_was_run();
                }
                self.names.done(effect);
            }
            (b'2', Some(Expected::Bind(effect))) => {
                self.transaction
                    .trust
                    .code_bound(effect.code(), effect.id());
                self.names.done(effect);
            }
            (b'3', Some(Expected::Close(Some(effect)))) => self.names.done(effect),
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
            (b't', Some(Expected::DescribeStatement(judgeable, runs_code))) => {
                let (judgeable, runs_code) = (judgeable.take(), *runs_code);
                if runs_code {
                    self.code_was_run();
                }
                self.queue.pop();
                self.queue.push_front(Expected::Describe(judgeable));
            }
            (b'T' | b'n', Some(Expected::Describe(_))) => {
                self.queue.pop();
            }
            (b'T' | b'n', Some(Expected::Look(_))) => {
                self.queue.pop();
                self.outbound.discard(frame.length);
                return Ok(());
            }
            // In a Query the rows are described without being asked for.
            (b'T', Some(Expected::Query(query))) if !matches!(query.kind, QueryKind::Forced(_)) => {
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
            Some(Expected::Look(judgeable)) => Some(Arc::clone(judgeable)),
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
        if let Some(running) = self.queue.looked_at() {
            // Its rows may be on their way: they go no further either.
            running.stopped = Some(Stopped::NotJudged);
            self.queue.pop();
        } else if let Some(running) = self.queue.running() {
            running.stopped = Some(Stopped::NotJudged);
        } else {
            // What is described may be run already, and its rows be on their way.
            return Err(End::NotJudged);
        }
        self.cancel.send();
        self.outbound.discard(frame.length);
        Ok(())
    }

    /// FunctionCallResponse: all of the answer but ReadyForQuery.
    fn function_result(&mut self, frame: Frame) -> Result<(), End> {
        match self.queue.front() {
            Some(Expected::Query(query))
                if matches!(query.kind, QueryKind::Function) && !query.failed => {}
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
            Some(Expected::Query(query)) => match (&query.kind, frame.tag) {
                _ if query.failed => return Err(End::Desynchronised),
                (QueryKind::Hidden, b'C') => {
                    self.outbound.discard(frame.length);
                    return Ok(());
                }
                (QueryKind::Read, b'I') if query.statements.is_empty() => {
                    self.outbound.pass(frame.length);
                    return Ok(());
                }
                (QueryKind::Unread, b'C' | b'I') => return self.completed_unread(frame),
                (QueryKind::Read, b'C') => self.queue.running().ok_or(End::Desynchronised)?.stopped,
                _ => return Err(End::Desynchronised),
            },
            // What was read as a statement can't be empty to the server.
            Some(Expected::Execute(..)) if frame.tag == b'I' => return Err(End::Desynchronised),
            Some(Expected::Execute(..)) => self.queue.running().ok_or(End::Desynchronised)?.stopped,
            _ => return Err(End::Desynchronised),
        };
        if let Some(stopped) = stopped {
            return self.completed_though_stopped(frame, stopped);
        }
        if self.holds_back(frame, rows) {
            return Ok(());
        }
        if let Some((answer, rows)) = self.held_back() {
            return self.committed(frame, &answer, rows);
        }
        self.result(frame)?;
        self.finish_statement(rows, Outcome::Completed, None)
    }

    /// One of the statements of a text that nobody has read.
    fn completed_unread(&mut self, frame: Frame) -> Result<(), End> {
        let running = self.queue.running().ok_or(End::Desynchronised)?;
        if let Some(stopped) = running.stopped {
            return self.completed_though_stopped(frame, stopped);
        }
        self.result(frame)?;
        // The next one may ask for data as well.
        self.copy = Copy::Waiting;
        Ok(())
    }

    /// ReadyForQuery is what ends a text that nobody has read.
    fn unread_ended(&mut self) -> Result<(), End> {
        match self.queue.front() {
            Some(Expected::Query(query))
                if matches!(query.kind, QueryKind::Unread)
                    && !query.failed
                    && query.done < query.statements.len() =>
            {
                self.finish_statement(None, Outcome::Completed, None)
            }
            _ => Ok(()),
        }
    }

    /// The first statement in the queue is done.
    pub(super) fn finish_statement(
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
        let foreign = running.foreign;
        let ends = matches!(running.verb, None | Some(Verb::Transaction));
        let fires = fires_deferred(running.verb);
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
                self.copy_awaited();
            }
        }
        if defines && outcome == Outcome::Completed {
            self.definitions_changed();
        }
        if foreign || (fires && self.transaction.trust.may_run_code_at_its_end()) {
            self.code_was_run();
        }
        if ends {
            self.transaction.may_change();
            self.transaction_changed();
        }
        Ok(())
    }

    /// What was answered may stand before a COPY that is still on its way.
    pub(super) fn copy_awaited(&mut self) {
        self.copy = if self.queue.ends_with_copy_in() {
            Copy::Waiting
        } else {
            Copy::None
        };
    }

    /// The server is at a Query.
    pub(super) fn query_opened(&mut self) {
        if let Some(Expected::Query(query)) = self.queue.front_mut()
            && let Some(opening) = query.opening.take()
        {
            self.names.done(opening);
        }
    }

    fn ready(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame).unwrap_or_default();
        let status = backend::ready(body).map_err(End::Server)?;
        self.query_opened();
        self.unread_ended()?;
        if self.commits_next() {
            self.transaction.goes_on(status);
            // Its data are all there, also where it is not done before the commit is.
            self.copy = Copy::None;
            self.outbound.discard(frame.length);
            return Ok(());
        }
        match self.queue.pop() {
            Some(Expected::Sync) => {}
            Some(Expected::Query(query))
                if query.failed
                    || !matches!(query.kind, QueryKind::Forced(_))
                        && query.done == query.statements.len() => {}
            // The server ran fewer statements than were read in the text, or was not asked to.
            other => return Err(self.out_of_turn(other)),
        }
        self.transaction.ready(status);
        self.copy_awaited();
        if status == Status::Idle {
            if self.queue.is_empty() {
                self.transaction.shows_all();
            }
            self.names.transaction_ended();
            self.transaction_over();
        }
        if self.script.is_some() {
            self.statement_of_script_answered();
            self.outbound.discard(frame.length);
            return Ok(());
        }
        if self.transaction.failed_for_the_client() && status == Status::Transaction {
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
        if !self.pinned.holds(name, value) {
            let name = name.to_owned();
            self.is_loose(&name)?;
        }
        self.outbound.pass(frame.length);
        Ok(())
    }
}

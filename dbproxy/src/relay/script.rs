//! A message whose later statements mean what its earlier ones make of them (`CREATE TABLE m …; INSERT INTO
//! m …`): its statements go to the server one by one, each judged when those before it have run.
//!
//! To PostgreSQL the statements of one message are one transaction, unless they say otherwise. So a block of
//! the proxy's own is opened around them where none is open, and the client hears of it what PostgreSQL says
//! of the one message: no block, one ReadyForQuery, and what fails at the end in the place of the last
//! statement's completion.
//!
//! INVARIANT: what fails or is denied takes along all that the block has done; nothing behind it runs.

mod block;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use exeat_audit::Outcome;
use exeat_policy::Verb;

use super::client::Flow;
use super::deny::Refusal;
use super::expected::{Expected, Query, QueryKind};
use super::names::spelled;
use super::{End, Relay};
use crate::guard::Verdict;
use crate::wire::backend::Status;
use crate::wire::write::{self, Error};
use crate::wire::{Fields, Frame};
use block::Part;

/// A message that runs statement by statement.
#[derive(Debug)]
pub(super) struct Script {
    text: Arc<[u8]>,
    /// The statements that were not sent yet.
    left: VecDeque<(Range<usize>, Part)>,
    /// Where the one that was looked at last begins.
    at: usize,
    /// How many requests to cancel had come when it began.
    cancels: u64,
    /// It runs another statement, and what is wrong with that is not about the message.
    executes: bool,
    /// What that one is to a transaction block.
    part: Part,
    /// The next one was looked at, and had to wait.
    looked: bool,
    /// The open block is the proxy's own.
    ours: bool,
    /// The client was told an error.
    failed: bool,
    /// The completion of the last statement, which the client gets when the block's is there.
    held: Option<Held>,
}

/// A completion that is held back.
#[derive(Debug)]
struct Held {
    answer: Vec<u8>,
    rows: Option<u64>,
    /// The server is ready to commit.
    ready: bool,
    /// It was asked to.
    committing: bool,
}

impl Relay {
    /// Takes a message over, to run it statement by statement.
    pub(super) fn begin_script(&mut self, frame: Frame, verdict: &Verdict) -> Result<(), Refusal> {
        self.settled()?;
        let part = |(range, transaction)| (range, Part::of(transaction));
        self.script = Some(Script {
            text: Arc::clone(&verdict.sql),
            left: verdict.parts().map(part).collect(),
            at: 0,
            executes: false,
            cancels: self.cancel.requests(),
            part: Part::Plain,
            looked: false,
            ours: false,
            failed: false,
            held: None,
        });
        self.inbound.discard(frame.length);
        Ok(())
    }

    /// Has the server commit, where it has run the last statement of a block of ours; whether it was told now.
    pub(super) fn commit_script(&mut self) -> bool {
        let held = self.script.as_mut().and_then(|script| script.held.as_mut());
        match held {
            Some(held) if held.ready && !held.committing => {
                held.committing = true;
                self.inbound.inject(|out| write::query(out, "COMMIT"));
                true
            }
            _ => false,
        }
    }

    /// Goes on with the message that runs statement by statement.
    pub(super) fn next_of_script(&mut self) -> Result<Flow, End> {
        if self.commit_script() {
            return Ok(Flow::Wait);
        }
        let Some(script) = &mut self.script else {
            return Ok(Flow::Next);
        };
        if !self.queue.is_empty() || self.outbound.within_frame() {
            return Ok(Flow::Wait);
        }
        match (
            self.transaction.status(),
            script.failed,
            script.left.front().cloned(),
        ) {
            (Status::Transaction | Status::Failed, true, _) if script.ours => {
                self.hidden("ROLLBACK");
            }
            (Status::Transaction, true, _) => self.fail_block(),
            (Status::Transaction, false, None) if script.ours => self.hidden("COMMIT"),
            (_, true, _) | (_, _, None) => self.end_script(),
            (_, false, Some((range, part))) => return self.next_statement(range, part),
        }
        Ok(Flow::Next)
    }

    /// The client gets its one ReadyForQuery.
    fn end_script(&mut self) {
        self.script = None;
        let status = self.transaction.status();
        self.outbound.inject(|out| write::ready(out, status));
    }

    /// A statement of the proxy's own.
    fn hidden(&mut self, sql: &str) {
        self.inbound.inject(|out| write::query(out, sql));
        let opening = self.names.use_unnamed();
        self.expect_query(Query {
            kind: QueryKind::Hidden,
            opening,
            ..Query::default()
        });
    }

    fn next_statement(&mut self, range: Range<usize>, part: Part) -> Result<Flow, End> {
        let Some(script) = &mut self.script else {
            return Ok(Flow::Next);
        };
        let text = Arc::clone(&script.text);
        let piece = text.get(range.clone()).unwrap_or_default();
        if !std::mem::replace(&mut script.looked, true) {
            self.hand.take_up_part();
            script.at = range.start;
            script.part = part;
        }
        match (script.part, self.transaction.status()) {
            (Part::Plain, Status::Idle) => {
                script.ours = true;
                self.hidden("BEGIN");
                return Ok(Flow::Next);
            }
            // It fails, and in the server's own words, where no block is open.
            (Part::Within, Status::Transaction) if script.ours => {
                script.ours = false;
                self.hidden("ROLLBACK");
                return Ok(Flow::Next);
            }
            _ => {}
        }
        match self.judge_piece(piece) {
            Ok(()) => Ok(Flow::Next),
            Err(Refusal::Wait | Refusal::Behind) => Ok(Flow::Wait),
            Err(Refusal::End(end)) => Err(end),
            Err(Refusal::Error(error)) => {
                self.tell_refusal(*error);
                Ok(Flow::Next)
            }
        }
    }

    /// Judges one statement by what names mean now, and sends it.
    fn judge_piece(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        // A cancel is one of the message: what the server has run of it by then was only a part.
        let begun = self.script.as_ref().map(|script| script.cancels);
        if self.hand.was_given_up() || begun.is_some_and(|begun| begun != self.cancel.requests()) {
            return Err(Refusal::cancelled());
        }
        self.know_own_definitions(self.is_concerned(piece))?;
        let (part, ours) = match &self.script {
            Some(script) => (script.part, script.ours),
            None => (Part::Plain, false),
        };
        if part == Part::Unclear && (ours || self.transaction.status() == Status::Idle) {
            return Err(Refusal::not_within_a_message());
        }
        let verdict = match self.guard.verdict(piece, &[]) {
            Ok(verdict) => verdict,
            Err(asked) => return Err(self.find_out(asked)),
        };
        self.await_catalog(&verdict)?;
        if let Some(script) = &mut self.script {
            let mut statements = verdict.statements.iter();
            script.executes = statements.any(|judged| judged.verb() == Some(Verb::Execute));
        }
        let (query, edits) = self.admit_query(&verdict, piece.len())?;
        if part == Part::Ends && ours {
            self.outbound.inject(block::no_transaction);
        }
        self.inbound.inject(|out| {
            write::frame(out, b'Q', |out| {
                spelled::edited(verdict.forwarded(), &edits, out);
                out.push(0);
            });
        });
        self.expect_query(query);
        if let Some(script) = &mut self.script {
            script.left.pop_front();
            script.looked = false;
        }
        Ok(())
    }

    /// A statement is refused: the client gets the error, and the message is over.
    fn tell_refusal(&mut self, mut error: Error) {
        let script = self.script.as_ref().filter(|script| !script.executes);
        let before = script.map_or(0, Script::before);
        for (letter, text) in &mut error.further {
            if *letter == b'P'
                && let Ok(position) = text.parse::<usize>()
            {
                *text = (position + before).to_string();
            }
        }
        self.outbound.inject(|out| write::error(out, &error));
        self.script_failed();
    }

    /// The client was told an error.
    pub(super) fn script_failed(&mut self) {
        if let Some(script) = &mut self.script {
            script.failed = true;
            script.held = None;
        }
    }

    /// Whether this is the end of the message's last statement, and waits for that of the block.
    pub(super) fn holds_back(&mut self, frame: Frame, rows: Option<u64>) -> bool {
        let Some(script) = &mut self.script else {
            return false;
        };
        let last = script.ours && script.left.is_empty() && script.part == Part::Plain;
        if !last || script.held.is_some() {
            return false;
        }
        let answer = self.outbound.unscanned().get(..frame.length);
        script.held = Some(Held {
            answer: answer.unwrap_or_default().to_vec(),
            rows,
            ready: false,
            committing: false,
        });
        self.outbound.discard(frame.length);
        true
    }

    /// What was held back, where the server has committed.
    pub(super) fn held_back(&mut self) -> Option<(Vec<u8>, Option<u64>)> {
        let held = self.script.as_mut()?.held.take()?;
        Some((held.answer, held.rows))
    }

    /// The block is committed: its last statement is done.
    pub(super) fn committed(
        &mut self,
        frame: Frame,
        answer: &[u8],
        rows: Option<u64>,
    ) -> Result<(), End> {
        self.outbound.discard(frame.length);
        let running = self.queue.running().ok_or(End::Desynchronised)?;
        running.bytes_out += answer.len() as u64;
        self.outbound_gate.close(&running.receipt, running.mode);
        self.outbound.inject(|out| out.extend_from_slice(answer));
        self.finish_statement(rows, Outcome::Completed, None)
    }

    /// Whether the server has run the last statement, and is to commit before the client hears of it.
    pub(super) fn commits_next(&mut self) -> bool {
        let held = self.script.as_mut().and_then(|script| script.held.as_mut());
        match held {
            Some(held) if !held.ready => {
                held.ready = true;
                true
            }
            _ => false,
        }
    }

    /// The server is ready for the next statement.
    pub(super) fn statement_of_script_answered(&mut self) {
        let told_failed = self.transaction.failed_for_the_client();
        let Some(script) = &mut self.script else {
            return;
        };
        script.failed |= told_failed;
        // A block that the client begins is the client's, also where it begins with what was done before.
        let begun = script.part == Part::Begins && !script.looked && !script.failed;
        if begun || self.transaction.status() == Status::Idle {
            script.ours = false;
        }
    }

    /// Whether a warning says no more than that a block of the proxy's own is open.
    pub(super) fn is_of_hidden_block(&self, body: &[u8]) -> bool {
        let sent = |script: &Script| script.ours && script.part == Part::Begins && !script.looked;
        let runs = matches!(self.queue.front(), Some(Expected::Query(query)) if !matches!(query.kind, QueryKind::Hidden));
        runs && self.script.as_ref().is_some_and(sent)
            && Fields::read(body).bytes(b'C') == Some(b"25001")
    }

    /// An error's or notice's body with its position counted in the message; `None` where it has none, or
    /// what it is about is a message.
    pub(super) fn within_message(&self, body: &[u8]) -> Option<Vec<u8>> {
        let script = self.script.as_ref()?;
        block::moved(body, || script.before())
    }
}

impl Script {
    /// So many characters of the message stand before the statement that runs.
    fn before(&self) -> usize {
        let before = self.text.get(..self.at).unwrap_or_default();
        String::from_utf8_lossy(before).chars().count()
    }
}

impl Refusal {
    /// A statement about transactions that is something else within a message than alone.
    pub(super) fn not_within_a_message() -> Self {
        Self::Error(Box::new(
            Error::plain(
                "0A000",
                "this statement cannot run after a definition in the same message",
            )
            .hint("Send it in a message of its own."),
        ))
    }
}

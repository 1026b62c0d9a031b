//! PostgreSQL asked over the session's own connection what it would check for a statement: where only this
//! session sees what the statement names, or would have to wait for what it has locked itself.
//!
//! The statement is parsed in the transaction that it will run in, and never run. An error is the one that
//! the client's own message would have got, and fails the same things.

use super::batch::{Attention, Batch};
use super::deny::Refusal;
use super::expected::Expected;
use super::{End, Relay};
use crate::analysis::{Heard, Question, ServerError, Trees};
use crate::catalog::row;
use crate::wire::backend::{self, Status};
use crate::wire::{Frame, Violation, frame, write};

/// Lets the server tell its trees, until the end of the transaction at most.
const TELL: &str = "SELECT \
    pg_catalog.set_config('exeat.messages', pg_catalog.current_setting('client_min_messages'), true), \
    pg_catalog.set_config('client_min_messages', 'log', true), \
    pg_catalog.set_config('debug_pretty_print', 'off', true), \
    pg_catalog.set_config('debug_print_parse', 'on', true), \
    pg_catalog.set_config('debug_print_rewritten', 'on', true)";

/// Back to what the client has.
const BE_QUIET: &str = "SELECT pg_catalog.set_config('debug_print_rewritten', 'off', true), \
    pg_catalog.set_config('debug_print_parse', 'off', true), \
    pg_catalog.set_config('debug_pretty_print', 'on', true), \
    pg_catalog.set_config('client_min_messages', pg_catalog.current_setting('exeat.messages'), true)";

/// A question on its way.
#[derive(Debug)]
pub(crate) struct OwnQuestion {
    question: Question,
    trees: Trees,
    /// The rows of a question of the proxy's own.
    rows: Vec<Vec<String>>,
    error: Option<ServerError>,
    /// How many ParseCompletes have come: the second one is the statement's.
    parsed: u8,
    /// How many statements of the proxy's own have been run.
    run: u8,
    /// It ends with the answers to a Flush; elsewhere with ReadyForQuery.
    within_batch: bool,
}

impl Relay {
    /// Asks; the message that waits for it is looked at again when the answers are there.
    pub(super) fn ask_over_own(&mut self, questions: Vec<Question>) -> Refusal {
        if !self.queue.is_empty() {
            self.ask_for_answers();
            return Refusal::Wait;
        }
        if self.status == Status::Failed {
            for question in questions {
                self.guard
                    .heard(question, Heard::Error(ServerError::failed_block()));
            }
            // Nothing is on its way: it is looked at again at once.
            self.refresh = Some(Box::pin(async {}));
            return Refusal::Wait;
        }
        for question in questions {
            if question.declared.is_empty() {
                self.ask_one_over_own(question);
            } else {
                // What the types are called says what they are only to who looks them up first.
                self.guard
                    .heard(question, Heard::Error(ServerError::declared_types()));
            }
        }
        if self.queue.is_empty() {
            self.refresh = Some(Box::pin(async {}));
            return Refusal::Wait;
        }
        if self.batch != Batch::Fresh {
            self.ask_for_answers();
        }
        self.attention = Attention::Settling;
        Refusal::Wait
    }

    fn ask_one_over_own(&mut self, question: Question) {
        let within_batch = self.batch != Batch::Fresh;
        let (text, types) = question.in_full();
        self.inbound.inject(|out| {
            if question.reaches.is_some() {
                write::run(out, text);
            } else {
                write::run(out, TELL);
                write::parse_with(out, "", text, types);
                write::run(out, BE_QUIET);
            }
            if !within_batch {
                write::frame(out, b'S', |_| {});
            }
        });
        self.queue.push(Expected::Analysis(Box::new(OwnQuestion {
            question,
            trees: Trees::default(),
            rows: Vec::new(),
            error: None,
            parsed: 0,
            run: 0,
            within_batch,
        })));
        if within_batch {
            self.batch = Batch::Open { flushed: false };
        }
    }

    /// A part of the answer. Nothing of it goes to the client, but an error within a batch: the batch has
    /// failed, and by what the client itself has sent.
    pub(super) fn own_answer(&mut self, frame: Frame) -> Result<(), End> {
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        let Some(Expected::Analysis(asked)) = self.queue.front_mut() else {
            return Err(End::Desynchronised);
        };
        let mut answered = false;
        match frame.tag {
            b'D' if asked.question.reaches.is_some() => {
                asked.rows.push(row(body).map_err(End::Server)?);
            }
            b'N' if asked.parsed == 1 => asked.trees.hear(body),
            b'N' | b'2' | b'D' => {}
            b'1' => asked.parsed += 1,
            b'C' => {
                asked.run += 1;
                let last = if asked.question.reaches.is_some() {
                    1
                } else {
                    2
                };
                answered = asked.within_batch && asked.run == last;
            }
            b'E' if asked.within_batch => return self.failed(frame),
            b'E' => {
                asked.error = Some(ServerError::read(body));
                self.own_failed = true;
            }
            b'Z' if !asked.within_batch => {
                self.status = backend::ready(body).map_err(End::Server)?;
                answered = true;
            }
            _ => return Err(End::Desynchronised),
        }
        if answered && let Some(Expected::Analysis(asked)) = self.queue.pop() {
            let heard = match asked.error {
                Some(error) => Heard::Error(error),
                None if asked.question.reaches.is_some() => Heard::Rows(asked.rows),
                None => Heard::Trees(asked.trees),
            };
            self.guard.heard(asked.question, heard);
        }
        self.outbound.discard(frame.length);
        Ok(())
    }
}

impl ServerError {
    fn declared_types() -> Self {
        Self::of(&[
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', "0A000"),
            (
                b'M',
                "PREPARE with declared types is not possible where the session has definitions of its own",
            ),
            (
                b'H',
                "Leave the types out, or prepare the statement by the protocol.",
            ),
        ])
    }

    /// What the server answers in a failed transaction block, in its own words.
    fn failed_block() -> Self {
        Self::of(&[
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', "25P02"),
            (
                b'M',
                "current transaction is aborted, commands ignored until end of transaction block",
            ),
        ])
    }
}

//! PostgreSQL asked over the session's own connection what it would check for a statement: where only this
//! session sees what the statement names, or would have to wait for what it has locked itself.
//!
//! The statement is parsed, and never run. An error is the one that the client's own message would have got,
//! and fails the same things. Nothing that is run for its constants (the check of a domain) stays: the question
//! is a read-only transaction of its own, or a read-only part of the open block, that is rolled back. Only
//! behind messages of a pipeline (no Sync since) it is asked within what is open there, where a check that
//! writes is not put back.

use super::batch::{Attention, Batch};
use super::deny::{IN_FAILED_BLOCK, Refusal};
use super::expected::Expected;
use super::{End, Relay};
use crate::analysis::{Heard, Question, ServerError, Trees};
use crate::catalog::row;
use crate::wire::backend::{self, Status};
use crate::wire::{Frame, Violation, frame, write};

/// What stands around a question, so that nothing of what is run for it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    /// A transaction of its own: no other is open.
    Transaction,
    /// A part of the open block.
    Part,
    /// Nothing: whether a block is open is not known within a batch, and what was done in it must stay.
    Nothing,
}

impl Around {
    fn before(self) -> &'static [&'static str] {
        match self {
            Self::Transaction => &["BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY", TELL],
            Self::Part => &["SAVEPOINT exeat_question", READ_ONLY, TELL],
            Self::Nothing => &[TELL],
        }
    }

    /// The end of a transaction of its own comes by itself, since an error may stand before it.
    fn behind(self) -> &'static [&'static str] {
        match self {
            Self::Transaction => &[],
            Self::Part => &[
                "ROLLBACK TO SAVEPOINT exeat_question",
                "RELEASE SAVEPOINT exeat_question",
            ],
            Self::Nothing => &[BE_QUIET],
        }
    }
}

/// Within it nothing is written.
const READ_ONLY: &str = "SELECT pg_catalog.set_config('transaction_read_only', 'on', true)";

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
    /// The length of a tree that is longer than any that is read; 0 otherwise.
    too_long: usize,
    /// The rows of a question of the proxy's own.
    rows: Vec<Vec<String>>,
    error: Option<ServerError>,
    around: Around,
    /// How many ParseCompletes have come: those of what stands before it, then the statement's.
    parsed: usize,
    /// How many statements of the proxy's own have been run.
    run: usize,
    /// How many ReadyForQuery are still to come.
    readies: u8,
    /// It ends with the answers to a Flush; elsewhere with ReadyForQuery.
    within_batch: bool,
    /// It is asked in its short form: an error would have the wrong place, and an answer may rest on values.
    short: bool,
}

impl OwnQuestion {
    /// How many statements of the proxy's own are run for it.
    fn runs(&self) -> usize {
        match self.question.reaches {
            Some(_) => 1,
            None => self.around.before().len() + self.around.behind().len(),
        }
    }
}

impl Relay {
    /// Asks; the message that waits for it is looked at again when the answers are there.
    pub(super) fn ask_over_own(&mut self, questions: Vec<Question>) -> Refusal {
        if !self.queue.is_empty() {
            self.ask_for_answers();
            return Refusal::Wait;
        }
        if self.transaction.status() == Status::Failed {
            for question in questions {
                self.guard
                    .heard(question, Heard::Error(ServerError::failed_block()));
            }
            // Nothing is on its way: it is looked at again at once.
            self.hand.look_again();
            return Refusal::Wait;
        }
        for question in questions {
            if question.declared.is_empty() {
                let short = self.batch == Batch::Fresh && question.whole.is_some();
                self.ask_one_over_own(question, short);
            } else {
                // What the types are called says what they are only to who looks them up first.
                self.guard
                    .heard(question, Heard::Error(ServerError::declared_types()));
            }
        }
        if self.queue.is_empty() {
            self.hand.look_again();
            return Refusal::Wait;
        }
        if self.batch != Batch::Fresh {
            self.ask_for_answers();
        }
        self.attention = Attention::Settling;
        Refusal::Wait
    }

    fn ask_one_over_own(&mut self, question: Question, short: bool) {
        let within_batch = self.batch != Batch::Fresh;
        let around = match self.transaction.status() {
            _ if within_batch && self.transaction.is_unsure() => Around::Nothing,
            Status::Transaction => Around::Part,
            _ if within_batch => Around::Nothing,
            _ => Around::Transaction,
        };
        let runs = question.reaches.is_some();
        let (text, types) = match short {
            true => (&*question.text, &*question.types),
            false => question.in_full(),
        };
        self.inbound.inject(|out| {
            if runs {
                write::run(out, text);
            } else {
                around.before().iter().for_each(|sql| write::run(out, sql));
                write::parse_with(out, "", text, types);
                around.behind().iter().for_each(|sql| write::run(out, sql));
            }
            if !within_batch {
                write::frame(out, b'S', |_| {});
            }
            if around == Around::Transaction && !runs {
                write::query(out, "ROLLBACK");
            }
        });
        self.queue.push(Expected::Analysis(Box::new(OwnQuestion {
            question,
            trees: Trees::default(),
            too_long: 0,
            rows: Vec::new(),
            error: None,
            around,
            parsed: 0,
            run: 0,
            readies: 1 + u8::from(around == Around::Transaction && !runs),
            within_batch,
            short,
        })));
        if within_batch {
            self.batch = Batch::Open { flushed: false };
        }
    }

    /// A part of the answer. Nothing of it goes to the client, but an error within a batch: the batch has
    /// failed, and by what the client itself has sent.
    pub(super) fn own_answer(&mut self, frame: Frame) -> Result<(), End> {
        let Some(Expected::Analysis(asked)) = self.queue.front_mut() else {
            return Err(End::Desynchronised);
        };
        if frame.tag == b'N' && frame.length > frame::TREE {
            asked.too_long = frame.length;
            self.outbound.discard(frame.length);
            return Ok(());
        }
        let body = frame::body(self.outbound.unscanned(), frame)
            .ok_or(End::Server(Violation::LengthTooLarge))?;
        let mut answered = false;
        match frame.tag {
            b'D' if asked.question.reaches.is_some() => {
                asked.rows.push(row(body).map_err(End::Server)?);
            }
            b'N' if asked.parsed == asked.around.before().len() => asked.trees.hear(body),
            b'N' | b'2' | b'D' => {}
            b'1' => asked.parsed += 1,
            b'C' => {
                asked.run += 1;
                answered = asked.within_batch && asked.run == asked.runs();
            }
            b'E' if asked.within_batch => return self.failed(frame),
            b'E' => asked.error = Some(ServerError::read(body)),
            b'Z' if !asked.within_batch => {
                asked.readies = asked.readies.saturating_sub(1);
                answered = asked.readies == 0;
                if answered {
                    self.transaction
                        .goes_on(backend::ready(body).map_err(End::Server)?);
                    self.transaction.was_asked(asked.error.is_some());
                }
            }
            _ => return Err(End::Desynchronised),
        }
        if answered && let Some(Expected::Analysis(asked)) = self.queue.pop() {
            let short = asked.short;
            let heard = match asked.error {
                Some(error) => Heard::Error(error),
                None if asked.question.reaches.is_some() => Heard::Rows(asked.rows),
                None if asked.too_long > 0 => Heard::TooLong(asked.too_long),
                None => Heard::Trees(asked.trees),
            };
            if !short {
                self.guard.heard(asked.question, heard);
            } else if let Some(question) = self.guard.heard_in_short(asked.question, heard) {
                self.ask_one_over_own(question, false);
            }
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
        let (code, message) = IN_FAILED_BLOCK;
        Self::of(&[
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', code),
            (b'M', message),
        ])
    }
}

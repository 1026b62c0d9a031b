//! A message that does not go on: what the client gets, and how the server's state stays what the
//! client believes it to be.
//!
//! Where the server has nothing to forget the answer is made here. Where it has (a transaction block,
//! or a batch of which something was forwarded already), a statement that must fail is sent in the
//! message's place: the server fails exactly what the client believes failed, and its error is replaced
//! by ours, so that order and transaction status are the server's own.

use std::borrow::Cow;

use super::batch::Batch;
use super::expected::{Expected, Forced, Query, QueryKind};
use super::names::Effect;
use super::{End, Relay};
use crate::wire::backend::Status;
use crate::wire::write::{self, Error};
use crate::wire::{Frame, Violation, frame};

/// No statement of any version of PostgreSQL, without a literal or a quote that could swallow something.
const FAILS: &str = "exeat denied a statement";

/// What the server answers in a failed transaction block, in its own words.
pub(super) const IN_FAILED_BLOCK: (&str, &str) = (
    "25P02",
    "current transaction is aborted, commands ignored until end of transaction block",
);

/// Why a message does not go on.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Not yet: it is looked at again when something arrives.
    Wait,
    /// The client gets this error.
    Error(Box<Error>),
    /// PostgreSQL itself refuses a statement that stands behind others of its message, which run before.
    Behind,
    /// The session ends.
    End(End),
}

/// A message that is not forwarded.
#[derive(Debug)]
pub(super) struct Denied {
    frame: Frame,
    /// What it names, if anything, is the unnamed statement.
    unnamed: bool,
    error: Box<Error>,
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::End(End::Client(violation))
    }
}

impl From<End> for Refusal {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

impl Refusal {
    fn error(error: Error) -> Self {
        Self::Error(Box::new(error))
    }

    /// As PostgreSQL words it.
    pub(super) fn several_statements() -> Self {
        Self::error(Error::plain(
            "42601",
            "cannot insert multiple commands into a prepared statement",
        ))
    }

    /// A statement that only runs another one that works with names.
    pub(super) fn hidden() -> Self {
        Self::error(
            Error::plain(
                "0A000",
                "EXECUTE or FETCH of a statement that names another statement or cursor is not accepted",
            )
            .hint("Send that statement itself."),
        )
    }

    /// Whether a name is all that is wrong, or a block that may have ended by then.
    pub(super) fn is_of_a_name(&self) -> bool {
        matches!(self, Self::Error(error) if matches!(&*error.code, "26000" | "34000" | "25P02"))
    }

    /// A statement that was cancelled before it ran; the words are PostgreSQL's.
    pub(super) fn cancelled() -> Self {
        Self::error(Error::plain(
            "57014",
            "canceling statement due to user request",
        ))
    }

    /// What the server says to every statement of a failed block before it looks for what it names.
    pub(super) fn block_has_failed() -> Self {
        let (code, message) = IN_FAILED_BLOCK;
        Self::error(Error::plain(code, message))
    }

    /// A session that never closes what it opens.
    pub(super) fn too_many_names() -> Self {
        Self::error(
            Error::plain(
                "53400",
                "too many prepared statements and portals in this session",
            )
            .hint("Close statements that are no longer needed."),
        )
    }
}

fn shown(name: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(name)
}

impl Relay {
    /// A name that this session never prepared; the words are PostgreSQL's.
    pub(super) fn unknown_statement(name: &[u8]) -> Refusal {
        let message = if name.is_empty() {
            "unnamed prepared statement does not exist".to_owned()
        } else {
            format!("prepared statement \"{}\" does not exist", shown(name))
        };
        Refusal::error(Error::plain("26000", message))
    }

    /// A name that this session never opened; the words are PostgreSQL's.
    pub(super) fn unknown_portal(name: &[u8]) -> Refusal {
        let message = format!("portal \"{}\" does not exist", shown(name));
        Refusal::error(Error::plain("34000", message))
    }

    /// The words are PostgreSQL's.
    pub(super) fn statement_exists(name: &[u8]) -> Box<Error> {
        let message = format!("prepared statement \"{}\" already exists", shown(name));
        Box::new(Error::plain("42P05", message))
    }

    /// A cursor that this session can't have by this name; the words are PostgreSQL's.
    pub(super) fn unknown_cursor(name: &str) -> Refusal {
        let message = format!("cursor \"{name}\" does not exist");
        Refusal::error(Error::plain("34000", message))
    }

    /// A cursor's name that is taken; the words are PostgreSQL's.
    pub(super) fn cursor_exists(name: &str) -> Refusal {
        let message = format!("cursor \"{name}\" already exists");
        Refusal::error(Error::plain("42P03", message))
    }

    /// A name as the proxy gives them itself.
    pub(super) fn reserved_name(name: &str) -> Refusal {
        let message = format!("the name \"{name}\" is reserved for the proxy's own");
        Refusal::error(Error::plain("42939", message).hint("Choose another name."))
    }

    /// A name that stands in its statement in a way that can't be followed.
    pub(super) fn unclear_name(name: &str) -> Refusal {
        let message =
            format!("the name \"{name}\" is spelled in a way that the proxy can't follow");
        Refusal::error(Error::plain("0A000", message).hint("Write it as a plain identifier."))
    }

    /// Answers a message instead of forwarding it: when all of it was there, as the server does. Who writes a long
    /// one to its end before reading would wait for ever for what had come by then.
    pub(super) fn deny(&mut self, frame: Frame, error: Box<Error>) {
        let here = self.inbound.unscanned();
        let late = here.len() < frame.length;
        let denied = Denied {
            unnamed: here.get(frame::HEADER) == Some(&0),
            frame,
            error,
        };
        self.inbound.discard(frame.length);
        match late {
            true => self.denied = Some(denied),
            false => self.tell_denied(denied),
        }
    }

    /// The message was there to its end, and none of it went on.
    pub(super) fn tell_denied(&mut self, denied: Denied) {
        let Denied {
            frame,
            unnamed,
            error,
        } = denied;
        let simple = matches!(frame.tag, b'Q' | b'F');
        // To the server every Query uses the unnamed statement and portal, also one that fails, and a
        // Parse without a name drops the statement before it.
        let opening = match frame.tag {
            b'Q' => self.names.use_unnamed(),
            b'P' if unnamed => self.names.forget_unnamed(),
            _ => None,
        };
        let untouched = self.queue.is_empty() && self.batch == Batch::Fresh;
        if untouched && self.transaction.status() != Status::Transaction {
            if let Some(opening) = opening {
                self.names.done(opening);
            }
            let status = self.transaction.status();
            self.outbound.inject(|out| {
                write::error(out, &error);
                if simple {
                    write::ready(out, status);
                }
            });
            if !simple {
                self.batch = Batch::Refused;
            }
        } else if simple {
            self.inbound.inject(|out| write::query(out, FAILS));
            self.expect_query(Query {
                opening,
                kind: QueryKind::Forced(Forced::Denial(error)),
                ..Query::default()
            });
        } else {
            self.fail_batch(error, opening);
        }
    }

    /// Fails the batch that the server is in; the client gets this error.
    pub(super) fn fail_batch(&mut self, error: Box<Error>, effect: Option<Effect>) {
        // As the unnamed statement, which is none of the client's.
        self.inbound.inject(|out| write::parse(out, "", FAILS));
        self.expect_extended(Expected::Denied(error, effect));
        self.batch = Batch::Failed;
    }

    /// Fails the server's transaction block after the client was told that its statement failed.
    pub(super) fn fail_block(&mut self) {
        self.inbound.inject(|out| write::query(out, FAILS));
        self.queue.push_front(Expected::Query(Query {
            kind: QueryKind::Forced(Forced::Silent),
            ..Query::default()
        }));
    }

    /// Makes the server send the answers that it still holds.
    pub(super) fn ask_for_answers(&mut self) {
        if self.batch.flush() {
            self.inbound.inject(|out| write::frame(out, b'H', |_| {}));
        }
    }
}

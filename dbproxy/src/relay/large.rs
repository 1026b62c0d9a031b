//! Messages with SQL that are over a MiB: how long they may be, and what all sessions' together may hold.
//!
//! INVARIANT: what a session holds of a large message is counted before it is held, and grows only with
//! what has really arrived.

use std::sync::Arc;

use exeat_policy::UnreadableKind;
use exeat_service::config::StatementLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::deny::Refusal;
use super::{End, Relay};
use crate::wire::write::Error;
use crate::wire::{Frame, frame};

/// What is in a message beside its text: names, and types of parameters.
const BESIDES: usize = 512 << 10;

/// What the large messages of a session hold.
#[derive(Debug)]
pub(crate) struct Large {
    /// How long a text may be.
    message: usize,
    /// What all sessions may hold, in bytes.
    memory: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Large {
    /// The room that all sessions share.
    pub(crate) fn room(limits: &StatementLimits) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(limits.memory))
    }

    pub(crate) fn new(message: usize, memory: &Arc<Semaphore>) -> Self {
        Self {
            message,
            memory: Arc::clone(memory),
            held: None,
        }
    }

    /// Whether there is room for so many bytes.
    fn hold(&mut self, bytes: usize) -> bool {
        let held = self
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(bytes.saturating_sub(held)) else {
            return false;
        };
        let Ok(more) = Arc::clone(&self.memory).try_acquire_many_owned(more) else {
            return false;
        };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        true
    }
}

impl Relay {
    /// Whether a message with SQL is longer than any may be.
    pub(super) fn is_too_large(&self, frame: Frame) -> bool {
        frame.length > self.large.message.saturating_add(BESIDES)
    }

    /// So many bytes of a message are to be read next, of one that is not here yet.
    pub(super) fn need(&mut self, frame: Frame) -> Result<(), Refusal> {
        if frame.length <= frame::WHOLE {
            self.inbound.need(frame.length);
            return Ok(());
        }
        // Who only announces much gets no room for it.
        let here = self.inbound.unscanned().len();
        let next = here.saturating_mul(2).max(frame::WHOLE).min(frame.length);
        if self.large.hold(next) {
            self.inbound.need(next);
            return Ok(());
        }
        let detail = "too many large messages are being read at once (limits.memory)";
        self.record_refusal("large_messages", detail)?;
        Err(Refusal::Error(Box::new(
            Error::plain("53200", detail).hint("Try again, or send large values as parameters."),
        )))
    }

    /// Gives back the room of what has gone on.
    pub(super) fn settle_large(&mut self) {
        if self.large.held.is_some() && self.inbound.holds() <= frame::WHOLE {
            self.large.held = None;
        }
    }

    /// A message that is longer than any may be.
    pub(super) fn too_large(&mut self, frame: Frame) -> Refusal {
        let detail = format!(
            "a message of {} bytes is over the limit of {} for its text (limits.message)",
            frame.length, self.large.message
        );
        let answer = self.unread(UnreadableKind::TooLarge, &detail);
        if !answer.is_allowed() {
            return self.denial(&answer, &[]);
        }
        // Where everything may run it is not the policy that refuses.
        match self.record_refusal("message_too_large", &detail) {
            Ok(()) => Refusal::Error(Box::new(
                Error::plain("54000", detail).hint("Send large values as parameters."),
            )),
            Err(refusal) => refusal,
        }
    }

    fn record_refusal(&self, code: &str, detail: &str) -> Result<(), Refusal> {
        let recorded = self.recorder.refused(code, detail);
        recorded.map_err(|error| Refusal::End(End::Audit(error)))
    }
}

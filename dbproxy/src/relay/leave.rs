//! A client that says no more: what it sent before is finished first, as PostgreSQL does, which meets the
//! end of its input only when it reads on.

use super::batch::Attention;
use super::{Copy, End, Relay};
use crate::cancel::Progress;
use crate::wire::{frame, write};

/// The last word of a client, and how far it is obeyed.
#[derive(Debug)]
pub(super) struct Leaving {
    end: End,
    /// The server was told.
    passed_on: bool,
}

impl Leaving {
    fn take(&mut self) -> End {
        std::mem::replace(&mut self.end, End::ClientClosed)
    }
}

impl Relay {
    /// The client sends nothing more; `end` is how it said so.
    pub(super) fn leave(&mut self, end: End) {
        if matches!(end, End::Terminated) {
            // What comes after Terminate is nothing.
            self.inbound.discard(self.inbound.unscanned().len());
        }
        self.leaving.get_or_insert(Leaving {
            end,
            passed_on: false,
        });
    }

    /// Whether nothing of what the client sent waits for anything any more.
    pub(super) fn check_left(&mut self) -> Result<(), End> {
        let Some(leaving) = &mut self.leaving else {
            return Ok(());
        };
        // Of a message that goes on as it comes the rest never will, nor will COPY data.
        if self.inbound.within_frame() || self.copy == Copy::In {
            return Err(leaving.take());
        }
        let here = self.inbound.unscanned();
        let whole = matches!(frame::header(here), Ok(Some(frame)) if here.len() >= frame.length);
        let judged = !whole
            && self.script.is_none()
            && !self.hand.waits()
            && self.attention == Attention::All;
        if judged && self.queue.is_empty() {
            return Err(leaving.take());
        }
        // Where a batch has no Sync the server waits for more: it hears that there is none, and closes.
        if judged && !leaving.passed_on {
            leaving.passed_on = true;
            self.inbound.inject(|out| write::frame(out, b'X', |_| {}));
        }
        Ok(())
    }

    /// The server has closed: because it was told so, where the client has left.
    pub(super) fn server_closed(&mut self) -> End {
        match self.leaving.take() {
            Some(Leaving {
                end,
                passed_on: true,
            }) => end,
            _ => End::ServerClosed,
        }
    }

    /// Where the session's statements stand, for a cancel.
    pub(super) fn progress(&self) -> Progress {
        if self.queue.is_empty() {
            return match self.inbound.unscanned() {
                [] if self.script.is_none() => Progress::Idle,
                _ => Progress::Judged,
            };
        }
        let leaving = !self.inbound.is_flushed() && self.copy != Copy::In;
        if leaving || self.inbound_gate.is_closed() {
            Progress::Held
        } else {
            Progress::Running
        }
    }

    /// Whether a message that waits for an answer of the database, or for the catalog, was cancelled.
    pub(super) fn waits_in_vain(&self) -> bool {
        self.hand.waits() && self.queue.is_empty() && self.cancel.stops()
    }

    /// Gives up what the client's message waits for.
    pub(super) fn give_up(&mut self) {
        if self.waits_in_vain() {
            self.hand.give_up();
            self.cancel.stopped();
        }
    }
}

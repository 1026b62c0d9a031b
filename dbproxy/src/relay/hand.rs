//! The client's message in hand: when it was complete, and what it waits for before it is judged.

use std::task::{Context, Poll};
use std::time::Instant;

use super::Pending;

/// A message that is judged.
pub(super) struct Hand {
    /// When it was complete.
    begun: Instant,
    /// It was looked at before, and had to wait.
    looked_at: bool,
    /// What it waits for beside the server's answers: a newer catalog, PostgreSQL asked aside.
    waits: Option<Pending>,
    /// It was cancelled while it waited.
    given_up: bool,
}

impl Default for Hand {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            looked_at: false,
            waits: None,
            given_up: false,
        }
    }
}

impl Hand {
    /// When the message was complete.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// A message is complete, unless it is the one that had to wait.
    pub(super) fn take_up(&mut self) {
        if !std::mem::take(&mut self.looked_at) {
            self.begun = Instant::now();
        }
    }

    /// A part of a message is taken up like a message.
    pub(super) fn take_up_part(&mut self) {
        self.begun = Instant::now();
    }

    /// It is looked at again later on.
    pub(super) fn put_down(&mut self) {
        self.looked_at = true;
    }

    /// It waits for this.
    pub(super) fn wait_for(&mut self, pending: Pending) {
        self.waits = Some(pending);
    }

    /// It is looked at again at once: nothing is on its way that would wake the session.
    pub(super) fn look_again(&mut self) {
        self.wait_for(Box::pin(async {}));
    }

    /// Whether it waits for something beside the server's answers.
    pub(super) fn waits(&self) -> bool {
        self.waits.is_some()
    }

    /// Ready once when that is there.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pending) = &mut self.waits else {
            return Poll::Pending;
        };
        std::task::ready!(pending.as_mut().poll(cx));
        self.waits = None;
        Poll::Ready(())
    }

    /// It was cancelled while it waited.
    pub(super) fn give_up(&mut self) {
        self.waits = None;
        self.looked_at = false;
        self.given_up = true;
    }

    /// Whether it was; told once.
    pub(super) fn was_given_up(&mut self) -> bool {
        std::mem::take(&mut self.given_up)
    }
}

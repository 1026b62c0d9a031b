//! Where the server's transaction stands, and what was done in it that matters to what follows. Pure.

use super::trust::Trust;
use crate::disclosure::Sight;
use crate::wire::backend::Status;

/// The server's transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    /// As of the last ReadyForQuery.
    status: Status,
    /// A statement since then may have begun or ended a block.
    unsure: bool,
    /// The client was told of a failure that the server does not know of.
    told_failed: bool,
    /// The open block failed by a question of the proxy's own, and the client was not told yet.
    own_failed: bool,
    /// What the client may see of messages about all that it has run.
    sight: Sight,
    /// What is known of what it and those before it have defined.
    pub(super) trust: Trust,
}

impl Transaction {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            status: Status::Idle,
            unsure: false,
            told_failed: false,
            own_failed: false,
            sight: Sight::ALL,
            trust,
        }
    }

    /// As of the last ReadyForQuery.
    pub(super) fn status(&self) -> Status {
        self.status
    }

    /// The server is ready for the proxy's own next message: nothing of the client's was answered.
    pub(super) fn goes_on(&mut self, status: Status) {
        self.status = status;
    }

    /// The server is ready.
    pub(super) fn ready(&mut self, status: Status) {
        self.status = status;
        self.unsure = false;
        self.own_failed &= status == Status::Failed;
    }

    /// A statement may have begun or ended a block.
    pub(super) fn may_change(&mut self) {
        self.unsure = true;
    }

    /// Whether one has since the server was ready.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// The client was told of a failure that the server does not know of.
    pub(super) fn fails_for_the_client(&mut self) {
        self.told_failed = true;
    }

    /// Whether it was; told once.
    pub(super) fn failed_for_the_client(&mut self) -> bool {
        std::mem::take(&mut self.told_failed)
    }

    /// A question of the proxy's own was answered; one that failed has failed the block.
    pub(super) fn was_asked(&mut self, failed: bool) {
        self.own_failed |= failed;
    }

    /// Whether one has failed it, and the client was not told yet; told once.
    pub(super) fn failed_by_a_question(&mut self) -> bool {
        std::mem::take(&mut self.own_failed)
    }

    /// Something runs of whose messages the client may see no more than this.
    pub(super) fn shows_at_most(&mut self, sight: Sight) {
        self.sight = self.sight.least(sight);
    }

    /// What the client may see of messages about anything that it has run.
    pub(super) fn sight(&self) -> Sight {
        self.sight
    }

    /// Nothing is open any more that a message could be about.
    pub(super) fn shows_all(&mut self) {
        self.sight = Sight::ALL;
    }
}

//! A session that ends before its relay: what the client is told, what is written down.

use exeat_audit::{AuditError, Outcome};

use crate::wire::Violation;
use crate::wire::startup::StartupError;
use crate::wire::write::Error;

/// Why there is no session.
#[derive(Debug)]
pub(crate) struct Stop {
    /// How the session's record ends.
    pub(crate) outcome: Outcome,
    /// The class: the audit field and the metric label.
    pub(crate) kind: &'static str,
    /// What the client is told.
    pub(crate) tell: Option<Box<Error>>,
    /// What is written down as refused; a denial has its own record already.
    pub(crate) refused: Option<String>,
}

impl Stop {
    /// The client is gone, or speaks something that no answer would reach.
    pub(crate) fn silent(outcome: Outcome, kind: &'static str) -> Self {
        Self {
            outcome,
            kind,
            tell: None,
            refused: None,
        }
    }

    /// The client did what is refused whoever it is.
    pub(crate) fn tell(kind: &'static str, error: Error) -> Self {
        Self {
            outcome: Outcome::Failed,
            kind,
            refused: Some(error.message.clone()),
            tell: Some(Box::new(error)),
        }
    }

    /// As [`Self::tell`], with a code and a message alone.
    pub(crate) fn refused(code: &'static str, kind: &'static str, message: &str) -> Self {
        Self::tell(kind, Error::fatal(code, message))
    }

    /// The policy said no; that is on record.
    pub(crate) fn denied(error: Error) -> Self {
        Self {
            outcome: Outcome::Denied,
            kind: "denied",
            tell: Some(Box::new(error)),
            refused: None,
        }
    }

    /// Something on our side or behind us failed.
    pub(crate) fn failed(kind: &'static str, error: Error) -> Self {
        Self {
            outcome: Outcome::Failed,
            kind,
            tell: Some(Box::new(error)),
            refused: None,
        }
    }

    /// Whether a connection was given up of which nobody is told and nothing may be on record: it is
    /// counted at least. Who merely leaves did nothing that is refused.
    pub(crate) fn is_silent(&self) -> bool {
        self.tell.is_none() && self.refused.is_none() && self.outcome != Outcome::Completed
    }

    /// It took too long.
    pub(crate) fn timed_out() -> Self {
        Self {
            outcome: Outcome::TimedOut,
            kind: "handshake_timeout",
            tell: None,
            refused: None,
        }
    }
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::tell(
            violation.kind(),
            Error::fatal("08P01", format!("protocol violation: {violation}")),
        )
    }
}

impl From<StartupError> for Stop {
    fn from(error: StartupError) -> Self {
        Self::tell(error.kind(), Error::fatal(error.code(), error.to_string()))
    }
}

impl From<AuditError> for Stop {
    fn from(error: AuditError) -> Self {
        tracing::error!(%error, "nothing is let through: the audit log can't be written");
        Self::failed("audit", Error::fatal("58030", error.public_message()))
    }
}

//! The audit log: events, the append-only log that holds them, the proofs over it, and how to read it.
//!
//! It must never lose what it was given, never let anything through that it could not write, and never
//! hold a secret.

mod canonical;
mod context;
mod encode;
mod error;
mod event;
mod id;
mod log;

pub use canonical::{CanonicalError, to_string as canonical_json};
pub use error::AuditError;
pub use event::{
    Body, Completion, ConfigurationChanged, Decided, Event, Labels, LogRead, LogRecovered,
    LogStarted, LogStopped, Outcome, Parameter, Plane, PolicyActivated, PolicyRefused, Refused,
    SessionClosed, SessionOpened, Statement,
};
pub use id::{UnixMicros, id, now};
pub use log::{Health, Log, LogOptions, Receipt};

#[cfg(test)]
mod tests;

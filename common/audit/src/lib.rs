//! The audit log: events, the append-only log that holds them, the proofs over it, and how to read it.
//!
//! It must never lose what it was given, never let anything through that it could not write, and never
//! hold a secret.

mod canonical;
mod checkpoint;
mod context;
mod control;
mod decode;
mod encode;
mod error;
mod event;
mod export;
mod files;
mod hash;
mod id;
mod key;
mod log;
mod read;
mod replay;
mod segment;
mod tiles;
mod tree;
mod verify;

pub use canonical::{CanonicalError, to_string as canonical_json};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use control::{Recorded, record_read};
pub use decode::DecodeError;
pub use error::AuditError;
pub use event::{
    Body, Completion, ConfigurationChanged, Decided, Event, Labels, LogRead, LogRecovered,
    LogStarted, LogStopped, Outcome, Parameter, Plane, PolicyActivated, PolicyRefused, Refused,
    SessionClosed, SessionOpened, Statement, WallCompared,
};
pub use export::export_tiles;
pub use id::{UnixMicros, id, micros, now};
pub use key::{PUBLIC_FILE, PublicKey};
pub use log::{Health, Log, LogOptions, Receipt};
#[cfg(feature = "testing")]
pub use log::{Hold, Step};

pub use read::{Entry, Filter, ReadError, Reader, TimeError, parse_time};
pub use replay::{Mismatch, Policies, replay};
pub use tree::{
    Hash, ProofError, consistency_proof, inclusion_proof, leaf_hash, node_hash, verify_consistency,
    verify_inclusion,
};
pub use uuid::Uuid;
pub use verify::{Fault, Report, VerifyError, verify};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

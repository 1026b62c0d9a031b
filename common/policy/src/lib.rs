//! The decision, and nothing else: policy documents, their compilation into an index, and the pure
//! function that judges a request.
//!
//! This crate must never touch a socket, a file, a clock, the environment or a logger: everything a
//! decision needs arrives as a field of [`Request`], so that any recorded decision can be replayed.

mod address;
mod authority;
mod check;
mod decision;
mod diagnostic;
mod document;
mod egress;
mod evaluate;
mod facts;
mod grants;
mod index;
mod load;
mod map;
mod pattern;
mod principal;
mod privileges;
mod reason;
mod remedy;
mod request;
mod set;
mod units;
mod unmatched;
mod yaml;

pub use address::{AddressClass, classify};
pub use authority::AuthorityError;
pub use decision::{AuditMode, Basis, Decision, Effect, Obligations, PolicyHash, Reason, RuleRef};
pub use diagnostic::{Diagnostic, Diagnostics, Location, Source};
pub use evaluate::evaluate;
pub use facts::{
    Access, Columns, Confirmation, Facts, Name, Origin, RelationAccess, SequenceAccess,
    SequenceUse, Setting, Subject, Unreadable, UnreadableKind, Verb,
};
pub use load::{load, read_yaml, schema};
pub use principal::{Assurance, Caller, Identity, IdentityFailure, Method, Principal};
pub use privileges::is_harmless_function;
pub use remedy::{Remedy, remedy};
pub use request::{
    Authority, ConnectionRequest, Host, LimitKind, Protocol, Request, SessionRequest,
    StatementRequest, TlsFinding, UnixMillis,
};
pub use set::{DatabaseGrant, DatabaseLimits, EgressLimits, PolicySet, Role};
pub use units::{Quota, Rate, UnitError};

//! What makes a process of the two services: configuration, telemetry, TLS, the session registry,
//! limits, reload, listening and the admin API.
//!
//! Nothing here knows HTTP proxying or PostgreSQL, and nothing here decides: a decision is always
//! `exeat_policy::evaluate`.

pub mod admin;
pub mod clock;
pub mod config;
mod core;
pub mod drain;
pub mod keepalive;
pub mod limits;
pub mod listen;
pub mod metrics;
pub mod policy;
pub mod registry;
pub mod reload;
pub mod tasks;
pub mod telemetry;
pub mod tls;
mod watch;

pub use core::{Core, StartError};
pub use exeat_audit::Plane;
pub use limits::{Lease, Limits};
pub use policy::PolicyStore;
pub use registry::{EndReason, Live, Registry, SessionInfo};
pub use tasks::Tasks;

#[cfg(test)]
mod stage;

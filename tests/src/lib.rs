//! The harness of the end-to-end tests and the benchmarks: real processes (`exeat`, PostgreSQL,
//! curl, psql, Python) and the servers that stand for the outside, all on loopback.
//!
//! Nothing here waits for a fixed time, uses a fixed port or outlives its test. It must never reach
//! into the product: what is shown is shown through the binary's doors.

pub mod audit;
pub mod database;
pub mod dns;
pub mod exeat;
pub mod fuzz;
pub mod impostor;
pub mod jwt;
pub mod lab;
pub mod origin;
pub mod pki;
pub mod raw;
pub mod run;
pub mod scram;
pub mod sockets;
pub mod wait;
pub mod wire;

// The throw-away PostgreSQL and its leash are the demo's own.
#[path = "../../cli/src/demo/leash.rs"]
mod leash;
#[path = "../../cli/src/demo/postgres.rs"]
mod postgres;

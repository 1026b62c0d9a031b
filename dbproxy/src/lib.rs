//! The PostgreSQL access proxy: applications connect to it instead of the database, as themselves. It
//! knows what each statement reads and writes, lets through what the policy allows, and writes down
//! every statement.
//!
//! `session` tells the story of a connection in six steps: accept → identify → decide → connect →
//! relay → record. Each step has a file of that name. No byte of a client reaches a database before the
//! statement that it belongs to was judged, allowed and recorded.

mod accept;
mod analysis;
mod background;
mod cancel;
mod catalog;
mod connect;
mod database;
mod decide;
mod denial;
mod disclosure;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod identify;
mod listener;
mod metrics;
mod parameters;
mod pipe;
mod record;
mod relaxed;
mod relay;
mod server;
mod session;
mod stop;
mod stream;
mod upstream;
pub mod wall;
mod wire;

pub use denial::sqlstate;
pub use guard::{Checks, Examined, Examiner, Reached, Reply, SqlError, Whose};
pub use server::{Dbproxy, SetupError, catalog, check, serve};

//! The PostgreSQL wire format, versions 3.0 and 3.2: bytes in, a message or "more" out.
//!
//! Everything here is pure. No function may panic, allocate by a length that the peer claims, or read
//! past the frame that it was given: all of it faces untrusted bytes.
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

pub(crate) mod backend;
mod fields;
pub(crate) mod frame;
pub(crate) mod frontend;
pub(crate) mod options;
pub(crate) mod reader;
pub(crate) mod startup;
pub(crate) mod write;

pub(crate) use fields::Fields;
pub(crate) use frame::{Frame, Violation};
pub(crate) use reader::Reader;

//! HTTP/1 on the client's side: the strict reader in front of hyper, and what of a message may pass.

pub(crate) mod chunks;
pub(crate) mod fields;
pub(crate) mod guard;
pub(crate) mod head;
pub(crate) mod target;

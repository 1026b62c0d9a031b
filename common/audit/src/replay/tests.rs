//! Facts about replaying.

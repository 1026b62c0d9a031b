//! The end-to-end tests: the real binary between real clients and real servers. One program, so that
//! it is linked once; each test starts what it needs for itself.

mod harness;
mod sql;

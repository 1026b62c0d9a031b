//! The end-to-end tests: the real binary between real clients and real servers. One program, so that
//! it is linked once; each test starts what it needs for itself.

mod callers;
mod crash;
mod database;
mod demo;
mod docs;
mod egress;
mod expiry;
mod explain;
mod follow;
mod full_disk;
mod gateway;
mod harness;
mod idle;
mod limits;
mod live;
mod log_lines;
mod names;
mod reasons;
mod rebinding;
mod record;
mod slow;
mod sql;
mod tls;
mod wall;
mod world;

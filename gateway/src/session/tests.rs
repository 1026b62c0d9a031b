//! Whole sessions over loopback, by raw sockets.

mod durable;
mod http;
mod tunnels;

//! Whole sessions over loopback, by raw sockets.

mod http;
mod tunnels;

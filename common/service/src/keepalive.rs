//! TCP keepalive: a peer that vanished without a word is noticed, whatever the session waits for. It must
//! never end a connection whose peer answers.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How a connection is kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// How long nothing may come before the peer is asked.
    pub idle: Duration,
    /// How long it may take to answer before it is asked again.
    pub interval: Duration,
    /// How often it is asked in vain before it counts as gone.
    pub count: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            count: 6,
        }
    }
}

impl Keepalive {
    /// Switches it on for a TCP connection.
    ///
    /// # Errors
    /// The system refuses, because the connection is gone already.
    pub fn apply(&self, stream: &impl AsFd) -> io::Result<()> {
        let keepalive = TcpKeepalive::new()
            .with_time(self.idle)
            .with_interval(self.interval)
            .with_retries(self.count);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)
    }
}

#[cfg(test)]
mod tests;

//! Happy Eyeballs (RFC 8305): dials a list of addresses, families in turn, a new one every 250 ms or
//! as soon as the last one failed, and keeps the first that answers. It must never dial an address
//! that is not in the list that it was given.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

/// RFC 8305 §5: the recommended Connection Attempt Delay.
const STAGGER: Duration = Duration::from_millis(250);

/// Why no address was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// Every address refuses.
    #[error("the destination refuses the connection")]
    Refused,
    /// No address answers in time.
    #[error("the destination does not answer in time")]
    Timeout,
    /// There is no way to any address.
    #[error("the destination can't be reached")]
    Unreachable,
    /// This machine can't open another connection.
    #[error("the gateway can't open another connection")]
    Local,
}

impl Failure {
    /// The metric label and audit field.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Refused => "connect_refused",
            Self::Timeout => "connect_timeout",
            Self::Unreachable => "connect_unreachable",
            Self::Local => "connect_local",
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Self::Refused,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::OutOfMemory => Self::Local,
            _ => Self::Unreachable,
        }
    }
}

/// Connects to the first address of the list that answers, and says which one that is.
///
/// # Errors
/// None did within `patience`.
pub(crate) async fn connect(
    addresses: &[IpAddr],
    port: u16,
    patience: Duration,
) -> Result<(TcpStream, IpAddr), Failure> {
    match addresses {
        // The usual case, without a race's bookkeeping.
        [one] => timeout(patience, dial(SocketAddr::new(one.to_canonical(), port)))
            .await
            .unwrap_or(Err(Failure::Timeout)),
        many => timeout(patience, race(in_turn(many), port))
            .await
            .unwrap_or(Err(Failure::Timeout)),
    }
}

async fn race(addresses: Vec<IpAddr>, port: u16) -> Result<(TcpStream, IpAddr), Failure> {
    let mut left = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = Failure::Unreachable;
    let mut next = Instant::now();
    loop {
        if let Some(address) = left.next() {
            attempts.push(dial(SocketAddr::new(address.to_canonical(), port)));
            next = Instant::now() + STAGGER;
        }
        tokio::select! {
            Some(done) = attempts.next() => match done {
                Ok(connected) => return Ok(connected),
                Err(why) => failure = worse(failure, why),
            },
            () = sleep_until(next), if left.len() > 0 => {}
            else => return Err(failure),
        }
    }
}

async fn dial(address: SocketAddr) -> Result<(TcpStream, IpAddr), Failure> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    };
    let stream = async { socket?.connect(address).await }
        .await
        .map_err(|error| Failure::of(&error))?;
    // Small records of a handshake must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok((stream, address.ip()))
}

/// RFC 8305 §4: IPv6 first, then one of each family in turn, each family in its own order.
fn in_turn(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let is_six = |address: &&IpAddr| address.to_canonical().is_ipv6();
    let mut six = addresses.iter().filter(is_six);
    let mut four = addresses.iter().filter(|address| !is_six(address));
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(six.next());
        order.extend(four.next());
    }
    order
}

/// What to report of two failures: the one that says most about the destination.
fn worse(one: Failure, other: Failure) -> Failure {
    match (one, other) {
        (Failure::Unreachable, other) => other,
        (one, Failure::Unreachable) => one,
        (Failure::Refused, _) | (_, Failure::Refused) => Failure::Refused,
        (_, other) => other,
    }
}

#[cfg(test)]
mod tests;

//! Step 5, relay: moves bytes both ways until both sides are done, somebody fails, nothing moves for
//! too long, or the session is told to end. It must never look at the bytes.

mod pipe;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use exeat_service::Live;
use exeat_service::limits::ByteQuota;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use pipe::{Failure, Pipe};

/// Counts the bytes of a session where others can read them while it runs, and into the role's quota.
pub(crate) struct Meter {
    live: Arc<Live>,
    quota: Option<Arc<ByteQuota>>,
}

impl Meter {
    /// A meter of this session.
    pub(crate) fn new(live: Arc<Live>, quota: Option<Arc<ByteQuota>>) -> Self {
        Self { live, quota }
    }

    /// Bytes went upstream. `false`: the quota is used up.
    fn sent(&self, bytes: u64) -> bool {
        self.live.count_in(bytes);
        self.within_quota(bytes)
    }

    /// Bytes went to the client. `false`: the quota is used up.
    fn received(&self, bytes: u64) -> bool {
        self.live.count_out(bytes);
        self.within_quota(bytes)
    }

    fn within_quota(&self, bytes: u64) -> bool {
        self.quota.as_ref().is_none_or(|quota| quota.add(bytes))
    }
}

/// Why the bytes stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides said that they are done.
    Closed,
    /// The client's connection failed.
    Client,
    /// The upstream's connection failed.
    Upstream,
    /// Nothing moved for the idle timeout.
    Idle,
    /// The byte quota of the role is used up.
    Quota,
}

/// Relays until the end. `kept` goes to the upstream first.
pub(crate) async fn relay<C, U>(
    mut client: C,
    mut upstream: U,
    kept: BytesMut,
    idle: Duration,
    meter: &Meter,
) -> End
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut up = Pipe::new(&kept);
    let mut down = Pipe::new(&[]);
    drop(kept);
    // Looking twice per period ends an idle session between one and one and a half periods, and costs
    // no timer per chunk.
    let period = (idle / 2).max(Duration::from_millis(1));
    let mut tick = std::pin::pin!(sleep_until(Instant::now() + period));
    let mut seen = (0, 0_u8);
    poll_fn(|cx| {
        let moved = |bytes| meter.sent(bytes);
        if let Poll::Ready(Err(failure)) = up.poll(cx, &mut client, &mut upstream, moved) {
            return Poll::Ready(failure.seen_from(End::Client, End::Upstream));
        }
        let moved = |bytes| meter.received(bytes);
        if let Poll::Ready(Err(failure)) = down.poll(cx, &mut upstream, &mut client, moved) {
            return Poll::Ready(failure.seen_from(End::Upstream, End::Client));
        }
        if up.is_done() && down.is_done() {
            return Poll::Ready(End::Closed);
        }
        while tick.as_mut().poll(cx).is_ready() {
            let total = up.total() + down.total();
            seen = if seen.0 == total {
                (total, seen.1 + 1)
            } else {
                (total, 0)
            };
            if seen.1 >= 2 {
                return Poll::Ready(End::Idle);
            }
            if seen.1 == 1 {
                up.shrink();
                down.shrink();
            }
            tick.as_mut().reset(Instant::now() + period);
        }
        Poll::Pending
    })
    .await
}

impl Failure {
    fn seen_from(self, reader: End, writer: End) -> End {
        match self {
            Self::Read => reader,
            Self::Write => writer,
            Self::Quota => End::Quota,
        }
    }
}

#[cfg(test)]
mod tests;

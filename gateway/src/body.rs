//! Bodies on their way through: counted, held to the quota and the idle timeout, without trailers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use exeat_audit::Outcome;
use exeat_policy::Reason;
use exeat_service::limits::ByteQuota;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::decide::Grant;
use crate::session::Session;

/// A request whose answer is not out. Dropping it makes the connection idle: what was allowed is over,
/// and nobody's identity is left on it.
pub(crate) struct InFlight(Option<Arc<Session>>);

impl InFlight {
    /// A request of this session is being answered.
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self(Some(session))
    }

    /// The request goes on as a tunnel, to the end of the session.
    pub(crate) fn becomes_tunnel(mut self) {
        self.0 = None;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(session) = &self.0 {
            session.live.release();
            session.watch.answered();
        }
    }
}

/// Why a body broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// Its sender broke off, or sent nonsense.
    #[error("the body broke off")]
    Sender,
    /// Nothing came for the idle timeout.
    #[error("the body stalled")]
    Stalled,
    /// The byte quota of the role is used up.
    #[error("the byte quota is used up")]
    Quota,
}

/// The body of an answer.
pub(crate) enum Body {
    /// Our own words.
    Whole(Bytes),
    /// An origin's.
    Stream(Box<Download>),
}

impl Body {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(download) => download.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(download) => download.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(0)),
            Self::Stream(download) => download.body.size_hint(),
        }
    }
}

/// An origin's body on its way to the client.
pub(crate) struct Download {
    body: Incoming,
    grant: Grant,
    quota: Option<Arc<ByteQuota>>,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    session: Arc<Session>,
    _in_flight: InFlight,
}

impl Download {
    /// The body of the answer that `grant` allowed.
    pub(crate) fn new(
        body: Incoming,
        mut grant: Grant,
        session: Arc<Session>,
        in_flight: InFlight,
    ) -> Self {
        let idle = session.worker.gateway.timeouts.idle;
        if body.is_end_stream() {
            grant.record.ended(Outcome::Completed, None);
        }
        Self {
            body,
            quota: grant.quota(),
            grant,
            idle,
            timer: Box::pin(tokio::time::sleep(idle)),
            session,
            _in_flight: in_flight,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let outcome = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {
                ready!(self.timer.as_mut().poll(cx));
                Err(Broken::Stalled)
            }
            Poll::Ready(outcome) => data(outcome),
        };
        match &outcome {
            Ok(Some(bytes)) => {
                self.timer.as_mut().reset(Instant::now() + self.idle);
                let count = u64::try_from(bytes.len()).unwrap_or(0);
                self.session.live.count_out(count);
                if self.quota.as_ref().is_some_and(|quota| !quota.add(count)) {
                    self.grant
                        .record
                        .ended(Outcome::Limited, Some(Reason::LimitBytes.code()));
                    return Poll::Ready(Some(Err(Broken::Quota)));
                }
                if self.body.is_end_stream() {
                    self.grant.record.ended(Outcome::Completed, None);
                }
            }
            Ok(None) => self.grant.record.ended(Outcome::Completed, None),
            Err(Broken::Stalled) => self.grant.record.ended(Outcome::TimedOut, Some("stalled")),
            Err(_) => self.grant.record.ended(Outcome::Failed, Some("body")),
        }
        Poll::Ready(outcome.map(|bytes| bytes.map(Frame::data)).transpose())
    }
}

/// A client's body on its way to the origin.
pub(crate) struct Upload {
    body: Incoming,
    quota: Option<Arc<ByteQuota>>,
    session: Arc<Session>,
}

impl Upload {
    /// The body of a request that `grant` allowed.
    pub(crate) fn new(body: Incoming, grant: &Grant, session: Arc<Session>) -> Self {
        Self {
            body,
            quota: grant.quota(),
            session,
        }
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let outcome = data(ready!(Pin::new(&mut self.body).poll_frame(cx)));
        if let Ok(Some(bytes)) = &outcome {
            let count = u64::try_from(bytes.len()).unwrap_or(0);
            self.session.live.count_in(count);
            if self.quota.as_ref().is_some_and(|quota| !quota.add(count)) {
                return Poll::Ready(Some(Err(Broken::Quota)));
            }
        }
        Poll::Ready(outcome.map(|bytes| bytes.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The data of a frame. Trailers end here: a field in them may mean something else than in a head.
fn data(frame: Option<Result<Frame<Bytes>, hyper::Error>>) -> Result<Option<Bytes>, Broken> {
    match frame {
        None => Ok(None),
        Some(Ok(frame)) => Ok(frame.into_data().ok()),
        Some(Err(_)) => Err(Broken::Sender),
    }
}

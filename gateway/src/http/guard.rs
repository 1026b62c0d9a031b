//! Stands between the client's bytes and hyper. It hands over one strictly read message after the
//! other, so that hyper never sees a byte that the strict readers did not place, and it keeps back
//! whatever follows a CONNECT.
//!
//! INVARIANT: for each head that hyper gets, exactly one [`Notice`] is queued, in the same order. A
//! head that is refused is replaced by a harmless one, so that the refusal is answered in its turn.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::chunks::Chunks;
use super::head::{Framing, HeadReader, Progress};
use crate::refusal::Refusal;

/// What is read from the socket at a time.
const READ: usize = 4 * 1024;
/// The most that is thrown away after a refusal, so that the client can read the answer.
const MAX_LINGER: usize = 256 * 1024;
/// How long a refused client may go on sending.
const LINGER: Duration = Duration::from_millis(500);
/// What hyper reads in place of a refused head.
const SUBSTITUTE: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";

const TIMEOUT: Refusal = Refusal::new(
    StatusCode::REQUEST_TIMEOUT,
    "request_timeout",
    "the request did not arrive in time",
);

/// What the strict reader found in a head that hyper is about to get.
#[derive(Debug)]
pub(crate) struct Notice {
    /// The request target as it was sent.
    pub(crate) target: Box<str>,
    /// Why the request may not pass; hyper got a substitute then.
    pub(crate) refusal: Option<Refusal>,
    /// Whether bytes that follow a CONNECT were already here when its head was read.
    pub(crate) early: bool,
}

#[derive(Debug, Default)]
struct Shared {
    notices: VecDeque<Notice>,
    in_flight: bool,
    resume: bool,
    identified: bool,
    out_of_patience: bool,
}

/// The service's end of a [`Guard`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Shared>>);

impl Watch {
    /// What was found in the head of the request that hyper just handed over.
    pub(crate) fn notice(&self) -> Option<Notice> {
        self.lock().notices.pop_front()
    }

    /// A CONNECT was answered with a refusal: the next message may be read.
    pub(crate) fn resume(&self) {
        self.lock().resume = true;
    }

    /// The answer is out: from here the client is idle, or slow.
    pub(crate) fn answered(&self) {
        self.lock().in_flight = false;
    }

    /// A request has shown who is calling: from here the client may be idle for longer.
    pub(crate) fn identified(&self) {
        self.lock().identified = true;
    }

    /// Whether the connection was given up before anybody had shown who they are.
    pub(crate) fn is_out_of_patience(&self) -> bool {
        self.lock().out_of_patience
    }

    /// Whether an answer is on its way.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.lock().in_flight
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a whole head, and for the first byte of the first one.
    pub(crate) head: Duration,
    /// For the first byte of the next head, and between the bytes of a body; as for a head where
    /// nobody has shown who they are.
    pub(crate) idle: Duration,
}

#[derive(Debug)]
enum Phase {
    Head(HeadReader),
    Length(u64),
    Chunked(Chunks),
    /// Behind a CONNECT: nothing is handed over.
    Tunnel,
    /// Behind a refusal: everything is thrown away.
    Refused {
        thrown: usize,
    },
}

/// The client's side of a connection as hyper sees it.
pub(crate) struct Guard<I> {
    io: I,
    buffer: BytesMut,
    /// How many bytes at the start of the buffer hyper may have.
    released: usize,
    phase: Phase,
    first: bool,
    patience: Patience,
    timer: Pin<Box<Sleep>>,
    armed: bool,
    watch: Watch,
}

impl<I: AsyncRead + AsyncWrite + Unpin> Guard<I> {
    /// Guards `io`, the bytes of a client that was accepted at this moment.
    pub(crate) fn new(io: I, patience: Patience, since: Instant) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
            released: 0,
            phase: Phase::Head(HeadReader::default()),
            first: true,
            patience,
            timer: Box::pin(tokio::time::sleep_until(since + patience.head)),
            armed: true,
            watch: Watch::default(),
        }
    }

    /// The service's end.
    pub(crate) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The connection behind a CONNECT, and what was kept back.
    pub(crate) fn into_tunnel(self) -> (I, BytesMut) {
        (self.io, self.buffer)
    }

    /// Releases what the buffer allows. `true` when bytes were released or the phase changed.
    fn digest(&mut self) -> io::Result<bool> {
        match &mut self.phase {
            Phase::Head(reader) => {
                if self.buffer.is_empty() {
                    return Ok(false);
                }
                match reader.read(&self.buffer) {
                    Progress::More => return Ok(false),
                    Progress::Refused(refusal) => self.refuse(refusal),
                    Progress::Complete(head) => {
                        self.released = head.length;
                        self.phase = match head.framing {
                            _ if head.connect => Phase::Tunnel,
                            Framing::Empty => Phase::Head(HeadReader::default()),
                            Framing::Length(length) => Phase::Length(length),
                            Framing::Chunked => Phase::Chunked(Chunks::new()),
                        };
                        let early = head.connect && self.buffer.len() > head.length;
                        self.announce(head.target, None, early);
                    }
                }
                self.armed = false;
                Ok(true)
            }
            Phase::Length(left) => {
                let here = u64::try_from(self.buffer.len())
                    .unwrap_or(u64::MAX)
                    .min(*left);
                *left -= here;
                self.released = usize::try_from(here).unwrap_or(0);
                if *left == 0 {
                    self.phase = Phase::Head(HeadReader::default());
                }
                Ok(self.released > 0)
            }
            Phase::Chunked(chunks) => {
                let used = chunks.follow(&self.buffer).map_err(|refusal| {
                    io::Error::new(io::ErrorKind::InvalidData, refusal.message)
                })?;
                self.released = used;
                if chunks.is_done() {
                    self.phase = Phase::Head(HeadReader::default());
                }
                Ok(used > 0)
            }
            Phase::Tunnel => {
                let resume = std::mem::take(&mut self.watch.lock().resume);
                if resume {
                    self.phase = Phase::Head(HeadReader::default());
                }
                Ok(resume)
            }
            Phase::Refused { thrown } => {
                *thrown += self.buffer.len();
                self.buffer.clear();
                Ok(false)
            }
        }
    }

    fn announce(&mut self, target: Box<str>, refusal: Option<Refusal>, early: bool) {
        self.first = false;
        let mut shared = self.watch.lock();
        shared.in_flight = true;
        shared.notices.push_back(Notice {
            target,
            refusal,
            early,
        });
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.phase = Phase::Refused { thrown: 0 };
        self.armed = false;
        self.buffer.clear();
        self.buffer.extend_from_slice(SUBSTITUTE);
        self.released = SUBSTITUTE.len();
        self.announce(Box::default(), Some(refusal), false);
    }

    /// Reads from the socket into the buffer; `false` at its end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut storage = [0; READ];
        let mut buffer = ReadBuf::new(&mut storage);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        self.armed = match self.phase {
            Phase::Length(_) | Phase::Chunked(_) => false,
            // The wait for a message becomes the wait for its head.
            Phase::Head(_) if !self.first && self.buffer.is_empty() => false,
            _ => self.armed,
        };
        self.buffer.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }

    /// Ready when the client took too long. No clock runs while an answer is on its way.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let idle = match self.phase {
            Phase::Head(_) if self.watch.lock().in_flight => return Poll::Pending,
            Phase::Head(_) => !self.first && self.buffer.is_empty(),
            Phase::Length(_) | Phase::Chunked(_) => true,
            Phase::Tunnel | Phase::Refused { .. } => return Poll::Pending,
        };
        if !self.armed {
            let patience = if idle && self.watch.lock().identified {
                self.patience.idle
            } else {
                self.patience.head
            };
            self.timer.as_mut().reset(Instant::now() + patience);
            self.armed = true;
        }
        self.timer.as_mut().poll(cx)
    }

    /// What becomes of a client that took too long: a silent end between messages, an answer in a head.
    fn out_of_patience(&mut self) -> io::Result<bool> {
        match self.phase {
            Phase::Head(_) if self.buffer.is_empty() => {
                let mut shared = self.watch.lock();
                shared.out_of_patience = !shared.identified;
                Ok(false)
            }
            Phase::Head(_) => {
                self.refuse(TIMEOUT);
                Ok(true)
            }
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Throws away what a refused client still sends, for a moment: a reset would overtake the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.phase {
            Phase::Refused { .. } => {}
            Phase::Head(_) => return Poll::Ready(()),
            Phase::Tunnel | Phase::Length(_) | Phase::Chunked(_) => {
                self.phase = Phase::Refused { thrown: 0 };
                self.armed = false;
            }
        }
        if !self.armed {
            self.timer.as_mut().reset(Instant::now() + LINGER);
            self.armed = true;
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        loop {
            match ready!(self.poll_fill(cx)) {
                Ok(true) if self.digest().is_ok() => {}
                _ => return Poll::Ready(()),
            }
            if matches!(self.phase, Phase::Refused { thrown } if thrown > MAX_LINGER) {
                return Poll::Ready(());
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> hyper::rt::Read for Guard<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.released > 0 {
                let count = this.released.min(out.remaining());
                out.put_slice(this.buffer.get(..count).unwrap_or_default());
                this.buffer.advance(count);
                this.released -= count;
                return Poll::Ready(Ok(()));
            }
            if this.digest()? {
                continue;
            }
            if matches!(this.phase, Phase::Tunnel | Phase::Refused { .. }) {
                // hyper looks again by itself once its answer is written.
                return Poll::Pending;
            }
            match this.poll_fill(cx)? {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(this.poll_patience(cx));
                    if !this.out_of_patience()? {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> hyper::rt::Write for Guard<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        this.poll_linger(cx).map(Ok)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }
}

#[cfg(test)]
mod tests;

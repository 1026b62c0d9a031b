//! One direction of a relay: bytes from a reader to a writer through one buffer that starts small and
//! grows for bulk only. No lock and, but for growth, no allocation per chunk. It must never hold back
//! bytes that it could write, and never end the other direction.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The buffer's sizes. A reader that fills one a few times over gets the next.
const SIZES: [usize; 3] = [2 * 1024, 16 * 1024, 256 * 1024];
/// How many reads have to fill the buffer before it grows.
const FULL_READS: u8 = 3;

/// Which end failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The end that is read.
    Read,
    /// The end that is written.
    Write,
    /// None: the byte quota is used up.
    Quota,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The reader is at its end; what is left is written, then the writer is shut down.
    Ending,
    Done,
}

/// The state of one direction.
#[derive(Debug)]
pub(crate) struct Pipe {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    size: usize,
    full: u8,
    flush: bool,
    state: State,
    total: u64,
}

impl Pipe {
    /// A direction that first writes `kept`.
    pub(crate) fn new(kept: &[u8]) -> Self {
        let size = if kept.len() > SMALL { 1 } else { 0 };
        let length = SIZES.get(size).copied().unwrap_or(SMALL).max(kept.len());
        let mut buffer = vec![0; length].into_boxed_slice();
        if let Some(start) = buffer.get_mut(..kept.len()) {
            start.copy_from_slice(kept);
        }
        Self {
            buffer,
            start: 0,
            end: kept.len(),
            size,
            full: 0,
            flush: false,
            state: State::Open,
            total: 0,
        }
    }

    /// Whether the reader ended and the writer knows.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many bytes were written.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Moves what can be moved. Ready when the direction is over. `moved` is told what was written and
    /// says whether more may be.
    pub(crate) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        moved: impl Fn(u64) -> bool,
    ) -> Poll<Result<(), Failure>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            while self.start < self.end {
                let bytes = self.buffer.get(self.start..self.end).unwrap_or_default();
                let count = match Pin::new(&mut *writer).poll_write(cx, bytes) {
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(Failure::Write)),
                    Poll::Ready(Ok(count)) => count,
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Failure::Write)),
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, writer))?;
                        return Poll::Pending;
                    }
                };
                self.start += count;
                self.flush = true;
                let count = u64::try_from(count).unwrap_or(0);
                self.total += count;
                if !moved(count) {
                    return Poll::Ready(Err(Failure::Quota));
                }
            }
            match self.state {
                State::Done => return Poll::Ready(Ok(())),
                State::Ending => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx)).map_err(|_| Failure::Write)?;
                    self.buffer = Box::default();
                    self.state = State::Done;
                }
                State::Open => match self.poll_fill(cx, reader) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Failure::Read)),
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, writer))?;
                        return Poll::Pending;
                    }
                },
            }
        }
    }

    /// Gives back what a bulk flow needed, if nothing is in flight.
    pub(crate) fn shrink(&mut self) {
        if self.state == State::Open && self.start == self.end && self.buffer.len() > SMALL {
            self.size = 0;
            self.full = 0;
            self.resize(SMALL);
        }
    }

    fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
    ) -> Poll<io::Result<()>> {
        if self.full >= FULL_READS {
            self.full = 0;
            self.size = (self.size + 1).min(SIZES.len() - 1);
            self.resize(SIZES.get(self.size).copied().unwrap_or(SMALL));
        }
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(reader).poll_read(cx, &mut buffer))?;
        let filled = buffer.filled().len();
        self.start = 0;
        self.end = filled;
        if filled == 0 {
            self.state = State::Ending;
        } else if filled < self.buffer.len() {
            self.full = 0;
        } else if self.size < SIZES.len() - 1 {
            self.full += 1;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<Result<(), Failure>> {
        if self.flush {
            ready!(Pin::new(writer).poll_flush(cx)).map_err(|_| Failure::Write)?;
            self.flush = false;
        }
        Poll::Ready(Ok(()))
    }

    fn resize(&mut self, length: usize) {
        if self.buffer.len() != length {
            self.buffer = vec![0; length].into_boxed_slice();
            self.start = 0;
            self.end = 0;
        }
    }
}

const SMALL: usize = 2 * 1024;

#[cfg(test)]
mod tests;

//! One direction of a session: bytes are read into one growing buffer, examined in place, and written
//! from there in whole ranges.
//!
//! INVARIANT: only bytes that were passed or injected are ever written, in the order in which that was
//! said; a discarded byte is never written.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The buffer of a quiet session.
const SMALL: usize = 1 << 10;
/// The buffer of a session with larger messages.
const MEDIUM: usize = 16 << 10;
/// The buffer of a flow that proved to be bulk.
const BULK: usize = 256 << 10;
/// How many bytes of the proxy's own may wait for a slow reader.
const BACKLOG: usize = 64 << 10;

/// What is known about the bytes of a frame that are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    None,
    Pass(usize),
    Discard(usize),
}

/// One direction. The storage is `..start` written, `start..scanned` may be written, `scanned..end` is
/// to be examined.
#[derive(Debug)]
pub(crate) struct Pipe {
    storage: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    /// Goes out before `start..scanned`.
    ahead: Vec<u8>,
    ahead_start: usize,
    rest: Rest,
    /// How many reads in a row filled the buffer.
    full_reads: u8,
    /// The frame that is examined needs this many bytes at once.
    needed: usize,
    read: u64,
    written: u64,
    unflushed: bool,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        Self {
            storage: Vec::new(),
            start: 0,
            scanned: 0,
            end: 0,
            ahead: Vec::new(),
            ahead_start: 0,
            rest: Rest::None,
            full_reads: 0,
            needed: 0,
            read: 0,
            written: 0,
            unflushed: false,
        }
    }

    /// The bytes that nobody has judged yet.
    pub(crate) fn unscanned(&self) -> &[u8] {
        self.storage.get(self.scanned..self.end).unwrap_or_default()
    }

    /// The same, to be changed in place (comments of a statement).
    pub(crate) fn unscanned_mut(&mut self) -> &mut [u8] {
        self.storage
            .get_mut(self.scanned..self.end)
            .unwrap_or_default()
    }

    /// Bytes read since this was last asked.
    pub(crate) fn take_read(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    /// Bytes written since this was last asked.
    pub(crate) fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }

    /// The next `count` bytes go on, also those that are not here yet.
    pub(crate) fn pass(&mut self, count: usize) {
        let here = count.min(self.end - self.scanned);
        self.scanned += here;
        self.rest = if here < count {
            Rest::Pass(count - here)
        } else {
            Rest::None
        };
        self.needed = 0;
    }

    /// The next `count` bytes never go on, also those that are not here yet.
    pub(crate) fn discard(&mut self, count: usize) {
        self.set_ahead();
        let here = count.min(self.end - self.scanned);
        self.scanned += here;
        self.start = self.scanned;
        self.rest = if here < count {
            Rest::Discard(count - here)
        } else {
            Rest::None
        };
        self.needed = 0;
    }

    /// Puts bytes of the proxy's own behind all that was passed. Never within a frame.
    pub(crate) fn inject(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.set_ahead();
        write(&mut self.ahead);
    }

    /// Nobody reads any more: what may be written is dropped.
    pub(crate) fn forget(&mut self) {
        self.start = self.scanned;
        self.ahead.clear();
        self.ahead_start = 0;
        self.unflushed = false;
    }

    /// The frame that is examined must be here in `count` bytes before it can be judged.
    pub(crate) fn need(&mut self, count: usize) {
        self.needed = count;
    }

    /// How much memory it holds, or is going to hold.
    pub(crate) fn holds(&self) -> usize {
        self.storage.len().max(self.needed) + self.ahead.capacity()
    }

    /// Whether a frame's remainder is still on its way, so that what comes next is no header.
    pub(crate) fn within_frame(&self) -> bool {
        self.rest != Rest::None
    }

    /// Whether so much waits for the reader that nothing more should be examined.
    pub(crate) fn congested(&self) -> bool {
        self.ahead.len() - self.ahead_start > BACKLOG
    }

    /// Whether everything that may be written was written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.start == self.scanned && self.ahead_start == self.ahead.len() && !self.unflushed
    }

    /// Moves what may be written out of the storage, so that something can be put behind it.
    fn set_ahead(&mut self) {
        if let Some(range) = self.storage.get(self.start..self.scanned) {
            self.ahead.extend_from_slice(range);
        }
        self.start = self.scanned;
    }

    /// Reads until something arrived; used before the relay, where only one side is read.
    pub(crate) async fn fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, stream)).await
    }

    /// Writes all that may be written.
    pub(crate) async fn flush(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        poll_fn(|cx| self.poll_write(cx, stream)).await
    }

    /// Reads once into the free space. `Ready(Ok(0))` is the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<usize>> {
        if !self.make_room() {
            // The reader of this direction is slow; writing makes room and wakes us.
            return Poll::Pending;
        }
        let free = self.storage.get_mut(self.end..).unwrap_or_default();
        let room = free.len();
        let mut buffer = ReadBuf::new(free);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        let count = buffer.filled().len();
        self.full_reads = if count == room {
            self.full_reads.saturating_add(1)
        } else {
            0
        };
        self.arrived(count);
        Poll::Ready(Ok(count))
    }

    fn arrived(&mut self, count: usize) {
        self.end += count;
        self.read += count as u64;
        match self.rest {
            Rest::None => {}
            Rest::Pass(left) => self.pass(left),
            Rest::Discard(left) => self.discard(left),
        }
    }

    /// Free space behind `end`; false where the storage is at its cap and full.
    fn make_room(&mut self) -> bool {
        if self.start == self.end {
            (self.start, self.scanned, self.end) = (0, 0, 0);
            let kept = match self.full_reads {
                0 => MEDIUM,
                _ => BULK.max(self.needed),
            };
            if self.storage.len() > kept {
                self.storage.truncate(kept);
                self.storage.shrink_to_fit();
            }
        }
        let wanted = match self.full_reads {
            0 => SMALL,
            1 | 2 => MEDIUM,
            _ => BULK,
        }
        .max(self.needed);
        if wanted > self.storage.len() {
            self.storage.resize(wanted, 0);
        }
        let waiting = self.end - self.start;
        let short = self.needed > self.end - self.scanned
            && self.storage.len() - self.scanned < self.needed;
        if self.start > 0 && (self.end == self.storage.len() || short) {
            self.storage.copy_within(self.start..self.end, 0);
            self.scanned -= self.start;
            self.start = 0;
            self.end = waiting;
        }
        self.end < self.storage.len()
    }

    /// Writes all that may be written.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        // One write, and one packet, for both parts where the second is small.
        if self.ahead_start < self.ahead.len() && self.scanned - self.start <= MEDIUM {
            self.set_ahead();
        }
        while self.ahead_start < self.ahead.len() {
            let chunk = self.ahead.get(self.ahead_start..).unwrap_or_default();
            let count = ready!(Pin::new(&mut *stream).poll_write(cx, chunk))?;
            self.ahead_start += nonzero(count)?;
            self.written += count as u64;
            self.unflushed = true;
        }
        if self.ahead_start > 0 {
            self.ahead_start = 0;
            self.ahead.clear();
            if self.ahead.capacity() > MEDIUM {
                self.ahead = Vec::new();
            }
        }
        while self.start < self.scanned {
            let chunk = self
                .storage
                .get(self.start..self.scanned)
                .unwrap_or_default();
            let count = ready!(Pin::new(&mut *stream).poll_write(cx, chunk))?;
            self.start += nonzero(count)?;
            self.written += count as u64;
            self.unflushed = true;
        }
        // TLS may hold bytes back until it is flushed; for plain TCP this is no system call.
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

fn nonzero(count: usize) -> io::Result<usize> {
    if count == 0 {
        Err(io::ErrorKind::WriteZero.into())
    } else {
        Ok(count)
    }
}

#[cfg(test)]
mod tests;

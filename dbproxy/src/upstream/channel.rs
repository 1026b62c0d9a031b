//! What the proxy itself says to a server and hears from it, one message at a time. Never used by the
//! relay, which forwards bytes as they are.

use std::borrow::Cow;
use std::io;

use tokio::io::AsyncWriteExt as _;

use super::error::{UpstreamError, UpstreamRefused};
use crate::pipe::Pipe;
use crate::stream::Stream;
use crate::wire::{Fields, Violation, frame};

/// Messages of a server, one at a time, before the relay.
pub(crate) struct Channel {
    pub(crate) stream: Stream,
    pub(crate) received: Pipe,
    /// The longest message that is read.
    longest: usize,
}

impl Channel {
    /// Of a server that has not let the proxy in yet.
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            received: Pipe::new(),
            longest: frame::WHOLE,
        }
    }

    /// Of a connection that the proxy asks its own questions over.
    pub(crate) fn open(stream: Stream, received: Pipe) -> Self {
        Self {
            stream,
            received,
            longest: frame::TREE,
        }
    }

    /// The next message; an ErrorResponse is an error.
    pub(crate) async fn message(&mut self) -> Result<(u8, Vec<u8>), UpstreamError> {
        match self.any_message().await? {
            (b'E', body) => Err(refused(&body)),
            message => Ok(message),
        }
    }

    /// The next message, whatever it says.
    pub(crate) async fn any_message(&mut self) -> Result<(u8, Vec<u8>), UpstreamError> {
        loop {
            let here = self.received.unscanned();
            if let Some(found) = frame::header(here)? {
                if found.length > self.longest {
                    return Err(Violation::LengthTooLarge.into());
                }
                if let Some(body) = frame::body(here, found) {
                    let body = body.to_vec();
                    self.received.discard(found.length);
                    return Ok((found.tag, body));
                }
                self.received.need(found.length);
            }
            if self.received.fill(&mut self.stream).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}

fn refused(body: &[u8]) -> UpstreamError {
    let fields = Fields::read(body);
    let text = |letter| fields.text(letter).map(Cow::into_owned);
    UpstreamError::Refused(Box::new(UpstreamRefused {
        code: text(b'C').unwrap_or_else(|| "XX000".to_owned()),
        message: text(b'M').unwrap_or_default(),
        detail: text(b'D'),
        hint: text(b'H'),
    }))
}

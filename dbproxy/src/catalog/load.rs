//! Asking a database for its catalog over a connection of the proxy's own.

use std::time::Duration;

use super::{QUERY, Snapshot, read};
use crate::upstream::{Channel, Connection, UpstreamError};
use crate::wire::{Reader, Violation, write};

/// How long the answer may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A connection that only reads catalogs.
pub(crate) struct Client {
    channel: Channel,
}

impl Client {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            channel: Channel {
                stream: connection.stream,
                received: connection.received,
            },
        }
    }

    /// The catalog as it is now.
    pub(crate) async fn snapshot(&mut self) -> Result<Snapshot, UpstreamError> {
        let rows = tokio::time::timeout(DEADLINE, self.rows())
            .await
            .map_err(|_| UpstreamError::TimedOut)??;
        Ok(read(&rows))
    }

    async fn rows(&mut self) -> Result<Vec<Vec<String>>, UpstreamError> {
        let mut question = Vec::new();
        write::query(&mut question, QUERY);
        self.channel.send(&question).await?;
        let mut rows = Vec::new();
        loop {
            match self.channel.message().await? {
                (b'D', body) => rows.push(row(&body)?),
                (b'Z', _) => return Ok(rows),
                (b'T' | b'C' | b'N' | b'S' | b'A', _) => {}
                _ => return Err(Violation::UnexpectedType.into()),
            }
        }
    }
}

/// The fields of a DataRow, NULL as nothing.
pub(crate) fn row(body: &[u8]) -> Result<Vec<String>, Violation> {
    let mut reader = Reader::new(body);
    let count = reader.u16().ok_or(Violation::Malformed)?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let length = reader.i32().ok_or(Violation::Malformed)?;
        let Ok(length) = usize::try_from(length) else {
            fields.push(String::new());
            continue;
        };
        let bytes = reader.bytes(length).ok_or(Violation::Malformed)?;
        let text = str::from_utf8(bytes).map_err(|_| Violation::NotUtf8)?;
        fields.push(text.to_owned());
    }
    Ok(fields)
}

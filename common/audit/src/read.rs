//! Reading the log, also while it is being written: only whole leaves are seen.

mod filter;
#[cfg(test)]
mod tests;
mod time;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::decode::{DecodeError, Joined, Joiner};
use crate::error::AuditError;
use crate::event::Event;
use crate::files;
use crate::id::UnixMicros;
use crate::segment::Lines;

pub use filter::Filter;
pub use time::{TimeError, parse_time};

/// How far times of neighbouring records may lie apart out of order.
const DISORDER: UnixMicros = 60_000_000;

/// One record with its place.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number of its leaf in the tree, from 0.
    pub sequence: u64,
    /// Its segment's file, from the log's folder.
    pub segment: Arc<str>,
    /// Where its leaf starts in the segment.
    pub offset: u64,
    /// What it says, contexts put back in place.
    pub event: Event<'static>,
}

/// Why the log can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file can't be read.
    #[error(transparent)]
    Log(#[from] AuditError),
    /// A leaf is not readable.
    #[error("leaf {sequence} (`{segment}`, byte {offset}): {error}")]
    Leaf {
        /// The number of the leaf.
        sequence: u64,
        /// Its segment.
        segment: Arc<str>,
        /// Where it starts.
        offset: u64,
        /// What is wrong with it.
        error: DecodeError,
    },
}

/// Reads records in their order. At the end of the log it can be asked again later.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    current: Option<Current>,
    /// The segment to start with.
    start: u64,
}

#[derive(Debug)]
struct Current {
    name: Arc<str>,
    path: PathBuf,
    first: u64,
    sequence: u64,
    lines: Lines,
    joiner: Joiner,
    /// The segment after it, once there is one: then this one does not grow any more.
    next: Option<u64>,
}

impl Reader {
    /// Reads a log from its start.
    ///
    /// # Errors
    /// Where the folder holds no log.
    pub fn open(directory: &Path) -> Result<Self, AuditError> {
        Self::from_segment(directory, 0)
    }

    /// Reads a log from the segment that holds the first record of a time, or an earlier one.
    ///
    /// # Errors
    /// Where the folder holds no log.
    pub fn since(directory: &Path, since: UnixMicros) -> Result<Self, AuditError> {
        let mut start = 0;
        for first in files::segments(directory)? {
            let mut reader = Self::from_segment(directory, first)?;
            // A segment that can't be read is found again, and reported, by who reads from before it.
            match reader.next() {
                Ok(Some(entry)) if entry.event.at < since.saturating_sub(DISORDER) => start = first,
                _ => break,
            }
        }
        Self::from_segment(directory, start)
    }

    /// Reads a log from the segment with this first leaf.
    ///
    /// # Errors
    /// Where the folder holds no log.
    pub(crate) fn from_segment(directory: &Path, start: u64) -> Result<Self, AuditError> {
        let segments = directory.join(files::SEGMENTS);
        std::fs::read_dir(&segments).map_err(AuditError::io("read", &segments))?;
        Ok(Self {
            directory: directory.to_owned(),
            current: None,
            start,
        })
    }

    /// The last `count` records that a filter lets through, oldest first, and a reader that goes on
    /// behind them.
    ///
    /// # Errors
    /// Where the log can't be read.
    pub fn last(
        directory: &Path,
        count: usize,
        filter: &Filter,
    ) -> Result<(Vec<Entry>, Self), ReadError> {
        let segments = files::segments(directory)?;
        let mut found: VecDeque<Entry> = VecDeque::new();
        let mut end = Self::open(directory)?;
        for (nth, first) in segments.iter().rev().enumerate() {
            let mut reader = Self::from_segment(directory, *first)?;
            let mut here = VecDeque::new();
            let wanted = count.saturating_sub(found.len());
            let newest = nth == 0;
            while let Some(entry) = reader.next_until(&segments, newest)? {
                if filter.matches(&entry.event) {
                    here.push_back(entry);
                    if here.len() > wanted {
                        here.pop_front();
                    }
                }
            }
            here.append(&mut found);
            found = here;
            if newest {
                end = reader;
            }
            if found.len() >= count {
                break;
            }
        }
        Ok((found.into(), end))
    }

    /// The next record of this reader's segment, or of any where it reads the newest one.
    fn next_until(&mut self, segments: &[u64], newest: bool) -> Result<Option<Entry>, ReadError> {
        let place = segments.binary_search(&self.start).unwrap_or_default();
        let end = segments.get(place + 1).copied().filter(|_| !newest);
        if end.is_some()
            && self
                .current
                .as_ref()
                .is_some_and(|now| Some(now.sequence) >= end)
        {
            return Ok(None);
        }
        Ok(self
            .next()?
            .filter(|entry| end.is_none_or(|end| entry.sequence < end)))
    }

    /// The next record; `None` at the end of what is there by now.
    ///
    /// # Errors
    /// Where a file can't be read or a leaf is not one that the log writes.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would be done at its first end"
    )]
    pub fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            let Some(current) = &mut self.current else {
                if !self.enter(self.start)? {
                    return Ok(None);
                }
                continue;
            };
            let read = AuditError::io("read", &current.path);
            let Some((offset, leaf)) = current.lines.next().map_err(read)? else {
                if let Some(next) = current.next {
                    self.enter(next)?;
                    continue;
                }
                // Looked for only now, so what was written before it started is read once more first.
                let segments = files::segments(&self.directory)?;
                current.next = segments.into_iter().find(|first| *first > current.first);
                if current.next.is_none() {
                    return Ok(None);
                }
                continue;
            };
            let sequence = current.sequence;
            current.sequence += 1;
            let segment = Arc::clone(&current.name);
            match current.joiner.accept(leaf) {
                Ok(Joined::Event(event)) => {
                    return Ok(Some(Entry {
                        sequence,
                        segment,
                        offset,
                        event: *event,
                    }));
                }
                Ok(Joined::Context(..) | Joined::Piece) => {}
                Err(error) => {
                    return Err(ReadError::Leaf {
                        sequence,
                        segment,
                        offset,
                        error,
                    });
                }
            }
        }
    }

    fn enter(&mut self, first: u64) -> Result<bool, AuditError> {
        let path = files::segment(&self.directory, first);
        if !path.exists() {
            return Ok(false);
        }
        let lines = Lines::open(&path).map_err(AuditError::io("open", &path))?;
        let name = path
            .strip_prefix(&self.directory)
            .unwrap_or(&path)
            .to_string_lossy()
            .into();
        let joiner = Joiner::default();
        let current = Current {
            name,
            path,
            first,
            sequence: first,
            lines,
            joiner,
            next: None,
        };
        self.current = Some(current);
        Ok(true)
    }
}

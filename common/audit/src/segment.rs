//! Segments: one canonical leaf per line. A line without its line feed is not a leaf (yet).

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, Encoder, References};

/// The longest leaf, line feed apart: what an entry bundle of C2SP tlog-tiles can hold.
pub(crate) const MAX_LEAF: usize = 65_535;
/// The longest text of a piece: escaping can double it.
const PIECE_TEXT: usize = 30_000;

/// A part of a leaf that is longer than a leaf may be. Its parts follow one another.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    pub(crate) count: u64,
    pub(crate) index: u64,
    pub(crate) text: String,
}

/// A piece's leaf: `{"piece":…}`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PieceLeaf {
    pub(crate) piece: Piece,
}

/// How the leaf of a piece starts.
pub(crate) const PIECE_START: &[u8] = b"{\"piece\":";

/// Cuts a leaf in pieces and hands over the leaf of each.
pub(crate) fn cut(
    leaf: &[u8],
    encoder: &mut Encoder,
    mut each: impl FnMut(&[u8]),
) -> Result<(), CanonicalError> {
    let text = str::from_utf8(leaf).map_err(serde::ser::Error::custom)?;
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PIECE_TEXT));
        parts.push(part);
        rest = after;
    }
    let count = u64::try_from(parts.len()).unwrap_or(u64::MAX);
    for (index, text) in (0..).zip(parts) {
        let piece = Piece {
            count,
            index,
            text: text.to_owned(),
        };
        each(encoder.encode(&PieceLeaf { piece }, References::default())?);
    }
    Ok(())
}

/// The whole leaves of a segment.
#[derive(Debug)]
pub(crate) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Where the next leaf starts.
    offset: u64,
}

impl Lines {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(path, 0)
    }

    pub(crate) fn open_at(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let reader = BufReader::with_capacity(1 << 18, file);
        Ok(Self {
            reader,
            line: Vec::new(),
            offset,
        })
    }

    /// Where the next leaf starts, or the incomplete one.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next whole leaf with its offset; `None` at the end, or where the rest is incomplete so far.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        // An incomplete line of an earlier call is kept, and continued here.
        if self.line.last() == Some(&b'\n') {
            self.line.clear();
        }
        self.reader.read_until(b'\n', &mut self.line)?;
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        let start = self.offset;
        self.offset += u64::try_from(self.line.len()).unwrap_or(0);
        Ok(self.line.split_last().map(|(_, leaf)| (start, leaf)))
    }
}

//! Follows the chunked coding (RFC 9112 §7.1) byte by byte and says where the body ends. Pure.
//!
//! It watches what hyper will decode a second time. It must never take a form that hyper, or an
//! origin, might read otherwise: sizes are bare hex digits, every line ends with CR LF.

use crate::refusal::Refusal;

/// The longest chunk-size line, extensions included.
const MAX_SIZE_LINE: usize = 256;
/// The longest trailer section.
const MAX_TRAILERS: usize = 8 * 1024;
/// The largest chunk: 2^60 − 1 bytes.
const MAX_DIGITS: usize = 15;

const BAD: Refusal = Refusal::bad("bad_chunk", "the chunked body is malformed");
const TOO_LONG: Refusal = Refusal::bad("bad_chunk", "a chunk line or the trailers are too long");

/// Where in a chunked body the next byte stands.
#[derive(Clone, Copy, Debug)]
enum State {
    /// In the digits of a size line.
    Size { digits: usize, size: u64 },
    /// In the extension of a size line.
    Extension { size: u64 },
    /// After the CR of a size line.
    SizeFeed { size: u64 },
    /// In the data of a chunk.
    Data { left: u64 },
    /// At the CR after the data.
    DataReturn,
    /// At the LF after the data.
    DataFeed,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    /// In a trailer line.
    Trailer,
    /// After the CR of a trailer line.
    TrailerFeed,
    /// After the CR of the empty line.
    LastFeed,
    /// Behind the body.
    Done,
}

/// The follower of one body.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: State,
    line: usize,
}

impl Chunks {
    /// At the start of a body.
    pub(crate) fn new() -> Self {
        Self {
            state: State::Size { digits: 0, size: 0 },
            line: 0,
        }
    }

    /// Whether the body is over.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Follows `bytes` and returns how many of them belong to the body.
    ///
    /// # Errors
    /// The body is malformed; what was refused may not pass.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if let State::Data { left } = self.state {
                let here = u64::try_from(bytes.len() - at)
                    .unwrap_or(u64::MAX)
                    .min(left);
                at += usize::try_from(here).unwrap_or(0);
                self.state = match left - here {
                    0 => State::DataReturn,
                    left => State::Data { left },
                };
                continue;
            }
            if self.is_done() {
                break;
            }
            self.state = self.step(*byte)?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        self.line += 1;
        match (self.state, byte) {
            (State::Size { digits, size }, byte) if byte.is_ascii_hexdigit() => {
                if digits == MAX_DIGITS {
                    return Err(BAD);
                }
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                Ok(State::Size {
                    digits: digits + 1,
                    size: size << 4 | u64::from(digit),
                })
            }
            (State::Size { digits: 0, .. }, _) => Err(BAD),
            (State::Size { size, .. } | State::Extension { size }, b'\r') => {
                Ok(State::SizeFeed { size })
            }
            (State::Size { size, .. }, b';') => Ok(State::Extension { size }),
            (State::Extension { size }, byte) if byte == b'\t' || (0x20..0x7f).contains(&byte) => {
                if self.line > MAX_SIZE_LINE {
                    return Err(TOO_LONG);
                }
                Ok(State::Extension { size })
            }
            (State::SizeFeed { size }, b'\n') => {
                self.line = 0;
                Ok(match size {
                    0 => State::TrailerStart,
                    left => State::Data { left },
                })
            }
            (State::DataReturn, b'\r') => Ok(State::DataFeed),
            (State::DataFeed, b'\n') => {
                self.line = 0;
                Ok(State::Size { digits: 0, size: 0 })
            }
            (State::TrailerStart, b'\r') => Ok(State::LastFeed),
            (State::TrailerStart, b' ' | b'\t' | b':') => Err(BAD),
            (State::Trailer, b'\r') => Ok(State::TrailerFeed),
            (State::TrailerStart | State::Trailer, byte)
                if byte == b'\t' || (byte >= 0x20 && byte != 0x7f) =>
            {
                if self.line > MAX_TRAILERS {
                    return Err(TOO_LONG);
                }
                Ok(State::Trailer)
            }
            (State::TrailerFeed, b'\n') => Ok(State::TrailerStart),
            (State::LastFeed, b'\n') => Ok(State::Done),
            _ => Err(BAD),
        }
    }
}

#[cfg(test)]
mod tests;

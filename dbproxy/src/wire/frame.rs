//! Where a frame ends. A frame is a tag byte, a length that counts itself, and a body.

use thiserror::Error;

/// The five bytes in front of a body.
pub(crate) const HEADER: usize = 5;

/// The largest body of a message whose text is needed whole. PostgreSQL's own limit for most messages
/// is 1 GB; what is longer here is either streamed (rows, COPY data, bound values) or refused.
pub(crate) const WHOLE: usize = 1 << 20;

/// The largest message that tells a query tree: one that our reader takes, and what stands around it.
pub(crate) const TREE: usize = exeat_sql::QUERY_TREE_LIMIT + (64 << 10);

/// The largest frame that may be streamed: PostgreSQL's `PQ_LARGE_MESSAGE_LIMIT`.
pub(crate) const LARGE: usize = (1 << 30) - 1;

/// A peer that does not speak the protocol. Always ends the connection: SQLSTATE 08P01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Violation {
    /// The length field is less than the four bytes that it counts itself.
    #[error("a message claims a length below 4")]
    LengthTooSmall,
    /// The length field is over the cap of this message.
    #[error("a message claims a length over the limit for its type")]
    LengthTooLarge,
    /// No message of this type may come now.
    #[error("an unexpected message type")]
    UnexpectedType,
    /// The body does not have the form of its type.
    #[error("a message has a malformed body")]
    Malformed,
    /// Text that is no UTF-8.
    #[error("a message holds text that is not UTF-8")]
    NotUtf8,
}

impl Violation {
    /// The metric label and the audit field.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::LengthTooSmall => "length_too_small",
            Self::LengthTooLarge => "length_too_large",
            Self::UnexpectedType => "unexpected_type",
            Self::Malformed => "malformed",
            Self::NotUtf8 => "not_utf8",
        }
    }
}

/// The header of a frame, and its whole length with the tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    /// Header and body, in bytes. Never below [`HEADER`].
    pub(crate) length: usize,
}

/// Reads the header at the start of `bytes`; `None` when fewer than five bytes are there.
pub(crate) fn header(bytes: &[u8]) -> Result<Option<Frame>, Violation> {
    let Some((&[tag, a, b, c, d], _)) = bytes.split_first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let claimed = u32::from_be_bytes([a, b, c, d]) as usize;
    if claimed < 4 {
        return Err(Violation::LengthTooSmall);
    }
    if claimed > LARGE {
        return Err(Violation::LengthTooLarge);
    }
    Ok(Some(Frame {
        tag,
        length: claimed + 1,
    }))
}

/// The body of the frame at the start of `bytes`, when all of it is there.
pub(crate) fn body(bytes: &[u8], frame: Frame) -> Option<&[u8]> {
    bytes.get(HEADER..frame.length)
}

#[cfg(test)]
mod tests;

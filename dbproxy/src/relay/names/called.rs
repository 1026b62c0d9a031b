//! What a statement or portal is called on the server: a name of ours, which is given once per session
//! and never again, or, where SQL itself made it, the client's own.

use std::borrow::Cow;
use std::io::Write as _;

/// In front of the number in every name of ours. No quotes are needed around it in SQL.
const PREFIX: &[u8] = b"exeat_";

/// The number in a name of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Id(u64);

/// What something is called on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// So by us: made by Parse or Bind.
    Ours(Id),
    /// As the client calls it: made by PREPARE or DECLARE.
    AsIs,
}

impl Id {
    /// The name of nothing: what is called so was never made.
    pub(crate) const NOTHING: Self = Self(0);

    /// The next one.
    pub(super) fn next(&mut self) -> Self {
        self.0 += 1;
        *self
    }

    /// Appends the name.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        // Writing to a vector does not fail.
        drop(write!(out, "exeat_{:x}", self.0));
    }
}

impl Called {
    /// What is called by a name of ours, or else as the client calls it.
    pub(crate) fn of(id: Option<Id>) -> Self {
        id.map_or(Self::AsIs, Self::Ours)
    }

    /// Appends the name on the server of what the client calls `name`, and a NUL.
    pub(crate) fn write(self, name: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Ours(id) => id.write(out),
            Self::AsIs => out.extend_from_slice(name),
        }
        out.push(0);
    }
}

/// Whether a name could be one of ours.
pub(crate) fn is_reserved(name: &[u8]) -> bool {
    id(name).is_some()
}

/// The number of a name that could be one of ours.
pub(super) fn id(name: &[u8]) -> Option<Id> {
    match number(name.strip_prefix(PREFIX)?) {
        Some((id, [])) => Some(id),
        _ => None,
    }
}

/// The number in front, and what follows it.
fn number(bytes: &[u8]) -> Option<(Id, &[u8])> {
    let digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let end = bytes.iter().position(|byte| !digit(byte));
    let (digits, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
    let digits = str::from_utf8(digits).ok()?;
    Some((Id(u64::from_str_radix(digits, 16).ok()?), rest))
}

/// A text of the server with the client's names in the place of ours.
pub(crate) fn in_the_clients_words<'t, 'n>(
    text: &'t [u8],
    name_of: impl Fn(Id) -> Option<&'n [u8]>,
) -> Cow<'t, [u8]> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, PREFIX) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        let after = from.get(PREFIX.len()..).unwrap_or_default();
        match number(after).and_then(|(id, after)| Some((name_of(id)?, after))) {
            Some((name, after)) => {
                out.extend_from_slice(name);
                rest = after;
            }
            None => {
                out.extend_from_slice(PREFIX);
                rest = after;
            }
        }
    }
    if out.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;

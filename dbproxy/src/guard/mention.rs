//! Whether a text can mean something that was made after it was judged: a new table, and what PostgreSQL makes
//! and calls after it. Pure; it must never take a doubt for a no.

use memchr::memchr2_iter;

/// What PostgreSQL keeps of a name at least where it makes another one of it (`makeObjectName`).
const KEPT: usize = 24;

/// Whether a text spells a name, or one that PostgreSQL has made of it. Escapes are not looked at: these are the
/// caller's to exclude.
pub(super) fn mentions(text: &[u8], name: &str) -> bool {
    let kept = name.as_bytes().get(..KEPT).unwrap_or(name.as_bytes());
    let Some(first) = kept.first() else {
        return true;
    };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    let spelled = |at: usize| {
        let part = text.get(at..).and_then(|rest| rest.get(..kept.len()));
        part.is_some_and(|part| part.eq_ignore_ascii_case(kept))
    };
    memchr2_iter(lower, upper, text).any(spelled)
}

#[cfg(test)]
mod tests;

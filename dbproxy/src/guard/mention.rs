//! Whether a text can mean something that was made after it was judged: a new table, and what PostgreSQL makes
//! and calls after it. Pure; it must never take a doubt for a no.

/// What PostgreSQL keeps of a name at least where it makes another one of it (`makeObjectName`).
const KEPT: usize = 24;

/// Whether a text spells a name, or one that PostgreSQL has made of it, or might do so by escapes.
pub(super) fn mentions(text: &[u8], name: &str) -> bool {
    let kept = name.as_bytes().get(..KEPT).unwrap_or(name.as_bytes());
    let spelled = |part: &[u8]| part.eq_ignore_ascii_case(kept);
    kept.is_empty() || text.windows(kept.len()).any(spelled)
}

/// Longer texts are not searched for names.
const SEARCHED: usize = 1 << 16;

/// Whether a text means only what it spells: one statement that reaches nothing by its kind alone, as CASCADE
/// and ALL do, and spells no name by escapes or with quotes in it.
pub(super) fn means_what_it_spells(text: &[u8]) -> bool {
    const PLAIN: [&[u8]; 11] = [
        b"select",
        b"insert",
        b"update",
        b"delete",
        b"with",
        b"values",
        b"begin",
        b"start",
        b"commit",
        b"rollback",
        b"end",
    ];
    // A comment before it would be taken for words.
    let mut words = text
        .trim_ascii_start()
        .split(|byte| !byte.is_ascii_alphabetic());
    let (first, second) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let is_plain = PLAIN.iter().any(|word| word.eq_ignore_ascii_case(first))
        || (first.eq_ignore_ascii_case(b"create") && second.eq_ignore_ascii_case(b"table"));
    let several = memchr::memchr(b';', text)
        .and_then(|at| text.get(at + 1..))
        .is_some_and(|behind| !behind.iter().all(u8::is_ascii_whitespace));
    let escapes = memchr::memchr(b'\\', text).is_some()
        || memchr::memmem::find(text, b"\"\"").is_some()
        || text.windows(2).any(|two| two.eq_ignore_ascii_case(b"U&"));
    text.len() <= SEARCHED && is_plain && !several && !escapes
}

#[cfg(test)]
mod tests;

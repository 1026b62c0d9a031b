//! Whether a text means only what it spells. Pure, and without reading it: it is asked for each text that comes,
//! and must never take a doubt for a yes.

/// Longer texts are not searched for names.
const SEARCHED: usize = 1 << 16;

/// Whether a text means only what it spells: one statement that reaches nothing by its kind alone, as CASCADE
/// and ALL do, and spells no name by escapes or with quotes in it.
#[must_use]
pub fn means_what_it_spells(text: &[u8]) -> bool {
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

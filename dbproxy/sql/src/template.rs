//! The template of a plain statement: its text with plain literals taken out, so that statements which
//! differ in values only share one verdict.
//!
//! INVARIANT: two statements with one template have the same facts. So only what PostgreSQL, both readers
//! and this file must agree on is taken out: whole decimal numbers, and strings without a quote, a backslash
//! or a control character in them. Whatever is anything else (a comment, a quoted identifier, a prefixed
//! or dollar-quoted string, a byte outside ASCII, a statement that is no query or change) has no template;
//! nor has a statement with `set_config`, whose facts are its literals.

#[cfg(test)]
mod tests;

/// Writes the template of `sql` into `text` (cleared first), `0` for each number and `''` for each string,
/// and says whether there is one. A message of several statements has none.
///
/// One pass, no allocation once `text` has grown.
pub fn template_into(sql: &str, text: &mut Vec<u8>) -> bool {
    text.clear();
    scan(sql.as_bytes(), text).is_some()
}

/// The verbs whose facts no literal can change.
const VERBS: [&[u8]; 4] = [b"select", b"insert", b"update", b"delete"];

fn scan(sql: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let verb = sql.get(..6)?;
    if !VERBS.iter().any(|known| verb.eq_ignore_ascii_case(known)) {
        return None;
    }
    let mut rest = sql;
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(rest, text)?,
            b'0'..=b'9' => number(rest, text)?,
            b'\'' => string(after, text)?,
            b'$' => parameter(rest, text)?,
            b';' if !after.trim_ascii().is_empty() => return None,
            b'-' if after.first() == Some(&b'-') => return None,
            b'/' if after.first() == Some(&b'*') => return None,
            // A quoted identifier, an escape, a control character or a byte outside ASCII.
            b'"' | b'\\' | 0..=8 | 11..=31 | 127.. => return None,
            _ => {
                text.push(first);
                after
            }
        };
    }
    Some(())
}

/// A word up to its end. A quote right behind it makes it the prefix of a string (`E'…'`, `U&'…'`).
/// The one function whose literals are facts has no template.
fn word<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    let end = rest
        .iter()
        .position(|byte| !is_word(*byte))
        .unwrap_or(rest.len());
    let (word, after) = rest.split_at_checked(end)?;
    if matches!(after, [b'\'', ..] | [b'&', b'\'' | b'"', ..]) {
        return None;
    }
    if word.eq_ignore_ascii_case(b"set_config") {
        return None;
    }
    text.extend_from_slice(word);
    Some(after)
}

/// Digits, and digits behind one point. Anything else that touches it has no template.
fn number<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut after = digits(rest);
    if let [b'.', fraction @ ..] = after {
        if !fraction.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        after = digits(fraction);
    }
    if after
        .first()
        .is_some_and(|byte| is_word(*byte) || matches!(byte, b'.' | b'\''))
    {
        return None;
    }
    text.push(b'0');
    Some(after)
}

/// What follows the opening quote: a plain string, that no other string continues.
fn string<'a>(after: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    let end = after
        .iter()
        .position(|byte| matches!(byte, b'\'' | b'\\' | 0..=31 | 127..))?;
    let (_, rest) = after.split_at_checked(end)?;
    let after = rest.strip_prefix(b"'")?;
    // A string goes on behind white space with a line end (SQL's rule for adjacent literals).
    let next = after.iter().find(|byte| !byte.is_ascii_whitespace());
    if next == Some(&b'\'') || after.first().is_some_and(|byte| is_word(*byte)) {
        return None;
    }
    text.extend_from_slice(b"''");
    Some(after)
}

/// `$1`. Anything else behind a dollar sign is a dollar quote.
fn parameter<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (dollar, number) = rest.split_first()?;
    let after = digits(number);
    let length = number.len().checked_sub(after.len())?;
    if length == 0
        || after
            .first()
            .is_some_and(|byte| is_word(*byte) || *byte == b'\'')
    {
        return None;
    }
    text.push(*dollar);
    text.extend_from_slice(number.get(..length)?);
    Some(after)
}

fn digits(rest: &[u8]) -> &[u8] {
    let end = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    rest.get(end..).unwrap_or_default()
}

/// A byte of an identifier or of a number's junk. `$` is one inside identifiers.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

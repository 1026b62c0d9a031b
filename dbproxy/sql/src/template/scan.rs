//! The tokens of a plain statement: only those that PostgreSQL and both readers must take for the same.
//! It must never find a token in what may be a part of another one.

/// A token, or white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Space,
    /// An identifier or keyword without quotes.
    Word(&'a [u8]),
    /// `"…"`, the quotes included.
    Quoted(&'a [u8]),
    /// A number, and what PostgreSQL makes of it.
    Number(&'a [u8], Size),
    /// `'…'` or `E'…'`, all of it.
    Text(&'a [u8]),
    /// `$1`.
    Parameter(u16),
    /// Any other byte: marks and the bytes of operators.
    Byte(u8),
}

/// The type that a number has without a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Int4,
    /// 2147483648: an `int4` behind a minus that is no operator, an `int8` anywhere else.
    Int4Minimum,
    Int8,
    /// 9223372036854775808: the same for `int8` and `numeric`.
    Int8Minimum,
    Numeric,
}

/// The first token and what follows it; `None` at the end and where there is no plain one.
pub(super) fn piece(rest: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let (&first, after) = rest.split_first()?;
    match first {
        b' ' | b'\t' | b'\n' | b'\r' => {
            let (_, after) = split(rest, |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))?;
            Some((Piece::Space, after))
        }
        b'e' | b'E' if after.first() == Some(&b'\'') => text(rest, 2, true),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => word(rest),
        b'0'..=b'9' => number(rest),
        b'.' if after.first().is_some_and(u8::is_ascii_digit) => number(rest),
        b'\'' => text(rest, 1, false),
        b'"' => quoted(rest),
        b'$' => parameter(rest),
        b'-' if after.first() == Some(&b'-') => None,
        // `..` is one token, and the number behind it has no dot.
        b'.' if after.first() == Some(&b'.') => None,
        b'/' if after.first() == Some(&b'*') => None,
        b'\\' | 0..=31 | 127.. => None,
        _ => Some((Piece::Byte(first), after)),
    }
}

fn split(rest: &[u8], accept: impl Fn(u8) -> bool) -> Option<(&[u8], &[u8])> {
    let end = rest.iter().position(|byte| !accept(*byte));
    rest.split_at_checked(end.unwrap_or(rest.len()))
}

/// A byte of an identifier or of a number's junk. `$` is one inside identifiers.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

/// Whether a number that begins with its dot follows at once. The template has a number of its kind with a
/// digit first, which would grow together with what stands before it (`a.5` to `a0.0`, `$1.5` to `$10.0`).
fn touches_fraction(after: &[u8]) -> bool {
    matches!(after, [b'.', b'0'..=b'9', ..])
}

/// A word up to its end. A quote right behind it makes it the prefix of a string (`B'…'`, `U&'…'`).
fn word(rest: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let (word, after) = split(rest, is_word)?;
    let prefix = matches!(after, [b'\'', ..] | [b'&', b'\'' | b'"', ..]);
    let ends = !prefix && !touches_fraction(after) && after.first().is_none_or(u8::is_ascii);
    ends.then_some((Piece::Word(word), after))
}

/// `"…"` without a quote or control character in it.
fn quoted(rest: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let (name, after) = split(rest.get(1..)?, |byte| {
        byte != b'"' && byte > 31 && byte != 127
    })?;
    let after = after.strip_prefix(b"\"").filter(|_| !name.is_empty())?;
    if after.first() == Some(&b'"') || touches_fraction(after) {
        return None;
    }
    Some((Piece::Quoted(rest.get(..name.len() + 2)?), after))
}

/// A string whose opening has this length, that no other string continues.
fn text(rest: &[u8], open: usize, escapes: bool) -> Option<(Piece<'_>, &[u8])> {
    let mut at = open;
    loop {
        let inside = rest.get(at..)?;
        at += match escapes {
            true => memchr::memchr2(b'\'', b'\\', inside)?,
            false => memchr::memchr(b'\'', inside)?,
        };
        match (rest.get(at)?, rest.get(at + 1)) {
            (b'\\', Some(_)) | (b'\'', Some(b'\'')) => at += 2,
            (b'\\', None) => return None,
            _ => break,
        }
    }
    let (text, after) = rest.split_at_checked(at + 1)?;
    // A string goes on behind white space with a line end (SQL's rule for adjacent literals).
    let next = after.iter().find(|byte| !byte.is_ascii_whitespace());
    let glued = after.first().is_some_and(|byte| is_word(*byte)) || touches_fraction(after);
    if next == Some(&b'\'') || glued || memchr::memchr(0, text).is_some() {
        return None;
    }
    Some((Piece::Text(text), after))
}

/// `$1`. Anything else behind a dollar sign is a dollar quote.
fn parameter(rest: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let (digits, after) = split(rest.get(1..)?, |byte| byte.is_ascii_digit())?;
    let number: u16 = str::from_utf8(digits).ok()?.parse().ok()?;
    let glued = |byte: &u8| is_word(*byte) || matches!(byte, b'\'' | b'"');
    let glued = after.first().is_some_and(glued) || touches_fraction(after);
    // A number is spelled in one way only.
    if number == 0 || digits.first() == Some(&b'0') || glued {
        return None;
    }
    Some((Piece::Parameter(number), after))
}

/// Digits, a fraction, an exponent. Anything else that touches it has no template.
fn number(rest: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let digit = |byte: u8| byte.is_ascii_digit();
    let (whole, mut after) = split(rest, digit)?;
    let mut size = size(whole);
    if let [b'.', fraction @ ..] = after {
        let (digits, more) = split(fraction, digit)?;
        if digits.is_empty() {
            return None;
        }
        (size, after) = (Size::Numeric, more);
    }
    if let [b'e' | b'E', exponent @ ..] = after {
        let sign = exponent
            .first()
            .is_some_and(|byte| matches!(byte, b'+' | b'-'));
        let (digits, more) = split(exponent.get(usize::from(sign)..)?, digit)?;
        if digits.is_empty() {
            return None;
        }
        (size, after) = (Size::Numeric, more);
    }
    let junk = |byte: &u8| is_word(*byte) || matches!(byte, b'.' | b'\'' | b'"' | 128..);
    if after.first().is_some_and(junk) {
        return None;
    }
    let text = rest.get(..rest.len() - after.len())?;
    Some((Piece::Number(text, size), after))
}

/// The type of a whole number.
fn size(digits: &[u8]) -> Size {
    let parsed = str::from_utf8(digits).ok().map(str::parse::<u64>);
    match parsed {
        Some(Ok(0..=0x7fff_ffff)) => Size::Int4,
        Some(Ok(0x8000_0000)) => Size::Int4Minimum,
        Some(Ok(0x8000_0001..=0x7fff_ffff_ffff_ffff)) => Size::Int8,
        Some(Ok(0x8000_0000_0000_0000)) => Size::Int8Minimum,
        _ => Size::Numeric,
    }
}

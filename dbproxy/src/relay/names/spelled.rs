//! Where a statement of SQL spells the name of a prepared statement or cursor, so that the server's name
//! can be put in its place.
//!
//! It finds a name only where it reads the very name that the reader of statements found.

use std::ops::Range;

use exeat_policy::Verb;

/// A change of a text: these bytes become that.
pub(crate) type Edit = (Range<usize>, super::Id);

/// The bytes of `name` within a statement (comments blanked, nothing behind its last token).
pub(crate) fn place(statement: &str, verb: Verb, name: &str) -> Option<Range<usize>> {
    let range = match verb {
        Verb::Prepare | Verb::Execute | Verb::Declare => second_word(statement)?,
        Verb::Deallocate | Verb::Fetch | Verb::Close => last_word(statement)?,
        _ => return None,
    };
    let word = statement.get(range.clone())?;
    spells(word, name).then_some(range)
}

/// The token behind the first keyword.
fn second_word(text: &str) -> Option<Range<usize>> {
    let first = text.find(|letter: char| !is_letter(letter))?;
    let rest = text.get(first..)?;
    let at = first + (rest.len() - rest.trim_start().len());
    let rest = text.get(at..)?;
    Some(at..at + length(rest)?)
}

/// The length of the word or quoted word in front.
fn length(text: &str) -> Option<usize> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(|letter: char| !is_letter(letter));
        return Some(end.unwrap_or(text.len())).filter(|length| *length > 0);
    };
    let mut at = 0;
    loop {
        let quote = at + inner.get(at..)?.find('"')?;
        // A doubled quote is one within the name.
        if inner.get(quote + 1..)?.starts_with('"') {
            at = quote + 2;
        } else {
            return Some(quote + 2);
        }
    }
}

/// The last token.
fn last_word(text: &str) -> Option<Range<usize>> {
    if !text.ends_with('"') {
        let before = text.trim_end_matches(is_letter);
        let alone = before.ends_with(char::is_whitespace) && before.len() < text.len();
        return alone.then_some(before.len()..text.len());
    }
    // No quote stands before the name in any of these statements.
    let start = text.find('"')?;
    if text.get(..start)?.ends_with('&') {
        return None;
    }
    (start + length(text.get(start..)?)? == text.len()).then_some(start..text.len())
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$') || !letter.is_ascii()
}

/// As PostgreSQL folds it.
fn spells(word: &str, name: &str) -> bool {
    match word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
    {
        Some(quoted) => super::table::same(quoted.replace("\"\"", "\"").as_bytes(), name),
        None => super::table::same(word.to_ascii_lowercase().as_bytes(), name),
    }
}

/// A text with its edits applied.
pub(crate) fn edited(text: &[u8], edits: &[Edit], out: &mut Vec<u8>) {
    let mut at = 0;
    for (range, id) in edits {
        out.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        // A quoted name may stand right behind a word.
        out.push(b' ');
        id.write(out);
        out.push(b' ');
        at = range.end;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests;

//! The server's names of prepared statements and cursors in the place of those that a statement spells.

use std::ops::Range;

/// A change of a text: these bytes become that.
pub(crate) type Edit = (Range<usize>, super::Id);

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

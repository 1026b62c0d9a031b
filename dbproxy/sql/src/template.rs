//! The template of a plain statement: its text with plain literals taken out, so that statements which
//! differ in values only share one verdict; and its short form, which PostgreSQL is asked about in its
//! place.
//!
//! INVARIANT: two statements with one template have the same facts, by our reader and by PostgreSQL. So
//! what of a literal decides PostgreSQL's choice stays: whether a number is an `int4`, an `int8` or a
//! `numeric`, where it is the position of a column or the modifier of a type its value, and which relation
//! or sequence a string names that is cast to `regclass` or given to `nextval`. What this file, PostgreSQL
//! and both readers could take otherwise (a comment, a `U&`, bit or dollar-quoted string, a byte outside
//! ASCII without quotes, a statement that is no query or change) has no template; nor has a statement with
//! `set_config`, whose facts are its literals.
//!
//! The rows of VALUES and the elements of IN (…) and ARRAY[…] are there once per kind, so that a bulk
//! insert or a list of any length is one template (see `fold`).

mod fold;
mod scan;
#[cfg(test)]
mod tests;

use fold::Fold;
use scan::Piece;

/// Writes the template of `sql` into `text` (cleared first) and says whether there is one. A message of
/// several statements has none. Its parameters have these types (OIDs as Parse has them, 0 or missing where
/// the type is left open): what the template says of a parameter in a list is its type, so that the types need
/// not be part of the key again.
///
/// A template is a key, not SQL. One that another text could be mistaken for is that text's template too.
pub fn template_into(sql: &str, types: &[u32], text: &mut Vec<u8>) -> bool {
    text.clear();
    let mut fold = Fold::new(types, text, None);
    fold.read(sql.as_bytes()).is_some()
}

/// A statement in its short form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortForm {
    /// The same statement with one row or element per kind in its lists (two, where there were several of
    /// one kind only). Its facts are those of the whole, but not its offsets.
    pub text: String,
    /// Which parameter of the whole each of its parameters is: the first one is the old number of `$1`. A
    /// declared type goes with it.
    pub parameters: Vec<u16>,
}

/// The short form of a statement; `None` where nothing can be left out, and the statement is its own.
#[must_use]
pub fn short_form(sql: &str, types: &[u32]) -> Option<ShortForm> {
    let mut text = Vec::with_capacity(256);
    let mut short = Vec::with_capacity(256);
    let mut fold = Fold::new(types, &mut text, Some(&mut short));
    fold.read(sql.as_bytes())?;
    if !fold.is_shorter() {
        return None;
    }
    renumbered(&short)
}

/// The text with its parameters numbered as they come.
fn renumbered(short: &[u8]) -> Option<ShortForm> {
    let mut text = Vec::with_capacity(short.len());
    let mut parameters: Vec<u16> = Vec::new();
    let mut rest = short;
    while let Some((piece, after)) = scan::piece(rest) {
        match piece {
            Piece::Parameter(number) => {
                let known = parameters.iter().position(|known| *known == number);
                let index = known.unwrap_or(parameters.len());
                if known.is_none() {
                    parameters.push(number);
                }
                text.extend_from_slice(format!("${}", index + 1).as_bytes());
            }
            _ => text.extend_from_slice(rest.get(..rest.len() - after.len())?),
        }
        rest = after;
    }
    if !rest.is_empty() {
        return None;
    }
    let text = String::from_utf8(text).ok()?;
    Some(ShortForm { text, parameters })
}

//! What a statement is to a transaction block, and what PostgreSQL says where a message is one without
//! saying so. Pure.

use crate::wire::{Fields, write};

/// What a statement of a message is to the transaction block that the message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It runs within it.
    Plain,
    /// It begins a block that goes on behind the message.
    Begins,
    /// It ends it.
    Ends,
    /// It needs a block that somebody has begun.
    Within,
    /// It has words that leave open which of these it is.
    Unclear,
}

impl Part {
    /// By the words of a statement, which begins with its first one.
    pub(super) fn of(statement: &[u8]) -> Self {
        let Ok(text) = str::from_utf8(statement) else {
            return Self::Plain;
        };
        let lower = |word: &str| word.to_ascii_lowercase();
        let mut words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let first = words.next().map(lower).unwrap_or_default();
        let rest: Vec<String> = match first.as_str() {
            "begin" | "start" => return Self::Begins,
            "savepoint" | "release" => return Self::Within,
            "prepare" | "commit" | "end" | "rollback" | "abort" => words
                .filter(|word| !word.is_empty())
                .take(8)
                .map(lower)
                .collect(),
            _ => return Self::Plain,
        };
        let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
        let rest = match rest.as_slice() {
            ["work" | "transaction", rest @ ..] if first != "prepare" => rest,
            rest => rest,
        };
        match (first.as_str(), rest) {
            ("prepare", ["transaction", ..]) => Self::Unclear,
            ("prepare", _) | ("commit" | "rollback", ["prepared", ..]) => Self::Plain,
            (_, [] | ["and", "no", "chain"]) => Self::Ends,
            (_, ["and", "chain"]) | ("rollback", ["to", ..]) => Self::Within,
            _ => Self::Unclear,
        }
    }
}

/// What PostgreSQL says of a COMMIT or ROLLBACK in a message that has begun no block.
pub(super) fn no_transaction(out: &mut Vec<u8>) {
    write::frame(out, b'N', |out| {
        let fields = [
            (b'S', "WARNING"),
            (b'V', "WARNING"),
            (b'C', "25P01"),
            (b'M', "there is no transaction in progress"),
        ];
        for (letter, text) in fields {
            out.push(letter);
            write::string(out, text);
        }
        out.push(0);
    });
}

/// The fields of an error or notice with its position moved on; `None` where it has none.
pub(super) fn moved(body: &[u8], by: impl FnOnce() -> usize) -> Option<Vec<u8>> {
    let mut fields = Fields::read(body);
    let position: usize = fields.text(b'P')?.parse().ok()?;
    fields.set(b'P', &(position + by()).to_string());
    Some(fields.write())
}

//! What a statement is to a transaction block, and what PostgreSQL says where a message is one without
//! saying so. Pure.

use exeat_sql::Transaction;

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
    /// By what the statement's words say.
    pub(super) fn of(transaction: Option<Transaction>) -> Self {
        match transaction {
            None => Self::Plain,
            Some(Transaction::Begins) => Self::Begins,
            Some(Transaction::Ends) => Self::Ends,
            Some(Transaction::Chains | Transaction::RollsBackTo | Transaction::Saves) => {
                Self::Within
            }
            Some(Transaction::Unclear) => Self::Unclear,
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

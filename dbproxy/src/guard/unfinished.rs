//! A text that was read and waits for answers: when they are there it is not read again.

use super::reading::{LONG, Read, Reading};
use crate::analysis::Question;

/// What was made of a text. It stands for the very same text, in the same scope, and for nothing else.
#[derive(Debug)]
pub(super) struct Unfinished {
    scope: u64,
    sql: Box<[u8]>,
    types: Box<[u8]>,
    read: Read,
    questions: Vec<Vec<Question>>,
}

impl Unfinished {
    /// `None` for a long text: its bytes are counted where its message is, and would have to be here.
    pub(super) fn of(
        scope: u64,
        types: &[u8],
        reading: Reading<'_>,
        questions: Vec<Vec<Question>>,
    ) -> Option<Self> {
        let text = reading.text();
        (text.len() <= LONG).then(|| Self {
            scope,
            sql: text.as_bytes().into(),
            types: types.into(),
            read: reading.kept(),
            questions,
        })
    }

    /// The text as it was read, and its questions, if it is this one.
    pub(super) fn go_on<'s>(
        self,
        scope: u64,
        text: &'s str,
        types: &[u8],
    ) -> Option<(Reading<'s>, Vec<Vec<Question>>)> {
        let same = self.scope == scope && *self.types == *types && *self.sql == *text.as_bytes();
        same.then(|| (Reading::again(text, self.read), self.questions))
    }
}

#[cfg(test)]
mod tests;

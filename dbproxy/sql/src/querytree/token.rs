//! The tokens of a dumped tree, as PostgreSQL's `nodes/read.c` cuts them: braces and parentheses, and
//! words, in which a backslash takes the next byte's meaning away. It never unescapes: no name or
//! literal of a tree is needed.
//!
//! A notice's text is the dump in lines of 78 bytes at most (`format_node_dump`): a break takes a
//! space's place, or stands *inside* a word that no space breaks. INVARIANT: where a break could be
//! either, the wrong choice gives one word too many or too few, which the exact shapes of the nodes
//! refuse; where it could also hide what is escaped, the tree is refused here.

use super::QueryTreeError;

/// The most bytes of a line.
const LINE: usize = 78;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `(`
    ListOpen,
    /// `)`
    ListClose,
    /// Anything else, escapes and breaks included.
    Word(&'a [u8]),
    /// The end of the text.
    End,
}

/// The tokens of a text, one after the other.
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    /// Where the line begins that `at` is on.
    line: usize,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            line: 0,
        }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token<'a>, QueryTreeError> {
        let token = loop {
            match self.text.get(self.at) {
                None => return Ok(Token::End),
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\n') => self.feed(),
                Some(b'{') => break Token::Open,
                Some(b'}') => break Token::Close,
                Some(b'(') => break Token::ListOpen,
                Some(b')') => break Token::ListClose,
                Some(_) => return self.word(),
            }
        };
        self.at += 1;
        Ok(token)
    }

    /// Where the next token is looked for.
    pub(super) const fn place(&self) -> usize {
        self.at
    }

    /// The text between two places.
    pub(super) fn between(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Past a line break.
    const fn feed(&mut self) {
        self.at += 1;
        self.line = self.at;
    }

    fn word(&mut self) -> Result<Token<'a>, QueryTreeError> {
        let start = self.at;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'{' | b'}' | b'(' | b')' => break,
                b'\n' if self.full() && self.text.get(self.at + 1) != Some(&b':') => self.feed(),
                b'\n' => break,
                b'\\' => self.escaped()?,
                _ => self.at += 1,
            }
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        Ok(Token::Word(word))
    }

    /// Past a backslash and what it escapes.
    fn escaped(&mut self) -> Result<(), QueryTreeError> {
        self.at += 1;
        match self.text.get(self.at) {
            None => Err(QueryTreeError::Incomplete),
            // An escaped space whose place a break took, unless the break is between the two.
            Some(b'\n') if self.full() => Err(QueryTreeError::Ambiguous),
            Some(b'\n') => {
                self.feed();
                Ok(())
            }
            Some(_) => {
                self.at += 1;
                Ok(())
            }
        }
    }

    /// Whether the line that ends here could not be broken at a space.
    fn full(&self) -> bool {
        let line = self.text.get(self.line..self.at).unwrap_or_default();
        line.len() >= LINE && line.get(1..).is_some_and(|rest| !rest.contains(&b' '))
    }
}

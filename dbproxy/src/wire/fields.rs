//! The fields of an ErrorResponse or NoticeResponse, in the server's order.
//!
//! What is malformed ends the reading: what came before it counts.
//! <https://www.postgresql.org/docs/current/protocol-error-fields.html>

use std::borrow::Cow;

use smallvec::SmallVec;

use super::Reader;

/// Letters and values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields<'m>(SmallVec<[(u8, Cow<'m, [u8]>); 12]>);

impl<'m> Fields<'m> {
    /// Reads the body of a message.
    pub(crate) fn read(body: &'m [u8]) -> Self {
        let mut fields = SmallVec::new();
        let mut reader = Reader::new(body);
        while let Some(letter) = reader.u8().filter(|letter| *letter != 0) {
            let Some(value) = reader.string() else { break };
            fields.push((letter, Cow::Borrowed(value)));
        }
        Self(fields)
    }

    /// A field as it is: a text may end within a letter.
    pub(crate) fn bytes(&self, letter: u8) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == letter);
        found.map(|(_, value)| &**value)
    }

    /// A field as text.
    pub(crate) fn text(&self, letter: u8) -> Option<Cow<'_, str>> {
        self.bytes(letter).map(String::from_utf8_lossy)
    }

    pub(crate) fn has(&self, letter: u8) -> bool {
        self.bytes(letter).is_some()
    }

    /// FATAL or PANIC: the server closes.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self.bytes(b'V'), Some(b"FATAL" | b"PANIC"))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(letter, value)| (*letter, &**value))
    }

    /// Gives a field that is there another text.
    pub(crate) fn set(&mut self, letter: u8, text: &str) {
        for (_, value) in self.0.iter_mut().filter(|(known, _)| *known == letter) {
            *value = Cow::Owned(text.as_bytes().to_vec());
        }
    }

    /// Adds a field.
    pub(crate) fn push(&mut self, letter: u8, text: &'static str) {
        self.0.push((letter, Cow::Borrowed(text.as_bytes())));
    }

    /// Leaves fields out.
    pub(crate) fn leave_out(&mut self, letters: &[u8]) {
        self.0.retain(|(letter, _)| !letters.contains(letter));
    }

    /// The body of a message with these fields.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (letter, value) in &self.0 {
            body.push(*letter);
            body.extend_from_slice(value);
            body.push(0);
        }
        body.push(0);
        body
    }
}

#[cfg(test)]
mod tests;

//! Texts for others: the statement as it is forwarded (comments blanked) and as it is recorded
//! (passwords taken out). Neither may ever change a literal otherwise.

mod redact;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::lexer::{self, Kind, Limits};

pub use redact::redact;

/// The message with every comment overwritten by spaces: same length, so that error positions hold.
/// A text that can't be lexed comes back as it is; it is never forwarded.
#[must_use]
pub fn blank_comments(sql: &str) -> Cow<'_, str> {
    let Ok(lexed) = lexer::lex(sql, &Limits::default()) else {
        return Cow::Borrowed(sql);
    };
    let mut comments = lexed
        .tokens
        .iter()
        .filter(|token| token.kind == Kind::Comment)
        .peekable();
    if comments.peek().is_none() {
        return Cow::Borrowed(sql);
    }
    let mut text = String::with_capacity(sql.len());
    let mut copied = 0;
    for comment in comments {
        text.push_str(sql.get(copied..comment.start).unwrap_or(""));
        text.extend(std::iter::repeat_n(' ', comment.end - comment.start));
        copied = comment.end;
    }
    text.push_str(sql.get(copied..).unwrap_or(""));
    Cow::Owned(text)
}

//! Texts for others: the statement as it is forwarded (comments blanked), as it is recorded (passwords
//! taken out), and as PostgreSQL is asked about it (long strings left out). None of them may ever change
//! a literal otherwise.

mod redact;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::lexer::{self, Kind, Limits};

pub use redact::redact;

/// A text with its long strings left out, so that what is asked about it is short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithoutStrings {
    /// Each of them is a parameter, of a number of its own and of no type; or, where it has a type (`N'…'`,
    /// `B'…'`, `X'…'`), an empty string of that.
    pub as_parameters: String,
    /// Each of them is an empty string.
    pub emptied: String,
}

/// The text without its strings of more than so many bytes; `None` where it has none, or can't be lexed.
///
/// To PostgreSQL a string is a value of no type yet, as a parameter is whose type is left open: it takes
/// both for the same in choosing functions, operators and casts.
#[must_use]
pub fn without_strings(sql: &str, longer_than: usize) -> Option<WithoutStrings> {
    let lexed = lexer::lex(sql, &Limits::NONE).ok()?;
    let mut number = 0;
    for token in lexed.tokens.iter() {
        if token.kind == Kind::Parameter {
            number = number.max(token.text(sql).get(1..)?.parse().ok()?);
        }
    }
    let (mut as_parameters, mut emptied) = (String::new(), String::new());
    let mut copied = 0;
    for token in lexed.tokens {
        if !token.is_literal() || token.end - token.start <= longer_than {
            continue;
        }
        let before = sql.get(copied..token.start)?;
        as_parameters.push_str(before);
        emptied.push_str(before);
        match token.text(sql).get(..1) {
            // `N'…'`, `B'…'` and `X'…'` have a type.
            Some(typed) if "nNbBxX".contains(typed) => {
                for text in [&mut as_parameters, &mut emptied] {
                    text.push_str(typed);
                    text.push_str("''");
                }
            }
            _ => {
                number = u16::checked_add(number, 1)?;
                // Nothing grows together with it.
                as_parameters.push_str(&format!(" ${number} "));
                emptied.push_str("''");
            }
        }
        copied = token.end;
    }
    if copied == 0 {
        return None;
    }
    as_parameters.push_str(sql.get(copied..)?);
    emptied.push_str(sql.get(copied..)?);
    Some(WithoutStrings {
        as_parameters,
        emptied,
    })
}

/// The message with every comment overwritten by spaces: same length, so that error positions hold.
/// A text that can't be lexed comes back as it is; it is never forwarded.
#[must_use]
pub fn blank_comments(sql: &str) -> Cow<'_, str> {
    let Ok(lexed) = lexer::lex(sql, &Limits::NONE) else {
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

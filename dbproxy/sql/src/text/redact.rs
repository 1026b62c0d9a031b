//! Password literals out of what is recorded. It must never let one through where it can't tell.

use std::borrow::Cow;
use std::ops::Range;

use crate::lexer::{self, Kind, Token};

/// What a secret becomes.
const HIDDEN: &str = "'…'";

/// Words that announce a secret, in whatever longer word.
const ANNOUNCERS: [&str; 4] = ["password", "connection", "passphrase", "secret"];

/// The first words of statements that hold secrets; the others hold data, which stays.
const HOLDERS: [&str; 3] = ["create", "alter", "set"];

/// The message with the secrets of `PASSWORD '…'` (roles), of connection strings (subscriptions) and
/// of options named like a password taken out; everything else as it is. A text that can't be lexed
/// loses everything after the first word that announces a secret.
#[must_use]
pub fn redact(sql: &str) -> Cow<'_, str> {
    if !announces(sql) {
        return Cow::Borrowed(sql);
    }
    let Ok(lexed) = lexer::lex(sql) else {
        return cut(sql);
    };
    let mut text = String::with_capacity(sql.len());
    let mut copied = 0;
    for statement in lexer::statements(&lexed) {
        let tokens = lexed.tokens.get(statement).unwrap_or(&[]);
        let mut tokens = tokens
            .iter()
            .filter(|token| token.kind != Kind::Comment)
            .peekable();
        let holds = tokens
            .peek()
            .is_some_and(|first| HOLDERS.iter().any(|word| first.is_word(sql, word)));
        if holds {
            for secret in secrets(sql, tokens) {
                text.push_str(sql.get(copied..secret.start).unwrap_or(""));
                text.push_str(HIDDEN);
                copied = secret.end;
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(sql);
    }
    text.push_str(sql.get(copied..).unwrap_or(""));
    Cow::Owned(text)
}

/// The literals that follow an announcing word: `PASSWORD 'x'`, `password = 'x'`, `"password" 'x'`.
fn secrets<'t>(sql: &str, tokens: impl Iterator<Item = &'t Token>) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut announced = false;
    for token in tokens {
        match token.kind {
            Kind::Text | Kind::Escaped | Kind::Unicode | Kind::Dollar | Kind::Bits => {
                // Pieces of one literal follow each other.
                if announced {
                    secrets.push(token.range());
                }
            }
            Kind::Word if token.is_word(sql, "to") => {}
            Kind::Word | Kind::Quoted => announced = announces(token.text(sql)),
            Kind::Operator => {}
            Kind::Number | Kind::Parameter | Kind::Mark(_) | Kind::Comment => announced = false,
        }
    }
    secrets
}

fn announces(text: &str) -> bool {
    first_announcer(text).is_some()
}

fn first_announcer(text: &str) -> Option<usize> {
    let starts_at = |at: usize| {
        let rest = text.as_bytes().get(at..).unwrap_or(&[]);
        ANNOUNCERS.iter().any(|word| {
            rest.get(..word.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    (0..text.len()).find(|at| starts_at(*at))
}

/// What can be kept of a text whose literals can't be told.
fn cut(sql: &str) -> Cow<'_, str> {
    match first_announcer(sql).and_then(|at| sql.get(..at)) {
        Some(kept) => Cow::Owned(format!("{kept}…")),
        None => Cow::Borrowed(sql),
    }
}

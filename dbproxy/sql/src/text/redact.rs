//! Password literals out of what is recorded.

use std::borrow::Cow;

use crate::lexer::{self, Kind, Token};

/// What a secret becomes.
const HIDDEN: &str = "'…'";

/// The message with the secrets of `PASSWORD '…'` (roles), of connection strings (subscriptions) and
/// of options named like a password taken out; everything else as it is. A text that can't be lexed
/// loses everything after the first word that announces a secret.
#[must_use]
pub fn redact(sql: &str) -> Cow<'_, str> {
    if !["password", "connection", "passphrase", "secret"]
        .iter()
        .any(|word| contains(sql, word))
    {
        return Cow::Borrowed(sql);
    }
    let Ok(lexed) = lexer::lex(sql) else {
        return cut(sql);
    };
    let tokens: Vec<Token> = lexed
        .tokens
        .into_iter()
        .filter(|token| token.kind != Kind::Comment)
        .collect();
    let mut text = String::with_capacity(sql.len());
    let mut copied = 0;
    let mut announced = false;
    for token in &tokens {
        let literal = matches!(
            token.kind,
            Kind::Text | Kind::Escaped | Kind::Unicode | Kind::Dollar | Kind::Bits
        );
        if literal && announced {
            text.push_str(sql.get(copied..token.start).unwrap_or(""));
            text.push_str(HIDDEN);
            copied = token.end;
        } else {
            // `PASSWORD 'x'`, `password = 'x'`, `"password" 'x'`; pieces of one literal follow each other.
            let between = token.kind == Kind::Operator;
            let words = matches!(token.kind, Kind::Word | Kind::Quoted);
            announced = (announced && between) || (words && announces(token.text(sql)));
        }
    }
    if copied == 0 {
        return Cow::Borrowed(sql);
    }
    text.push_str(sql.get(copied..).unwrap_or(""));
    Cow::Owned(text)
}

fn announces(word: &str) -> bool {
    ["password", "connection", "passphrase", "secret"]
        .iter()
        .any(|secret| contains(word, secret))
}

fn contains(text: &str, word: &str) -> bool {
    text.as_bytes()
        .windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// What can be kept of a text whose literals can't be told.
fn cut(sql: &str) -> Cow<'_, str> {
    let words = ["password", "connection", "passphrase", "secret"];
    let first = (0..sql.len()).find(|&at| {
        words.iter().any(|word| {
            sql.as_bytes()
                .get(at..at + word.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        })
    });
    match first.and_then(|at| sql.get(..at)) {
        Some(kept) => Cow::Owned(format!("{kept}…")),
        None => Cow::Borrowed(sql),
    }
}

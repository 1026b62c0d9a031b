//! Password literals out of what is recorded. It must never let one through where it can't tell.

use std::borrow::Cow;
use std::ops::Range;

use crate::lexer::{self, Kind, Limits, Token};

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
    let code = may_hold_code(sql);
    if !code && !announces(sql) {
        return Cow::Borrowed(sql);
    }
    let Ok(lexed) = lexer::lex(sql, &Limits::NONE) else {
        return cut(sql, code);
    };
    let mut text = String::with_capacity(sql.len());
    let mut copied = 0;
    for statement in lexer::statements(&lexed) {
        let tokens = lexed.tokens.get(statement).unwrap_or(&[]);
        let mut tokens = tokens
            .iter()
            .filter(|token| token.kind != Kind::Comment)
            .peekable();
        let first = tokens.peek().copied();
        let holds = |word: &str| first.is_some_and(|first| first.is_word(sql, word));
        if holds("do") {
            // Code in a language that nobody reads here: any of it may be a secret.
            for code in tokens.filter(|token| token.is_literal()) {
                text.push_str(sql.get(copied..code.start).unwrap_or(""));
                text.push_str(HIDDEN);
                copied = code.end;
            }
        } else if HOLDERS.iter().any(|word| holds(word)) {
            for secret in secrets(sql, tokens, !holds("set")) {
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

/// The literals that follow an announcing word (`PASSWORD 'x'`, `password = 'x'`, `"password" 'x'`); with
/// `code` also those that have one.
fn secrets<'t>(
    sql: &str,
    tokens: impl Iterator<Item = &'t Token>,
    code: bool,
) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    let mut announced = false;
    for token in tokens {
        match token.kind {
            Kind::Text | Kind::Escaped | Kind::Unicode | Kind::Dollar | Kind::Bits => {
                // Pieces of one literal follow each other.
                // The body of a function may hold one among its own literals.
                if announced || code && announces(token.text(sql)) {
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

/// Whether a statement of the message may be a DO.
fn may_hold_code(sql: &str) -> bool {
    let first = sql.trim_start();
    let is_do = |pair: &[u8]| pair.eq_ignore_ascii_case(b"do");
    // Behind a comment or another statement it may be anywhere.
    let later = first.starts_with(['-', '/', ';']) || sql.contains(';');
    first.as_bytes().get(..2).is_some_and(is_do) || later && sql.as_bytes().windows(2).any(is_do)
}

fn announces(text: &str) -> bool {
    first_announcer(text).is_some()
}

fn first_announcer(text: &str) -> Option<usize> {
    let starts_at = |at: usize| {
        let rest = text.as_bytes().get(at..).unwrap_or(&[]);
        // Most bytes begin none of them.
        if !rest.first().is_some_and(|first| b"pcsPCS".contains(first)) {
            return false;
        }
        ANNOUNCERS.iter().any(|word| {
            rest.get(..word.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    (0..text.len()).find(|at| starts_at(*at))
}

/// What can be kept of a text whose literals can't be told.
fn cut(sql: &str, code: bool) -> Cow<'_, str> {
    let quote = sql.find(['\'', '$']).filter(|_| code);
    let announcer = first_announcer(sql);
    match quote
        .into_iter()
        .chain(announcer)
        .min()
        .and_then(|at| sql.get(..at))
    {
        Some(kept) => Cow::Owned(format!("{kept}…")),
        None => Cow::Borrowed(sql),
    }
}

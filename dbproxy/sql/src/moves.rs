//! Where an ALTER gives values of a relation another name, or makes a column of others: what was denied by the old
//! name would be there by the new one.
//!
//! It must never miss a column: whatever identifier stands in an expression counts, a relation's as all of its
//! columns.

use crate::lexer::{self, Kind, Limits, Token};
use crate::names::identifier;

/// Values that are found elsewhere afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// An identifier that may be a column; `None`: all columns.
    pub from: Option<String>,
    /// The column that they are in then; `None`: those of the same names, of a relation that has another name.
    pub to: Option<String>,
}

/// What a statement moves; nothing where it is no ALTER. `is_relation` tells whether an identifier may stand for a
/// whole row.
#[must_use]
pub fn moves(sql: &str, is_relation: impl Fn(&str) -> bool) -> Vec<Move> {
    let Ok(lexed) = lexer::lex(sql, &Limits::NONE) else {
        return Vec::new();
    };
    let tokens = lexed.tokens.iter().copied();
    let tokens: Vec<Token> = tokens.filter(|it| it.kind != Kind::Comment).collect();
    let reader = Reader {
        sql,
        tokens: &tokens,
    };
    match reader.is(0, "alter") {
        true => reader.moves(is_relation),
        false => Vec::new(),
    }
}

struct Reader<'t> {
    sql: &'t str,
    tokens: &'t [Token],
}

impl Reader<'_> {
    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.is_word(self.sql, word))
    }

    fn mark(&self, at: usize) -> Option<u8> {
        match self.tokens.get(at)?.kind {
            Kind::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    fn identifier(&self, at: usize) -> Option<String> {
        let token = self.tokens.get(at)?;
        let named = matches!(token.kind, Kind::Word | Kind::Quoted);
        named.then(|| identifier(token.text(self.sql)).into_owned())
    }

    /// The first of these that is none of the words.
    fn behind(&self, mut at: usize, words: &[&str]) -> usize {
        while words.iter().any(|word| self.is(at, word)) {
            at += 1;
        }
        at
    }

    fn moves(&self, is_relation: impl Fn(&str) -> bool) -> Vec<Move> {
        let mut found = Vec::new();
        // The column that an action is about, and where an expression ends that makes it.
        let mut made: Option<String> = None;
        let (mut depth, mut ends) = (0_usize, None);
        for at in 1..self.tokens.len() {
            match self.mark(at) {
                Some(b'(' | b'[') => depth += 1,
                Some(b')' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            let over = match (ends, self.mark(at)) {
                (Some(0), Some(b',')) => depth == 0,
                (Some(within), Some(b')')) => within > 0 && depth < within,
                _ => false,
            };
            if over {
                ends = None;
            }
            if ends.is_some() {
                let from = self.identifier(at);
                found.extend(from.map(|from| Move {
                    from: Some(from).filter(|from| !is_relation(from)),
                    to: made.clone(),
                }));
            } else if self.is(at, "rename") {
                found.extend(self.renamed(at + 1));
            } else if self.is(at, "set") && self.is(at + 1, "schema") {
                found.push(Move {
                    from: None,
                    to: None,
                });
            } else if depth == 0 && (self.is(at, "alter") || self.is(at, "add")) {
                let words = ["column", "if", "not", "exists"];
                made = self.identifier(self.behind(at + 1, &words));
            } else if depth == 0 && self.is(at, "using") {
                ends = Some(0);
            } else if depth == 0 && self.is(at, "as") && self.mark(at + 1) == Some(b'(') {
                ends = Some(1);
            }
        }
        found
    }

    /// Behind RENAME.
    fn renamed(&self, at: usize) -> Option<Move> {
        if self.is(at, "to") {
            return Some(Move {
                from: None,
                to: None,
            });
        }
        if self.is(at, "constraint") || self.is(at, "value") {
            return None;
        }
        let at = self.behind(at, &["column", "attribute"]);
        Some(Move {
            from: self.identifier(at),
            to: self.identifier(at + 2),
        })
    }
}

#[cfg(test)]
mod tests;

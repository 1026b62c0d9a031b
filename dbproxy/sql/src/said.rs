//! What a statement's words say beside what it touches: what it is to a transaction, whether it gives rows,
//! how far it reaches. Nobody else should look at words.
//!
//! It must never take a doubt for what lets more happen: each field says which side that is.

use crate::lexer::{Kind, Token};

/// What a statement is to a transaction block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// BEGIN, START TRANSACTION.
    Begins,
    /// COMMIT, ROLLBACK and their kin.
    Ends,
    /// The same with AND CHAIN: another one begins.
    Chains,
    /// ROLLBACK TO.
    RollsBackTo,
    /// SAVEPOINT, RELEASE.
    Saves,
    /// PREPARE TRANSACTION, and words that leave open which of these it is.
    Unclear,
}

/// What the words of a statement say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it is to a transaction block; `None` where it runs within one.
    pub transaction: Option<Transaction>,
    /// DISCARD ALL, the only form that forgets names.
    pub discards_all: bool,
    /// It may have a result of rows.
    pub gives_rows: bool,
    /// It is a definition that changes only what it names and what it makes.
    pub told_by_names: bool,
    /// It is a CREATE TABLE, neither temporary nor unlogged.
    pub creates_table: bool,
    /// It is a definition that may make values, now or later on.
    pub makes_values: bool,
    /// It has strings or parameters, which PostgreSQL may make values of any type of.
    pub has_constants: bool,
}

impl Said {
    /// Of what nobody has read.
    pub const UNREAD: Self = Self {
        transaction: None,
        discards_all: false,
        gives_rows: true,
        told_by_names: false,
        creates_table: false,
        makes_values: true,
        has_constants: true,
    };
}

/// A statement's tokens, comments left out.
#[derive(Clone, Copy)]
struct Words<'t> {
    sql: &'t str,
    tokens: &'t [Token],
}

impl Words<'_> {
    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.is_word(self.sql, word))
    }

    fn is_one_of(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(at, word))
    }

    fn are(&self, from: usize, words: &[&str]) -> bool {
        let all = (from..).zip(words).all(|(at, word)| self.is(at, word));
        all && self.tokens.len() == from + words.len()
    }

    fn have(&self, words: &[&str]) -> bool {
        (0..self.tokens.len()).any(|at| self.is_one_of(at, words))
    }
}

/// What these tokens say; `label` is the statement's name, where it could be read.
pub(crate) fn said(sql: &str, tokens: &[Token], label: Option<&str>) -> Said {
    let words = Words { sql, tokens };
    Said {
        transaction: transaction(words),
        discards_all: words.are(0, &["discard", "all"]),
        gives_rows: !words.is_one_of(0, &["insert", "update", "delete"])
            || words.have(&["returning"]),
        told_by_names: told_by_names(words),
        creates_table: words.is(0, "create") && words.is(1, "table"),
        makes_values: label.is_none_or(|label| makes_values(label, words)),
        has_constants: tokens.iter().any(is_constant),
    }
}

/// A number is one of PostgreSQL's own types, and has no check of somebody's own.
fn is_constant(token: &Token) -> bool {
    matches!(
        token.kind,
        Kind::Text | Kind::Escaped | Kind::Unicode | Kind::Bits | Kind::Dollar | Kind::Parameter
    )
}

fn transaction(words: Words<'_>) -> Option<Transaction> {
    let ends = ["commit", "end", "rollback", "abort"];
    if words.is_one_of(0, &["begin", "start"]) {
        return Some(Transaction::Begins);
    }
    if words.is_one_of(0, &["savepoint", "release"]) {
        return Some(Transaction::Saves);
    }
    if words.is(0, "prepare") {
        return words.is(1, "transaction").then_some(Transaction::Unclear);
    }
    let of_prepared = words.is_one_of(0, &["commit", "rollback"]) && words.is(1, "prepared");
    if !words.is_one_of(0, &ends) || of_prepared {
        return None;
    }
    let at = 1 + usize::from(words.is_one_of(1, &["work", "transaction"]));
    Some(
        if words.are(at, &[]) || words.are(at, &["and", "no", "chain"]) {
            Transaction::Ends
        } else if words.are(at, &["and", "chain"]) {
            Transaction::Chains
        } else if words.is(0, "rollback") && words.is(at, "to") {
            Transaction::RollsBackTo
        } else {
            Transaction::Unclear
        },
    )
}

/// CASCADE reaches further; what runs code may do anything. What is dropped takes along what belongs to it, which
/// nobody can use by its name any more. Rights, owners, roles, databases and comments change what no name means, nor
/// do an enum's values.
fn told_by_names(words: Words<'_>) -> bool {
    const MADE: [&str; 17] = [
        "table",
        "temp",
        "temporary",
        "unlogged",
        "index",
        "unique",
        "view",
        "sequence",
        "function",
        "materialized",
        "trigger",
        "constraint",
        "policy",
        "procedure",
        "aggregate",
        "domain",
        "statistics",
    ];
    const CHANGED: [&str; 5] = ["table", "index", "sequence", "view", "materialized"];
    // What is in them goes with them, and has other names.
    const HOLDING: [&str; 3] = ["schema", "extension", "owned"];
    const BESIDE: [&str; 5] = ["role", "user", "group", "database", "tablespace"];
    if words.is_one_of(0, &["comment", "grant", "revoke"]) {
        return true;
    }
    if words.is_one_of(0, &["create", "alter", "drop"]) && words.is_one_of(1, &BESIDE) {
        return true;
    }
    let reaches = words.have(&["cascade"]);
    // The kinds of types that are described by their columns and by nothing else.
    let is_plain_type = words.is(1, "type") && words.have(&["as"]) && !words.have(&["range"]);
    let last = words.tokens.len();
    let owner = last > 3 && words.is(last - 3, "owner") && words.is(last - 2, "to");
    let gets_owner = owner && !words.have(&["rename"]);
    let gets_value = words.is(1, "type") && words.have(&["value"]) && !words.have(&["attribute"]);
    let changes = words.is_one_of(1, &CHANGED) || gets_owner || gets_value;
    (words.is(0, "create") && (words.is_one_of(1, &MADE) || is_plain_type))
        || (words.is(0, "alter") && changes && !reaches)
        || (words.is(0, "drop") && !words.is_one_of(1, &HOLDING) && !reaches)
}

/// By words in whatever place they stand. What is dropped, granted or commented on makes none.
fn makes_values(label: &str, words: Words<'_>) -> bool {
    const MAKE: [&str; 7] = [
        "default",
        "check",
        "using",
        "generated",
        "values",
        "exclude",
        "where",
    ];
    match label {
        "create table" => words.have(&MAKE),
        "create type" => false,
        _ => label.starts_with("create ") || label.starts_with("alter "),
    }
}

/// All words of a text that may be identifiers, in lower case, sorted and each once; `None` where one may be
/// another than it looks: in quotes, outside ASCII, or longer than what PostgreSQL keeps.
#[must_use]
pub fn identifiers(sql: &str) -> Option<Vec<String>> {
    /// An identifier that is longer is cut off by the server.
    const LONGEST: usize = 63;
    let lexed = crate::lexer::lex(sql, &crate::lexer::Limits::NONE).ok()?;
    let mut words = Vec::new();
    for token in &lexed.tokens {
        let word = token.text(sql);
        match token.kind {
            Kind::Quoted => return None,
            Kind::Word if !word.is_ascii() || word.len() > LONGEST => return None,
            Kind::Word => words.push(word.to_ascii_lowercase()),
            _ => {}
        }
    }
    words.sort_unstable();
    words.dedup();
    Some(words)
}

#[cfg(test)]
mod tests;

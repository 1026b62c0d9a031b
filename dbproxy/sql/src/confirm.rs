//! The second reader: `sqlparser` reads the same statement, and must see the same kind, relations and
//! functions. It is fed the referee's tokens, so that it cannot draw the borders of comments, strings
//! and operators otherwise. It can only take trust away, never add any.

mod seen;
mod spelling;
#[cfg(test)]
mod tests;

use exeat_policy::Verb;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token as Lexeme;
use squawk_parser::SyntaxKind;

use crate::lexer::Token;
use crate::tree::Tree;
use crate::walk::Found;
use seen::{Seen, see};
use spelling::spelled;

/// Levels of sqlparser's grammar; our own nesting cap comes first, its stack grows as needed.
const RECURSION: usize = 4000;

/// What the second reader says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    /// It sees the same.
    Same,
    /// It can't read the statement.
    Unknown,
    /// It sees something else.
    Different(&'static str),
}

/// Has the second reader confirm what the first one found. `start`: where the tree's text begins in
/// the message.
pub(crate) fn confirm(
    sql: &str,
    tokens: &[Token],
    tree: &Tree<'_>,
    start: usize,
    found: &Found,
) -> Confirmed {
    if is_plain(sql, tokens, found) {
        return Confirmed::Same;
    }
    let names_only = matches!(
        found.facts.verb,
        Verb::Truncate | Verb::Lock | Verb::Maintain
    ) && found.facts.functions.is_empty();
    match second(sql, tokens, tree, start, found) {
        // Their grammar has names and keywords only, which the referee has read.
        Confirmed::Unknown if names_only => Confirmed::Same,
        confirmed => confirmed,
    }
}

fn second(sql: &str, tokens: &[Token], tree: &Tree<'_>, start: usize, found: &Found) -> Confirmed {
    let seen = match copy_condition(tree) {
        None => statement(&spelled(sql, tokens, tree, start, found.facts.verb)),
        Some(condition) => {
            let split = tokens.partition_point(|token| token.start < condition + start);
            let (copy, condition) = tokens.split_at(split);
            let copy = spelled(sql, copy, tree, start, found.facts.verb);
            let condition = spelled(sql, condition, tree, start, Verb::Select);
            statement(&copy)
                .zip(statement(&format!("SELECT 1 {condition}")))
                .map(|(mut seen, condition)| {
                    seen.relations.extend(condition.relations);
                    seen.functions.extend(condition.functions);
                    seen
                })
        }
    };
    seen.map_or(Confirmed::Unknown, |seen| compare(found, &seen))
}

/// Where the WHERE clause of a COPY starts: sqlparser has none there, and reads it by itself.
fn copy_condition(tree: &Tree<'_>) -> Option<usize> {
    let copy = tree.root().child(SyntaxKind::COPY)?;
    Some(copy.child(SyntaxKind::WHERE_CLAUSE)?.range().start)
}

/// What the second reader sees in a text that it reads as one statement.
fn statement(text: &str) -> Option<Seen> {
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(RECURSION);
    let mut parser = parser.try_with_sql(text).ok()?;
    let statement = parser.parse_statement().ok()?;
    while parser.consume_token(&Lexeme::SemiColon) {}
    (parser.peek_token().token == Lexeme::EOF).then(|| see(&statement))
}

fn compare(found: &Found, seen: &Seen) -> Confirmed {
    let verb = found.facts.verb;
    let queries = [
        Verb::Select,
        Verb::Insert,
        Verb::Update,
        Verb::Delete,
        Verb::Merge,
    ];
    let defines = matches!(
        verb,
        Verb::Define | Verb::Maintain | Verb::Lock | Verb::Truncate
    );
    match seen.verb {
        Some(kind) if kind == verb => {}
        // SELECT INTO defines a table.
        Some(Verb::Select) if verb == Verb::Define && &*found.facts.label == "select into" => {}
        None if defines => {}
        Some(kind) if queries.contains(&kind) || queries.contains(&verb) => {
            return Confirmed::Different("the readers see different kinds of statements");
        }
        _ => return Confirmed::Unknown,
    }
    if seen.relations != found.mentions.relations {
        if defines {
            return Confirmed::Unknown;
        }
        return Confirmed::Different("the readers see different relations");
    }
    let ours = found
        .mentions
        .functions
        .iter()
        .filter(|name| !seen::is_syntax(name));
    let theirs = seen.functions.iter().filter(|name| !seen::is_syntax(name));
    if !ours.eq(theirs) {
        if defines {
            return Confirmed::Unknown;
        }
        return Confirmed::Different("the readers see different functions");
    }
    Confirmed::Same
}

/// A statement of keywords, names and constants only: its first word says what it is, and the referee
/// has read that.
fn is_plain(sql: &str, tokens: &[Token], found: &Found) -> bool {
    let words: &[&str] = match found.facts.verb {
        Verb::Empty => return tokens.is_empty(),
        Verb::Transaction => &[
            "begin",
            "start",
            "commit",
            "end",
            "rollback",
            "abort",
            "savepoint",
            "release",
        ],
        Verb::Set => &["set", "reset"],
        Verb::Show => &["show"],
        Verb::Execute => &["execute"],
        Verb::Deallocate => &["deallocate"],
        Verb::Fetch => &["fetch", "move"],
        Verb::Close => &["close"],
        Verb::Discard => &["discard"],
        Verb::Listen => &["listen", "unlisten"],
        Verb::Notify => &["notify"],
        Verb::Select
        | Verb::Insert
        | Verb::Update
        | Verb::Delete
        | Verb::Merge
        | Verb::Truncate
        | Verb::CopyIn
        | Verb::CopyOut
        | Verb::Call
        | Verb::Explain
        | Verb::Prepare
        | Verb::Declare
        | Verb::Lock
        | Verb::Define
        | Verb::Maintain => return false,
    };
    let nothing = found.facts.relations.is_empty() && found.facts.functions.is_empty();
    nothing
        && tokens
            .first()
            .is_some_and(|first| words.iter().any(|word| first.is_word(sql, word)))
}

//! The second reader: `sqlparser` reads the same statement, and must see the same kind, relations and
//! functions. It is fed the referee's tokens, so that it cannot draw the borders of comments, strings
//! and operators otherwise. It can only take trust away, never add any.

mod seen;
mod spelling;
#[cfg(test)]
mod tests;

use std::ops::Range;

use exeat_policy::Verb;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token as Lexeme;
use squawk_parser::SyntaxKind;

use crate::lexer::Token;
use crate::tree::{Node, Tree};
use crate::walk::Found;
use seen::{Seen, see};
use spelling::spelled;

/// Levels of sqlparser's grammar; our own nesting cap comes first, its stack grows as needed.
const RECURSION: usize = 4000;

/// Pieces of a statement that are read as queries of their own; each is looked for in the whole tree.
const MAX_ASIDES: usize = 16;

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
    let read = |tokens: &[Token], before: &str, verb: Verb| {
        let text = spelled(sql, tokens, tree, start, verb);
        statement(&format!("{before}{text}"))
    };
    let verb = found.facts.verb;
    let asides = asides(tree, start);
    let main = match asides.as_slice() {
        [] => read(tokens, "", verb),
        _ => {
            let aside =
                |token: &Token| asides.iter().any(|(range, _)| range.contains(&token.start));
            read(&picked(tokens, |token| !aside(token)), "", verb)
        }
    };
    let Some(mut seen) = main.filter(|_| asides.len() <= MAX_ASIDES) else {
        return Confirmed::Unknown;
    };
    for (range, before) in &asides {
        let inside = picked(tokens, |token| range.contains(&token.start));
        let Some(more) = read(&inside, before, Verb::Select) else {
            return Confirmed::Unknown;
        };
        seen.relations.extend(more.relations);
        seen.functions.extend(more.functions);
    }
    compare(found, &seen)
}

fn picked(tokens: &[Token], pick: impl Fn(&Token) -> bool) -> Vec<Token> {
    tokens.iter().filter(|token| pick(token)).copied().collect()
}

/// The pieces that sqlparser can't read where they stand, but as queries of their own: the WHERE of
/// COPY and the index that ON CONFLICT infers. Where they are, and what makes a query of each.
fn asides(tree: &Tree<'_>, start: usize) -> Vec<(Range<usize>, &'static str)> {
    let before = |node: Node<'_>| match node.kind() {
        SyntaxKind::CONFLICT_ON_INDEX => Some("SELECT "),
        SyntaxKind::WHERE_CLAUSE if node.parent()?.kind() == SyntaxKind::COPY => Some("SELECT 1 "),
        _ => None,
    };
    let aside = |node: Node<'_>| {
        let before = before(node)?;
        let range = node.range();
        Some((range.start + start..range.end + start, before))
    };
    tree.nodes().filter_map(aside).collect()
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
        Verb::Do => &["do"],
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

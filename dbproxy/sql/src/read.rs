//! `read`: a message in, its statements with their facts out. The order: the referee lexes the whole
//! message, each statement is parsed and walked, and the second reader confirms what was seen.

use std::borrow::Cow;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use exeat_policy::{Confirmation, Facts, Name, Setting, Subject, Unreadable, UnreadableKind, Verb};

use crate::catalog::Catalog;
use crate::confirm::{self, Confirmed};
use crate::lexer::{self, Kind, Lexed, Limits, Token, refuse};
use crate::names::constant;
use crate::path;
use crate::said::{self, Said};
use crate::tree::Tree;
use crate::walk::{self, Found, Wide};

/// The search path of a database whose configuration names none.
static SEARCH_PATH: LazyLock<Arc<[Arc<str>]>> =
    LazyLock::new(|| search_path(&[Arc::from("public")]));

/// The whole path of a session whose configured path is this, as PostgreSQL resolves names by it: what is
/// not named comes first, `pg_temp` before `pg_catalog`.
#[must_use]
pub fn search_path(configured: &[Arc<str>]) -> Arc<[Arc<str>]> {
    let named = |schema: &str| configured.iter().any(|known| **known == *schema);
    let first = ["pg_temp", "pg_catalog"].into_iter();
    let first = first.filter(|schema| !named(schema)).map(Arc::from);
    first.chain(configured.iter().cloned()).collect()
}

/// What names are resolved against.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The catalog, where one is at hand. Without it names are attributed to all that they might mean.
    pub catalog: Option<&'a Catalog>,
    /// The session's search path, `pg_catalog` included.
    pub search_path: &'a [Arc<str>],
    /// PostgreSQL will be asked about each of [`Statement::questions`], so that nothing in them has to be
    /// refused or counted for what it might mean.
    pub asks: bool,
}

impl Default for Context<'_> {
    fn default() -> Self {
        Self {
            catalog: None,
            search_path: &SEARCH_PATH,
            asks: false,
        }
    }
}

/// One statement of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its bytes within the message: from its first token to its last.
    pub range: Range<usize>,
    /// Its facts, or why there are none.
    pub subject: Subject,
    /// What its words say beside that.
    pub said: Said,
    /// The prepared statement or cursor that PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH or CLOSE names.
    pub prepared: Option<Arc<str>>,
    /// Where it names it. Bytes within the message.
    pub prepared_at: Option<Range<usize>>,
    /// The parts of the message that PostgreSQL can be asked about, each a SELECT, VALUES, INSERT, UPDATE,
    /// DELETE or MERGE: the statement itself, or what EXPLAIN, PREPARE, DECLARE, COPY, CREATE TABLE AS and
    /// CREATE VIEW hold. Bytes within the message.
    pub questions: Vec<Range<usize>>,
    /// What PostgreSQL can be asked about in place of what it shows nothing of: COPY fills columns as this
    /// INSERT does, and looks at rows as this SELECT does; it gives a table's rows as one where that has row
    /// level security.
    pub equal: Vec<String>,
    /// Types without a schema that stand in the questions, which are left to PostgreSQL and no facts.
    pub types: Vec<Name>,
    /// The INTO clause of SELECT … INTO, bytes within the message. PostgreSQL is asked without it, because
    /// it does not show what a statement reads that makes a table; see [`Statement::question_texts`].
    pub into: Option<Range<usize>>,
    /// The types that PREPARE declares for its parameters, as they are written: `$1` first. Bytes within
    /// the message.
    pub declared: Vec<Range<usize>>,
    /// It says CASCADE: it reaches what depends on what it names, which only the database knows.
    pub cascades: bool,
    /// What it reaches by its kind alone, where it does.
    pub wide: Option<Wide>,
}

impl Statement {
    /// The text of each question, of the same length as in the message, with the INTO clause of
    /// SELECT … INTO overwritten by spaces.
    pub fn question_texts<'s>(&'s self, sql: &'s str) -> impl Iterator<Item = Cow<'s, str>> {
        self.questions.iter().map(|range| {
            let text = sql.get(range.clone()).unwrap_or("");
            let into = self.into.as_ref().and_then(|into| {
                let from = into.start.checked_sub(range.start)?;
                let to = into.end.checked_sub(range.start)?;
                Some((text.get(..from)?, text.get(from..to)?, text.get(to..)?))
            });
            match into {
                None => Cow::Borrowed(text),
                Some((before, into, after)) => {
                    Cow::Owned(format!("{before}{:1$}{after}", "", into.len()))
                }
            }
        })
    }
}

/// Reads all statements of a message. Never empty: a message without a statement gives one of
/// [`exeat_policy::Verb::Empty`]. Where the text can't be split for sure, the whole message is one
/// unreadable statement.
#[must_use]
pub fn read(sql: &str, context: &Context<'_>) -> Vec<Statement> {
    read_within(sql, context, &Limits::default())
}

/// Like [`read`], with other limits than the usual ones.
#[must_use]
pub fn read_within(sql: &str, context: &Context<'_>, limits: &Limits) -> Vec<Statement> {
    let lexed = match lexer::lex(sql, limits) {
        Ok(lexed) => lexed,
        Err(unreadable) => return vec![unreadable_statement(0..sql.len(), unreadable)],
    };
    let read = || {
        let ranges = lexer::statements(&lexed);
        ranges
            .into_iter()
            .map(|range| statement(sql, &lexed, range, context))
            .collect()
    };
    // The parsers recurse once or more per token of a run; the caps of the lexer bound that.
    let stack = (1 << 18)
        + lexed.run
            * (if cfg!(debug_assertions) {
                1 << 15
            } else {
                1 << 13
            });
    stacker::maybe_grow(stack, stack + (1 << 20), read)
}

fn unreadable_statement(range: Range<usize>, unreadable: Unreadable) -> Statement {
    Statement {
        range,
        subject: Subject::Unreadable(Arc::new(unreadable)),
        said: Said::UNREAD,
        prepared: None,
        prepared_at: None,
        questions: Vec::new(),
        equal: Vec::new(),
        types: Vec::new(),
        into: None,
        declared: Vec::new(),
        cascades: false,
        wide: None,
    }
}

fn statement(sql: &str, lexed: &Lexed, tokens: Range<usize>, context: &Context<'_>) -> Statement {
    let tokens: Vec<Token> = lexed
        .tokens
        .get(tokens)
        .unwrap_or(&[])
        .iter()
        .filter(|token| token.kind != Kind::Comment)
        .copied()
        .collect();
    let start = tokens.first().map_or(0, |token| token.start);
    let range = start..tokens.last().map_or(start, |token| token.end);
    let unread = |unreadable| Statement {
        said: said::said(sql, &tokens, None),
        ..unreadable_statement(range.clone(), unreadable)
    };
    if let Some(unreadable) = wrong_parameter(sql, &tokens) {
        return unread(unreadable);
    }
    let text = sql.get(range.clone()).unwrap_or("");
    match found(sql, text, start, &tokens, context) {
        Ok(read) => {
            let within = |part: Range<usize>| part.start + start..part.end + start;
            Statement {
                range: range.clone(),
                said: said::said(sql, &tokens, Some(&read.facts.label)),
                subject: Subject::Readable(Arc::new(read.facts)),
                prepared: read.prepared,
                prepared_at: read
                    .prepared_at
                    .map(within)
                    .filter(|at| is_name(at, &tokens)),
                questions: read.questions.parts.into_iter().map(within).collect(),
                equal: read.questions.equal,
                types: read.questions.types.into_iter().collect(),
                into: read.questions.into.map(within),
                declared: read.questions.declared.into_iter().map(within).collect(),
                cascades: read.cascades,
                wide: read.wide,
            }
        }
        Err(mut unreadable) => {
            unreadable.offset = unreadable.offset.map(|offset| offset + start);
            unread(unreadable)
        }
    }
}

/// Whether these bytes are one token that spells a name.
fn is_name(at: &Range<usize>, tokens: &[Token]) -> bool {
    let of_name = |token: &Token| matches!(token.kind, Kind::Word | Kind::Quoted);
    let here = |token: &&Token| token.start == at.start && token.end == at.end;
    tokens.iter().find(here).is_some_and(of_name)
}

/// The refusal for a parameter whose number the protocol can't have.
fn wrong_parameter(sql: &str, tokens: &[Token]) -> Option<Unreadable> {
    let is_wrong = |token: &&Token| {
        let digits = token.text(sql).get(1..);
        let number = digits.and_then(|digits| digits.parse::<u16>().ok());
        token.kind == Kind::Parameter && number.is_none_or(|number| number == 0)
    };
    let wrong = tokens.iter().find(is_wrong)?;
    let detail = "a parameter number out of range";
    Some(refuse(UnreadableKind::Unsupported, wrong.start, detail))
}

fn found(
    sql: &str,
    text: &str,
    start: usize,
    tokens: &[Token],
    context: &Context<'_>,
) -> Result<Found, Unreadable> {
    // The readers are others' code: one that panics has not read the statement.
    let read = || readers(sql, text, start, tokens, context);
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(refuse(
            UnreadableKind::Unsupported,
            0,
            "the statement could not be read",
        ))
    })
}

fn readers(
    sql: &str,
    text: &str,
    start: usize,
    tokens: &[Token],
    context: &Context<'_>,
) -> Result<Found, Unreadable> {
    if let Some(facts) = set_names(sql, tokens) {
        return Ok(Found::from(facts));
    }
    // Comments in the text stay: the parser knows them as we do, which `referee` checks.
    let tree = Tree::parse(text)
        .map_err(|error| refuse(UnreadableKind::Syntax, error.offset, &error.message))?;
    referee(&tree, tokens, start)?;
    let mut found = walk::facts(&tree, context)?;
    let prepares = found.facts.verb == Verb::Prepare
        && found.facts.settings.iter().any(Setting::is_read_by_bind);
    if prepares || reads_by_notation(sql, tokens) {
        found.facts.settings.push(Setting::unknown());
    }
    for setting in &mut found.facts.settings {
        path::settle(setting, context.search_path);
    }
    if context.asks && !found.questions.parts.is_empty() {
        // PostgreSQL is the other reader.
        return Ok(found);
    }
    found.facts.confirmation = match confirm::confirm(sql, tokens, &tree, start, &found) {
        Confirmed::Same => Confirmation::Confirmed,
        Confirmed::Unknown => Confirmation::Unconfirmed,
        Confirmed::Different(detail) => {
            return Err(refuse(UnreadableKind::Disagreement, 0, detail));
        }
    };
    Ok(found)
}

/// Whether `x.current_setting` stands anywhere: it may be a call, of a parameter that nobody can tell.
fn reads_by_notation(sql: &str, tokens: &[Token]) -> bool {
    tokens.windows(3).any(|tokens| {
        let [before, dot, name] = tokens else {
            return false;
        };
        let is = |token: &Token, word: &str| {
            token.is_word(sql, word) || token.text(sql).trim_matches('"') == word
        };
        dot.text(sql) == "." && is(name, "current_setting") && !is(before, "pg_catalog")
    })
}

/// `SET NAMES 'utf8'`, which the grammar lacks: it sets `client_encoding`.
fn set_names(sql: &str, tokens: &[Token]) -> Option<Facts> {
    let (set, rest) = tokens.split_first()?;
    let scoped = rest
        .first()
        .is_some_and(|word| word.is_word(sql, "session") || word.is_word(sql, "local"));
    let (names, value) = rest.get(usize::from(scoped)..)?.split_first()?;
    if !set.is_word(sql, "set") || !names.is_word(sql, "names") {
        return None;
    }
    let value = match value {
        [] => None,
        [word] if word.is_word(sql, "default") => None,
        [text] if text.kind == Kind::Text => Some(Arc::from(constant(text.text(sql))?)),
        _ => return None,
    };
    let settings = vec![Setting {
        name: Arc::from("client_encoding"),
        value,
    }];
    Some(Facts {
        settings,
        ..Facts::nothing(Verb::Set, Arc::from("set"))
    })
}

/// The readers draw other borders here.
fn differently(offset: usize) -> Unreadable {
    let why = "the statement is read differently by the proxy's two readers";
    refuse(UnreadableKind::Disagreement, offset, why)
}

/// The tokens of the tree must be the tokens that PostgreSQL sees.
fn referee(tree: &Tree<'_>, tokens: &[Token], start: usize) -> Result<(), Unreadable> {
    let mut expected = tokens.iter();
    let mut current: Option<&Token> = None;
    for leaf in tree.leaves() {
        let range = leaf.range();
        let (from, to) = (range.start + start, range.end + start);
        let inside = current.is_some_and(|token| token.start < from && to <= token.end);
        if !inside {
            if current.is_some_and(|token| token.end > from) {
                return Err(differently(range.start));
            }
            current = expected.next();
        }
        let Some(token) = current else {
            return Err(differently(range.start));
        };
        if token.start == from && token.end == to {
            continue;
        }
        // An operator may be several leaves, but then they are one node.
        let whole = leaf.parent().map(|parent| parent.range());
        let whole = whole.is_some_and(|whole| {
            whole.start + start == token.start && whole.end + start == token.end
        });
        if token.kind != Kind::Operator || !whole {
            return Err(differently(range.start));
        }
    }
    if let Some(token) = expected.next() {
        return Err(differently(token.start - start));
    }
    Ok(())
}

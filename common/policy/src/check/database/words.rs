//! Which words `set` and `statement` rules know.
//!
//! A word that would never match must not pass.

use crate::grants::STATEMENTS;
use crate::grants::floors::pinned;
use crate::yaml::suggest;

/// A word that is known, or not.
pub(super) type Word = Result<(), Unknown>;

/// Why a word is refused: a message and a hint.
pub(super) enum Unknown {
    /// It means nothing, or what no rule may say.
    Never(String, String),
    /// It never matches. A policy that was in force with it is read back all the same.
    Slip(String, String),
}

/// Kinds of statements that need no rule of their own, but may be denied.
pub(crate) const VERBS: &[&str] = &[
    "call",
    "close",
    "copy_in",
    "copy_out",
    "deallocate",
    "declare",
    "define",
    "delete",
    "discard",
    "execute",
    "explain",
    "fetch",
    "insert",
    "merge",
    "prepare",
    "select",
    "set",
    "show",
    "transaction",
    "truncate",
    "update",
];

/// The kinds of `maintain`, which may be denied one by one.
pub(crate) const MAINTENANCE: &[&str] = &[
    "analyze",
    "checkpoint",
    "cluster",
    "refresh materialized view",
    "reindex",
    "vacuum",
];

/// Definitions that don't begin with `create`, `alter` or `drop`.
pub(crate) const DEFINITIONS: &[&str] = &[
    "comment on",
    "grant",
    "import foreign schema",
    "reassign",
    "revoke",
    "security label",
    "select into",
];

/// What `create`, `alter` and `drop` are about. Not every pair is SQL; each is a kind of statement.
pub(crate) const OBJECTS: &[&str] = &[
    "access method",
    "aggregate",
    "cast",
    "collation",
    "conversion",
    "database",
    "default privileges",
    "domain",
    "event trigger",
    "extension",
    "foreign data wrapper",
    "foreign table",
    "function",
    "group",
    "index",
    "language",
    "large object",
    "materialized view",
    "operator",
    "operator class",
    "operator family",
    "owned",
    "policy",
    "procedure",
    "property graph",
    "publication",
    "role",
    "routine",
    "rule",
    "schema",
    "sequence",
    "server",
    "statistics",
    "subscription",
    "system",
    "table",
    "table as",
    "tablespace",
    "text search config",
    "text search configuration",
    "text search dict",
    "text search dictionary",
    "text search parser",
    "text search template",
    "transform",
    "trigger",
    "type",
    "user",
    "user mapping",
    "view",
];

/// How definitions begin whose objects are listed.
pub(crate) const STARTS: &[&str] = &["alter", "create", "drop"];

pub(super) fn setting(word: &str) -> Word {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    // `myapp.*`: the parameters of one prefix.
    let name = word.strip_suffix(".*").unwrap_or(word);
    let family = name.len() < word.len();
    if name.is_empty() || !name.bytes().all(plain) || family && name.contains('.') {
        return Err(Unknown::Never(
            format!("`{word}` is no parameter"),
            "write it in lower case, as SHOW ALL prints it, or `myapp.*` for those of one prefix"
                .into(),
        ));
    }
    Ok(())
}

pub(super) fn allowed_setting(word: &str) -> Word {
    setting(word)?;
    if pinned(word) {
        return Err(Unknown::Never(
            format!("a rule that can never match: `{word}` is pinned"),
            "it changes what statements mean or as whom they run; no rule opens it".into(),
        ));
    }
    Ok(())
}

pub(super) fn denied_statement(word: &str) -> Word {
    if VERBS.contains(&word) || MAINTENANCE.contains(&word) {
        return Ok(());
    }
    statement(word)
}

pub(super) fn statement(word: &str) -> Word {
    if STATEMENTS.contains(&word) || is_definition(word) {
        return Ok(());
    }
    let like_one = word.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')
        && STARTS
            .iter()
            .any(|start| word.starts_with(&format!("{start} ")));
    if like_one {
        let object = word.split_once(' ').map_or("", |(_, object)| object);
        return Err(Unknown::Slip(
            format!("a rule that can never match: `{word}` is no statement"),
            suggest(object, OBJECTS),
        ));
    }
    let known: Vec<&str> = STATEMENTS.iter().chain(DEFINITIONS).copied().collect();
    let hint = suggest(word, &known);
    let words = (
        format!("`{word}` is no kind of statement that needs this rule"),
        format!(
            "{hint}, or the words of a definition statement like `create extension`, or `drop *`"
        ),
    );
    // What was once taken for the words of a definition.
    let before = [
        "comment",
        "grant",
        "revoke",
        "reindex",
        "security label",
        "reassign",
        "import ",
    ];
    if before.iter().any(|start| word.starts_with(start)) {
        return Err(Unknown::Slip(words.0, words.1));
    }
    Err(Unknown::Never(words.0, words.1))
}

fn is_definition(word: &str) -> bool {
    let listed = |(start, object): (&str, &str)| {
        STARTS.contains(&start) && (object == "*" || OBJECTS.contains(&object))
    };
    DEFINITIONS.contains(&word) || word.split_once(' ').is_some_and(listed)
}

//! Which words `set` and `statement` rules know.
//!
//! A word that would never match must not pass.

use crate::grants::STATEMENTS;
use crate::grants::floors::pinned;
use crate::yaml::suggest;

/// A word that is known, or a message and a hint.
pub(super) type Word = Result<(), (String, String)>;

/// Kinds of statements that need no rule of their own, but may be denied.
const VERBS: &[&str] = &[
    "call",
    "copy_in",
    "copy_out",
    "declare",
    "delete",
    "discard",
    "execute",
    "explain",
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
/// How the words of a definition statement start.
const DEFINITIONS: &[&str] = &[
    "create ",
    "alter ",
    "drop ",
    "comment",
    "grant",
    "revoke",
    "reindex",
    "security label",
    "reassign",
    "import ",
];

pub(super) fn setting(word: &str) -> Word {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    if word.is_empty() || !word.bytes().all(plain) {
        return Err((
            format!("`{word}` is no parameter"),
            "write it in lower case, as SHOW ALL prints it".into(),
        ));
    }
    Ok(())
}

pub(super) fn allowed_setting(word: &str) -> Word {
    setting(word)?;
    if pinned(word) {
        return Err((
            format!("a rule that can never match: `{word}` is pinned"),
            "it changes what statements mean or as whom they run; no rule opens it".into(),
        ));
    }
    Ok(())
}

pub(super) fn denied_statement(word: &str) -> Word {
    if VERBS.contains(&word) {
        Ok(())
    } else {
        statement(word)
    }
}

pub(super) fn statement(word: &str) -> Word {
    let definition = DEFINITIONS.iter().any(|start| word.starts_with(start))
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')
        && !word.contains("  ");
    if STATEMENTS.contains(&word) || definition {
        return Ok(());
    }
    let hint = suggest(word, STATEMENTS);
    Err((
        format!("`{word}` is no kind of statement that needs this rule"),
        format!("{hint}, or the words of a definition statement like `create extension`"),
    ))
}

//! The words for statements and accesses, in rules and in messages. They are part of the policy's
//! format: a word must never change.

use crate::{Access, RelationAccess, Verb};

/// The word for a kind of statement in a `statement` rule.
pub(super) fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Select => "select",
        Verb::Insert => "insert",
        Verb::Update => "update",
        Verb::Delete => "delete",
        Verb::Merge => "merge",
        Verb::Truncate => "truncate",
        Verb::CopyIn => "copy_in",
        Verb::CopyOut => "copy_out",
        Verb::Call => "call",
        Verb::Transaction => "transaction",
        Verb::Set => "set",
        Verb::Show => "show",
        Verb::Explain => "explain",
        Verb::Prepare => "prepare",
        Verb::Execute => "execute",
        Verb::Deallocate => "deallocate",
        Verb::Declare => "declare",
        Verb::Fetch => "fetch",
        Verb::Close => "close",
        Verb::Discard => "discard",
        Verb::Listen => "listen",
        Verb::Notify => "notify",
        Verb::Lock => "lock",
        Verb::Define => "define",
        Verb::Do => "do",
        Verb::Maintain => "maintain",
        Verb::Empty => "empty",
    }
}

/// What is done to which relation, as messages say it.
pub(super) fn touched(access: &RelationAccess) -> String {
    format!("{} on {}", access_word(access.access), access.relation)
}

/// The word for an access in rules and messages.
pub(crate) fn access_word(access: Access) -> &'static str {
    match access {
        Access::Select => "select",
        Access::Insert => "insert",
        Access::Update => "update",
        Access::Delete => "delete",
        Access::Truncate => "truncate",
        Access::Lock => "lock",
        Access::Define => "define",
        Access::Maintain => "maintain",
    }
}

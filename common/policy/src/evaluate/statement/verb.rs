//! What each kind of statement needs to run, beside the rules for what it touches.
//!
//! The one list of the kinds: a new one does not compile before it is said here what it needs.

use crate::{Access, Verb};

/// What a kind of statement needs.
pub(super) enum Need {
    /// Nothing of its own: it changes nothing but by what it touches.
    Nothing,
    /// It has to touch something in one of these ways.
    Access(&'static [Access]),
    /// It has to call something.
    Function,
    /// It has to define a relation, or a `statement` rule has to name its label.
    Definition,
    /// A `statement` rule has to name its word.
    Word,
}

pub(super) fn need(verb: Verb) -> Need {
    match verb {
        Verb::Select
        | Verb::CopyOut
        | Verb::Transaction
        | Verb::Set
        | Verb::Show
        | Verb::Explain
        | Verb::Prepare
        | Verb::Execute
        | Verb::Deallocate
        | Verb::Declare
        | Verb::Fetch
        | Verb::Close
        | Verb::Discard
        | Verb::Empty => Need::Nothing,
        Verb::Insert | Verb::CopyIn => Need::Access(&[Access::Insert]),
        Verb::Update => Need::Access(&[Access::Update]),
        Verb::Delete => Need::Access(&[Access::Delete]),
        Verb::Truncate => Need::Access(&[Access::Truncate]),
        Verb::Merge => Need::Access(&[Access::Insert, Access::Update, Access::Delete]),
        Verb::Call => Need::Function,
        Verb::Define => Need::Definition,
        Verb::Do | Verb::Listen | Verb::Notify | Verb::Lock | Verb::Maintain => Need::Word,
    }
}

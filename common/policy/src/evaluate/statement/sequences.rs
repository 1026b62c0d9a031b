//! Sequences that a statement uses by `nextval`, `currval` and `setval`.
//!
//! A sequence goes with the table that owns it: who may add rows may number them. It must never be set to
//! a number, nor may one that nobody owns be used, without a rule for it.

use super::cover::Cover;
use super::lack::Lack;
use crate::grants::{Grants, PG_CATALOG, Rule, schema_of};
use crate::{Access, Facts, Name, SequenceAccess, SequenceUse};

/// It reads like `currval`, of whichever sequence was the last.
const LASTVAL: &str = "lastval";

/// The function of each access.
fn function(access: SequenceAccess) -> &'static str {
    match access {
        SequenceAccess::Read => "currval",
        SequenceAccess::Next => "nextval",
        SequenceAccess::Set => "setval",
    }
}

/// The accesses to a relation whose rules open an access to a sequence.
fn opened_by(access: SequenceAccess) -> &'static [Access] {
    match access {
        SequenceAccess::Read => &[
            Access::Select,
            Access::Insert,
            Access::Update,
            Access::Define,
        ],
        SequenceAccess::Next => &[Access::Insert, Access::Update, Access::Define],
        SequenceAccess::Set => &[Access::Update, Access::Define],
    }
}

/// Whether a function is one of sequences, and the facts say of which.
pub(super) fn known(facts: &Facts, name: &Name) -> bool {
    schema_of(name) == PG_CATALOG
        && facts
            .sequences
            .iter()
            .any(|used| function(used.access) == &*name.name)
}

/// What lets a sequence be used: a rule for the sequence, the right to add rows to the table that owns
/// it, or a `call` rule that names the function.
pub(super) fn cover<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    used: &'f SequenceUse,
) -> Cover<'g, 'f> {
    let rule = |access: Access, name: &Name| {
        let schema = name.schema.as_deref()?;
        allow.relations.relation(access, schema, &name.name).any()
    };
    let sequence = used.sequence.as_ref();
    let by_sequence = sequence.and_then(|sequence| {
        let mut accesses = opened_by(used.access).iter();
        accesses.find_map(|access| rule(*access, sequence))
    });
    let by_owner = || {
        let owner = used.owner.as_ref().filter(|_| sequence.is_some())?;
        (used.access != SequenceAccess::Set)
            .then(|| rule(Access::Insert, owner))
            .flatten()
    };
    let by_function = || {
        let name = function(used.access);
        let called = |name: &str| {
            let is = |it: &&Name| schema_of(it) == PG_CATALOG && &*it.name == name;
            facts.functions.iter().find(is)
        };
        // It names none, and tells what this session has been given.
        if let Some(last) = called(LASTVAL)
            && called(name).is_none()
            && sequence.is_none()
        {
            return allow.function(last);
        }
        let listed = allow.functions.find(PG_CATALOG, name);
        listed.filter(|_| called(name).is_some())
    };
    match by_sequence.or_else(by_owner).or_else(by_function) {
        Some(rule) => Ok(Some(rule)),
        None => Err(Lack::Sequence(used)),
    }
}

/// The deny rule about a sequence, or about adding rows to the table that owns it.
pub(super) fn denied<'g>(deny: &'g Grants, facts: &Facts) -> Option<(&'g Rule, String)> {
    facts.sequences.iter().find_map(|used| {
        let rule = |access: Access, name: &Option<Name>| {
            let name = name.as_ref()?;
            let schema = name.schema.as_deref()?;
            deny.relations.relation(access, schema, &name.name).all()
        };
        let found = match used.access {
            SequenceAccess::Read => rule(Access::Select, &used.sequence),
            SequenceAccess::Set => rule(Access::Update, &used.sequence),
            SequenceAccess::Next => {
                rule(Access::Insert, &used.sequence).or_else(|| rule(Access::Insert, &used.owner))
            }
        };
        Some((found?, touched(used)))
    })
}

/// What is done to which sequence, as messages say it.
pub(super) fn touched(used: &SequenceUse) -> String {
    let function = function(used.access);
    match &used.sequence {
        Some(sequence) => format!("{function} on {sequence}"),
        None => format!("{function} on a sequence that the statement does not name"),
    }
}

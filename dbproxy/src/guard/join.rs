//! Our own reading of a statement and PostgreSQL's, made one: policy judges the union.
//!
//! Pure. PostgreSQL says which objects are meant; where ours names one that PostgreSQL did not see, it counts
//! too. Ours alone says what kind of statement it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use exeat_policy::{Confirmation, Facts, Name, Origin, RelationAccess, Setting, Verb};
use exeat_sql::Command;

use crate::analysis::{Analysed, Reached};

/// The facts of both; an error where the two see different kinds of statements.
pub(super) fn joined(ours: &Facts, answers: &[Arc<Analysed>]) -> Result<Facts, &'static str> {
    let mut facts = ours.clone();
    for answer in answers {
        if !is_of_kind(ours.verb, answer.command) {
            return Err("PostgreSQL reads another kind of statement");
        }
    }
    facts.relations = relations(ours, answers);
    let called = answers.iter().flat_map(|answer| &answer.functions);
    let mut called: BTreeSet<Name> = called.cloned().collect();
    if is_set(ours) {
        called.retain(|name| !is_set_config(name));
    }
    // PostgreSQL has chosen among those of a name; what has no name of its own there (coalesce) is ours.
    let meant: BTreeSet<&str> = called.iter().map(|name| &*name.name).collect();
    let unseen = ours
        .functions
        .iter()
        .filter(|name| !meant.contains(&*name.name))
        .cloned();
    facts.functions = unseen
        .chain(called.iter().cloned())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    // One that ours did not see is called by another notation: what it reads is not known.
    let reads = |name: &Name| is_of(name, "current_setting");
    if called.iter().any(reads) && !ours.functions.iter().any(reads) {
        facts.add_settings([Setting::unknown()]);
    }
    for answer in answers {
        facts.join(&Facts {
            operators: answer.operators.clone(),
            types: answer.types.clone(),
            behind: answer.behind.clone(),
            behind_functions: answer.behind_functions.clone(),
            sequences: answer.sequences.clone(),
            ..Facts::nothing(ours.verb, Arc::clone(&ours.label))
        });
    }
    if ours.verb != Verb::Define || ours.confirmation == Confirmation::Confirmed {
        facts.confirmation = Confirmation::Analysed;
    }
    Ok(facts)
}

/// The facts together with what CASCADE reaches.
pub(super) fn beyond(ours: &Facts, reached: &Reached) -> Facts {
    let mut facts = ours.clone();
    facts.add_relations(reached.relations.iter().cloned());
    facts.add_behind(reached.behind.iter().cloned());
    facts
}

/// Whether every `set_config` of a statement is one that we read as the SET that it is.
fn is_set(ours: &Facts) -> bool {
    !ours.settings.is_empty() && !ours.functions.iter().any(is_set_config)
}

fn is_set_config(name: &Name) -> bool {
    is_of(name, "set_config")
}

/// Whether a name is that of a function of PostgreSQL's own.
fn is_of(name: &Name, function: &str) -> bool {
    let own = matches!(name.origin(), Origin::PostgreSql | Origin::Unresolved);
    own && &*name.name == function
}

/// PostgreSQL's columns where it sees the access; ours where it does not.
fn relations(ours: &Facts, answers: &[Arc<Analysed>]) -> Vec<RelationAccess> {
    let mut all: BTreeSet<RelationAccess> = answers
        .iter()
        .flat_map(|answer| &answer.relations)
        .cloned()
        .collect();
    // A name without a schema is one that ours can't resolve.
    let same = |own: &Name, theirs: &Name| {
        own.name == theirs.name && (own.schema.is_none() || own.schema == theirs.schema)
    };
    let sees = |own: &RelationAccess| {
        let theirs = answers.iter().flat_map(|answer| &answer.relations);
        theirs
            .into_iter()
            .any(|access| access.access == own.access && same(&own.relation, &access.relation))
    };
    let unseen: Vec<_> = ours
        .relations
        .iter()
        .filter(|own| !sees(own))
        .cloned()
        .collect();
    all.extend(unseen);
    all.into_iter().collect()
}

/// Whether a question of a statement of this kind may be of that kind.
fn is_of_kind(verb: Verb, command: Command) -> bool {
    match verb {
        Verb::Select | Verb::Define | Verb::Declare => command == Command::Select,
        Verb::Insert => command == Command::Insert,
        Verb::Update => command == Command::Update,
        Verb::Delete => command == Command::Delete,
        Verb::Merge => command == Command::Merge,
        Verb::CopyIn => matches!(command, Command::Insert | Command::Select),
        Verb::Explain | Verb::Prepare | Verb::CopyOut => {
            !matches!(command, Command::Utility | Command::Nothing)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;

//! An ALTER that gives values another name, or makes a column of others: where the role may read them by that one
//! and not by the old one, it needs the rule for the old one. Functions likewise.
//!
//! Pure. Rules go by names, so nobody may choose the name who may not have what it names.

use std::collections::BTreeSet;
use std::sync::Arc;

use exeat_policy::{
    Access, Columns, Confirmation, DatabaseGrant, Effect, Facts, Name, RelationAccess, Subject,
    Verb,
};
use exeat_sql::{Move, moves};

use super::standpoint::Standpoint;
use crate::catalog::{KnownRelation, Objects};

impl Standpoint<'_> {
    /// The facts together with reads of what a definition would have found under a name that the role reads.
    pub(super) fn with_moved(&self, subject: Subject, text: &str) -> Subject {
        let (Subject::Readable(facts), Some(snapshot)) = (&subject, self.snapshot) else {
            return subject;
        };
        if facts.verb != Verb::Define || !facts.label.starts_with("alter") {
            return subject;
        }
        let Some(grant) = self.grant().filter(|_| !self.transparent()) else {
            return subject;
        };
        let defined = || {
            let relations = facts.relations.iter();
            let relations = relations.filter(|access| access.access == Access::Define);
            relations.map(|access| &access.relation)
        };
        let moves = moves(text, |word| defined().any(|name| &*name.name == word));
        if moves.is_empty() {
            return subject;
        }
        let objects = &snapshot.objects;
        let is_known = |name: &&Name| objects.oid_of(name).is_some();
        let new: Vec<&Name> = defined().filter(|name| !is_known(name)).collect();
        let known = defined().filter(is_known);
        let known = objects.with_parts(known.filter_map(|name| objects.oid_of(name)));
        let moved: Vec<RelationAccess> = known
            .into_iter()
            .filter_map(|oid| moved(objects.relation(oid)?, &moves, &new, grant))
            .collect();
        let functions = self.renamed_functions(facts, &new, objects);
        if moved.is_empty() && functions.is_empty() {
            return subject;
        }
        let mut facts = Facts::clone(facts);
        facts.add_relations(moved);
        facts.add_functions(functions);
        Subject::Readable(Arc::new(facts))
    }

    /// The functions that the role may not call, and could by another name.
    fn renamed_functions(&self, facts: &Facts, new: &[&Name], objects: &Objects) -> Vec<Name> {
        const ROUTINES: [&str; 4] = [
            "alter aggregate",
            "alter function",
            "alter procedure",
            "alter routine",
        ];
        if !ROUTINES.contains(&&*facts.label) {
            return Vec::new();
        }
        let calls = |name: &Name| {
            let call = Facts {
                functions: vec![name.clone()],
                confirmation: Confirmation::Analysed,
                ..Facts::nothing(Verb::Select, Arc::clone(&facts.label))
            };
            self.evaluate(Subject::Readable(Arc::new(call))).effect == Effect::Allow
        };
        let is_function = |name: &&Name| objects.function_names().any(|known| known == *name);
        let relations = facts.relations.iter().map(|access| &access.relation);
        let renamed = relations.filter(is_function).filter(|name| !calls(name));
        let could =
            |name: &&Name| new.is_empty() || new.iter().any(|to| calls(&named_by(to, name)));
        renamed.filter(could).cloned().collect()
    }
}

/// What of a relation would be read by another name, and may not be by its own.
fn moved(
    of: &KnownRelation,
    moves: &[Move],
    new: &[&Name],
    grant: &DatabaseGrant,
) -> Option<RelationAccess> {
    let all = |relation: &Name| grant.reads(relation, Columns::All);
    // It has one value, and no column that a rule could name.
    if of.kind == b'S' {
        let whole = moves.iter().any(|by| by.from.is_none() && by.to.is_none());
        let is_shown = new.is_empty() || new.iter().any(|to| all(&named_by(to, &of.name)));
        let is_shown = whole && is_shown;
        return (is_shown && !all(&of.name)).then(|| RelationAccess {
            relation: of.name.clone(),
            access: Access::Select,
            columns: Columns::All,
        });
    }
    let reads = |relation: &Name, column: &str| {
        let column = Columns::Named(BTreeSet::from([column.into()]));
        grant.reads(relation, column)
    };
    let is_shown = |column: &str, by: &Move| {
        by.from.as_deref().is_none_or(|from| from == column)
            && match &by.to {
                Some(to) => reads(&of.name, to),
                None => {
                    new.is_empty() || new.iter().any(|to| reads(&named_by(to, &of.name), column))
                }
            }
    };
    let columns = of.columns.iter().map(|(_, name, _)| name);
    let shown = columns
        .filter(|column| moves.iter().any(|by| is_shown(column, by)))
        .filter(|column| !reads(&of.name, column));
    let shown: BTreeSet<Arc<str>> = shown.cloned().collect();
    (!shown.is_empty()).then(|| RelationAccess {
        relation: of.name.clone(),
        access: Access::Select,
        columns: Columns::Named(shown),
    })
}

/// The name that a thing has then; a star stands for what goes into a schema.
fn named_by(new: &Name, old: &Name) -> Name {
    match &*new.name {
        "*" => Name {
            schema: new.schema.clone(),
            name: Arc::clone(&old.name),
        },
        _ => new.clone(),
    }
}

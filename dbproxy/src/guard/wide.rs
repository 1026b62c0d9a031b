//! What definitions and maintenance reach beyond what they name: the tables that an index, a sequence or statistics
//! belong to, and all that a statement is for which says ALL, or names nothing.
//!
//! Pure. Rules that allow have nothing to do with it: what is denied of a table is denied of these.

use std::sync::Arc;

use exeat_policy::{
    Access, Columns, DatabaseGrant, Facts, Name, RelationAccess, Subject, UnreadableKind, Verb,
};
use exeat_sql::{Statement, Wide};

use super::standpoint::Standpoint;
use super::verdict;
use crate::analysis::{self, NotUnderstood};
use crate::catalog::{KnownRelation, Objects};

impl Standpoint<'_> {
    /// The facts together with the tables of the indexes, sequences and statistics that they change.
    pub(super) fn with_tables(&self, subject: Subject) -> Subject {
        let (Subject::Readable(facts), Some(snapshot)) = (&subject, self.snapshot) else {
            return subject;
        };
        let objects = &snapshot.objects;
        let changes =
            |access: &&RelationAccess| matches!(access.access, Access::Define | Access::Maintain);
        let of = |access: &RelationAccess, table: u32| {
            Some(RelationAccess {
                relation: objects.relation(table)?.name.clone(),
                ..access.clone()
            })
        };
        let owner = |access: &RelationAccess| {
            let owned = objects.oid_of(&access.relation)?;
            let is_owned = matches!(objects.relation(owned)?.kind, b'i' | b'I' | b'S');
            of(access, objects.owner(owned).filter(|_| is_owned)?)
        };
        let changed = || facts.relations.iter().filter(changes);
        let mut tables: Vec<RelationAccess> = changed().filter_map(owner).collect();
        if names_statistics(&facts.label) {
            for access in changed() {
                let found = objects.tables_of_statistics(&access.relation, self.search_path);
                tables.extend(found.filter_map(|table| of(access, table)));
            }
        }
        behind(subject, tables)
    }

    /// The facts together with what deny rules and masks hold for, of all that the statement reaches by its kind.
    pub(super) fn with_wide(&self, subject: Subject, statement: &Statement) -> Subject {
        let (Subject::Readable(facts), Some(snapshot)) = (&subject, self.snapshot) else {
            return subject;
        };
        let grant = self.grant().filter(|grant| grant.denies_something());
        let Some(grant) = grant else { return subject };
        let objects = &snapshot.objects;
        let mut denied = match &statement.wide {
            Some(wide) => reached(wide, facts, objects, grant),
            None => Vec::new(),
        };
        if is_publication(&facts.label) {
            match published(facts, objects) {
                Ok(read) => denied.extend(read.into_iter().filter(|access| grant.denies(access))),
                Err(why) => {
                    return verdict::unreadable(UnreadableKind::Unanswered, &why.to_string());
                }
            }
        }
        behind(subject, denied)
    }
}

fn behind(subject: Subject, more: Vec<RelationAccess>) -> Subject {
    match &subject {
        Subject::Readable(facts) if !more.is_empty() => {
            let mut facts = Facts::clone(facts);
            facts.add_behind(more);
            Subject::Readable(Arc::new(facts))
        }
        _ => subject,
    }
}

/// Whether a statement of this label may name statistics.
fn names_statistics(label: &str) -> bool {
    label.ends_with("statistics") || label.starts_with("comment")
}

fn is_publication(label: &str) -> bool {
    label.ends_with("publication")
}

/// What is denied of all that a statement reaches by its kind.
fn reached(
    wide: &Wide,
    facts: &Facts,
    objects: &Objects,
    grant: &DatabaseGrant,
) -> Vec<RelationAccess> {
    let access = match facts.verb {
        Verb::Maintain => Access::Maintain,
        _ => Access::Define,
    };
    // What is in a schema has other names with it.
    let accesses: &[Access] = match wide.publishes || &*facts.label == "alter schema" {
        true => &[access, Access::Select],
        false => &[access],
    };
    let is_in = |name: &&Name| match (&wide.schemas, &name.schema) {
        (Some(schemas), Some(schema)) => schemas.contains(schema),
        _ => true,
    };
    let is_meant = |known: &KnownRelation| match known.kind {
        b'S' => wide.sequences,
        b'r' | b'p' | b'v' | b'm' | b'f' => wide.tables,
        _ => false,
    };
    let relations = objects
        .relations()
        .filter(|(_, known)| is_meant(known) && is_in(&&known.name));
    // A sequence is its table's.
    let relations = relations.flat_map(|(oid, known)| {
        let owner = objects.owner(oid).and_then(|owner| objects.relation(owner));
        [Some(known), owner].into_iter().flatten()
    });
    let relations = relations.map(|known| &known.name);
    let routines = objects.function_names().filter(|_| wide.routines);
    let names = relations.chain(routines.filter(is_in));
    names
        .flat_map(|name| accesses.iter().map(move |access| to(name, *access)))
        .filter(|access| grant.denies(access))
        .collect()
}

/// The tables that a statement has others read, which it names, and what they lead to.
fn published(facts: &Facts, objects: &Objects) -> Result<Vec<RelationAccess>, NotUnderstood> {
    let named = facts.relations.iter();
    let named = named.filter(|access| access.access == Access::Define);
    let read: Vec<_> = named
        .map(|access| to(&access.relation, Access::Select))
        .collect();
    let kin = analysis::kin(&read, objects)?;
    Ok(read.into_iter().chain(kin).collect())
}

fn to(name: &Name, access: Access) -> RelationAccess {
    RelationAccess {
        relation: name.clone(),
        access,
        columns: Columns::All,
    }
}

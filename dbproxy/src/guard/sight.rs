//! What a role may see of what the server says about a statement: values of rows only where it may read all that they
//! can be of.
//!
//! Pure. Where it is not known whose rows a statement gets to, they are somebody else's.

use std::collections::BTreeSet;

use exeat_policy::{Access, Columns, DatabaseGrant, Facts, Name, RelationAccess, Subject, Verb};

use super::standpoint::Standpoint;
use crate::analysis;
use crate::catalog::Objects;
use crate::disclosure::{Foreign, Sight};

impl Standpoint<'_> {
    /// What the role may see of the server's messages about a statement: values of rows that it writes, looks at or
    /// that views show in part, and what the code of others says, only where it may read all of it.
    pub(super) fn sight(&self, subject: &Subject, code: Foreign) -> Sight {
        let (Some(grant), Subject::Readable(facts)) = (self.grant(), subject) else {
            return Sight::ALL;
        };
        if grant.is_transparent() {
            return Sight::ALL;
        }
        let changes = |access: &&RelationAccess| {
            matches!(
                access.access,
                Access::Insert | Access::Update | Access::Delete | Access::Truncate
            )
        };
        let written = facts.relations.iter().filter(changes);
        let mut quoted = written.chain(&facts.behind);
        Sight {
            rows: quoted.all(|access| grant.reads(&access.relation, Columns::All)),
            acted: self.reads_what_keys_write(grant, facts),
            defined: self.reads_what_is_defined(grant, facts),
            code,
        }
    }

    /// Whether the role may read these columns of a relation, and nothing that it leads to is denied.
    pub(super) fn reads(&self, relation: &Name, columns: Columns) -> bool {
        let reads = |grant: &DatabaseGrant| {
            grant.reads(relation, columns.clone())
                && self.leads_to_nothing_denied(grant, relation, columns)
        };
        self.grant().is_some_and(reads)
    }

    fn leads_to_nothing_denied(
        &self,
        grant: &DatabaseGrant,
        relation: &Name,
        columns: Columns,
    ) -> bool {
        let Some(snapshot) = self.snapshot.filter(|_| grant.denies_something()) else {
            return true;
        };
        let access = RelationAccess {
            relation: relation.clone(),
            access: Access::Select,
            columns,
        };
        let kin = analysis::kin(&[access], &snapshot.objects);
        kin.is_ok_and(|kin| !kin.iter().any(|access| grant.denies(access)))
    }

    /// Whether the role may read all tables that foreign keys write where a statement changes or removes rows.
    fn reads_what_keys_write(&self, grant: &DatabaseGrant, facts: &Facts) -> bool {
        let changes = |access: &&RelationAccess| match access.access {
            Access::Delete => true,
            // Rows that are only locked are written in no column.
            Access::Update => access.columns != Columns::Named(BTreeSet::new()),
            _ => false,
        };
        let mut changed = touched(facts).filter(changes).peekable();
        if changed.peek().is_none() {
            return true;
        }
        let Some(snapshot) = self.snapshot else {
            return false;
        };
        let objects = &snapshot.objects;
        let changed = changed.flat_map(|access| objects.meant(&access.relation));
        let acted = objects.acted_on(changed);
        acted.into_iter().all(|oid| self.sees(grant, objects, oid))
    }

    /// Whether the role may read all that a definition or maintenance may look at: what it names, with parts and
    /// children, and what a materialised view is made of; the tables that reference one; the columns of a domain.
    fn reads_what_is_defined(&self, grant: &DatabaseGrant, facts: &Facts) -> bool {
        if !touched(facts).any(|access| is_defined(&access)) {
            return true;
        }
        let Some(snapshot) = self.snapshot else {
            return false;
        };
        let objects = &snapshot.objects;
        let mut named = defined(facts, objects);
        let mut led_to = BTreeSet::new();
        for access in touched(facts).filter(is_defined) {
            led_to.extend(objects.made_with(&access.relation));
        }
        if facts.label.starts_with("alter") {
            led_to.extend(objects.referencing(&named));
        }
        named.extend(led_to.into_iter().filter_map(|oid| with_rows(objects, oid)));
        named.into_iter().all(|oid| self.sees(grant, objects, oid))
    }

    /// Whether the role may read all of a relation, by a rule for it, or for what it is a part or a child of.
    fn sees(&self, grant: &DatabaseGrant, objects: &Objects, oid: u32) -> bool {
        let Some(known) = objects.relation(oid) else {
            return false;
        };
        let opens = |oid: u32| {
            let known = objects.relation(oid);
            known.is_some_and(|known| grant.reads(&known.name, Columns::All))
        };
        let (mut open, mut seen) = (vec![oid], BTreeSet::new());
        while let Some(one) = open.pop() {
            if opens(one) {
                return self.leads_to_nothing_denied(grant, &known.name, Columns::All);
            }
            open.extend(objects.parents(one).filter(|parent| seen.insert(*parent)));
        }
        false
    }
}

/// What holds the rows of all that a definition or maintenance names.
pub(super) fn defined(facts: &Facts, objects: &Objects) -> BTreeSet<u32> {
    let mut defined = BTreeSet::new();
    for access in touched(facts).filter(is_defined) {
        let mut meant = objects.meant(&access.relation);
        // Maintenance that names nothing is of everything.
        if meant.is_empty() && facts.verb == Verb::Maintain && access.relation.schema.is_none() {
            meant.extend(objects.relations().map(|(oid, _)| oid));
        }
        defined.extend(meant.into_iter().filter_map(|oid| with_rows(objects, oid)));
    }
    defined
}

fn is_defined(access: &&RelationAccess) -> bool {
    matches!(access.access, Access::Define | Access::Maintain)
}

fn touched(facts: &Facts) -> impl Iterator<Item = &RelationAccess> {
    facts.relations.iter().chain(&facts.behind)
}

/// What holds the rows of a relation: an index has those of its table; a view, a sequence and a composite type have
/// none.
fn with_rows(objects: &Objects, oid: u32) -> Option<u32> {
    match objects.relation(oid)?.kind {
        b'i' | b'I' => objects.owner(oid),
        b'r' | b'p' | b'm' | b'f' => Some(oid),
        _ => None,
    }
}

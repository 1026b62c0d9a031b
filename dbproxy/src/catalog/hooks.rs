//! Which relations run code of somebody's own when they are written: by triggers, rules, checks, defaults,
//! indexes and policies, their own or those of what a write reaches from there.
//!
//! Pure. What is not known here counts as running code.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use exeat_policy::{Access, Name, RelationAccess};

use super::objects::Objects;

/// What runs code, as far as a snapshot knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    /// Writing it in any way does.
    written: HashSet<Name>,
    /// Changing or removing its rows does: foreign keys act on others.
    changed: HashSet<Name>,
    /// The same without their schemas.
    names: HashSet<Arc<str>>,
    /// Definitions do.
    pub(crate) events: bool,
}

impl Hooks {
    pub(super) fn of(objects: &Objects) -> Self {
        let events = objects.hooks.contains(&0);
        let mut lead: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (child, parent) in objects.inherits.iter() {
            lead.entry(child).or_default().push(parent);
            lead.entry(parent).or_default().push(child);
        }
        for (view, reads) in objects.views.iter() {
            for (relation, _) in reads {
                lead.entry(*relation).or_default().push(*view);
            }
        }
        // What a foreign key writes has no tree that shows the checks of domains.
        let checked = objects.acting.iter().map(|(_, other)| *other);
        let checked = checked.filter(|oid| objects.checks_columns_of(*oid));
        // Keys are checked by reading the other table, as its owner: what is planned for that may run code.
        let planned = spread(objects.with_plans(), &lead);
        let keys = objects.nested.keys.iter();
        let checks = keys.clone().filter(|(_, on, _)| planned.contains(on));
        let checks = checks.map(|(of, ..)| *of);
        let with_code: Vec<(u32, u32)> = objects.keys_with_code().collect();
        let checks = checks.chain(with_code.iter().map(|(of, _)| *of));
        let hooked = objects.hooks.iter().copied().chain(objects.with_writes());
        let hooked = hooked.chain(checked).chain(checks);
        let written = spread(hooked, &lead);
        let checked = keys.filter(|(of, ..)| planned.contains(of));
        let checked = checked.map(|(_, on, _)| *on);
        let checked = checked.chain(with_code.iter().map(|(_, on)| *on));
        let referenced_with_code: Vec<u32> = checked.collect();
        for (referenced, referencing) in objects.acting.iter() {
            lead.entry(*referencing).or_default().push(*referenced);
        }
        let changed = spread(written.iter().copied().chain(referenced_with_code), &lead);
        let named = |oids: HashSet<u32>| -> HashSet<Name> {
            let known = oids.iter().filter_map(|oid| objects.relation(*oid));
            known.map(|known| known.name.clone()).collect()
        };
        let (written, changed) = (named(written), named(changed));
        Self {
            names: changed.iter().map(|name| Arc::clone(&name.name)).collect(),
            written,
            changed,
            events,
        }
    }

    /// Whether an access runs code of somebody's own.
    pub(crate) fn run_by(&self, access: &RelationAccess) -> bool {
        let name = &access.relation;
        match access.access {
            Access::Insert if name.schema.is_some() => self.written.contains(name),
            Access::Update | Access::Delete | Access::Truncate if name.schema.is_some() => {
                self.changed.contains(name)
            }
            // A name that is not resolved may be that of any schema's.
            Access::Insert | Access::Update | Access::Delete | Access::Truncate => {
                self.names.contains(&name.name)
            }
            _ => false,
        }
    }
}

/// Everything that leads to these, however far.
fn spread(from: impl Iterator<Item = u32>, lead: &BTreeMap<u32, Vec<u32>>) -> HashSet<u32> {
    let mut open: Vec<u32> = from.collect();
    let mut seen = HashSet::new();
    while let Some(oid) = open.pop() {
        if seen.insert(oid) {
            open.extend(lead.get(&oid).into_iter().flatten());
        }
    }
    seen
}

#[cfg(test)]
mod tests;

//! Whose rows a statement gets to that names others: by the actions of foreign keys, and by definitions and
//! maintenance.
//!
//! Pure.

use std::collections::BTreeSet;

use exeat_policy::Name;

use super::Objects;

impl Objects {
    /// The relations that a name may mean: any of that name where it has no schema, all of a schema where it is a
    /// star.
    pub(crate) fn meant(&self, name: &Name) -> Vec<u32> {
        match &name.schema {
            Some(_) if &*name.name == "*" => {
                let of = self.relations();
                let of = of.filter(|(_, known)| known.name.schema == name.schema);
                of.map(|(oid, _)| oid).collect()
            }
            Some(_) => self.oid_of(name).into_iter().collect(),
            None => self.relations_named.of(&name.name).to_vec(),
        }
    }

    /// The relations that foreign keys write where rows of these are changed or removed, however far, and the parts
    /// and children of these.
    pub(crate) fn acted_on(&self, changed: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut acted = BTreeSet::new();
        let changed: Vec<u32> = changed.into_iter().collect();
        let leads = |oid: &u32| {
            self.acted_on_at_once(*oid).next().is_some() || self.children(*oid).next().is_some()
        };
        if self.acting.is_empty() || !changed.iter().any(leads) {
            return acted;
        }
        let mut open: Vec<(u32, bool)> = changed.into_iter().map(|oid| (oid, false)).collect();
        let mut seen = BTreeSet::new();
        while let Some((oid, is_acted_on)) = open.pop() {
            if !seen.insert((oid, is_acted_on)) {
                continue;
            }
            if is_acted_on {
                acted.insert(oid);
            }
            open.extend(self.children(oid).map(|part| (part, is_acted_on)));
            open.extend(self.acted_on_at_once(oid).map(|other| (other, true)));
        }
        acted
    }

    /// These relations and their parts and children, however far.
    pub(crate) fn with_parts(&self, of: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut open: Vec<u32> = of.into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(oid) = open.pop() {
            if seen.insert(oid) {
                open.extend(self.children(oid));
            }
        }
        seen
    }

    fn acted_on_at_once(&self, referenced: u32) -> impl Iterator<Item = u32> {
        let from = self.acting.partition_point(|(of, _)| *of < referenced);
        let of = self.acting.iter().skip(from);
        let of = of.take_while(move |(of, _)| *of == referenced);
        of.map(|(_, referencing)| *referencing)
    }

    /// The tables that reference these by foreign keys.
    pub(crate) fn referencing(&self, tables: &BTreeSet<u32>) -> BTreeSet<u32> {
        let keys = self.nested.keys.iter();
        let of = keys.filter(|(_, referenced, _)| tables.contains(referenced));
        of.map(|(referencing, ..)| *referencing).collect()
    }

    /// The relations that have columns of a domain of this name, however deep in rows, arrays and ranges.
    pub(crate) fn made_with(&self, domain: &Name) -> BTreeSet<u32> {
        let is_domain = |of: &u32| self.user_type(*of).is_some_and(|known| known.kind == b'd');
        let mut types: BTreeSet<u32> = self.types_named(domain).filter(is_domain).collect();
        let mut relations = BTreeSet::new();
        let mut before = 0;
        while before < types.len() {
            before = types.len();
            let over = self.types.iter();
            let over = over.filter(|(_, known)| types.contains(&known.element));
            let over: Vec<u32> = over.map(|(of, _)| *of).collect();
            types.extend(over);
            for (oid, known) in self.relations() {
                if known.columns.iter().any(|(_, _, of)| types.contains(of)) {
                    relations.insert(oid);
                    types.insert(known.row_type);
                }
            }
            types.remove(&0);
        }
        relations
    }
}

#[cfg(test)]
mod tests;

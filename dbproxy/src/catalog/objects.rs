//! What a database has, by OID: as the third reader's answers name things.
//!
//! Pure: rows of `question` in, objects out. What is not understood is left out, and thereby unknown.

mod by_name;
mod code;
mod inherits;
mod news;
mod rows;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use exeat_policy::Name;
use exeat_sql::{Catalog, Relation, RelationKind};
use rpds::HashTrieMapSync;

use super::moment::Moment;
use super::nested::Nested;
use super::question::{FIRST_NORMAL_OID, together};
use super::stored::Stored;
use by_name::ByName;
pub(crate) use code::Made;
use inherits::Inherits;
use news::{About, News};

/// A relation, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownRelation {
    pub(crate) name: Name,
    /// `pg_class.relkind`.
    pub(crate) kind: u8,
    /// What decides whether policies apply to who reads it, and whose rights a view reads with.
    rights: Arc<str>,
    /// The OID of its row type; 0 where it has none.
    pub(crate) row_type: u32,
    /// Attribute number, name and type, in order.
    pub(crate) columns: Vec<(i16, Arc<str>, u32)>,
    /// The same for our own reader.
    shared: Option<Arc<Relation>>,
}

/// A function or an operator, and when it was last changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamped {
    name: Name,
    changed: Box<str>,
    /// The function of an operator; 0 otherwise.
    runs: u32,
}

/// A type of somebody's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownType {
    pub(crate) name: Name,
    /// `pg_type.typtype`.
    pub(crate) kind: u8,
    /// Of an array or the like: the type of its elements; of a domain: the type below it; 0 otherwise.
    pub(crate) element: u32,
    changed: Box<str>,
}

/// Everything by OID. Cheap to clone, and to change in a few places: what stays is shared with the clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    /// The same by name, for our own reader. Its version is whoever's who gives it away.
    names: Catalog,
    relations: HashTrieMapSync<u32, Arc<KnownRelation>>,
    relations_named: ByName,
    row_types: HashTrieMapSync<u32, u32>,
    functions: HashTrieMapSync<u32, Stamped>,
    operators: HashTrieMapSync<u32, Stamped>,
    types: HashTrieMapSync<u32, KnownType>,
    types_named: ByName,
    /// Partitions and inheritance.
    pub(super) inherits: Arc<Inherits>,
    /// What expressions run that are kept with a thing.
    pub(super) stored: Stored,
    /// What `nested` asks for.
    pub(super) nested: Nested,
    /// Casts by functions of somebody's own: from, to, and the function.
    casts: Arc<Vec<(u32, u32, u32)>>,
    /// Of those that need not be written: the type, and the function.
    converting: Arc<Vec<(u32, u32)>>,
    /// Extended statistics, and the table that they are of.
    statistics: Arc<Vec<(Name, u32)>>,
    /// The table that a sequence or an index belongs to.
    owners: HashTrieMapSync<u32, u32>,
    /// What a view or materialised view reads: relation and attribute number.
    pub(super) views: HashTrieMapSync<u32, Vec<(u32, i16)>>,
    /// Relations that run code of somebody's own when they are written; 0 where definitions do.
    pub(super) hooks: Arc<Vec<u32>>,
    /// Foreign keys that act: the relation that is referenced, and the one whose rows change with it.
    pub(super) acting: Arc<Vec<(u32, u32)>>,
    /// Fingerprints of what is only watched.
    watched: Arc<Vec<(String, String, String)>>,
    /// How many relations the temporary schema holds.
    temporary: usize,
    /// The highest OID that was seen: the server gives higher ones to what is made later.
    highest: u32,
}

/// How the rows of an answer fit what was known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Something that matters is another than before.
    pub(crate) changed: bool,
    /// The names of tables, of what comes with them, and of types that were not there before.
    pub(crate) made: BTreeSet<Arc<str>>,
    /// Something else is another than before.
    pub(crate) others: bool,
    /// Something is gone: what exists has to be listed.
    pub(crate) gone: bool,
    /// A schema has changed: everything has to be asked for again.
    pub(crate) renamed: bool,
    /// When it was asked.
    pub(crate) moment: Moment,
}

pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl KnownRelation {
    /// Row level security is on.
    pub(crate) fn is_guarded(&self) -> bool {
        !self.rights.starts_with('f')
    }

    fn is_temporary(&self) -> bool {
        schema(&self.name) == "pg_temp"
    }

    /// The same for our own reader; what is not known is none of its.
    fn for_reader(&self) -> Option<Relation> {
        Some(Relation {
            schema: self.name.schema.clone()?,
            name: Arc::clone(&self.name.name),
            kind: kind(self.kind)?,
            columns: self
                .columns
                .iter()
                .map(|(_, name, _)| Arc::clone(name))
                .collect(),
        })
    }
}

impl Objects {
    pub(crate) fn relation(&self, oid: u32) -> Option<&Arc<KnownRelation>> {
        self.relations.get(&oid)
    }

    /// The OID of a relation of that name.
    pub(crate) fn oid_of(&self, name: &Name) -> Option<u32> {
        let is = |oid: &&u32| {
            self.relation(**oid)
                .is_some_and(|known| known.name == *name)
        };
        self.relations_named.of(&name.name).iter().find(is).copied()
    }

    pub(crate) fn function(&self, oid: u32) -> Option<&Name> {
        self.functions.get(&oid).map(|known| &known.name)
    }

    /// The functions of somebody's own that PostgreSQL may convert a value by without being told to, a value of
    /// somebody's own types or only of its own.
    pub(crate) fn converting(&self, own: bool) -> impl Iterator<Item = &Name> {
        let from = move |of: u32| own || of < FIRST_NORMAL_OID;
        let casts = self.converting.iter().filter(move |(of, _)| from(*of));
        casts.filter_map(|(_, function)| self.function(*function))
    }

    pub(crate) fn operator(&self, oid: u32) -> Option<&Name> {
        self.operators.get(&oid).map(|known| &known.name)
    }

    pub(crate) fn user_type(&self, oid: u32) -> Option<&KnownType> {
        self.types.get(&oid)
    }

    /// The types of that name, in whichever schema where none is said.
    pub(crate) fn types_named(&self, name: &Name) -> impl Iterator<Item = u32> {
        let is_in = |known: &KnownType| name.schema.is_none() || known.name.schema == name.schema;
        let is = move |oid: &u32| self.user_type(*oid).is_some_and(is_in);
        self.types_named.of(&name.name).iter().copied().filter(is)
    }

    /// The relation whose rows have this type.
    pub(crate) fn relation_of_row(&self, row_type: u32) -> Option<u32> {
        self.row_types.get(&row_type).copied()
    }

    /// The table that a sequence or an index belongs to.
    pub(crate) fn owner(&self, of: u32) -> Option<u32> {
        self.owners.get(&of).copied()
    }

    /// The tables that extended statistics of this name are of, in whichever schema of the search path where that
    /// has the name's.
    pub(crate) fn tables_of_statistics(
        &self,
        name: &Name,
        search_path: &[Arc<str>],
    ) -> impl Iterator<Item = u32> {
        let loose = |schema: &Option<Arc<str>>| {
            schema
                .as_ref()
                .is_none_or(|schema| search_path.contains(schema))
        };
        let is = move |known: &Name| {
            known.name == name.name
                && (known.schema == name.schema || (loose(&known.schema) && loose(&name.schema)))
        };
        let found = self.statistics.iter().filter(move |(known, _)| is(known));
        found.map(|(_, table)| *table)
    }

    /// All relations, by OID.
    pub(crate) fn relations(&self) -> impl Iterator<Item = (u32, &Arc<KnownRelation>)> {
        self.relations.iter().map(|(oid, known)| (*oid, known))
    }

    /// The names of all functions and procedures.
    pub(crate) fn function_names(&self) -> impl Iterator<Item = &Name> {
        self.functions.values().map(|known| &known.name)
    }

    /// What a view or materialised view reads.
    pub(crate) fn reads(&self, view: u32) -> &[(u32, i16)] {
        self.views.get(&view).map_or(&[], Vec::as_slice)
    }

    /// What a relation is a part or a child of, one step away.
    pub(crate) fn parents(&self, relation: u32) -> impl Iterator<Item = u32> {
        self.inherits.parents(relation)
    }

    /// The parts and children of a relation, one step away.
    pub(crate) fn children(&self, relation: u32) -> impl Iterator<Item = u32> {
        self.inherits.children(relation)
    }

    /// Everything by name, as a catalog of this version.
    pub(crate) fn catalog(&self, version: u64) -> Catalog {
        let mut names = self.names.clone();
        names.version = version;
        names
    }

    /// The temporary schema holds something.
    pub(crate) fn has_temporary(&self) -> bool {
        self.temporary > 0
    }

    /// The highest OID that was seen.
    pub(crate) fn highest(&self) -> u32 {
        self.highest
    }

    /// The OIDs of relations of these names, whatever their schema, and of their parts and children
    /// however deep: what a definition may have changed.
    pub(crate) fn named(&self, names: &[Arc<str>]) -> BTreeSet<u32> {
        let of = |name: &Arc<str>| self.relations_named.of(name);
        let mut open: Vec<u32> = names.iter().flat_map(of).copied().collect();
        let mut named = BTreeSet::new();
        while let Some(oid) = open.pop() {
            if named.insert(oid) {
                open.extend(self.children(oid));
            }
        }
        named
    }

    /// The names of the relations that lead to those of these names, however far: views over them, and what they
    /// are parts or children of.
    pub(crate) fn leading_to(&self, names: &BTreeSet<Arc<str>>) -> BTreeSet<Arc<str>> {
        let mut views: HashMap<u32, Vec<u32>> = HashMap::new();
        for (view, reads) in self.views.iter() {
            for (relation, _) in reads {
                views.entry(*relation).or_default().push(*view);
            }
        }
        let of = |name: &Arc<str>| self.relations_named.of(name);
        let mut open: Vec<u32> = names.iter().flat_map(of).copied().collect();
        let mut leading = BTreeSet::new();
        while let Some(oid) = open.pop() {
            if leading.insert(oid) {
                open.extend(views.get(&oid).into_iter().flatten());
                open.extend(self.parents(oid));
            }
        }
        let known = leading.into_iter().filter_map(|oid| self.relation(oid));
        known.map(|known| Arc::clone(&known.name.name)).collect()
    }

    /// Takes over the rows of an answer to the question for everything.
    pub(crate) fn replace(&mut self, rows: &[Vec<String>]) -> Applied {
        *self = Self::default();
        News::of(rows, About::Everything).settle(self)
    }

    /// Takes over the rows of an answer about what has changed.
    pub(crate) fn apply(&mut self, rows: &[Vec<String>]) -> Applied {
        News::of(rows, About::Changes).settle(self)
    }

    /// Takes over the rows of an answer about these relations and about what is new: of which there is no
    /// row is gone.
    pub(crate) fn apply_named(&mut self, rows: &[Vec<String>], named: &BTreeSet<u32>) -> Applied {
        let rows = &together(rows);
        let is_one = |kind: &str, row: &Vec<String>| {
            matches!(row.as_slice(), [known, oid, ..] if known == kind
                && number(oid).is_some_and(|oid: u32| named.contains(&oid)))
        };
        let found: BTreeSet<u32> = rows
            .iter()
            .filter(|row| is_one("r", row))
            .filter_map(|row| number(row.get(1)?))
            .collect();
        let kin = |(child, parent): (u32, u32)| named.contains(&child) || named.contains(&parent);
        let mut others = named.difference(&found).next().is_some();
        if self.inherits.iter().any(kin) {
            others = true;
            Arc::make_mut(&mut self.inherits).retain(|pair| !kin(pair));
        }
        for gone in named.difference(&found) {
            self.forget_relation(*gone);
        }
        // Code that a table ran before counts until all see that it does no more.
        if self.hooks.contains(&0) {
            Arc::make_mut(&mut self.hooks).retain(|oid| *oid != 0);
        }
        let applied = News::of(rows, About::Named).settle(self);
        Applied {
            others: applied.others || others,
            ..applied
        }
    }

    /// Forgets what a listing does not have.
    pub(crate) fn keep_listed(&mut self, rows: &[Vec<String>]) {
        let mut listed: HashMap<&str, HashSet<u32>> = HashMap::new();
        let mut pairs: HashSet<&str> = HashSet::new();
        for row in rows {
            match row.as_slice() {
                [list, kind, pair, ..] if list == "l" && kind == "i" => {
                    pairs.insert(pair);
                }
                [list, kind, oid, ..] if list == "l" => {
                    listed.entry(kind).or_default().extend(number::<u32>(oid));
                }
                _ => {}
            }
        }
        let gone = |kind: &str, known: Vec<u32>| -> Vec<u32> {
            let is = |oid: &u32| listed.get(kind).is_some_and(|oids| oids.contains(oid));
            known.into_iter().filter(|oid| !is(oid)).collect()
        };
        for oid in gone("r", self.relations.keys().copied().collect()) {
            self.forget_relation(oid);
        }
        for oid in gone("f", self.functions.keys().copied().collect()) {
            self.put_function(oid, None);
        }
        for oid in gone("o", self.operators.keys().copied().collect()) {
            self.put_operator(oid, None);
        }
        for oid in gone("t", self.types.keys().copied().collect()) {
            self.put_type(oid, None);
        }
        Arc::make_mut(&mut self.inherits)
            .retain(|(child, parent)| pairs.contains(&*format!("{child} {parent}")));
    }

    /// Enters a relation; whether that changed anything.
    fn put_relation(&mut self, oid: u32, mut relation: KnownRelation) -> bool {
        relation
            .columns
            .sort_unstable_by_key(|(number, ..)| *number);
        relation.shared = relation.for_reader().map(Arc::new);
        if self
            .relations
            .get(&oid)
            .is_some_and(|known| **known == relation)
        {
            return false;
        }
        self.forget_relation(oid);
        if let Some(shared) = &relation.shared {
            self.names.share_relation(Arc::clone(shared));
        }
        self.temporary += usize::from(relation.is_temporary());
        self.row_types.insert_mut(relation.row_type, oid);
        self.relations_named.add(&relation.name.name, oid);
        self.relations.insert_mut(oid, Arc::new(relation));
        self.highest = self.highest.max(oid);
        true
    }

    fn forget_relation(&mut self, oid: u32) {
        let Some(known) = self.relations.get(&oid).map(Arc::clone) else {
            return;
        };
        if let Some(shared) = &known.shared {
            self.names.remove_relation(shared);
        }
        self.temporary -= usize::from(known.is_temporary());
        if self.row_types.get(&known.row_type) == Some(&oid) {
            self.row_types.remove_mut(&known.row_type);
        }
        self.relations_named.remove(&known.name.name, oid);
        self.relations.remove_mut(&oid);
    }

    /// Enters a function in the place of what was known of it, or takes it out.
    fn put_function(&mut self, oid: u32, function: Option<Stamped>) -> bool {
        let old = self.functions.get(&oid).cloned();
        self.highest = self.highest.max(oid);
        put(&mut self.functions, oid, old.as_ref(), function.as_ref(), {
            let names = &mut self.names;
            |name, adds| match adds {
                true => names.add_function(schema(name), &name.name),
                false => names.remove_function(schema(name), &name.name),
            }
        })
    }

    fn put_operator(&mut self, oid: u32, operator: Option<Stamped>) -> bool {
        let old = self.operators.get(&oid).cloned();
        self.highest = self.highest.max(oid);
        put(&mut self.operators, oid, old.as_ref(), operator.as_ref(), {
            let names = &mut self.names;
            |name, adds| match adds {
                _ if schema(name) == "pg_catalog" => {}
                true => names.add_operator(schema(name), &name.name),
                false => names.remove_operator(schema(name), &name.name),
            }
        })
    }

    fn put_type(&mut self, oid: u32, of: Option<KnownType>) -> bool {
        let old = self.types.get(&oid).cloned();
        self.highest = self.highest.max(oid);
        put(&mut self.types, oid, old.as_ref(), of.as_ref(), {
            let (names, oids) = (&mut self.names, &mut self.types_named);
            |name, adds| match adds {
                true => {
                    names.add_type(schema(name), &name.name);
                    oids.add(&name.name, oid);
                }
                false => {
                    names.remove_type(schema(name), &name.name);
                    oids.remove(&name.name, oid);
                }
            }
        })
    }
}

fn schema(name: &Name) -> &str {
    name.schema.as_deref().unwrap_or_default()
}

/// What has a name.
trait Named {
    fn name(&self) -> &Name;
}

impl Named for Stamped {
    fn name(&self) -> &Name {
        &self.name
    }
}

impl Named for KnownType {
    fn name(&self) -> &Name {
        &self.name
    }
}

/// Puts `new` in the place of `old` and says which names go and come; whether that changed anything.
fn put<T: Named + Clone + PartialEq>(
    known: &mut HashTrieMapSync<u32, T>,
    oid: u32,
    old: Option<&T>,
    new: Option<&T>,
    mut rename: impl FnMut(&Name, bool),
) -> bool {
    if old == new {
        return false;
    }
    if let Some(old) = old {
        rename(old.name(), false);
        known.remove_mut(&oid);
    }
    if let Some(new) = new {
        rename(new.name(), true);
        known.insert_mut(oid, new.clone());
    }
    true
}

fn kind(relkind: u8) -> Option<RelationKind> {
    Some(match relkind {
        b'r' | b'p' => RelationKind::Table,
        b'v' => RelationKind::View,
        b'm' => RelationKind::MaterializedView,
        b'f' => RelationKind::ForeignTable,
        b'S' => RelationKind::Sequence,
        b'c' => RelationKind::Composite,
        b'i' | b'I' => RelationKind::Index,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

//! What a database has, by OID: as the third reader's answers name things.
//!
//! Pure: rows of `question` in, objects out. What is not understood is left out, and thereby unknown.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use exeat_policy::Name;
use exeat_sql::{Relation, RelationKind};

use super::question::{FIRST_NORMAL_OID, NAMESPACES};

/// A relation, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownRelation {
    pub(crate) name: Name,
    /// `pg_class.relkind`.
    pub(crate) kind: u8,
    /// Row security is on.
    guarded: bool,
    /// The OID of its row type; 0 where it has none.
    row_type: u32,
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

/// Everything by OID. Cheap to clone: what does not change is shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    relations: Arc<HashMap<u32, Arc<KnownRelation>>>,
    row_types: Arc<HashMap<u32, u32>>,
    functions: Arc<HashMap<u32, Stamped>>,
    operators: Arc<HashMap<u32, Stamped>>,
    types: Arc<HashMap<u32, KnownType>>,
    /// Child and parent, of partitions and of inheritance.
    inherits: Arc<BTreeSet<(u32, u32)>>,
    /// The functions that a domain's checks call.
    checks: Arc<Vec<(u32, u32)>>,
    /// The table that a sequence belongs to.
    owners: Arc<HashMap<u32, u32>>,
    /// What a view or materialised view reads: relation and attribute number.
    views: Arc<HashMap<u32, Vec<(u32, i16)>>>,
    /// Fingerprints of what is only watched.
    watched: Arc<Vec<(String, String, String)>>,
    /// The temporary schema holds something.
    pub(crate) temporary: bool,
}

/// How the rows of an answer fit what was known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Something that matters is another than before.
    pub(crate) changed: bool,
    /// Something is gone: what exists has to be listed.
    pub(crate) gone: bool,
    /// A schema has changed: everything has to be asked for again.
    pub(crate) renamed: bool,
    /// Transactions before this one have ended.
    pub(crate) since: u32,
    /// The transactions of the server, and whether any was in progress.
    pub(crate) state: String,
    /// `server_version_num / 10000`.
    pub(crate) major: u16,
}

fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl Objects {
    pub(crate) fn relation(&self, oid: u32) -> Option<&Arc<KnownRelation>> {
        self.relations.get(&oid)
    }

    /// The OID of a relation of that name.
    pub(crate) fn oid_of(&self, name: &Name) -> Option<u32> {
        let found = self.relations.iter().find(|(_, known)| known.name == *name);
        found.map(|(oid, _)| *oid)
    }

    pub(crate) fn function(&self, oid: u32) -> Option<&Name> {
        self.functions.get(&oid).map(|known| &known.name)
    }

    pub(crate) fn operator(&self, oid: u32) -> Option<&Name> {
        self.operators.get(&oid).map(|known| &known.name)
    }

    pub(crate) fn user_type(&self, oid: u32) -> Option<&KnownType> {
        self.types.get(&oid)
    }

    /// The types of that name, in whichever schema where none is said.
    pub(crate) fn types_named(&self, name: &Name) -> impl Iterator<Item = u32> {
        let is = move |known: &Name| {
            known.name == name.name && (name.schema.is_none() || known.schema == name.schema)
        };
        self.types
            .iter()
            .filter(move |(_, known)| is(&known.name))
            .map(|(oid, _)| *oid)
    }

    /// The relation whose rows have this type.
    pub(crate) fn relation_of_row(&self, row_type: u32) -> Option<u32> {
        self.row_types.get(&row_type).copied()
    }

    /// The functions that making a value of these types may call: those in the checks of domains, however
    /// deep in arrays and rows.
    pub(crate) fn checks(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut functions = BTreeSet::new();
        let mut open: Vec<u32> = types.into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(of) = open.pop() {
            if of < FIRST_NORMAL_OID || !seen.insert(of) {
                continue;
            }
            let of_domain = |(known, function): &(u32, u32)| (*known == of).then_some(*function);
            functions.extend(self.checks.iter().filter_map(of_domain));
            open.extend(self.types.get(&of).map(|known| known.element));
            let row = self
                .row_types
                .get(&of)
                .and_then(|row| self.relations.get(row));
            let columns = row.iter().flat_map(|row| &row.columns);
            open.extend(columns.map(|(_, _, of)| *of));
        }
        functions
    }

    /// The table that a sequence belongs to.
    pub(crate) fn owner(&self, sequence: u32) -> Option<u32> {
        self.owners.get(&sequence).copied()
    }

    /// What a view or materialised view reads.
    pub(crate) fn reads(&self, view: u32) -> &[(u32, i16)] {
        self.views.get(&view).map_or(&[], Vec::as_slice)
    }

    /// What a relation is a part or a child of, one step away.
    pub(crate) fn parents(&self, relation: u32) -> impl Iterator<Item = u32> {
        let of = self.inherits.range((relation, 0)..=(relation, u32::MAX));
        of.map(|(_, parent)| *parent)
    }

    /// The parts and children of a relation, one step away.
    pub(crate) fn children(&self, relation: u32) -> impl Iterator<Item = u32> {
        let of = move |(child, parent): &(u32, u32)| (*parent == relation).then_some(*child);
        self.inherits.iter().filter_map(of)
    }

    pub(crate) fn relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.relations
            .values()
            .filter_map(|known| known.shared.as_ref())
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = &Name> {
        self.functions.values().map(|known| &known.name)
    }

    pub(crate) fn operators(&self) -> impl Iterator<Item = &Name> {
        self.operators.values().map(|known| &known.name)
    }

    pub(crate) fn types(&self) -> impl Iterator<Item = (&u32, &KnownType)> {
        self.types.iter()
    }

    /// The OIDs of relations of these names, whatever their schema: what a definition may have changed.
    pub(crate) fn named(&self, names: &[Arc<str>]) -> Vec<u32> {
        let one = |(oid, known): (&u32, &Arc<KnownRelation>)| {
            names.contains(&known.name.name).then_some(*oid)
        };
        self.relations.iter().filter_map(one).collect()
    }

    /// Takes over the rows of an answer. `whole`: it is an answer to the question for everything.
    pub(crate) fn apply(&mut self, rows: &[Vec<String>], whole: bool) -> Applied {
        let mut news = News {
            whole,
            ..News::default()
        };
        for row in rows {
            if let [kind, fields @ ..] = row.as_slice()
                && let Ok(fields) = <&[String; 6]>::try_from(fields)
            {
                news.read(kind, fields);
            }
        }
        if whole {
            *self = Self::default();
        }
        news.settle(self)
    }

    /// Forgets what a listing does not have.
    pub(crate) fn keep_listed(&mut self, rows: &[Vec<String>]) {
        let mut listed: HashMap<&str, HashSet<&str>> = HashMap::new();
        for row in rows {
            if let [_, kind, key, ..] = row.as_slice() {
                listed.entry(kind).or_default().insert(key);
            }
        }
        let has = |kind: &str, key: &str| listed.get(kind).is_some_and(|keys| keys.contains(key));
        let is = |kind: &str, oid: &u32| has(kind, &oid.to_string());
        Arc::make_mut(&mut self.relations).retain(|oid, _| is("r", oid));
        Arc::make_mut(&mut self.functions).retain(|oid, _| is("f", oid));
        Arc::make_mut(&mut self.operators).retain(|oid, _| is("o", oid));
        Arc::make_mut(&mut self.types).retain(|oid, _| is("t", oid));
        Arc::make_mut(&mut self.inherits)
            .retain(|(child, parent)| has("i", &format!("{child} {parent}")));
        self.look_again();
    }

    /// What follows from the relations.
    fn look_again(&mut self) {
        let rows = self.relations.iter();
        self.row_types = Arc::new(rows.map(|(oid, known)| (known.row_type, *oid)).collect());
        self.temporary = self
            .relations
            .values()
            .any(|known| known.name.schema.as_deref() == Some("pg_temp"));
    }
}

/// The rows of one answer, by kind.
#[derive(Default)]
struct News {
    whole: bool,
    applied: Applied,
    relations: HashMap<u32, KnownRelation>,
    columns: HashMap<u32, Vec<(i16, Arc<str>, u32)>>,
    functions: HashMap<u32, Stamped>,
    operators: HashMap<u32, Stamped>,
    types: HashMap<u32, KnownType>,
    inherits: Vec<(u32, u32)>,
    checks: Vec<(u32, u32)>,
    owners: HashMap<u32, u32>,
    views: HashMap<u32, Vec<(u32, i16)>>,
    watched: Vec<(String, String, String)>,
    counts: Vec<(String, usize)>,
    /// Equal names are stored once.
    names: HashMap<Box<str>, Arc<str>>,
}

impl News {
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = name.into();
        self.names.insert(name.into(), Arc::clone(&shared));
        shared
    }

    fn name(&mut self, schema: &str, name: &str) -> Name {
        Name {
            schema: Some(self.shared(schema)),
            name: self.shared(name),
        }
    }

    fn read(&mut self, kind: &str, fields: &[String; 6]) {
        let [a, b, c, d, e, f] = fields;
        if kind == "x" {
            // The low half of an xid8 is the xid.
            self.applied.since = number::<u64>(a).map_or(0, |xid| (xid & 0xffff_ffff) as u32);
            self.applied.state.clone_from(b);
            self.applied.major = number::<u32>(c).map_or(0, |version| (version / 10_000) as u16);
            return;
        }
        if kind == "c" || kind == "n" {
            match kind {
                "c" => self.watched.push((a.clone(), b.clone(), c.clone())),
                _ => self
                    .counts
                    .push((a.clone(), number(b).unwrap_or(usize::MAX))),
            }
            return;
        }
        let Some(oid) = number::<u32>(a) else { return };
        match kind {
            "r" => {
                let name = self.name(b, c);
                let known = KnownRelation {
                    name,
                    kind: d.bytes().next().unwrap_or(0),
                    guarded: e != "false",
                    row_type: number(f).unwrap_or(0),
                    columns: Vec::new(),
                    shared: None,
                };
                self.relations.insert(oid, known);
            }
            "a" => {
                if let (Some(number), Some(of)) = (number(b), number(d)) {
                    let name = self.shared(c);
                    self.columns
                        .entry(oid)
                        .or_default()
                        .push((number, name, of));
                }
            }
            "f" | "o" => {
                let name = self.name(b, c);
                let changed = d.as_str().into();
                let known = Stamped { name, changed };
                match kind {
                    "f" => self.functions.insert(oid, known),
                    _ => self.operators.insert(oid, known),
                };
            }
            "t" => {
                let known = KnownType {
                    name: self.name(b, c),
                    changed: d.as_str().into(),
                    kind: e.bytes().next().unwrap_or(0),
                    element: number(f).unwrap_or(0),
                };
                self.types.insert(oid, known);
            }
            "i" => self.inherits.extend(number(b).map(|parent| (oid, parent))),
            "d" => self.checks.extend(number(b).map(|check| (oid, check))),
            "q" => {
                if let Some(table) = number(b) {
                    self.owners.insert(oid, table);
                }
            }
            "v" => {
                if let (Some(relation), Some(column)) = (number(b), number(c)) {
                    self.views.entry(oid).or_default().push((relation, column));
                }
            }
            _ => {}
        }
    }

    /// Puts the rows into what is known.
    fn settle(mut self, objects: &mut Objects) -> Applied {
        self.applied.changed = self.whole;
        self.settle_relations(objects);
        self.applied.changed |= merge(&mut objects.functions, self.functions);
        self.applied.changed |= merge(&mut objects.operators, self.operators);
        self.applied.changed |= merge(&mut objects.types, self.types);
        self.applied.changed |= merge(&mut objects.owners, self.owners);
        for reads in self.views.values_mut() {
            reads.sort_unstable();
        }
        self.applied.changed |= merge(&mut objects.views, self.views);
        for pair in self.inherits {
            if !objects.inherits.contains(&pair) {
                Arc::make_mut(&mut objects.inherits).insert(pair);
                self.applied.changed = true;
            }
        }
        self.checks.sort_unstable();
        self.applied.changed |= replace(&mut objects.checks, self.checks);
        self.watched.sort_unstable();
        let schemas = |watched: &[(String, String, String)]| {
            watched
                .iter()
                .find(|(table, ..)| table == NAMESPACES)
                .cloned()
        };
        self.applied.renamed = !self.whole && schemas(&self.watched) != schemas(&objects.watched);
        self.applied.changed |= replace(&mut objects.watched, self.watched);
        objects.look_again();
        self.applied.gone = self.counts.iter().any(|(kind, count)| {
            let known = match kind.as_str() {
                "r" => objects.relations.len(),
                "f" => objects.functions.len(),
                "o" => objects.operators.len(),
                "t" => objects.types.len(),
                _ => objects.inherits.len(),
            };
            known != *count
        });
        self.applied
    }

    fn settle_relations(&mut self, objects: &mut Objects) {
        let mut columns = std::mem::take(&mut self.columns);
        for (oid, mut relation) in std::mem::take(&mut self.relations) {
            relation.columns = columns.remove(&oid).unwrap_or_default();
            self.applied.changed |= put(objects, oid, relation);
        }
        // Relations of which only a column has changed.
        for (oid, columns) in columns {
            if let Some(known) = objects.relations.get(&oid) {
                let relation = KnownRelation {
                    columns,
                    ..KnownRelation::clone(known)
                };
                self.applied.changed |= put(objects, oid, relation);
            }
        }
    }
}

/// Enters a relation; whether that changed anything.
fn put(objects: &mut Objects, oid: u32, mut relation: KnownRelation) -> bool {
    relation
        .columns
        .sort_unstable_by_key(|(number, ..)| *number);
    relation.shared = None;
    let kind = kind(relation.kind);
    if let (Some(kind), Some(schema)) = (kind, &relation.name.schema) {
        relation.shared = Some(Arc::new(Relation {
            schema: Arc::clone(schema),
            name: Arc::clone(&relation.name.name),
            kind,
            columns: relation
                .columns
                .iter()
                .map(|(_, name, _)| Arc::clone(name))
                .collect(),
        }));
    }
    if objects
        .relations
        .get(&oid)
        .is_some_and(|known| **known == relation)
    {
        return false;
    }
    Arc::make_mut(&mut objects.relations).insert(oid, Arc::new(relation));
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
        _ => return None,
    })
}

/// Enters what is new; whether anything was.
fn merge<T: Clone + PartialEq>(known: &mut Arc<HashMap<u32, T>>, news: HashMap<u32, T>) -> bool {
    let mut changed = false;
    for (oid, value) in news {
        if known.get(&oid) != Some(&value) {
            Arc::make_mut(known).insert(oid, value);
            changed = true;
        }
    }
    changed
}

/// Puts one list in another's place; whether they differed.
fn replace<T: PartialEq>(known: &mut Arc<Vec<T>>, news: Vec<T>) -> bool {
    let changed = **known != news;
    if changed {
        *known = Arc::new(news);
    }
    changed
}

#[cfg(test)]
mod tests;

//! The rows of one answer, by kind, and how they change what is known. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use exeat_policy::Name;
use rpds::HashTrieMapSync;

use super::{Applied, KnownRelation, KnownType, Objects, Stamped, number};
use crate::catalog::nested::Nested;
use crate::catalog::question::NAMESPACES;
use crate::catalog::stored::Stored;

/// What an answer is about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum About {
    #[default]
    Everything,
    /// What has changed, and all of what is only counted.
    Changes,
    /// What has a name that was asked for, or is new.
    Named,
}

/// The rows of one answer, by kind.
#[derive(Default)]
pub(super) struct News {
    about: About,
    applied: Applied,
    relations: HashMap<u32, KnownRelation>,
    columns: HashMap<u32, Vec<(i16, Arc<str>, u32)>>,
    functions: HashMap<u32, Stamped>,
    operators: HashMap<u32, Stamped>,
    types: HashMap<u32, KnownType>,
    inherits: Vec<(u32, u32)>,
    stored: Stored,
    nested: Nested,
    casts: Vec<(u32, u32, u32)>,
    converting: Vec<(u32, u32)>,
    statistics: Vec<(Name, u32)>,
    owners: HashMap<u32, u32>,
    views: HashMap<u32, Vec<(u32, i16)>>,
    hooks: Vec<u32>,
    acting: Vec<(u32, u32)>,
    watched: Vec<(String, String, String)>,
    counts: Vec<(String, usize)>,
    /// Equal names are stored once.
    names: HashMap<Box<str>, Arc<str>>,
}

impl News {
    pub(super) fn of(rows: &[Vec<String>], about: About) -> Self {
        let mut news = Self {
            about,
            ..Self::default()
        };
        for row in rows {
            if let [kind, fields @ ..] = row.as_slice()
                && let Ok(fields) = <&[String; 6]>::try_from(fields)
            {
                news.read(kind, fields);
            }
        }
        news
    }

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
            self.applied.moment.since =
                number::<u64>(a).map_or(0, |xid| (xid & 0xffff_ffff) as u32);
            self.applied.moment.state.clone_from(b);
            self.applied.moment.major =
                number::<u32>(c).map_or(0, |version| (version / 10_000) as u16);
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
                let (name, rights) = (self.name(b, c), self.shared(e));
                let known = KnownRelation {
                    name,
                    kind: d.bytes().next().unwrap_or(0),
                    rights,
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
                let runs = number(e).unwrap_or(0);
                let known = Stamped {
                    name,
                    changed,
                    runs,
                };
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
            "d" | "w" | "b" | "s" | "j" | "1" | "2" => self.stored.read(kind, oid, b, c),
            "h" => self.hooks.push(oid),
            "g" => self.acting.extend(number(b).map(|other| (oid, other))),
            "m" | "p" | "u" | "e" | "y" | "z" => self.nested.read(kind, oid, b, c),
            "k" => {
                if let (Some(to), Some(function)) = (number(b), number(c)) {
                    self.casts.push((oid, to, function));
                    if d == "i" || d == "a" {
                        self.converting.push((oid, function));
                    }
                }
            }
            "3" => {
                let name = self.name(b, c);
                self.statistics.push((name, oid));
            }
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
    pub(super) fn settle(mut self, objects: &mut Objects) -> Applied {
        self.applied.others = self.about == About::Everything;
        let made = self.settle_relations(objects);
        for (oid, function) in self.functions {
            self.applied.others |= objects.put_function(oid, Some(function));
        }
        for (oid, operator) in self.operators {
            self.applied.others |= objects.put_operator(oid, Some(operator));
        }
        for (oid, of) in self.types {
            match objects.types.contains_key(&oid) {
                true => self.applied.others |= objects.put_type(oid, Some(of)),
                false => {
                    self.applied.made.insert(Arc::clone(&of.name.name));
                    objects.put_type(oid, Some(of));
                }
            }
        }
        for (sequence, _) in self.owners.extract_if(|_, table| *table == 0) {
            self.applied.others |= objects.owners.remove_mut(&sequence);
        }
        // What is kept with a table that was made is seen by whoever names it.
        self.applied.others |= self.owners.iter().any(|(sequence, table)| {
            !made.contains(sequence) && objects.owners.get(sequence) != Some(table)
        });
        merge(&mut objects.owners, self.owners);
        let whole = self.about != About::Named;
        self.applied.others |= objects.nested.take(self.nested, whole);
        self.applied.others |= objects.stored.take(self.stored, whole, &made);
        for reads in self.views.values_mut() {
            reads.sort_unstable();
        }
        self.applied.others |= merge(&mut objects.views, self.views);
        for pair in self.inherits {
            if !objects.inherits.contains(pair) {
                Arc::make_mut(&mut objects.inherits).insert(pair);
                self.applied.others = true;
            }
        }
        if self.about == About::Named {
            self.hooks.extend(objects.hooks.iter());
            self.acting.extend(objects.acting.iter());
        }
        self.hooks.sort_unstable();
        self.hooks.dedup();
        self.applied.others |= replace(&mut objects.hooks, self.hooks);
        self.acting.sort_unstable();
        self.acting.dedup();
        self.applied.others |= replace(&mut objects.acting, self.acting);
        self.applied.changed = self.applied.others || !self.applied.made.is_empty();
        if self.about == About::Named {
            return self.applied;
        }
        self.casts.sort_unstable();
        self.applied.others |= replace(&mut objects.casts, self.casts);
        self.converting.sort_unstable();
        self.converting.dedup();
        self.applied.others |= replace(&mut objects.converting, self.converting);
        self.statistics.sort_unstable();
        self.applied.others |= replace(&mut objects.statistics, self.statistics);
        self.watched.sort_unstable();
        let schemas = |watched: &[(String, String, String)]| {
            watched
                .iter()
                .find(|(table, ..)| table == NAMESPACES)
                .cloned()
        };
        self.applied.renamed =
            self.about == About::Changes && schemas(&self.watched) != schemas(&objects.watched);
        self.applied.others |= replace(&mut objects.watched, self.watched);
        self.applied.gone = self.counts.iter().any(|(kind, count)| {
            let known = match kind.as_str() {
                "r" => objects.relations.size(),
                "f" => objects.functions.size(),
                "o" => objects.operators.size(),
                "t" => objects.types.size(),
                _ => objects.inherits.len(),
            };
            known != *count
        });
        self.applied.changed = self.applied.others || !self.applied.made.is_empty();
        self.applied
    }

    /// The tables, and what comes with them, that were not there before.
    fn settle_relations(&mut self, objects: &mut Objects) -> HashSet<u32> {
        let mut made = HashSet::new();
        let mut columns = std::mem::take(&mut self.columns);
        for (oid, mut relation) in std::mem::take(&mut self.relations) {
            relation.columns = columns.remove(&oid).unwrap_or_default();
            let comes = matches!(relation.kind, b'r' | b'S' | b'i');
            if comes && !objects.relations.contains_key(&oid) {
                made.insert(oid);
                self.applied.made.insert(Arc::clone(&relation.name.name));
                objects.put_relation(oid, relation);
            } else {
                self.applied.others |= objects.put_relation(oid, relation);
            }
        }
        // Relations of which only a column has changed.
        for (oid, columns) in columns {
            if let Some(known) = objects.relations.get(&oid) {
                let relation = KnownRelation {
                    columns,
                    ..KnownRelation::clone(known)
                };
                self.applied.others |= objects.put_relation(oid, relation);
            }
        }
        made
    }
}

/// Enters what is new; whether anything was.
fn merge<T: PartialEq>(known: &mut HashTrieMapSync<u32, T>, news: HashMap<u32, T>) -> bool {
    let mut changed = false;
    for (oid, value) in news {
        if known.get(&oid) != Some(&value) {
            known.insert_mut(oid, value);
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

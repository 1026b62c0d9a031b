//! A snapshot of the database's catalog: relations with their columns, and the functions, operators
//! and types that a name may mean. Plain data, made by the proxy from `pg_catalog` or read from JSON;
//! it must never be asked about a name that it does not hold as if it did.

use std::sync::Arc;

use exeat_policy::Name;
use rpds::HashTrieMapSync;
use serde::{Deserialize, Serialize};

/// PostgreSQL's system columns, which every table has.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// Whether a name is that of a system column; no other column can have it.
pub(crate) fn is_system_column(name: &str) -> bool {
    SYSTEM_COLUMNS.contains(&name)
}

/// What a relation is (`pg_class.relkind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// `r`, `p`.
    Table,
    /// `v`. It stays itself: what it reads is not looked into.
    View,
    /// `m`.
    MaterializedView,
    /// `f`.
    ForeignTable,
    /// `S`.
    Sequence,
    /// `c`.
    Composite,
    /// `i`, `I`. Only definitions and maintenance name it.
    Index,
}

/// One relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relation {
    /// Its schema.
    pub schema: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: RelationKind,
    /// Its columns, in order, without dropped ones and without system columns.
    pub columns: Vec<Arc<str>>,
}

/// Names, each with the schemas that have it, and how often: functions and operators share theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names(HashTrieMapSync<Arc<str>, Vec<(Arc<str>, usize)>>);

impl Names {
    fn add(&mut self, schema: &str, name: &str) {
        let mut schemas = self.0.get(name).cloned().unwrap_or_default();
        match schemas.iter_mut().find(|(known, _)| &**known == schema) {
            Some((_, count)) => *count += 1,
            None => schemas.push((Arc::from(schema), 1)),
        }
        match self.0.get_mut(name) {
            Some(known) => *known = schemas,
            None => self.0.insert_mut(Arc::from(name), schemas),
        }
    }

    fn remove(&mut self, schema: &str, name: &str) {
        let Some(schemas) = self.0.get_mut(name) else {
            return;
        };
        schemas.retain_mut(|(known, count)| {
            *count -= usize::from(&**known == schema);
            *count > 0
        });
        if schemas.is_empty() {
            self.0.remove_mut(name);
        }
    }

    fn has(&self, schema: &str, name: &str) -> bool {
        self.0
            .get(name)
            .is_some_and(|schemas| schemas.iter().any(|(known, _)| &**known == schema))
    }

    fn list(&self) -> Vec<Name> {
        let of = |(name, schemas): (&Arc<str>, &Vec<(Arc<str>, usize)>)| {
            let named = |(schema, _): &(Arc<str>, usize)| Name {
                schema: Some(Arc::clone(schema)),
                name: Arc::clone(name),
            };
            schemas.iter().map(named).collect::<Vec<_>>()
        };
        let mut names: Vec<Name> = self.0.iter().flat_map(of).collect();
        names.sort();
        names
    }
}

/// The snapshot. Cheap to clone, and to change in a few places: what stays is shared with the clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Snapshot", into = "Snapshot")]
pub struct Catalog {
    /// Changes whenever the content does; part of the key of cached verdicts.
    pub version: u64,
    relations: HashTrieMapSync<Arc<str>, HashTrieMapSync<Arc<str>, Arc<Relation>>>,
    functions: Names,
    operators: Names,
    types: Names,
}

/// The form of a [`Catalog`] on disk and on the wire.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    version: u64,
    relations: Vec<Relation>,
    /// Functions of all schemas; left out where the names of functions are not known.
    #[serde(default)]
    functions: Vec<Name>,
    /// Operators outside `pg_catalog`.
    #[serde(default)]
    operators: Vec<Name>,
    /// Types outside `pg_catalog`.
    #[serde(default)]
    types: Vec<Name>,
}

impl From<Snapshot> for Catalog {
    fn from(snapshot: Snapshot) -> Self {
        let mut catalog = Self::new(snapshot.version);
        for relation in snapshot.relations {
            catalog.add_relation(relation);
        }
        for function in snapshot.functions {
            catalog.add_function(
                function.schema.as_deref().unwrap_or("pg_catalog"),
                &function.name,
            );
        }
        for operator in snapshot.operators {
            catalog.add_operator(
                operator.schema.as_deref().unwrap_or("public"),
                &operator.name,
            );
        }
        for name in snapshot.types {
            catalog.add_type(name.schema.as_deref().unwrap_or("public"), &name.name);
        }
        catalog
    }
}

impl From<Catalog> for Snapshot {
    fn from(catalog: Catalog) -> Self {
        let mut relations: Vec<Relation> = catalog
            .relations
            .values()
            .flat_map(HashTrieMapSync::values)
            .map(|relation| Relation::clone(relation))
            .collect();
        relations.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Self {
            version: catalog.version,
            relations,
            functions: catalog.functions.list(),
            operators: catalog.operators.list(),
            types: catalog.types.list(),
        }
    }
}

impl Catalog {
    /// An empty snapshot.
    #[must_use]
    pub fn new(version: u64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    /// Adds a relation; one of the same name is replaced. System columns are dropped: every table has
    /// them, `*` does not mean them, and the order of the others counts.
    pub fn add_relation(&mut self, mut relation: Relation) {
        relation.columns.retain(|column| !is_system_column(column));
        self.share_relation(Arc::new(relation));
    }

    /// Adds a relation without system columns, shared with others who hold it.
    pub fn share_relation(&mut self, relation: Arc<Relation>) {
        if self.relations.get(&relation.schema).is_none() {
            self.relations
                .insert_mut(Arc::clone(&relation.schema), HashTrieMapSync::default());
        }
        if let Some(schema) = self.relations.get_mut(&relation.schema) {
            schema.insert_mut(Arc::clone(&relation.name), relation);
        }
    }

    /// Takes that very relation out; another one that has its name by now stays.
    pub fn remove_relation(&mut self, relation: &Arc<Relation>) {
        let Some(schema) = self.relations.get_mut(&relation.schema) else {
            return;
        };
        if schema
            .get(&relation.name)
            .is_some_and(|known| Arc::ptr_eq(known, relation))
        {
            schema.remove_mut(&relation.name);
        }
    }

    /// Adds a function, procedure or aggregate. A snapshot that knows functions knows all of them,
    /// those of `pg_catalog` too, and all types outside `pg_catalog`.
    pub fn add_function(&mut self, schema: &str, name: &str) {
        self.functions.add(schema, name);
    }

    /// Takes one out that was added.
    pub fn remove_function(&mut self, schema: &str, name: &str) {
        self.functions.remove(schema, name);
    }

    /// Whether a function of that name lives outside `pg_catalog`; `true` where functions are not known.
    #[must_use]
    pub fn has_own_function(&self, name: &str) -> bool {
        let schemas = self.functions.0.get(name);
        let own = |(schema, _): &(Arc<str>, usize)| &**schema != "pg_catalog";
        self.functions.0.is_empty() || schemas.is_some_and(|schemas| schemas.iter().any(own))
    }

    /// Adds an operator that lives outside `pg_catalog`.
    pub fn add_operator(&mut self, schema: &str, name: &str) {
        self.operators.add(schema, name);
    }

    /// Takes one out that was added.
    pub fn remove_operator(&mut self, schema: &str, name: &str) {
        self.operators.remove(schema, name);
    }

    /// Adds a type that lives outside `pg_catalog`.
    pub fn add_type(&mut self, schema: &str, name: &str) {
        self.types.add(schema, name);
    }

    /// Takes one out that was added.
    pub fn remove_type(&mut self, schema: &str, name: &str) {
        self.types.remove(schema, name);
    }

    /// The relation of that schema and name.
    #[must_use]
    pub fn relation(&self, schema: &str, name: &str) -> Option<&Relation> {
        self.relations.get(schema)?.get(name).map(Arc::as_ref)
    }

    /// The relation that an unqualified name means. A snapshot without `pg_catalog` can't say whether a
    /// `pg_` name is one of its relations.
    #[must_use]
    pub fn resolve(&self, path: &[Arc<str>], name: &str) -> Option<&Relation> {
        let system = path.iter().any(|schema| &**schema == "pg_catalog");
        if system && name.starts_with("pg_") && !self.relations.contains_key("pg_catalog") {
            return None;
        }
        path.iter().find_map(|schema| self.relation(schema, name))
    }

    /// The schemas of the path that have a function of that name; `None` where functions are not known.
    pub(crate) fn function_schemas<'p>(
        &self,
        path: &'p [Arc<str>],
        name: &str,
    ) -> Option<impl Iterator<Item = &'p Arc<str>>> {
        if self.functions.0.is_empty() {
            return None;
        }
        Some(
            path.iter()
                .filter(move |schema| self.functions.has(schema, name)),
        )
    }

    /// Whether `(x).name` can only be a field: nothing on the path is there that PostgreSQL would call or
    /// cast to by that name. It never casts so to the row type of a relation, nor would a cast to a type
    /// of its own be counted. False where functions are not known.
    pub(crate) fn is_only_a_field(&self, path: &[Arc<str>], name: &str) -> bool {
        let is_type = |schema: &Arc<str>| {
            self.types.has(schema, name) && self.relation(schema, name).is_none()
        };
        self.function_schemas(path, name)
            .is_some_and(|mut schemas| schemas.next().is_none())
            && !path.iter().any(is_type)
    }

    /// The schema of the path that an unqualified type outside `pg_catalog` is in.
    pub(crate) fn type_schema<'p>(&self, path: &'p [Arc<str>], name: &str) -> Option<&'p Arc<str>> {
        path.iter().find(|schema| self.types.has(schema, name))
    }

    /// The schemas of the path, `pg_catalog` left out, that have an operator of that name.
    pub(crate) fn operator_schemas<'p>(
        &self,
        path: &'p [Arc<str>],
        name: &str,
    ) -> impl Iterator<Item = &'p Arc<str>> {
        path.iter()
            .filter(move |schema| self.operators.has(schema, name))
    }
}

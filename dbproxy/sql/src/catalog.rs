//! A snapshot of the database's catalog: relations with their columns, and the functions, operators
//! and types that a name may mean. Plain data, made by the proxy from `pg_catalog` or read from JSON;
//! it must never be asked about a name that it does not hold as if it did.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use exeat_policy::Name;
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

/// The snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Snapshot", into = "Snapshot")]
pub struct Catalog {
    /// Changes whenever the content does; part of the key of cached verdicts.
    pub version: u64,
    relations: HashMap<Arc<str>, HashMap<Arc<str>, Arc<Relation>>>,
    functions: HashMap<Arc<str>, HashSet<Arc<str>>>,
    operators: HashMap<Arc<str>, HashSet<Arc<str>>>,
    types: HashMap<Arc<str>, HashSet<Arc<str>>>,
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
        let names = |map: HashMap<Arc<str>, HashSet<Arc<str>>>| {
            let mut names: Vec<Name> = map
                .into_iter()
                .flat_map(|(name, schemas)| {
                    schemas.into_iter().map(move |schema| Name {
                        schema: Some(schema),
                        name: Arc::clone(&name),
                    })
                })
                .collect();
            names.sort();
            names
        };
        let mut relations: Vec<Relation> = catalog
            .relations
            .into_values()
            .flat_map(HashMap::into_values)
            .map(Arc::unwrap_or_clone)
            .collect();
        relations.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Self {
            version: catalog.version,
            relations,
            functions: names(catalog.functions),
            operators: names(catalog.operators),
            types: names(catalog.types),
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
        let schema = self
            .relations
            .entry(Arc::clone(&relation.schema))
            .or_default();
        schema.insert(Arc::clone(&relation.name), relation);
    }

    /// Adds a function, procedure or aggregate. A snapshot that knows functions knows all of them,
    /// those of `pg_catalog` too, and all types outside `pg_catalog`.
    pub fn add_function(&mut self, schema: &str, name: &str) {
        self.functions
            .entry(Arc::from(name))
            .or_default()
            .insert(Arc::from(schema));
    }

    /// Adds an operator that lives outside `pg_catalog`.
    pub fn add_operator(&mut self, schema: &str, name: &str) {
        self.operators
            .entry(Arc::from(name))
            .or_default()
            .insert(Arc::from(schema));
    }

    /// Adds a type that lives outside `pg_catalog`.
    pub fn add_type(&mut self, schema: &str, name: &str) {
        self.types
            .entry(Arc::from(name))
            .or_default()
            .insert(Arc::from(schema));
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
        if self.functions.is_empty() {
            return None;
        }
        let schemas = self.functions.get(name);
        Some(
            path.iter()
                .filter(move |schema| schemas.is_some_and(|set| set.contains(*schema))),
        )
    }

    /// Whether `(x).name` can only be a field: nothing on the path is there that PostgreSQL would call or
    /// cast to by that name. It never casts so to the row type of a relation, nor would a cast to a type
    /// of its own be counted. False where functions are not known.
    pub(crate) fn is_only_a_field(&self, path: &[Arc<str>], name: &str) -> bool {
        let is_type = |schema: &Arc<str>| {
            let types = self.types.get(name);
            types.is_some_and(|set| set.contains(schema)) && self.relation(schema, name).is_none()
        };
        self.function_schemas(path, name)
            .is_some_and(|mut schemas| schemas.next().is_none())
            && !path.iter().any(is_type)
    }

    /// The schema of the path that an unqualified type outside `pg_catalog` is in.
    pub(crate) fn type_schema<'p>(&self, path: &'p [Arc<str>], name: &str) -> Option<&'p Arc<str>> {
        let schemas = self.types.get(name)?;
        path.iter().find(|schema| schemas.contains(*schema))
    }

    /// The schemas of the path, `pg_catalog` left out, that have an operator of that name.
    pub(crate) fn operator_schemas<'p>(
        &self,
        path: &'p [Arc<str>],
        name: &str,
    ) -> impl Iterator<Item = &'p Arc<str>> {
        let schemas = self.operators.get(name);
        path.iter()
            .filter(move |schema| schemas.is_some_and(|set| set.contains(*schema)))
    }
}

//! What a role may do in a database, compiled: lookups by name, whatever the number of rules.

pub(crate) mod floors;
pub(crate) mod presets;

use std::sync::Arc;

use crate::map::{Map, Set};
use crate::pattern::RelationPattern;
use crate::{Access, Name};

/// The path of a rule.
pub(crate) type Rule = Arc<str>;

/// The allow rules, or the deny rules, of a role in a database.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    schemas: Map<Arc<str>, SchemaGrants>,
    pub(crate) functions: Names,
    pub(crate) operators: Names,
    pub(crate) types: Names,
    pub(crate) settings: Map<Arc<str>, Rule>,
    pub(crate) statements: Map<Arc<str>, Rule>,
    pub(crate) builtins: Option<Rule>,
    pub(crate) introspection: Option<Rule>,
    /// `rule: everything`.
    pub(crate) everything: Option<Rule>,
}

/// Rules by qualified name.
#[derive(Debug, Default)]
pub(crate) struct Names(Map<Arc<str>, Map<Arc<str>, Rule>>);

impl Names {
    pub(crate) fn insert(&mut self, schema: Arc<str>, name: Arc<str>, rule: Rule) -> Option<Rule> {
        self.0.entry(schema).or_default().insert(name, rule)
    }

    pub(crate) fn find(&self, schema: &str, name: &str) -> Option<&Rule> {
        self.0.get(schema)?.get(name)
    }
}

#[derive(Debug, Default)]
struct SchemaGrants {
    /// `schema.*`.
    every: ByAccess<Rule>,
    /// Boxed, because a relation rarely has rules for more than two of the six accesses.
    relations: Map<Arc<str>, ByAccess<Box<ColumnGrants>>>,
}

/// The rules for one access to one relation: their union holds.
#[derive(Debug, Default)]
pub(crate) struct ColumnGrants {
    /// All columns, also those added later.
    pub(crate) all: Option<Rule>,
    /// These columns.
    pub(crate) columns: Map<Arc<str>, Rule>,
    /// The first rule of either kind.
    pub(crate) first: Option<Rule>,
}

/// One optional value for each access that a rule can name.
#[derive(Debug)]
struct ByAccess<T>([Option<T>; 6]);

impl<T> Default for ByAccess<T> {
    fn default() -> Self {
        Self([const { None }; 6])
    }
}

impl<T> ByAccess<T> {
    fn slot(access: Access) -> Option<usize> {
        match access {
            Access::Select => Some(0),
            Access::Insert => Some(1),
            Access::Update => Some(2),
            Access::Delete => Some(3),
            Access::Truncate => Some(4),
            // To vacuum or refresh is part of looking after the definition.
            Access::Define | Access::Maintain => Some(5),
            // No rule names it: see `Relation::lock`.
            Access::Lock => None,
        }
    }

    fn find(&self, access: Access) -> Option<&T> {
        self.0.get(Self::slot(access)?)?.as_ref()
    }

    fn entry(&mut self, access: Access) -> Option<&mut Option<T>> {
        self.0.get_mut(Self::slot(access)?)
    }
}

/// What the rules say about one access to one relation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relation<'a> {
    every: Option<&'a Rule>,
    own: Option<&'a ColumnGrants>,
}

impl<'a> Relation<'a> {
    /// A rule for all columns.
    pub(crate) fn all(&self) -> Option<&'a Rule> {
        self.every.or_else(|| self.own?.all.as_ref())
    }

    /// A rule for this column.
    pub(crate) fn column(&self, name: &str) -> Option<&'a Rule> {
        self.all().or_else(|| self.own?.columns.get(name))
    }

    /// Any rule, whatever its columns.
    pub(crate) fn any(&self) -> Option<&'a Rule> {
        self.every.or_else(|| self.own?.first.as_ref())
    }
}

impl Grants {
    /// Adds a relation rule. `false` where it says nothing that an earlier rule did not say.
    pub(crate) fn insert(
        &mut self,
        access: Access,
        pattern: &RelationPattern,
        rule: &Rule,
    ) -> bool {
        let schema = self.schemas.entry(pattern.schema.clone()).or_default();
        let Some(relation) = &pattern.relation else {
            return schema
                .every
                .entry(access)
                .is_some_and(|slot| slot.replace(rule.clone()).is_none());
        };
        let relation = schema.relations.entry(relation.clone()).or_default();
        let Some(slot) = relation.entry(access) else {
            return false;
        };
        let grants = slot.get_or_insert_default();
        grants.first.get_or_insert_with(|| rule.clone());
        match &pattern.columns {
            None => grants.all.replace(rule.clone()).is_none(),
            Some(columns) => {
                let mut news = false;
                for column in columns {
                    news |= grants
                        .columns
                        .insert(column.clone(), rule.clone())
                        .is_none();
                }
                news
            }
        }
    }

    /// Whether there is no rule at all.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            schemas,
            functions,
            operators,
            types,
            settings,
            statements,
            builtins,
            introspection,
            everything,
        } = self;
        let names = [functions, operators, types];
        let presets = [builtins, introspection, everything];
        schemas.is_empty()
            && names.iter().all(|names| names.0.is_empty())
            && settings.is_empty()
            && statements.is_empty()
            && presets.iter().all(|preset| preset.is_none())
    }

    /// What the rules say about an access to a relation.
    pub(crate) fn relation(&self, access: Access, schema: &str, name: &str) -> Relation<'_> {
        let schema = self.schemas.get(schema);
        Relation {
            every: schema.and_then(|schema| schema.every.find(access)),
            own: schema
                .and_then(|schema| schema.relations.get(name))
                .and_then(|relation| relation.find(access))
                .map(|grants| &**grants),
        }
    }

    /// What the rules say about an access to a whole schema.
    pub(crate) fn schema(&self, access: Access, schema: &str) -> Option<&Rule> {
        self.schemas.get(schema)?.every.find(access)
    }

    /// The rule that allows a function. Names without a schema are PostgreSQL's own.
    pub(crate) fn function(&self, function: &Name) -> Option<&Rule> {
        let schema = schema_of(function);
        self.functions.find(schema, &function.name).or_else(|| {
            if schema != PG_CATALOG {
                return None;
            }
            let builtin = self
                .builtins
                .as_ref()
                .filter(|_| presets::is_builtin(&function.name));
            builtin.or_else(|| {
                self.introspection
                    .as_ref()
                    .filter(|_| presets::is_introspection_function(&function.name))
            })
        })
    }
}

/// The words of the statements that nothing but a `statement` rule allows.
pub(crate) const STATEMENTS: &[&str] = &["do", "listen", "lock", "maintain", "notify"];

/// The schema of PostgreSQL's own things.
pub(crate) const PG_CATALOG: &str = "pg_catalog";

/// The schema that a function, operator or type is looked for in: PostgreSQL's own unless it says so.
pub(crate) fn schema_of(name: &Name) -> &str {
    name.schema.as_deref().unwrap_or(PG_CATALOG)
}

/// Columns that may not be read as they are.
#[derive(Debug, Default)]
pub(crate) struct Masks(Map<Arc<str>, Map<Arc<str>, ColumnSet>>);

type ColumnSet = Set<Arc<str>>;

impl Masks {
    pub(crate) fn insert(
        &mut self,
        schema: Arc<str>,
        relation: Arc<str>,
        column: Arc<str>,
    ) -> bool {
        self.0
            .entry(schema)
            .or_default()
            .entry(relation)
            .or_default()
            .insert(column)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The masked columns of a relation.
    pub(crate) fn of(&self, schema: &str, relation: &str) -> Option<&ColumnSet> {
        self.0.get(schema)?.get(relation)
    }
}

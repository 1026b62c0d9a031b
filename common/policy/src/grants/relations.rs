//! Rules about relations: by schema, relation, access and column.
//!
//! `*.*` must never reach PostgreSQL's own schemas: they hold password hashes and statistics.

use std::sync::Arc;

use super::{Rule, is_own_schema};
use crate::Access;
use crate::map::Map;
use crate::pattern::RelationPattern;

/// Rules about relations.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    schemas: Map<Arc<str>, SchemaGrants>,
    /// `*.*`.
    any: ByAccess<Rule>,
    /// The first rule that lets rows be read, added or changed, or things be defined, in any schema.
    used: Option<Rule>,
}

#[derive(Debug, Default)]
struct SchemaGrants {
    /// `schema.*`.
    every: ByAccess<Rule>,
    /// The first rule that lets rows be read, added or changed, or things be defined, in it.
    used: Option<Rule>,
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

impl Relations {
    /// Adds a rule. `false` where it says nothing that an earlier rule did not say; the earlier one is kept.
    pub(crate) fn insert(
        &mut self,
        access: Access,
        pattern: &RelationPattern,
        rule: &Rule,
    ) -> bool {
        let uses = matches!(
            access,
            Access::Select | Access::Insert | Access::Update | Access::Define
        );
        let Some(schema) = &pattern.schema else {
            if uses {
                self.used.get_or_insert_with(|| rule.clone());
            }
            return fill(self.any.entry(access), rule);
        };
        let schema = self.schemas.entry(schema.clone()).or_default();
        if uses {
            schema.used.get_or_insert_with(|| rule.clone());
        }
        let Some(relation) = &pattern.relation else {
            return fill(schema.every.entry(access), rule);
        };
        let relation = schema.relations.entry(relation.clone()).or_default();
        let Some(slot) = relation.entry(access) else {
            return false;
        };
        slot.get_or_insert_default().insert(pattern, rule)
    }

    /// What the rules say about an access to a relation.
    pub(crate) fn relation(&self, access: Access, schema: &str, name: &str) -> Relation<'_> {
        Relation {
            every: self.schema(access, schema),
            own: self
                .schemas
                .get(schema)
                .and_then(|schema| schema.relations.get(name))
                .and_then(|relation| relation.find(access))
                .map(|grants| &**grants),
        }
    }

    /// What the rules say about an access to a whole schema.
    pub(crate) fn schema(&self, access: Access, schema: &str) -> Option<&Rule> {
        let every = self
            .schemas
            .get(schema)
            .and_then(|schema| schema.every.find(access));
        every.or_else(|| self.any.find(access).filter(|_| !is_own_schema(schema)))
    }

    /// What the rules say about an access to every schema.
    pub(crate) fn every_schema(&self, access: Access) -> Option<&Rule> {
        self.any.find(access)
    }

    /// A rule that lets anything of a schema be read, added, changed or defined.
    pub(crate) fn used(&self, schema: &str) -> Option<&Rule> {
        let used = self
            .schemas
            .get(schema)
            .and_then(|schema| schema.used.as_ref());
        used.or_else(|| self.used.as_ref().filter(|_| !is_own_schema(schema)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.schemas.is_empty() && self.any.0.iter().all(Option::is_none)
    }
}

/// Keeps the earlier rule.
fn fill(slot: Option<&mut Option<Rule>>, rule: &Rule) -> bool {
    let Some(slot) = slot.filter(|slot| slot.is_none()) else {
        return false;
    };
    *slot = Some(rule.clone());
    true
}

impl ColumnGrants {
    fn insert(&mut self, pattern: &RelationPattern, rule: &Rule) -> bool {
        self.first.get_or_insert_with(|| rule.clone());
        let Some(columns) = &pattern.columns else {
            return fill(Some(&mut self.all), rule);
        };
        let mut news = false;
        for column in columns {
            if !self.columns.contains_key(column) {
                self.columns.insert(column.clone(), rule.clone());
                news = true;
            }
        }
        news
    }
}

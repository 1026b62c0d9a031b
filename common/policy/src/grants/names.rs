//! Rules by qualified name: functions, operators, types.
//!
//! `*.*` must never reach PostgreSQL's own schemas: what is in them has lists of its own.

use std::sync::Arc;

use super::{Rule, is_own_schema};
use crate::map::Map;
use crate::pattern::NamePattern;

/// Rules by qualified name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    schemas: Map<Arc<str>, SchemaNames>,
    /// `*.*`.
    any: Option<Rule>,
}

#[derive(Debug, Default)]
struct SchemaNames {
    /// `schema.*`.
    every: Option<Rule>,
    names: Map<Arc<str>, Rule>,
}

impl Names {
    /// Adds a rule. `false` where an earlier rule says just this; the earlier one is kept.
    pub(crate) fn insert(&mut self, pattern: &NamePattern, rule: &Rule) -> bool {
        let slot = match pattern {
            NamePattern::Any => &mut self.any,
            NamePattern::Schema(schema) => {
                &mut self.schemas.entry(schema.clone()).or_default().every
            }
            NamePattern::Name(schema, name) => {
                let names = &mut self.schemas.entry(schema.clone()).or_default().names;
                if names.contains_key(name) {
                    return false;
                }
                names.insert(name.clone(), rule.clone());
                return true;
            }
        };
        if slot.is_some() {
            return false;
        }
        *slot = Some(rule.clone());
        true
    }

    /// The rule for a name.
    pub(crate) fn find(&self, schema: &str, name: &str) -> Option<&Rule> {
        let listed = self
            .schemas
            .get(schema)
            .and_then(|schema| schema.names.get(name));
        listed.or_else(|| self.every(schema))
    }

    /// The rule for all that a pattern is about.
    pub(crate) fn covering(&self, pattern: &NamePattern) -> Option<&Rule> {
        match pattern {
            NamePattern::Any => self.any.as_ref(),
            NamePattern::Schema(schema) => self.every(schema),
            NamePattern::Name(schema, name) => self.find(schema, name),
        }
    }

    fn every(&self, schema: &str) -> Option<&Rule> {
        let every = self
            .schemas
            .get(schema)
            .and_then(|schema| schema.every.as_ref());
        every.or_else(|| self.any.as_ref().filter(|_| !is_own_schema(schema)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.schemas.is_empty() && self.any.is_none()
    }
}

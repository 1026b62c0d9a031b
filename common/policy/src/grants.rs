//! What a role may do in a database, compiled: lookups by name, whatever the number of rules.

pub(crate) mod bounds;
pub(crate) mod floors;
mod names;
pub(crate) mod presets;
mod relations;
mod words;

use std::sync::Arc;

use crate::map::{Map, Set};
use crate::{Access, Name, Setting};

pub(crate) use names::Names;
pub(crate) use relations::{Relation, Relations};
pub(crate) use words::Words;

/// The path of a rule.
pub(crate) type Rule = Arc<str>;

/// The allow rules, or the deny rules, of a role in a database.
#[derive(Debug)]
pub(crate) struct Grants {
    pub(crate) relations: Relations,
    pub(crate) functions: Names,
    pub(crate) operators: Names,
    pub(crate) types: Names,
    pub(crate) settings: Words,
    pub(crate) statements: Words,
    pub(crate) presets: Presets,
    /// `rule: everything`.
    pub(crate) everything: Option<Rule>,
}

/// The rules that name a preset.
#[derive(Debug, Default)]
pub(crate) struct Presets {
    pub(crate) builtins: Option<Rule>,
    pub(crate) introspection: Option<Rule>,
    pub(crate) application: Option<Rule>,
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            relations: Relations::default(),
            functions: Names::default(),
            operators: Names::default(),
            types: Names::default(),
            settings: Words::parameters(),
            statements: Words::statements(),
            presets: Presets::default(),
            everything: None,
        }
    }
}

impl Presets {
    /// The rule that lets what introspection holds be read and called: `application` holds it too.
    pub(crate) fn introspection(&self) -> Option<&Rule> {
        self.introspection.as_ref().or(self.application.as_ref())
    }

    fn builtins(&self) -> Option<&Rule> {
        self.builtins.as_ref().or(self.application.as_ref())
    }

    fn is_empty(&self) -> bool {
        self.builtins.is_none() && self.introspection.is_none() && self.application.is_none()
    }
}

impl Grants {
    /// Whether there is no rule at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.relations.is_empty()
            && [&self.functions, &self.operators, &self.types]
                .iter()
                .all(|names| names.is_empty())
            && self.settings.is_empty()
            && self.statements.is_empty()
            && self.presets.is_empty()
            && self.everything.is_none()
    }

    /// The rule that allows a function. Names without a schema are PostgreSQL's own.
    pub(crate) fn function(&self, function: &Name) -> Option<&Rule> {
        let schema = schema_of(function);
        let name = &function.name;
        self.functions
            .find(schema, name)
            .or_else(|| self.own(schema))
            .or_else(|| match schema {
                PG_CATALOG => self.preset_function(name),
                INFORMATION_SCHEMA => self
                    .presets
                    .introspection()
                    .filter(|_| presets::is_standard_function(name)),
                _ => None,
            })
    }

    fn preset_function(&self, name: &str) -> Option<&Rule> {
        let builtin = self
            .presets
            .builtins()
            .filter(|_| presets::is_builtin(name));
        let looks = || {
            self.presets
                .introspection()
                .filter(|_| presets::is_introspection_function(name))
        };
        let application = || {
            self.presets
                .application
                .as_ref()
                .filter(|_| presets::is_application_function(name))
        };
        builtin.or_else(looks).or_else(application)
    }

    /// The rule that allows an operator. PostgreSQL's own never come here.
    pub(crate) fn operator(&self, schema: &str, name: &str) -> Option<&Rule> {
        self.operators
            .find(schema, name)
            .or_else(|| self.own(schema))
    }

    /// The rule that allows a type or collation. Where PostgreSQL has said which functions it runs
    /// (`analysed`) that is also a rule for anything in its schema, because who may read or write a column
    /// may name its type.
    pub(crate) fn type_of(&self, schema: &str, name: &str, analysed: bool) -> Option<&Rule> {
        self.types
            .find(schema, name)
            .or_else(|| self.own(schema))
            .or_else(|| self.relations.used(schema).filter(|_| analysed))
    }

    /// The rule that lets a parameter be set.
    pub(crate) fn setting(&self, setting: &Setting) -> Option<&Rule> {
        self.settings.find(&setting.name).or_else(|| {
            self.presets
                .application
                .as_ref()
                .filter(|_| presets::is_application_setting(setting))
        })
    }

    /// Who may define everything in a schema made what is in it.
    fn own(&self, schema: &str) -> Option<&Rule> {
        self.relations.schema(Access::Define, schema)
    }
}

/// The words of the statements that nothing but a `statement` rule allows.
pub(crate) const STATEMENTS: &[&str] = &["do", "listen", "lock", "maintain", "notify"];

/// The schema of PostgreSQL's own things.
pub(crate) const PG_CATALOG: &str = "pg_catalog";

/// The standard's views, and their functions and types.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// Whether a schema is PostgreSQL's own, so that `*.*` is not about it. Temporary objects are somebody's.
pub(crate) fn is_own_schema(schema: &str) -> bool {
    schema == INFORMATION_SCHEMA || schema.starts_with("pg_") && !schema.starts_with("pg_temp")
}

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

//! How a document says what a role may do in a database.
//!
//! Shapes only, as in all of `crate::document`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entries::Entries;
use super::list::{List, tried};
use super::spanned::Spanned;
use crate::units::{Rate, Span};
use crate::{Assurance, AuditMode};

/// What a role may do in one database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseDocument {
    /// The database role that the session runs as.
    #[serde(rename = "as")]
    pub(crate) as_role: Spanned<String>,
    /// `enforce`, `report` or `observe`.
    #[serde(default, deserialize_with = "tried")]
    pub(crate) mode: DatabaseModeDocument,
    /// The weakest proof of identity that the database accepts.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) assurance: Option<Spanned<Assurance>>,
    /// Rule sets whose rules hold here as well.
    #[serde(
        default,
        rename = "use",
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) uses: Option<Spanned<List<Spanned<String>>>>,
    /// What is allowed. An empty list allows nothing but what touches nothing (`SELECT 1`).
    #[serde(default, deserialize_with = "tried")]
    pub(crate) allow: List<Spanned<AllowDocument>>,
    /// What is denied even where an allow rule matches.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "List::is_empty"
    )]
    pub(crate) deny: List<Spanned<DenyDocument>>,
    /// Columns that may not be read as they are, `schema.table.column`. This version refuses to read them.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Entries::is_empty"
    )]
    pub(crate) mask: Entries<MaskDocument>,
    /// Limits of the role in this database on each node.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) limits: Option<DatabaseLimitsDocument>,
    /// When a record must be durable. Without it: `strict` for writes, `release` for reads.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) audit: Option<AuditMode>,
}

/// Database rules under one name. A rule set uses no other one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleSetDocument {
    /// What is allowed.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "List::is_empty"
    )]
    pub(crate) allow: List<Spanned<AllowDocument>>,
    /// What is denied even where an allow rule of the database, or of another set that it uses, matches.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "List::is_empty"
    )]
    pub(crate) deny: List<Spanned<DenyDocument>>,
    /// Columns that may not be read as they are, `schema.table.column`.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Entries::is_empty"
    )]
    pub(crate) mask: Entries<MaskDocument>,
}

/// What becomes of a statement that the rules deny.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DatabaseModeDocument {
    /// It does not run.
    #[default]
    Enforce,
    /// It is recorded and runs. Floors stay: identity, limits, what can't be read.
    Report,
    /// Everything that PostgreSQL accepts runs, whether it was understood or not, and is on record.
    /// Identity and limits stay.
    Observe,
}

/// Allows one kind of thing in a database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AllowDocument {
    /// Reading a relation: `schema.table`, `schema.table(column, …)`, `schema.*` or `*.*`.
    Select(Spanned<String>),
    /// Adding rows: `schema.table`, `schema.table(column, …)`, `schema.*` or `*.*`.
    Insert(Spanned<String>),
    /// Changing rows: `schema.table`, `schema.table(column, …)`, `schema.*` or `*.*`.
    Update(Spanned<String>),
    /// Removing rows: `schema.table`, `schema.*` or `*.*`.
    Delete(Spanned<String>),
    /// Emptying a relation: `schema.table`, `schema.*` or `*.*`.
    Truncate(Spanned<String>),
    /// Calling functions and procedures: `function` (PostgreSQL's own), `schema.function`, `schema.*` or `*.*`.
    Call(Spanned<List<Spanned<String>>>),
    /// Operators that are not PostgreSQL's own: `schema.operator`, `schema.*` or `*.*`.
    Operator(Spanned<List<Spanned<String>>>),
    /// Types, domains and collations that are not PostgreSQL's own: `schema.type`, `schema.*` or `*.*`.
    Type(Spanned<List<Spanned<String>>>),
    /// Setting configuration parameters beyond the harmless ones; `prefix.*` for those of one prefix.
    Set(Spanned<List<Spanned<String>>>),
    /// Kinds of statements that nothing else allows: `do`, `listen`, `notify`, `lock`, `maintain`, or the
    /// words of a definition statement that names no relation, like `create extension` or `create *`.
    Statement(Spanned<List<Spanned<String>>>),
    /// Creating, altering and dropping: `schema.table`, `schema.*` or `*.*`. Grants unconfirmed statements of this kind.
    Define(Spanned<String>),
    /// Fixed lists: `builtins` (harmless functions), `introspection` (what drivers and psql look up),
    /// `application` (both, and what ordinary programs send and set).
    Preset(Spanned<List<Spanned<PresetDocument>>>),
    /// `everything`: all that the deny rules and masks leave. Without any of them also what can't be read.
    Rule(Spanned<WholeDocument>),
}

/// The one word of an allow rule that is about nothing in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WholeDocument {
    /// Everything that PostgreSQL accepts.
    Everything,
}

/// Denies one kind of thing in a database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DenyDocument {
    /// Reading a relation: `schema.table`, `schema.table(column, …)`, `schema.*` or `*.*`.
    Select(Spanned<String>),
    /// Adding rows: `schema.table`, `schema.table(column, …)`, `schema.*` or `*.*`.
    Insert(Spanned<String>),
    /// Changing rows: `schema.table`, `schema.table(column, …)`, `schema.*` or `*.*`.
    Update(Spanned<String>),
    /// Removing rows: `schema.table`, `schema.*` or `*.*`.
    Delete(Spanned<String>),
    /// Emptying a relation: `schema.table`, `schema.*` or `*.*`.
    Truncate(Spanned<String>),
    /// Calling functions and procedures: `function` (PostgreSQL's own), `schema.function`, `schema.*` or `*.*`.
    Call(Spanned<List<Spanned<String>>>),
    /// Operators that are not PostgreSQL's own: `schema.operator`, `schema.*` or `*.*`.
    Operator(Spanned<List<Spanned<String>>>),
    /// Types, domains and collations that are not PostgreSQL's own: `schema.type`, `schema.*` or `*.*`.
    Type(Spanned<List<Spanned<String>>>),
    /// Setting configuration parameters; `prefix.*` for those of one prefix.
    Set(Spanned<List<Spanned<String>>>),
    /// Kinds of statements, the same words as in an allow rule.
    Statement(Spanned<List<Spanned<String>>>),
    /// Creating, altering and dropping: `schema.table`, `schema.*` or `*.*`.
    Define(Spanned<String>),
}

/// A fixed list of things to allow.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PresetDocument {
    /// PostgreSQL's own functions that have no side effect and run no SQL of their own.
    Builtins,
    /// The catalog tables and functions that drivers, ORMs and psql's `\d` look things up in.
    Introspection,
    /// Both, and what ordinary programs send beside their tables: timeouts and planner settings, advisory
    /// locks, LISTEN and NOTIFY, transaction ids.
    Application,
}

/// How a masked column is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MaskDocument {
    /// The first letter and the domain.
    Email,
    /// The last four characters.
    Last4,
    /// A keyed hash.
    Hash,
    /// NULL.
    Null,
}

/// Limits in one database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseLimitsDocument {
    /// Live sessions.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) sessions: Option<Spanned<u32>>,
    /// Statements in a period, like `500/s`.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) statements: Option<Rate>,
    /// Rows that one statement may return.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) rows: Option<Spanned<u64>>,
    /// The longest time that a statement may run, like `5s`.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) statement_timeout: Option<Span>,
}

//! The policy document as it is written: the types that YAML is read into, that the JSON Schema is
//! generated from, and that the canonical form is printed from.
//!
//! Nothing here is checked beyond its shape; `crate::check` does that. No decision may look at these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) mod entries;
pub(crate) mod list;
pub(crate) mod spanned;

use entries::Entries;
use list::{List, tried};
use spanned::Spanned;

use crate::units::{Quota, Rate, Span};
use crate::{Assurance, AuditMode};

/// An Exeat policy: who may open which connections and run which statements. Deny by default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Exeat policy")]
pub(crate) struct Document {
    /// The version of this format: 1.
    #[schemars(extend("const" = 1))]
    pub(crate) version: Spanned<u32>,
    /// The roles by name. In a folder of several files each role stands in one file.
    pub(crate) roles: Entries<RoleDocument>,
}

/// What one role is and may do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleDocument {
    /// Who is this role. An identity belongs to one role only.
    pub(crate) identities: Spanned<List<Spanned<IdentityDocument>>>,
    /// Free words that are kept with every record of the role.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(crate) labels: BTreeMap<String, String>,
    /// The weakest proof of identity that the role accepts.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) assurance: Option<Assurance>,
    /// Where it may connect to. Without it: nowhere.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) egress: Option<EgressDocument>,
    /// What it may do in which database, by the database's name in the configuration.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Entries::is_empty"
    )]
    pub(crate) databases: Entries<DatabaseDocument>,
}

/// One identity that a role claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum IdentityDocument {
    /// A SPIFFE ID, proven by a client certificate: `spiffe://trust-domain/path`.
    Spiffe(String),
    /// The issuer and the subject of a JWT.
    Jwt {
        /// The `iss` claim.
        issuer: String,
        /// The `sub` claim.
        subject: String,
    },
    /// The name of a token of `exeat identity token`.
    Token(String),
    /// The name of a SCRAM verifier of the built-in store.
    Scram(String),
    /// A network of the caller, as a CIDR; the longest match wins.
    Source(String),
}

/// Whether denials are enforced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeDocument {
    /// What is denied does not happen.
    #[default]
    Enforce,
    /// What would be denied is recorded and happens. Floors stay: private and metadata addresses,
    /// identity, limits, what can't be read.
    Report,
}

/// Egress rules of a role.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EgressDocument {
    /// `enforce`, or `report`.
    #[serde(default, deserialize_with = "tried")]
    pub(crate) mode: ModeDocument,
    /// What is allowed. An empty list allows nothing.
    #[serde(default, deserialize_with = "tried")]
    pub(crate) allow: List<Spanned<EgressAllowDocument>>,
    /// What is denied even where an allow rule matches.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "List::is_empty"
    )]
    pub(crate) deny: List<Spanned<EgressDenyDocument>>,
    /// Limits of the role on each node.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) limits: Option<EgressLimitsDocument>,
    /// When a record must be durable: `strict` before the dial, `release` (the default) and
    /// `written` before the first byte of the tunnel.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) audit: Option<AuditMode>,
}

/// Allows connections to a host or to addresses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["host"] }, { "required": ["cidr"] }]))]
pub(crate) struct EgressAllowDocument {
    /// A name, or `*.name` for one or more labels before the name, never the name itself.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) host: Option<Spanned<String>>,
    /// A network: address literals in it are allowed, and names may lead into it.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) cidr: Option<Spanned<String>>,
    /// The ports. Without it: 443.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) ports: Option<Spanned<List<Spanned<u16>>>>,
    /// Whether the tunnel must carry TLS for this very name (the default). `false` allows any
    /// protocol, plain HTTP among them.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) tls: Option<bool>,
    /// The weakest proof of identity that the rule accepts.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) assurance: Option<Assurance>,
    /// Says that a wildcard over a public suffix (`*.github.io`), where unrelated owners have names, is meant.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) public_suffix: Option<Spanned<bool>>,
    /// The non-public networks that the host's name may lead into. A metadata address is opened
    /// by its own `/32` or `/128` only.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) networks: Option<Spanned<List<Spanned<String>>>>,
}

/// Denies connections to a host or to addresses.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["host"] }, { "required": ["cidr"] }]))]
pub(crate) struct EgressDenyDocument {
    /// A name, or `*.name` for one or more labels before the name, never the name itself.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) host: Option<Spanned<String>>,
    /// A network: address literals in it are denied, and names that lead into it.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) cidr: Option<Spanned<String>>,
    /// The ports. Without it: all of them.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) ports: Option<Spanned<List<Spanned<u16>>>>,
}

/// Limits of egress.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EgressLimitsDocument {
    /// New connections in a period, like `50/s`.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) connects: Option<Rate>,
    /// Live tunnels.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) tunnels: Option<Spanned<u32>>,
    /// Bytes in a period, both directions, like `10GiB/day`.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) bytes: Option<Quota>,
}

/// What a role may do in one database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseDocument {
    /// The database role that the session runs as.
    #[serde(rename = "as")]
    pub(crate) as_role: Spanned<String>,
    /// `enforce`, or `report`.
    #[serde(default, deserialize_with = "tried")]
    pub(crate) mode: ModeDocument,
    /// The weakest proof of identity that the database accepts.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) assurance: Option<Assurance>,
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

/// Allows one kind of thing in a database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AllowDocument {
    /// Reading a relation: `schema.table`, `schema.table(column, …)` or `schema.*`.
    Select(Spanned<String>),
    /// Adding rows: `schema.table`, `schema.table(column, …)` or `schema.*`.
    Insert(Spanned<String>),
    /// Changing rows: `schema.table`, `schema.table(column, …)` or `schema.*`.
    Update(Spanned<String>),
    /// Removing rows: `schema.table` or `schema.*`.
    Delete(Spanned<String>),
    /// Emptying a relation: `schema.table` or `schema.*`.
    Truncate(Spanned<String>),
    /// Calling functions and procedures; without a schema they are PostgreSQL's own.
    Call(Spanned<List<Spanned<String>>>),
    /// Operators that are not PostgreSQL's own, `schema.operator`.
    Operator(Spanned<List<Spanned<String>>>),
    /// Types, domains and collations that are not PostgreSQL's own, `schema.type`.
    Type(Spanned<List<Spanned<String>>>),
    /// Setting configuration parameters beyond the harmless ones.
    Set(Spanned<List<Spanned<String>>>),
    /// Kinds of statements that nothing else allows: `listen`, `notify`, `lock`, `maintain`, or the
    /// words of a definition statement that names no relation, like `create extension`.
    Statement(Spanned<List<Spanned<String>>>),
    /// Creating, altering and dropping: `schema.table` or `schema.*`. Grants unconfirmed statements of this kind.
    Define(Spanned<String>),
    /// Fixed lists: `builtins` (harmless functions), `introspection` (what drivers and psql look up).
    Preset(Spanned<List<Spanned<PresetDocument>>>),
}

/// Denies one kind of thing in a database.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DenyDocument {
    /// Reading a relation: `schema.table`, `schema.table(column, …)` or `schema.*`.
    Select(Spanned<String>),
    /// Adding rows: `schema.table`, `schema.table(column, …)` or `schema.*`.
    Insert(Spanned<String>),
    /// Changing rows: `schema.table`, `schema.table(column, …)` or `schema.*`.
    Update(Spanned<String>),
    /// Removing rows: `schema.table` or `schema.*`.
    Delete(Spanned<String>),
    /// Emptying a relation: `schema.table` or `schema.*`.
    Truncate(Spanned<String>),
    /// Calling functions and procedures; without a schema they are PostgreSQL's own.
    Call(Spanned<List<Spanned<String>>>),
    /// Setting configuration parameters.
    Set(Spanned<List<Spanned<String>>>),
    /// Kinds of statements, the same words as in an allow rule.
    Statement(Spanned<List<Spanned<String>>>),
    /// Creating, altering and dropping: `schema.table` or `schema.*`.
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

//! The policy document as it is written: the types that YAML is read into, that the JSON Schema is
//! generated from, and that the canonical form is printed from.
//!
//! Nothing here is checked beyond its shape; `crate::check` does that. No decision may look at these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod database;
mod egress;
pub(crate) mod entries;
pub(crate) mod list;
pub(crate) mod spanned;

pub(crate) use database::{
    AllowDocument, DatabaseDocument, DatabaseModeDocument, DenyDocument, MaskDocument,
    PresetDocument, RuleSetDocument, WholeDocument,
};
pub(crate) use egress::{EgressAllowDocument, EgressDenyDocument, EgressDocument};

use entries::Entries;
use list::{List, tried};
use spanned::Spanned;

use crate::Assurance;

/// An Exeat policy: who may open which connections and run which statements. Deny by default.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Exeat policy")]
pub(crate) struct Document {
    /// The version of this format: 1.
    #[schemars(extend("const" = 1))]
    pub(crate) version: Spanned<u32>,
    /// Lists of database rules that databases of several roles `use`, by name.
    #[serde(
        default,
        deserialize_with = "tried",
        skip_serializing_if = "Entries::is_empty"
    )]
    pub(crate) rule_sets: Entries<RuleSetDocument>,
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
    pub(crate) assurance: Option<Spanned<Assurance>>,
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

/// Whether denials of connections are enforced.
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

//! How a document says where a role may connect to.
//!
//! Shapes only, as in all of `crate::document`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ModeDocument;
use super::list::{List, tried};
use super::spanned::Spanned;
use crate::units::{Quota, Rate};
use crate::{Assurance, AuditMode};

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
    pub(crate) assurance: Option<Spanned<Assurance>>,
    /// Says that a wildcard is meant below which unrelated owners have names (`*.github.io`, `*.amazonaws.com`).
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

//! The answer: effect, reason, basis, rule, obligations and the policy's hash, as one value.
//!
//! The fields of what is recorded for each decision stand in the order of their names, which is the order
//! of the record: the log then writes them down as they come, without sorting.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Whether it may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// What the effect rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// An allow rule.
    Rule,
    /// Report mode: it would be denied.
    Report,
    /// Observe mode: it would be denied, by whatever would deny it.
    Observe,
    /// Nothing matched.
    Default,
    /// A deny rule.
    DenyRule,
    /// An exhausted limit.
    Limit,
    /// The identify step, a safety floor or a protocol requirement refused; no rule could allow it.
    Floor,
}

/// The reason code of a decision: stable, one per class of refusal, the metric label and the audit field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Allowed by a rule.
    Allowed,
    /// See [`crate::IdentityFailure`].
    CredentialsMissing,
    /// See [`crate::IdentityFailure`].
    CredentialsInvalid,
    /// See [`crate::IdentityFailure`].
    CredentialsExpired,
    /// See [`crate::IdentityFailure`].
    CredentialsRevoked,
    /// See [`crate::IdentityFailure`].
    IdentityUnknown,
    /// See [`crate::IdentityFailure`].
    IdentityConflict,
    /// The role or the rule asks for a stronger proof.
    AssuranceTooLow,
    /// What the client wrote is no legal authority; it never became a request.
    AuthorityMalformed,
    /// No egress rule of the role matches the host.
    HostNotAllowed,
    /// A rule matches the host, but not the port.
    PortNotAllowed,
    /// A deny rule matches.
    DeniedByRule,
    /// An address literal, and no rule names its network.
    IpLiteral,
    /// A name that is for local use only (`localhost`, `.local`, `.internal`, `.onion`, …).
    SpecialUseName,
    /// The answer holds an address that is not public, and no rule names its network.
    AddressNotPublic,
    /// The answer, or the literal, is a cloud's metadata address.
    AddressMetadata,
    /// Plain HTTP to a rule that asks for TLS.
    TlsRequired,
    /// The server name inside differs from the authority.
    SniMismatch,
    /// A ClientHello without a server name.
    SniMissing,
    /// Encrypted Client Hello.
    EncryptedClientHello,
    /// Bytes that are no TLS.
    NotTls,
    /// A broken or oversized ClientHello.
    TlsMalformed,
    /// No ClientHello in time.
    TlsTimeout,
    /// The role has no rule for this database.
    DatabaseNotAllowed,
    /// The statement can't be read.
    Unreadable,
    /// Only one reader can read it, and no rule grants unconfirmed statements.
    Unconfirmed,
    /// The kind of statement is not allowed.
    StatementNotAllowed,
    /// A relation is not allowed for this access.
    RelationNotAllowed,
    /// A column is not allowed for this access.
    ColumnNotAllowed,
    /// A column is masked, and this version refuses rather than masks.
    ColumnMasked,
    /// A function is not allowed.
    FunctionNotAllowed,
    /// An operator is not allowed.
    OperatorNotAllowed,
    /// A type or collation is not allowed.
    TypeNotAllowed,
    /// A configuration parameter is pinned.
    SettingNotAllowed,
    /// A limit is exhausted.
    LimitConnects,
    /// A limit is exhausted.
    LimitTunnels,
    /// A limit is exhausted.
    LimitBytes,
    /// A limit is exhausted.
    LimitSessions,
    /// A limit is exhausted.
    LimitStatements,
    /// A limit is exhausted.
    LimitRows,
}

/// When the record of this decision must be durable.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AuditMode {
    /// In the kernel before the first byte of the result.
    Written,
    /// Durable before the first byte of the result.
    Release,
    /// Durable before the effect.
    Strict,
}

/// What must be done along with an allow.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Obligations {
    /// The audit mode.
    pub audit: AuditMode,
    /// The bytes inside must be a TLS handshake for the authority.
    pub tls: bool,
}

/// The SHA-256 of a policy's canonical form, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PolicyHash(pub Arc<str>);

impl fmt::Display for PolicyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuleRef {
    /// The path in the document, e.g. `roles.billing-fn.egress.allow[0]`.
    pub path: Arc<str>,
}

/// The answer to a [`crate::Request`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Decision {
    /// What the effect rests on.
    pub basis: Basis,
    /// What it was about in words (a column, a port, …); never a secret or a literal.
    pub detail: Option<Arc<str>>,
    /// Whether it may happen.
    pub effect: Effect,
    /// What must be done along with it.
    pub obligations: Obligations,
    /// The policy that decided.
    pub policy: PolicyHash,
    /// The reason code. In report mode the reason for which it would be denied.
    pub reason: Reason,
    /// The rule that decided, where one did.
    pub rule: Option<RuleRef>,
}

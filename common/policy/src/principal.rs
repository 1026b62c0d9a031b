//! Who is calling: a role with proof, or the reason why there is none.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How strongly an identity is proven. Ordered: a rule asks for a minimum.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// The peer's address lies in a network that the role names.
    Source,
    /// A bearer token or a password (SCRAM) known to us.
    Token,
    /// A JWT signed by a trusted issuer.
    Jwt,
    /// A certificate of a trusted root, proven by the TLS handshake.
    Certificate,
}

impl fmt::Display for Assurance {
    /// As the policy spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Token => "token",
            Self::Jwt => "jwt",
            Self::Certificate => "certificate",
        })
    }
}

/// The kind of proof that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Mutual TLS.
    Certificate,
    /// A JSON Web Token.
    Jwt,
    /// A token of the built-in store.
    Token,
    /// SCRAM-SHA-256 against a stored verifier.
    Scram,
    /// The source address.
    Source,
}

impl Method {
    /// The assurance that this kind of proof gives.
    pub fn assurance(self) -> Assurance {
        match self {
            Self::Certificate => Assurance::Certificate,
            Self::Jwt => Assurance::Jwt,
            Self::Token | Self::Scram => Assurance::Token,
            Self::Source => Assurance::Source,
        }
    }
}

/// The identity that was proven, as the policy's `identities` list names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// A SPIFFE ID, `spiffe://trust-domain/path`.
    Spiffe(Arc<str>),
    /// The issuer and the subject of a JWT.
    Jwt {
        /// The `iss` claim.
        issuer: Arc<str>,
        /// The `sub` claim.
        subject: Arc<str>,
    },
    /// The name of a stored token.
    Token(Arc<str>),
    /// The name of a stored SCRAM verifier.
    Scram(Arc<str>),
    /// The peer's address.
    Source(IpAddr),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spiffe(id) => f.write_str(id),
            Self::Jwt { issuer, subject } => write!(f, "{issuer}#{subject}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Scram(name) => write!(f, "scram:{name}"),
            Self::Source(address) => write!(f, "source:{address}"),
        }
    }
}

/// A role with proof.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    /// The role of the policy that claims the identity.
    pub role: Arc<str>,
    /// The identity that was proven.
    pub identity: Identity,
    /// How it was proven.
    pub method: Method,
    /// When the proof ends, milliseconds since the Unix epoch; `None` where it does not end by itself.
    pub expires_at: Option<i64>,
}

impl Principal {
    /// How strongly the identity is proven.
    pub fn assurance(&self) -> Assurance {
        self.method.assurance()
    }
}

/// Why a caller has no principal. Each value is a reason code of a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityFailure {
    /// Nothing was presented, and the source address proves nothing.
    CredentialsMissing,
    /// What was presented does not verify.
    CredentialsInvalid,
    /// It verifies, but its time is over.
    CredentialsExpired,
    /// It verifies, but was revoked.
    CredentialsRevoked,
    /// It verifies, but no role of the policy claims this identity.
    IdentityUnknown,
    /// Two proofs, or a proof and the claimed role name, disagree.
    IdentityConflict,
}

/// The outcome of the identify step, as an input of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// A proven principal.
    Known(Arc<Principal>),
    /// No principal, and why.
    Unknown(IdentityFailure),
}

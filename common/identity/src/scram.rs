//! SCRAM-SHA-256, both sides (RFC 5802, RFC 7677, RFC 5929), as PostgreSQL and its clients speak it.
//!
//! State machines without sockets: each step takes `self` by value, bytes in, bytes out. Against a
//! stored verifier the server needs no PBKDF2, and the client keeps the keys that it made: a password is
//! stretched once per salt.

mod binding;
mod client;
mod exchange;
mod message;
mod verifier;

pub use binding::{ChannelBinding, tls_server_end_point};
pub use client::{
    AwaitKeys, AwaitServerFinal, AwaitServerFirst, ClientBinding, ClientKeys, ClientPassword,
    Stretching,
};
pub use exchange::{AwaitFinal, AwaitFirst, Mechanism, ServerExchange};
pub use verifier::{ScramVerifier, Verifier};

/// Why an exchange ends. The client is told nothing but that authentication failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// A message that breaks the grammar.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// The mechanism and the channel binding flag disagree.
    #[error("the mechanism and the channel binding flag disagree")]
    MechanismMismatch,
    /// The client believes that there is no channel binding here, although it was offered.
    #[error("channel binding was offered, and the client was told otherwise")]
    Downgrade,
    /// Another kind of channel binding than `tls-server-end-point`.
    #[error("unsupported channel binding type")]
    BindingType,
    /// The channel binding names another certificate.
    #[error("the channel binding does not match this connection")]
    BindingMismatch,
    /// An authorization identity.
    #[error("authorization identities are not supported")]
    AuthorizationIdentity,
    /// An extension that the client insists on.
    #[error("mandatory extensions are not supported")]
    MandatoryExtension,
    /// The nonce is not the one of this exchange.
    #[error("the nonce is not of this exchange")]
    Nonce,
    /// A server that wants the password stretched without end.
    #[error("the server asks for too many iterations")]
    Iterations,
    /// The proof does not fit the verifier (or there is none).
    #[error("the proof is wrong")]
    Proof,
    /// No random numbers.
    #[error("the system's random generator failed")]
    Random,
}

impl ScramError {
    /// The class of the error: metric label and audit field.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Malformed(_) => "scram_malformed",
            Self::MechanismMismatch => "scram_mechanism_mismatch",
            Self::Downgrade => "scram_downgrade",
            Self::BindingType => "scram_binding_type",
            Self::BindingMismatch => "scram_binding_mismatch",
            Self::AuthorizationIdentity => "scram_authorization_identity",
            Self::MandatoryExtension => "scram_mandatory_extension",
            Self::Nonce => "scram_nonce",
            Self::Iterations => "scram_iterations",
            Self::Proof => "scram_proof",
            Self::Random => "scram_random",
        }
    }

    /// What the client may see: the same for every cause.
    pub fn public_message(self) -> &'static str {
        "password authentication failed"
    }
}

#[cfg(test)]
mod tests;

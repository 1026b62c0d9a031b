//! Who is calling? Authenticators for certificates, JWTs, tokens, SCRAM and source networks; the
//! built-in CA and the store that `exeat identity` keeps.
//!
//! The step is [`Authenticators::identify`]: what a caller presented, and the policy's list of
//! identities, become a [`exeat_policy::Caller`]. It is synchronous and does no IO. Two proofs that
//! disagree are a denial, never a choice. No secret is ever stored or printed by this crate.

mod authenticators;
pub mod ca;
pub mod credentials;
#[cfg(test)]
mod fixtures;
mod jwt;
mod meters;
pub mod scram;
mod secret;
mod settings;
mod spiffe;
pub mod store;
pub mod token;
mod trust;

pub use authenticators::{Authenticators, Evidence, IdentityError, Presented};
pub use jwt::IssuerError;
pub use scram::ScramVerifier;
pub use secret::Secret;
pub use settings::{Issuer, Jwks, Settings, TrustDomain};
pub use spiffe::{SpiffeError, SpiffeId, TrustDomainName};
pub use trust::{CertificateError, TrustError, read_certificates};

//! The metrics of this crate. Labels come from enums only; a role or a name is never one.

use exeat_policy::{IdentityFailure, Method};

/// `exeat_identity_jwks_refresh_total{outcome}`: fetches of an issuer's keys.
pub(crate) fn jwks_refreshed(outcome: &'static str) {
    metrics::counter!("exeat_identity_jwks_refresh_total", "outcome" => outcome).increment(1);
}

/// `exeat_identity_authentications_total{method,outcome}`: outcomes of the identify step.
pub(crate) fn authenticated(method: Option<Method>, outcome: Result<(), IdentityFailure>) {
    let method = match method {
        Some(Method::Certificate) => "certificate",
        Some(Method::Jwt) => "jwt",
        Some(Method::Token) => "token",
        Some(Method::Scram) => "scram",
        Some(Method::Source) => "source",
        None => "none",
    };
    let outcome = match outcome {
        Ok(()) => "ok",
        Err(IdentityFailure::CredentialsMissing) => "credentials_missing",
        Err(IdentityFailure::CredentialsInvalid) => "credentials_invalid",
        Err(IdentityFailure::CredentialsExpired) => "credentials_expired",
        Err(IdentityFailure::CredentialsRevoked) => "credentials_revoked",
        Err(IdentityFailure::IdentityUnknown) => "identity_unknown",
        Err(IdentityFailure::IdentityConflict) => "identity_conflict",
    };
    metrics::counter!("exeat_identity_authentications_total", "method" => method, "outcome" => outcome)
        .increment(1);
}

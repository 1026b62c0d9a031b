//! The metrics of this crate. Labels come from enums only; a role or a name is never one.

use std::sync::LazyLock;

use exeat_policy::{IdentityFailure, Method};
use metrics::Counter;

/// `exeat_identity_jwks_refresh_total{outcome}`: fetches of an issuer's keys.
pub(crate) fn jwks_refreshed(outcome: &'static str) {
    metrics::counter!("exeat_identity_jwks_refresh_total", "outcome" => outcome).increment(1);
}

/// `exeat_identity_authentications_total{method,outcome}`: outcomes of the identify step.
pub(crate) fn authenticated(method: Option<Method>, outcome: Result<(), IdentityFailure>) {
    // Registered once: naming the labels for every request would allocate. The recorder is installed
    // before the first listener, so the first caller finds it.
    static COUNTERS: LazyLock<[[Counter; OUTCOMES.len()]; METHODS.len()]> = LazyLock::new(|| {
        METHODS.map(|method| OUTCOMES.map(|outcome| authentications(method, outcome)))
    });
    let row = match method {
        None => 0,
        Some(Method::Source) => 1,
        Some(Method::Token) => 2,
        Some(Method::Scram) => 3,
        Some(Method::Jwt) => 4,
        Some(Method::Certificate) => 5,
    };
    let column = match outcome {
        Ok(()) => 0,
        Err(IdentityFailure::CredentialsMissing) => 1,
        Err(IdentityFailure::CredentialsInvalid) => 2,
        Err(IdentityFailure::CredentialsExpired) => 3,
        Err(IdentityFailure::CredentialsRevoked) => 4,
        Err(IdentityFailure::IdentityUnknown) => 5,
        Err(IdentityFailure::IdentityConflict) => 6,
    };
    if let Some(counter) = COUNTERS
        .get(row)
        .and_then(|row: &[Counter; OUTCOMES.len()]| row.get(column))
    {
        counter.increment(1);
    }
}

const METHODS: [&str; 6] = ["none", "source", "token", "scram", "jwt", "certificate"];
const OUTCOMES: [&str; 7] = [
    "ok",
    "credentials_missing",
    "credentials_invalid",
    "credentials_expired",
    "credentials_revoked",
    "identity_unknown",
    "identity_conflict",
];

fn authentications(method: &'static str, outcome: &'static str) -> Counter {
    metrics::counter!("exeat_identity_authentications_total", "method" => method, "outcome" => outcome)
}

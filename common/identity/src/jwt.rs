//! JSON Web Tokens: which issuers are trusted, and what a token proves.
//!
//! Three algorithms, each bound to one type of key when the key is loaded: RS256, ES256 and EdDSA. A
//! token's header picks among the keys of its issuer and never brings one along (`jku`, `x5u`, `jwk`
//! are not read). Verifying does no IO: an unknown key asks the refresh task for new keys, and the token is
//! refused meanwhile.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exeat_policy::{IdentityFailure, UnixMillis};
use moka::sync::Cache;

use crate::settings::{Issuer, Jwks};
use crate::token::sha256;

mod fetch;
mod issuer;
mod keys;
mod parse;
mod refresh;

use issuer::IssuerKeys;
use keys::KeyError;

/// Far above what any issuer makes, and about what fits in an HTTP header.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How far the issuer's clock and ours may be apart.
const LEEWAY_SECONDS: i64 = 30;
const CACHED_TOKENS: u64 = 10_000;
const CACHE_AGE: Duration = Duration::from_secs(300);

/// Why the issuers can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Without an audience every token of the issuer would be accepted.
    #[error("issuer {0} has no audience")]
    NoAudience(String),
    /// Two entries for one issuer.
    #[error("issuer {0} is given twice")]
    Duplicate(String),
    /// An address that is neither https nor loopback.
    #[error("{0}: keys are fetched over https (plain http from loopback only)")]
    Url(String),
    /// A file of keys, or of roots, can't be used.
    #[error("{path}: {detail}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
}

impl IssuerError {
    /// The class of the error: metric label and audit field.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoAudience(_) => "issuer_no_audience",
            Self::Duplicate(_) => "issuer_duplicate",
            Self::Url(_) => "issuer_url",
            Self::File { .. } => "issuer_file",
        }
    }
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwtError {
    #[error("not a JWT: {0}")]
    Malformed(&'static str),
    #[error("the algorithm is not RS256, ES256 or EdDSA")]
    Algorithm,
    #[error("the issuer is not trusted here")]
    Issuer,
    #[error("no key of the issuer fits the token")]
    Key,
    #[error("the signature is wrong")]
    Signature,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token is not yet valid")]
    NotYetValid,
    #[error("the token is expired")]
    Expired,
}

impl JwtError {
    pub(crate) fn kind(self) -> IdentityFailure {
        match self {
            Self::Expired => IdentityFailure::CredentialsExpired,
            Self::Malformed(_)
            | Self::Algorithm
            | Self::Issuer
            | Self::Key
            | Self::Signature
            | Self::Audience
            | Self::NotYetValid => IdentityFailure::CredentialsInvalid,
        }
    }
}

/// What a token proves. Holds nothing that could be presented again.
#[derive(Debug)]
pub(crate) struct VerifiedJwt {
    pub(crate) issuer: Arc<str>,
    pub(crate) subject: Arc<str>,
    audience: Vec<String>,
    not_before: Option<i64>,
    expires: i64,
    /// The key that signed, so that a key taken back takes its tokens back.
    key: keys::Thumbprint,
}

impl VerifiedJwt {
    /// The end, leeway included: what is accepted now must not be found expired by the decision.
    pub(crate) fn expires_at(&self) -> UnixMillis {
        self.expires
            .saturating_add(LEEWAY_SECONDS)
            .saturating_mul(1000)
    }
}

/// All trusted issuers.
pub(crate) struct JwtVerifier {
    issuers: HashMap<String, Arc<IssuerKeys>>,
    verified: Cache<[u8; 32], Arc<VerifiedJwt>>,
}

impl JwtVerifier {
    /// Sets the issuers up. Keys in files are read; keys that are fetched are taken over from
    /// `previous` where the issuer's settings are the same, else there are none until the refresh.
    pub(crate) fn read(settings: &[Issuer], previous: Option<&Self>) -> Result<Self, IssuerError> {
        let mut issuers = HashMap::new();
        for issuer in settings {
            if issuer.audience.iter().all(String::is_empty) {
                return Err(IssuerError::NoAudience(issuer.issuer.clone()));
            }
            let kept = previous
                .and_then(|previous| previous.issuers.get(&issuer.issuer))
                .filter(|kept| kept.settings() == issuer && !matches!(issuer.jwks, Jwks::File(_)));
            let keys = match kept {
                Some(kept) => Arc::clone(kept),
                None => Arc::new(IssuerKeys::read(issuer)?),
            };
            if issuers.insert(issuer.issuer.clone(), keys).is_some() {
                return Err(IssuerError::Duplicate(issuer.issuer.clone()));
            }
        }
        let verified = Cache::builder()
            .max_capacity(CACHED_TOKENS)
            .time_to_live(CACHE_AGE)
            .build();
        Ok(Self { issuers, verified })
    }

    /// Whether the keys of every issuer were read, or a fetch of them was tried.
    pub(crate) fn is_settled(&self) -> bool {
        self.issuers.values().all(|issuer| issuer.is_tried())
    }

    /// What a token proves at a time; a token verified before is only judged by time and key.
    pub(crate) fn verify(
        &self,
        token: &str,
        now: UnixMillis,
    ) -> Result<Arc<VerifiedJwt>, JwtError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwtError::Malformed("too long"));
        }
        let digest = sha256(token.as_bytes());
        if let Some(known) = self.verified.get(&digest) {
            self.check(&known, now)?;
            return Ok(known);
        }
        let verified = Arc::new(self.verify_signature(token)?);
        self.check(&verified, now)?;
        self.verified.insert(digest, Arc::clone(&verified));
        Ok(verified)
    }

    /// Everything that can change after the signature was verified: the issuer and its audience, its keys, the time.
    pub(crate) fn check(&self, jwt: &VerifiedJwt, now: UnixMillis) -> Result<(), JwtError> {
        let issuer = self
            .issuers
            .get(jwt.issuer.as_ref())
            .ok_or(JwtError::Issuer)?;
        if !issuer.accepts_audience(&jwt.audience) {
            return Err(JwtError::Audience);
        }
        if !issuer.keys().holds(&jwt.key) {
            return Err(JwtError::Key);
        }
        let begins = jwt.not_before.map_or(i64::MIN, |seconds| {
            seconds.saturating_sub(LEEWAY_SECONDS).saturating_mul(1000)
        });
        if now < begins {
            return Err(JwtError::NotYetValid);
        }
        if now >= jwt.expires_at() {
            return Err(JwtError::Expired);
        }
        Ok(())
    }

    fn verify_signature(&self, token: &str) -> Result<VerifiedJwt, JwtError> {
        let parts = parse::split(token)?;
        let header = parse::header(parts.header)?;
        let claims = parse::claims(parts.payload)?;
        let issuer = self.issuers.get(&claims.iss).ok_or(JwtError::Issuer)?;
        let key = issuer
            .keys()
            .verify(&header, &parts)
            .map_err(|error| match error {
                KeyError::Unknown => {
                    issuer.want_refresh();
                    JwtError::Key
                }
                KeyError::Signature => JwtError::Signature,
            })?;
        Ok(VerifiedJwt {
            issuer: claims.iss.into(),
            subject: claims.sub.into(),
            audience: claims.aud.into_vec(),
            not_before: claims.nbf,
            expires: claims.exp,
            key,
        })
    }

    /// Whether an issuer withdrew a key since this was asked last.
    pub(crate) fn take_withdrawn(&self) -> bool {
        let mut withdrawn = false;
        for issuer in self.issuers.values() {
            // Each one is asked: the one that is not would tell the same again later.
            withdrawn |= issuer.take_withdrawn();
        }
        withdrawn
    }

    /// Fetches keys until `stop`.
    pub(crate) async fn run_refresh(&self, stop: impl Future<Output = ()>) {
        refresh::run(self.issuers.values().cloned(), refresh::PACE, stop).await;
    }
}

/// Whether a secret is meant as a JWT: three parts, the first of them a JSON object. What is longer
/// than any JWT is not even looked into.
pub(crate) fn looks_like(secret: &str) -> bool {
    secret.len() <= MAX_TOKEN_BYTES
        && parse::split(secret).is_ok_and(|parts| parse::is_object(parts.header))
}

#[cfg(test)]
mod tests;

//! SPIFFE IDs and trust domain names, by the rules of the SPIFFE ID specification.
//!
//! A name is taken as it is or refused: nothing here lower-cases, decodes or normalises, because two
//! spellings of one identity would be two keys of the policy.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The specification's upper bound for a whole ID.
const MAX_ID_BYTES: usize = 2048;
/// The specification's upper bound for a trust domain name.
const MAX_DOMAIN_BYTES: usize = 255;

/// Why a text is no SPIFFE ID or trust domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// Not `spiffe://`, in lower case.
    #[error("a SPIFFE ID starts with spiffe:// (lower case)")]
    Scheme,
    /// The trust domain is empty, too long or holds other characters.
    #[error("a trust domain is 1 to 255 lower-case letters, digits, dots, dashes and underscores")]
    TrustDomain,
    /// The path holds an empty or relative segment, or other characters.
    #[error(
        "a path has segments of letters, digits, dots, dashes and underscores; none empty, none `.` or `..`"
    )]
    Path,
    /// Longer than 2048 bytes.
    #[error("a SPIFFE ID has at most 2048 bytes")]
    TooLong,
}

/// The name of a trust domain, e.g. `corp.example`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustDomainName(Arc<str>);

impl TrustDomainName {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, SpiffeError> {
        let valid = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        };
        if text.is_empty() || text.len() > MAX_DOMAIN_BYTES || !text.bytes().all(valid) {
            return Err(SpiffeError::TrustDomain);
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for TrustDomainName {
    type Error = SpiffeError;

    fn try_from(text: String) -> Result<Self, SpiffeError> {
        Self::parse(&text)
    }
}

impl From<TrustDomainName> for String {
    fn from(name: TrustDomainName) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// A SPIFFE ID of a workload: `spiffe://trust-domain/path`. An ID without a path names the trust
/// domain itself, which no workload is, so it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    text: Arc<str>,
    domain: TrustDomainName,
}

impl SpiffeId {
    /// Reads an ID.
    pub fn parse(text: &str) -> Result<Self, SpiffeError> {
        if text.len() > MAX_ID_BYTES {
            return Err(SpiffeError::TooLong);
        }
        let rest = text.strip_prefix("spiffe://").ok_or(SpiffeError::Scheme)?;
        let (domain, path) = rest.split_once('/').ok_or(SpiffeError::Path)?;
        let domain = TrustDomainName::parse(domain)?;
        if !path.split('/').all(valid_segment) {
            return Err(SpiffeError::Path);
        }
        Ok(Self {
            text: text.into(),
            domain,
        })
    }

    /// The ID of a role in a trust domain: `spiffe://<domain>/role/<role>`.
    pub fn of_role(domain: &TrustDomainName, role: &str) -> Result<Self, SpiffeError> {
        if !valid_segment(role) {
            return Err(SpiffeError::Path);
        }
        Self::parse(&format!("spiffe://{domain}/role/{role}"))
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole ID, shared.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The trust domain.
    pub fn domain(&self) -> &TrustDomainName {
        &self.domain
    }

    /// The last segment of the path: a short name for a file.
    pub fn last_segment(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn valid_segment(segment: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(valid)
}

#[cfg(test)]
mod tests;

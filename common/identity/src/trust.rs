//! Trust domains: which root may vouch for which SPIFFE ID, and what a chain of certificates proves.
//!
//! The SPIFFE ID of the leaf picks the trust domain, the trust domain picks the roots and the lists of
//! revoked certificates, and the chain must hold under these alone. A root of one domain therefore
//! never vouches for another. A verdict is kept for at most a minute, and never a refusal.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exeat_policy::{IdentityFailure, UnixMillis};
use moka::sync::Cache;
use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};

use crate::settings::TrustDomain;
use crate::spiffe::{SpiffeError, SpiffeId, TrustDomainName};

mod domain;
mod leaf;
mod verifier;

use domain::Domain;
pub use domain::read_certificates;
pub(crate) use verifier::DomainVerifier;

/// A chain beyond this is refused unread.
const MAX_CHAIN_CERTIFICATES: usize = 8;
const MAX_CHAIN_BYTES: usize = 64 * 1024;
const VERDICTS: u64 = 4096;
/// A list of revoked certificates, or an intermediate, can end within this time of a verdict's making.
const VERDICT_AGE: Duration = Duration::from_secs(60);

/// Why the trust domains can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file can't be read.
    #[error("{path}: {detail}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// A trust domain without roots could never prove anything.
    #[error("trust domain {0} has no root certificate")]
    NoRoots(TrustDomainName),
    /// Two entries for one name.
    #[error("trust domain {0} is given twice (the built-in CA's own domain counts)")]
    Duplicate(TrustDomainName),
}

impl TrustError {
    /// The class of the error: metric label and audit field.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } => "trust_file",
            Self::NoRoots(_) => "trust_no_roots",
            Self::Duplicate(_) => "trust_duplicate",
        }
    }
}

/// Why a chain proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No X.509, or beyond the size caps.
    #[error("the certificate can't be read")]
    Malformed,
    /// Not exactly one URI SAN.
    #[error("the certificate has {0} URI SANs; it must have exactly one, a SPIFFE ID")]
    UriSans(usize),
    /// The URI SAN is no SPIFFE ID.
    #[error("the certificate's URI SAN is no SPIFFE ID: {0}")]
    Spiffe(#[from] SpiffeError),
    /// The leaf could sign certificates or lists.
    #[error("the certificate is a signing certificate")]
    Signing,
    /// No roots for the domain.
    #[error("the certificate's trust domain is not trusted here")]
    UnknownDomain,
    /// The time is over.
    #[error("the certificate is expired")]
    Expired,
    /// The time has not come.
    #[error("the certificate is not yet valid")]
    NotYetValid,
    /// On the list.
    #[error("the certificate is revoked")]
    Revoked,
    /// No current list of the issuer.
    #[error("there is no current revocation list of the certificate's issuer")]
    RevocationUnknown,
    /// The extended key usage is another.
    #[error("the certificate is not for client authentication")]
    WrongUse,
    /// No path to a root of the domain.
    #[error("the certificate does not lead to a root of its trust domain")]
    Untrusted,
}

impl CertificateError {
    /// The reason code of the denial.
    pub fn kind(self) -> IdentityFailure {
        match self {
            Self::Expired => IdentityFailure::CredentialsExpired,
            Self::Revoked => IdentityFailure::CredentialsRevoked,
            Self::Malformed
            | Self::UriSans(_)
            | Self::Spiffe(_)
            | Self::Signing
            | Self::UnknownDomain
            | Self::NotYetValid
            | Self::RevocationUnknown
            | Self::WrongUse
            | Self::Untrusted => IdentityFailure::CredentialsInvalid,
        }
    }

    fn from_webpki(error: &webpki::Error) -> Self {
        use webpki::Error;
        match error {
            Error::CertExpired { .. } => Self::Expired,
            Error::CertNotValidYet { .. } => Self::NotYetValid,
            Error::CertRevoked => Self::Revoked,
            Error::CrlExpired { .. } | Error::UnknownRevocationStatus => Self::RevocationUnknown,
            Error::RequiredEkuNotFoundContext(_) => Self::WrongUse,
            Error::CaUsedAsEndEntity => Self::Signing,
            // webpki's enum is open; whatever else it finds, the chain does not hold.
            _ => Self::Untrusted,
        }
    }
}

/// What a chain proves.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedCertificate {
    pub(crate) id: SpiffeId,
    /// The earliest end among the certificates of the path.
    pub(crate) expires_at: UnixMillis,
}

/// All trust domains.
pub(crate) struct TrustBundle {
    domains: HashMap<TrustDomainName, Domain>,
    algorithms: WebPkiSupportedAlgorithms,
    verdicts: Cache<[u8; 32], Arc<VerifiedCertificate>>,
}

impl TrustBundle {
    /// Reads the roots and lists of every domain.
    pub(crate) fn read(settings: &[TrustDomain]) -> Result<Self, TrustError> {
        let mut domains = HashMap::new();
        for domain in settings {
            if domains
                .insert(domain.name.clone(), Domain::read(domain)?)
                .is_some()
            {
                return Err(TrustError::Duplicate(domain.name.clone()));
            }
        }
        Ok(Self {
            domains,
            algorithms: rustls::crypto::aws_lc_rs::default_provider()
                .signature_verification_algorithms,
            verdicts: Cache::builder()
                .max_capacity(VERDICTS)
                .time_to_live(VERDICT_AGE)
                .build(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    pub(crate) fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.algorithms
    }

    pub(crate) fn roots(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.domains.values().flat_map(Domain::certificates)
    }

    pub(crate) fn subjects(&self) -> Vec<DistinguishedName> {
        let subjects = self.domains.values().flat_map(Domain::subjects);
        subjects.map(DistinguishedName::in_sequence).collect()
    }

    /// What a chain (leaf first) proves at a time; a recent verdict on the same bytes is used again.
    pub(crate) fn verify_cached(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixMillis,
    ) -> Result<Arc<VerifiedCertificate>, CertificateError> {
        let key = fingerprint(chain)?;
        if let Some(verdict) = self.verdicts.get(&key) {
            if now < verdict.expires_at {
                return Ok(verdict);
            }
            self.verdicts.invalidate(&key);
        }
        let verdict = Arc::new(self.verify(chain, now)?);
        self.verdicts.insert(key, Arc::clone(&verdict));
        Ok(verdict)
    }

    /// What a chain (leaf first) proves at a time.
    pub(crate) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixMillis,
    ) -> Result<VerifiedCertificate, CertificateError> {
        let (leaf_der, intermediates) = chain.split_first().ok_or(CertificateError::Malformed)?;
        let leaf = leaf::read(leaf_der)?;
        let domain = self
            .domains
            .get(leaf.id.domain())
            .ok_or(CertificateError::UnknownDomain)?;
        let time = UnixTime::since_unix_epoch(Duration::from_millis(now.max(0).unsigned_abs()));
        let (anchors, lists) = (domain.anchors_at(now), domain.lists());
        // Only an empty list of lists is refused: such a domain has no revocation.
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let certificate =
            EndEntityCert::try_from(leaf_der).map_err(|_error| CertificateError::Malformed)?;
        let path = certificate
            .verify_for_usage(
                self.algorithms.all,
                &anchors,
                intermediates,
                time,
                KeyUsage::client_auth(),
                revocation,
                None,
            )
            .map_err(|error| CertificateError::from_webpki(&error))?;
        let mut expires_at = leaf.expires_at.min(domain.end_of(path.anchor()));
        for intermediate in path.intermediate_certificates() {
            expires_at = expires_at.min(leaf::end_of(&intermediate.der())?);
        }
        Ok(VerifiedCertificate {
            id: leaf.id,
            expires_at,
        })
    }
}

fn fingerprint(chain: &[CertificateDer<'_>]) -> Result<[u8; 32], CertificateError> {
    let total: usize = chain.iter().map(|der| der.len()).sum();
    if chain.len() > MAX_CHAIN_CERTIFICATES || total > MAX_CHAIN_BYTES {
        return Err(CertificateError::Malformed);
    }
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for der in chain {
        // The length keeps two chains apart whose bytes only differ in where one certificate ends.
        context.update(&(der.len() as u64).to_be_bytes());
        context.update(der);
    }
    context
        .finish()
        .as_ref()
        .try_into()
        .map_err(|_error| CertificateError::Malformed)
}

#[cfg(test)]
mod tests;

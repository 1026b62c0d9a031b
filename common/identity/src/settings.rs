//! What the service is told about identities: the validated `identity` section of its configuration.
//!
//! Plain values; nothing is read here.

use std::path::PathBuf;

use crate::ca::{CERTIFICATE_FILE, REVOCATION_FILE};
use crate::spiffe::TrustDomainName;
use crate::store::{STORE_FILE, Store};

/// Which identities are trusted, and where their proofs are found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The folder that `exeat identity` writes: tokens, SCRAM verifiers, the built-in CA and its CRL.
    pub store: Option<PathBuf>,
    /// Trust domains beside the built-in CA's.
    pub trust_domains: Vec<TrustDomain>,
    /// The issuers whose JWTs are accepted.
    pub issuers: Vec<Issuer>,
}

impl Settings {
    /// The files that everything is read from: where one changes, [`crate::Authenticators::rebuild`]. Nothing is
    /// looked at, so that they can be watched before they are read.
    pub fn watch_paths(&self) -> Vec<PathBuf> {
        let store = self.store.iter().map(Store::at);
        let store = store.flat_map(|store| {
            [STORE_FILE, CERTIFICATE_FILE, REVOCATION_FILE].map(|name| store.path(name))
        });
        let domains = self.trust_domains.iter();
        let domains = domains.flat_map(|domain| domain.roots.iter().chain(&domain.crls).cloned());
        let issuers = self.issuers.iter().flat_map(Issuer::files);
        store.chain(domains).chain(issuers).collect()
    }
}

/// A trust domain has its own roots: no other domain's root can vouch for its identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain {
    /// The name in its SPIFFE IDs.
    pub name: TrustDomainName,
    /// PEM files with the root certificates.
    pub roots: Vec<PathBuf>,
    /// PEM files with certificate revocation lists. Where there is one, every certificate of a chain
    /// needs a current list of its issuer.
    pub crls: Vec<PathBuf>,
}

/// An issuer of JWTs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The `iss` claim, exactly.
    pub issuer: String,
    /// A token must name one of these in `aud`.
    pub audience: Vec<String>,
    /// Where its keys are.
    pub jwks: Jwks,
    /// A PEM file with the roots of the issuer's TLS certificate; the system's roots where absent.
    pub ca: Option<PathBuf>,
}

impl Issuer {
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let keys = match &self.jwks {
            Jwks::File(path) => Some(path.clone()),
            Jwks::Discovery | Jwks::Url(_) => None,
        };
        keys.into_iter().chain(self.ca.clone())
    }
}

/// Where an issuer's keys are found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Jwks {
    /// `<issuer>/.well-known/openid-configuration` names the address.
    #[default]
    Discovery,
    /// This address.
    Url(String),
    /// This file, read again when it changes.
    File(PathBuf),
}

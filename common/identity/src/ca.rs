//! The built-in certificate authority: one P-256 root per store, short-lived leaves, one revocation list.
//!
//! For a single machine, or a start; a fleet brings its own trust domains. The root's key stays in the
//! store's folder with mode 0600. A client leaf has one SPIFFE ID and no other name; a server leaf has
//! names and no SPIFFE ID, so that neither can pass for the other.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::secret::Secret;
use crate::spiffe::{SpiffeError, SpiffeId, TrustDomainName};
use crate::store::{
    CertificateRecord, CertificateUse, Contents, STORE_FILE, Store, StoreError, file,
};
use crate::token::RandomUnavailable;

mod names;
mod revocations;
mod root;

pub use names::ServerName;
pub(crate) use revocations::write_revocations;
use root::Root;

/// The root certificate, in the store's folder.
pub const CERTIFICATE_FILE: &str = "ca.pem";
/// The root's key, in the store's folder.
pub const KEY_FILE: &str = "ca.key";
/// The list of revoked certificates, in the store's folder.
pub const REVOCATION_FILE: &str = "crl.pem";
/// The trust domain unless another is asked for (`.internal` is reserved for private use).
pub const DEFAULT_TRUST_DOMAIN: &str = "exeat.internal";

/// For clocks that are a little behind.
const BACKDATED: Duration = Duration::from_secs(300);
const SERIAL_BYTES: usize = 16;

/// Why the CA could not do it.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The role's name fits in no SPIFFE ID.
    #[error("`{name}` is neither a role name nor a SPIFFE ID: {source}")]
    Name {
        /// What was asked for.
        name: String,
        /// Why not.
        source: SpiffeError,
    },
    /// The SPIFFE ID is of another trust domain.
    #[error("{id} is not in this CA's trust domain, {domain}")]
    OtherDomain {
        /// What was asked for.
        id: SpiffeId,
        /// What the CA vouches for.
        domain: TrustDomainName,
    },
    /// The certificate would outlive the root.
    #[error("the certificate would outlive the CA, which ends on {0}")]
    Outlives(Timestamp),
    /// A lifetime of nothing.
    #[error("a certificate must live for a second at least")]
    TooShort,
    /// A server certificate without names.
    #[error("a server certificate needs a DNS name or an address")]
    NoNames,
    /// Certificate and key of the root don't belong together.
    #[error("{0} is not the key of the CA's certificate")]
    KeyMismatch(PathBuf),
    /// Making or reading X.509.
    #[error("X.509: {0}")]
    X509(#[from] rcgen::Error),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
}

impl CaError {
    /// The class of the error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => error.kind(),
            Self::Name { .. } => "ca_name",
            Self::OtherDomain { .. } => "ca_other_domain",
            Self::Outlives(_) => "ca_outlives",
            Self::TooShort => "ca_too_short",
            Self::NoNames => "ca_no_names",
            Self::KeyMismatch(_) => "ca_key_mismatch",
            Self::X509(_) => "ca_x509",
            Self::Random(_) => "ca_random",
        }
    }
}

/// What a certificate shall be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Proves a role, given by its name or by a SPIFFE ID of the CA's trust domain.
    Client,
    /// Proves the names of a listener.
    Server(Vec<ServerName>),
}

/// A certificate just issued. The key exists nowhere else.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// Its key, PKCS#8.
    pub key_pem: Secret<String>,
    /// What the store keeps.
    pub record: CertificateRecord,
}

/// Makes a root and an empty store. Refuses where any part of one exists.
pub fn init(store: &Store, domain: &TrustDomainName, now: Timestamp) -> Result<(), CaError> {
    let _lock = store.lock()?;
    for name in [STORE_FILE, KEY_FILE, CERTIFICATE_FILE, REVOCATION_FILE] {
        if store.path(name).symlink_metadata().is_ok() {
            return Err(StoreError::Exists(store.directory().to_owned()).into());
        }
    }
    let mut mock_key = [0_u8; 32];
    fill(&mut mock_key)?;
    let mut contents = Contents::new(domain.clone(), &mock_key);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = root::params(domain, now).self_signed(&key)?;
    let key_pem = Secret::new(key.serialize_pem());
    create(store, KEY_FILE, key_pem.expose().as_bytes())?;
    create(store, CERTIFICATE_FILE, certificate.pem().as_bytes())?;
    write_revocations(store, &mut contents, now)?;
    // Last: only a store with this file is complete.
    store.write(&contents)?;
    Ok(())
}

/// Issues a certificate and notes it in the store. `name` is a role or, for a client, a SPIFFE ID.
pub fn issue(
    store: &Store,
    name: &str,
    purpose: &Purpose,
    lifetime: Duration,
    now: Timestamp,
) -> Result<Issued, CaError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    store.edit(|contents| {
        let root = Root::read(store)?;
        let expires = now
            .checked_add(lifetime)
            .map_err(|_overflow| CaError::Outlives(root.ends))?;
        if expires > root.ends {
            return Err(CaError::Outlives(root.ends));
        }
        if lifetime < Duration::from_secs(1) {
            return Err(CaError::TooShort);
        }
        let (spiffe, usage) = match purpose {
            Purpose::Client => (
                Some(client_id(name, &contents.trust_domain)?),
                CertificateUse::Client,
            ),
            Purpose::Server(names) if names.is_empty() => return Err(CaError::NoNames),
            Purpose::Server(_) => {
                // A name of files, so the same characters as a role's.
                SpiffeId::of_role(&contents.trust_domain, name).map_err(|source| {
                    CaError::Name {
                        name: name.to_owned(),
                        source,
                    }
                })?;
                (None, CertificateUse::Server)
            }
        };
        let mut serial = [0_u8; SERIAL_BYTES];
        fill(&mut serial)?;
        // Positive and of full length in DER, whatever the random bits.
        if let Some(first) = serial.first_mut() {
            *first = *first & 0x3f | 0x40;
        }
        let mut params = leaf(name, purpose, spiffe.as_ref())?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_before = date(now) - BACKDATED;
        params.not_after = date(expires);
        let certificate = params.signed_by(&key, &root.issuer)?;
        let record = CertificateRecord {
            serial: serial.iter().map(|byte| format!("{byte:02x}")).collect(),
            name: name.to_owned(),
            spiffe: spiffe.map(|id| id.as_str().to_owned()),
            usage,
            created: now,
            expires,
            revoked: None,
        };
        contents.forget_ended(now);
        contents.certificates.push(record.clone());
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: Secret::new(key.serialize_pem()),
            record,
        })
    })
}

fn leaf(
    name: &str,
    purpose: &Purpose,
    spiffe: Option<&SpiffeId>,
) -> Result<CertificateParams, CaError> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name = common_name(name);
    match purpose {
        Purpose::Client => {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            if let Some(id) = spiffe {
                params
                    .subject_alt_names
                    .push(SanType::URI(id.as_str().try_into()?));
            }
        }
        Purpose::Server(names) => {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            for name in names {
                params.subject_alt_names.push(name.san()?);
            }
        }
    }
    Ok(params)
}

fn client_id(name: &str, domain: &TrustDomainName) -> Result<SpiffeId, CaError> {
    let id = if name.starts_with("spiffe:") {
        SpiffeId::parse(name)
    } else {
        SpiffeId::of_role(domain, name)
    };
    let id = id.map_err(|source| CaError::Name {
        name: name.to_owned(),
        source,
    })?;
    if id.domain() != domain {
        return Err(CaError::OtherDomain {
            id,
            domain: domain.clone(),
        });
    }
    Ok(id)
}

/// For people who look at a certificate; it proves nothing. X.520 bounds it to 64 characters.
fn common_name(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(
        DnType::CommonName,
        text.chars().take(64).collect::<String>(),
    );
    name
}

/// A point in time for X.509, which has no fractions of seconds.
fn date(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(at.as_second())
}

fn fill(bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
    aws_lc_rs::rand::fill(bytes).map_err(|_unspecified| RandomUnavailable)
}

fn create(store: &Store, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let path = store.path(name);
    file::create(&path, bytes).map_err(|source| StoreError::Io { path, source })
}

#[cfg(test)]
mod tests;

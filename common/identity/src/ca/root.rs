//! The root: its certificate and its key.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::{BACKDATED, CERTIFICATE_FILE, CaError, KEY_FILE, common_name, date};
use crate::secret::Secret;
use crate::spiffe::TrustDomainName;
use crate::store::{Store, StoreError, file};

const LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The root, ready to sign.
pub(super) struct Root {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) ends: Timestamp,
}

impl Root {
    pub(super) fn read(store: &Store) -> Result<Self, CaError> {
        let text = |name: &str| {
            let path = store.path(name);
            let bytes = file::read(&path, MAX_FILE_BYTES);
            bytes
                .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
                .map_err(|source| StoreError::Io { path, source })
        };
        let key = KeyPair::from_pem(Secret::new(text(KEY_FILE)?).expose())?;
        let pem = text(CERTIFICATE_FILE)?;
        let (ends, public_key) = end_and_key(&pem).ok_or(rcgen::Error::CouldNotParseCertificate)?;
        if public_key != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(CaError::KeyMismatch(store.path(KEY_FILE)));
        }
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(&pem, key)?,
            ends,
        })
    }
}

/// What a new root says of itself. It signs leaves and lists, no further CAs.
pub(super) fn params(domain: &TrustDomainName, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(&format!("Exeat CA of {domain}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date(now) - BACKDATED;
    params.not_after = date(now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX));
    params
}

/// When a certificate ends, and its SubjectPublicKeyInfo.
fn end_and_key(pem: &str) -> Option<(Timestamp, Vec<u8>)> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_rest, certificate) = X509Certificate::from_der(&der).ok()?;
    let ends = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
    Some((ends, certificate.public_key().raw.to_vec()))
}

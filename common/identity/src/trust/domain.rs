//! One trust domain: its roots and its lists of revoked certificates, read from files.
//!
//! A root counts for as long as its own certificate is valid. (webpki takes an anchor as it is.)

use std::path::Path;

use exeat_policy::UnixMillis;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};
use webpki::{CertRevocationList, OwnedCertRevocationList, anchor_from_trusted_cert};

use super::{TrustError, leaf};
use crate::settings::TrustDomain;
use crate::store::file;

const MAX_PEM_BYTES: u64 = 16 * 1024 * 1024;

pub(super) struct Domain {
    roots: Vec<Root>,
    lists: Vec<CertRevocationList<'static>>,
}

struct Root {
    certificate: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    ends: UnixMillis,
}

impl Domain {
    pub(super) fn read(settings: &TrustDomain) -> Result<Self, TrustError> {
        let mut roots = Vec::new();
        for path in &settings.roots {
            for certificate in read_certificates(path)? {
                roots.push(root(path, certificate)?);
            }
        }
        if roots.is_empty() {
            return Err(TrustError::NoRoots(settings.name.clone()));
        }
        let mut lists = Vec::new();
        for path in &settings.crls {
            lists.extend(read_lists(path)?);
        }
        Ok(Self { roots, lists })
    }

    pub(super) fn certificates(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.roots.iter().map(|root| &root.certificate)
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &[u8]> {
        self.roots.iter().map(|root| root.anchor.subject.as_ref())
    }

    /// The roots that are valid at a time.
    pub(super) fn anchors_at(&self, now: UnixMillis) -> Vec<TrustAnchor<'static>> {
        let valid = self.roots.iter().filter(|root| now < root.ends);
        valid.map(|root| root.anchor.clone()).collect()
    }

    /// When a root ends; the last end where it was issued again for the same key.
    pub(super) fn end_of(&self, anchor: &TrustAnchor<'_>) -> UnixMillis {
        let same = |root: &&Root| {
            root.anchor.subject == anchor.subject
                && root.anchor.subject_public_key_info == anchor.subject_public_key_info
        };
        let ends = self.roots.iter().filter(same).map(|root| root.ends);
        ends.max().unwrap_or(UnixMillis::MIN)
    }

    pub(super) fn lists(&self) -> Vec<&CertRevocationList<'static>> {
        self.lists.iter().collect()
    }
}

fn root(path: &Path, certificate: CertificateDer<'static>) -> Result<Root, TrustError> {
    let failed = |detail: String| TrustError::File {
        path: path.to_owned(),
        detail,
    };
    let anchor = anchor_from_trusted_cert(&certificate)
        .map_err(|error| failed(format!("unusable root certificate: {error}")))?
        .to_owned();
    let ends = leaf::end_of(&certificate)
        .map_err(|error| failed(format!("unusable root certificate: {error}")))?;
    Ok(Root {
        certificate,
        anchor,
        ends,
    })
}

/// Reads the certificates of a PEM file; none is an error.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let failed = |detail: String| TrustError::File {
        path: path.to_owned(),
        detail,
    };
    let text = file::read(path, MAX_PEM_BYTES).map_err(|error| failed(error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(format!("no PEM certificate: {error}")))?;
    if certificates.is_empty() {
        return Err(failed("no PEM certificate in it".to_owned()));
    }
    Ok(certificates)
}

fn read_lists(path: &Path) -> Result<Vec<CertRevocationList<'static>>, TrustError> {
    let failed = |detail: String| TrustError::File {
        path: path.to_owned(),
        detail,
    };
    let bytes = file::read(path, MAX_PEM_BYTES).map_err(|error| failed(error.to_string()))?;
    let mut ders: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(format!("no PEM revocation list: {error}")))?;
    if ders.is_empty() {
        // DER then. An empty file must not silently switch revocation off.
        ders.push(CertificateRevocationListDer::from(bytes));
    }
    let list = |der: CertificateRevocationListDer<'_>| {
        OwnedCertRevocationList::from_der(&der)
            .map(CertRevocationList::Owned)
            .map_err(|error| failed(format!("no revocation list: {error}")))
    };
    ders.into_iter().map(list).collect()
}

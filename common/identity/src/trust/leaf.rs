//! What a leaf certificate says about itself: its one SPIFFE ID and its end.
//!
//! This reads; it proves nothing. The chain is verified in [`super::TrustBundle::verify`].

use exeat_policy::UnixMillis;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::CertificateError;
use crate::spiffe::SpiffeId;

pub(super) struct Leaf {
    pub(super) id: SpiffeId,
    pub(super) expires_at: UnixMillis,
}

/// Reads a leaf: exactly one URI SAN, which is a SPIFFE ID; no right to sign (X509-SVID, section 4).
pub(super) fn read(der: &[u8]) -> Result<Leaf, CertificateError> {
    let certificate = parse(der)?;
    let names = certificate
        .subject_alternative_name()
        .map_err(|_error| CertificateError::Malformed)?
        .ok_or(CertificateError::UriSans(0))?;
    let names = &names.value.general_names;
    // A name that can't be read could be a second URI.
    if names
        .iter()
        .any(|name| matches!(name, GeneralName::Invalid(..)))
    {
        return Err(CertificateError::Malformed);
    }
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    let uri = uris.next().ok_or(CertificateError::UriSans(0))?;
    let more = uris.count();
    if more > 0 {
        return Err(CertificateError::UriSans(more.saturating_add(1)));
    }
    let constraints = certificate
        .basic_constraints()
        .map_err(|_error| CertificateError::Malformed)?;
    let usage = certificate
        .key_usage()
        .map_err(|_error| CertificateError::Malformed)?;
    let signs = constraints.is_some_and(|extension| extension.value.ca)
        || usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign());
    if signs {
        return Err(CertificateError::Signing);
    }
    Ok(Leaf {
        id: SpiffeId::parse(uri)?,
        expires_at: not_after(&certificate),
    })
}

/// When a certificate ends.
pub(super) fn end_of(der: &[u8]) -> Result<UnixMillis, CertificateError> {
    parse(der).map(|certificate| not_after(&certificate))
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertificateError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(CertificateError::Malformed),
    }
}

fn not_after(certificate: &X509Certificate<'_>) -> UnixMillis {
    // `notAfter` is inclusive to the second, as webpki reads it.
    certificate
        .validity()
        .not_after
        .timestamp()
        .saturating_add(1)
        .saturating_mul(1000)
}

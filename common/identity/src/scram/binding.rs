//! Channel binding `tls-server-end-point`: the hash of the certificate that this end showed (RFC 5929).

use aws_lc_rs::digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::FromDer as _;

/// What this connection can be bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Nothing: no TLS, or a certificate for which no hash is defined. SCRAM-SHA-256-PLUS is not offered.
    None,
    /// The hash of the server's certificate.
    TlsServerEndPoint(Vec<u8>),
}

impl ChannelBinding {
    /// The binding of a connection on which this end showed a certificate (DER).
    pub fn of_certificate(der: &[u8]) -> Self {
        tls_server_end_point(der).map_or(Self::None, Self::TlsServerEndPoint)
    }

    /// The mechanisms to offer, strongest first.
    pub fn mechanisms(&self) -> &'static [&'static str] {
        match self {
            Self::None => &["SCRAM-SHA-256"],
            Self::TlsServerEndPoint(_) => &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
        }
    }
}

/// The `tls-server-end-point` bytes of a certificate: hashed by the hash of its signature, SHA-256
/// where that is MD5 or SHA-1. `None` where the signature has no single hash (Ed25519, PSS).
pub fn tls_server_end_point(der: &[u8]) -> Option<Vec<u8>> {
    let (_rest, certificate) = X509Certificate::from_der(der).ok()?;
    let algorithm = &certificate.signature_algorithm.algorithm;
    let is = |candidates: &[oid::Oid<'_>]| candidates.contains(algorithm);
    let hash = if is(&[
        oid::OID_SIG_ECDSA_WITH_SHA256,
        oid::OID_PKCS1_SHA256WITHRSA,
        oid::OID_PKCS1_SHA1WITHRSA,
        oid::OID_PKCS1_MD5WITHRSAENC,
    ]) {
        &digest::SHA256
    } else if is(&[oid::OID_SIG_ECDSA_WITH_SHA384, oid::OID_PKCS1_SHA384WITHRSA]) {
        &digest::SHA384
    } else if is(&[oid::OID_SIG_ECDSA_WITH_SHA512, oid::OID_PKCS1_SHA512WITHRSA]) {
        &digest::SHA512
    } else {
        return None;
    };
    Some(digest::digest(hash, der).as_ref().to_vec())
}

#[cfg(test)]
mod tests;

//! The TLS side of client certificates: the handshake fails for a chain that proves nothing.
//!
//! It answers the handshake only. Identity is taken from the chain anew for every request, by
//! `Authenticators::identify`, so that a session that was resumed, or that lives long, is judged by
//! what is trusted now.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{CertificateError, TrustBundle};

/// Verifies by trust domain; a client without a certificate is let through as anonymous.
pub(crate) struct DomainVerifier {
    trust: Arc<TrustBundle>,
    subjects: Vec<DistinguishedName>,
}

impl DomainVerifier {
    pub(crate) fn new(trust: Arc<TrustBundle>) -> Self {
        let subjects = trust.subjects();
        Self { trust, subjects }
    }
}

impl fmt::Debug for DomainVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainVerifier").finish_non_exhaustive()
    }
}

impl ClientCertVerifier for DomainVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(end_entity)
            .chain(intermediates)
            .map(borrow)
            .collect();
        let now = i64::try_from(now.as_secs())
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        self.trust
            .verify_cached(&chain, now)
            .map(|_certificate| ClientCertVerified::assertion())
            .map_err(|error| Error::InvalidCertificate(alert(error)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, self.trust.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, self.trust.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms().supported_schemes()
    }
}

fn borrow<'a>(der: &'a CertificateDer<'_>) -> CertificateDer<'a> {
    CertificateDer::from(der.as_ref())
}

/// The alert that the client gets to see follows from this.
fn alert(error: CertificateError) -> rustls::CertificateError {
    use rustls::CertificateError as Tls;
    match error {
        CertificateError::Expired => Tls::Expired,
        CertificateError::NotYetValid => Tls::NotValidYet,
        CertificateError::Revoked => Tls::Revoked,
        CertificateError::RevocationUnknown => Tls::UnknownRevocationStatus,
        CertificateError::Malformed => Tls::BadEncoding,
        CertificateError::WrongUse | CertificateError::Signing => Tls::InvalidPurpose,
        CertificateError::UnknownDomain | CertificateError::Untrusted => Tls::UnknownIssuer,
        CertificateError::UriSans(_) | CertificateError::Spiffe(_) => {
            Tls::ApplicationVerificationFailure
        }
    }
}

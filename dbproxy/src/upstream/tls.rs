//! TLS to a database: always verified, certificate and host name both.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use super::UpstreamError;

/// The configuration for a host, with these PEM files of roots, or those of the system.
pub(super) fn client(
    host: &str,
    roots: &[PathBuf],
) -> Result<(Arc<ClientConfig>, ServerName<'static>), UpstreamError> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| UpstreamError::Tls(format!("{host} is no host name or address")))?;
    let mut store = RootCertStore::empty();
    for file in roots {
        let unusable = |error| UpstreamError::Tls(format!("{}: {error}", file.display()));
        for certificate in CertificateDer::pem_file_iter(file).map_err(unusable)? {
            store
                .add(certificate.map_err(unusable)?)
                .map_err(|error| UpstreamError::Tls(format!("{}: {error}", file.display())))?;
        }
    }
    if roots.is_empty() {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if store.is_empty() {
        return Err(UpstreamError::Tls(
            "no root certificate to verify with".to_owned(),
        ));
    }
    let mut config = ClientConfig::builder_with_provider(exeat_service::tls::provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .map_err(|error| UpstreamError::Tls(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    // PostgreSQL 17 and later check it; earlier ones ignore it.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok((Arc::new(config), name))
}

//! The TLS side of listeners: TLS 1.2 and 1.3 by aws-lc-rs, certificates that are replaced while
//! connections live, client certificates by the identity crate's verifier.
//!
//! A handshake takes the configuration that is current when it starts. Each replacement also starts
//! new ticket keys: a session that was resumed could otherwise carry a revoked certificate past the
//! verifier.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use exeat_identity::Authenticators;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// Why a listener's TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or holds no PEM of the right kind.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{}: no certificate in it", .0.display())]
    Empty(PathBuf),
    /// The key does not belong to the certificate, or is of a kind that can't sign.
    #[error("{}: {error}", file.display())]
    Key {
        /// The key's file.
        file: PathBuf,
        /// What is wrong with it.
        error: rustls::Error,
    },
    /// The provider can't make a configuration.
    #[error("TLS can't be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// The TLS side of one listener.
#[derive(Debug)]
pub struct TlsServer {
    files: Tls,
    alpn: Vec<Vec<u8>>,
    current: ArcSwap<Current>,
}

/// What a handshake that starts now uses.
#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    key: Arc<CertifiedKey>,
}

impl TlsServer {
    /// The acceptor for one handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load().config.clone())
    }

    /// The configuration for one handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load().config.clone()
    }

    /// The certificate that a handshake that starts now shows (channel binding needs it).
    pub fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.current.load().key.cert.first().cloned()
    }

    fn replace(&self, key: Arc<CertifiedKey>, identity: &Authenticators) -> Result<(), TlsError> {
        let config = server_config(key.clone(), &self.files, &self.alpn, identity)?;
        self.current.store(Arc::new(Current { config, key }));
        Ok(())
    }
}

/// The TLS sides of all listeners, so that a reload reaches them.
#[derive(Debug, Default)]
pub struct TlsStore(Mutex<Vec<Weak<TlsServer>>>);

impl TlsStore {
    /// Reads certificate and key, and sets up a listener's TLS with these protocol names (ALPN), the
    /// preferred one first.
    pub fn server(
        &self,
        tls: &Tls,
        alpn: &[&[u8]],
        identity: &Authenticators,
    ) -> Result<Arc<TlsServer>, TlsError> {
        let alpn: Vec<_> = alpn.iter().map(|name| name.to_vec()).collect();
        let key = read(tls)?;
        let config = server_config(key.clone(), tls, &alpn, identity)?;
        let current = ArcSwap::from_pointee(Current { config, key });
        let server = Arc::new(TlsServer {
            files: tls.clone(),
            alpn,
            current,
        });
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&server));
        Ok(server)
    }

    /// Reads all certificates and keys again: all are replaced, or none.
    pub(crate) fn reload(&self, identity: &Authenticators) -> Result<(), TlsError> {
        let servers = self.servers();
        let keys = servers
            .iter()
            .map(|server| read(&server.files))
            .collect::<Result<Vec<_>, _>>()?;
        servers
            .iter()
            .zip(keys)
            .try_for_each(|(server, key)| server.replace(key, identity))
    }

    /// Takes over the verifier of new authenticators, with the certificates at hand.
    pub(crate) fn follow(&self, identity: &Authenticators) -> Result<(), TlsError> {
        self.servers().iter().try_for_each(|server| {
            let key = server.current.load().key.clone();
            server.replace(key, identity)
        })
    }

    fn servers(&self) -> Vec<Arc<TlsServer>> {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|server| server.strong_count() > 0);
        servers.iter().filter_map(Weak::upgrade).collect()
    }
}

/// The one crypto provider of the product.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn server_config(
    key: Arc<CertifiedKey>,
    tls: &Tls,
    alpn: &[Vec<u8>],
    identity: &Authenticators,
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(rustls::ALL_VERSIONS)?;
    let builder = if tls.client_certificates {
        builder.with_client_cert_verifier(identity.client_verifier())
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = alpn.to_vec();
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

fn read(tls: &Tls) -> Result<Arc<CertifiedKey>, TlsError> {
    let at = |file: &Path| {
        let file = file.to_owned();
        move |error| TlsError::File { file, error }
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(at(&tls.certificate))?;
    if chain.is_empty() {
        return Err(TlsError::Empty(tls.certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(at(&tls.key))?;
    let certified =
        CertifiedKey::from_der(chain, key, &provider()).map_err(|error| TlsError::Key {
            file: tls.key.clone(),
            error,
        })?;
    Ok(Arc::new(certified))
}

#[cfg(test)]
mod tests;

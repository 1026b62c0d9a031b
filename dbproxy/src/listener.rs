//! A listener's own part of the configuration, ready to use.

use std::net::SocketAddr;
use std::sync::Arc;

use exeat_service::keepalive::Keepalive;
use exeat_service::tls::TlsServer;

/// Where clients come in.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<TlsServer>>,
    /// Whether a client must use TLS before it authenticates.
    pub(crate) require_tls: bool,
    pub(crate) keepalive: Keepalive,
}

//! The service: what every connection shares, and the loop that accepts them.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use exeat_service::Core;
use exeat_service::config::{self, GatewayTimeouts};
use exeat_service::keepalive::Keepalive;
use exeat_service::tls::TlsServer;
use http::HeaderValue;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::dns::{self, Dns};
use crate::{metrics, session};

/// How long accepting pauses where the process has no file descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// Why the gateway can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No name can be resolved.
    #[error(transparent)]
    Dns(#[from] dns::SetupError),
}

/// The egress gateway.
pub struct Gateway {
    pub(crate) core: Arc<Core>,
    pub(crate) timeouts: GatewayTimeouts,
    pub(crate) keepalive: Keepalive,
    pub(crate) via: Via,
    dns: dns::Settings,
    /// Places of connections that have not shown who they are.
    unidentified: Arc<Semaphore>,
    /// Where this process listens, so that no tunnel leads back into it.
    own: RwLock<Vec<SocketAddr>>,
}

/// How this process signs what it forwards (RFC 9110 §7.6.3). Random, because two gateways in a row are
/// no loop.
pub(crate) struct Via {
    pub(crate) pseudonym: String,
    pub(crate) field: HeaderValue,
}

impl Via {
    fn new() -> Self {
        let random = exeat_audit::id().as_u128() as u32;
        let pseudonym = format!("exeat-{random:08x}");
        let field = HeaderValue::from_str(&format!("1.1 {pseudonym}"))
            .unwrap_or(HeaderValue::from_static("1.1 exeat"));
        Self { pseudonym, field }
    }
}

impl Gateway {
    /// Sets up the gateway.
    ///
    /// # Errors
    /// No name servers are configured, and the system's can't be read.
    pub fn new(core: Arc<Core>, config: &config::Gateway) -> Result<Arc<Self>, SetupError> {
        metrics::describe();
        let dns = dns::Settings::new(&config.dns)?;
        Dns::new(&dns)?;
        Ok(Arc::new(Self {
            core,
            timeouts: config.timeouts,
            keepalive: config.keepalive,
            via: Via::new(),
            dns,
            unidentified: Arc::new(Semaphore::new(config.unidentified)),
            own: RwLock::default(),
        }))
    }

    /// Whether dialling this address would come back into this process.
    pub(crate) fn is_own(&self, address: IpAddr, port: u16, local: IpAddr) -> bool {
        let address = address.to_canonical();
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        own.iter().any(|own| {
            let here = own.ip() == address
                || (own.ip().is_unspecified() && (address.is_loopback() || address == local));
            own.port() == port && here
        })
    }

    fn listens(&self, address: SocketAddr) {
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        if !own.contains(&address) {
            own.push(address);
        }
    }
}

/// What the connections of one core share.
pub(crate) struct Worker {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) dns: Dns,
    pub(crate) tls: Option<Arc<TlsServer>>,
    pub(crate) listener: SocketAddr,
}

impl Worker {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        tls: Option<Arc<TlsServer>>,
        listener: SocketAddr,
    ) -> Result<Self, dns::SetupError> {
        let dns = Dns::new(&gateway.dns)?;
        Ok(Self {
            gateway,
            dns,
            tls,
            listener,
        })
    }
}

/// Accepts connections until the process drains, then keeps the runtime alive until it stops. To be
/// called once per core, in that core's runtime. `tls`: the listener's TLS, where it speaks TLS.
///
/// # Errors
/// The socket is not usable, or the resolver refuses its configuration.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<TlsServer>>,
    gateway: Arc<Gateway>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    gateway.listens(address);
    let worker = Worker::new(gateway.clone(), tls, address).map_err(std::io::Error::other)?;
    let worker = Arc::new(worker);
    let core = &gateway.core;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let Ok(place) = gateway.unidentified.clone().try_acquire_owned() else {
                        metrics::refused("too_many_unidentified");
                        continue;
                    };
                    tokio::spawn(session::run(worker.clone(), stream, peer, place));
                }
                Err(error) => {
                    tracing::warn!(plane = "gateway", %error, "can't accept");
                    tokio::time::sleep(BREATH).await;
                }
            },
            () = core.drain.cancelled() => break,
        }
    }
    drop(listener);
    core.stopped.cancelled().await;
    Ok(())
}

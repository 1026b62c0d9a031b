//! The services on their sockets and threads. Each thread has its own runtime, its own sockets of
//! every listener, and shares nothing but the core with the others.

use std::fmt::Display;
use std::net::TcpListener;
use std::sync::Arc;

use exeat_dbproxy::Dbproxy;
use exeat_gateway::Gateway;
use exeat_service::Core;
use exeat_service::config::Config;
use exeat_service::listen::{self, Bound, Threads};
use exeat_service::tls::TlsServer;
use tokio::task::JoinSet;

use super::failure;
use super::ready::Ready;

/// The protocol name (ALPN) of a proxy over TLS.
const HTTP: &[u8] = b"http/1.1";

/// All sockets of the process, bound.
pub(super) struct Sockets {
    threads: usize,
    gateway: Vec<Bound>,
    dbproxy: Vec<Bound>,
    pub(super) admin: Option<TcpListener>,
    ready: Ready,
}

impl Sockets {
    /// Binds every listener of the configuration.
    pub(super) fn bind(config: &Config) -> anyhow::Result<Self> {
        let threads = config.runtime.threads;
        let bind = |address| Bound::new(address, threads).map_err(failure::bind);
        let gateway = config.gateway.iter().flat_map(|gateway| &gateway.listeners);
        let dbproxy = config.dbproxy.iter().flat_map(|dbproxy| &dbproxy.listeners);
        let gateway = gateway
            .map(|listener| bind(listener.address))
            .collect::<Result<Vec<_>, _>>()?;
        let dbproxy = dbproxy
            .map(|listener| bind(listener.address))
            .collect::<Result<Vec<_>, _>>()?;
        let admin = config
            .admin
            .as_ref()
            .map(|admin| listen::exclusive(admin.address));
        let admin = admin.transpose().map_err(failure::bind)?;
        let ready = Ready {
            gateway: gateway.iter().map(Bound::address).collect(),
            dbproxy: dbproxy.iter().map(Bound::address).collect(),
            admin: admin.as_ref().map(TcpListener::local_addr).transpose()?,
        };
        Ok(Self {
            threads,
            gateway,
            dbproxy,
            admin,
            ready,
        })
    }

    /// Deals the sockets out: for each thread, its socket of every listener, in the configuration's
    /// order. Also gives the addresses.
    fn deal(self) -> (Ready, Vec<ThreadSockets>) {
        let mut hands: Vec<ThreadSockets> = (0..self.threads)
            .map(|_| ThreadSockets::default())
            .collect();
        for bound in self.gateway {
            hands
                .iter_mut()
                .zip(bound.into_sockets())
                .for_each(|(hand, socket)| hand.gateway.push(socket));
        }
        for bound in self.dbproxy {
            hands
                .iter_mut()
                .zip(bound.into_sockets())
                .for_each(|(hand, socket)| hand.dbproxy.push(socket));
        }
        (self.ready, hands)
    }
}

/// The sockets of one thread.
#[derive(Default)]
struct ThreadSockets {
    gateway: Vec<TcpListener>,
    dbproxy: Vec<TcpListener>,
}

/// The configured services.
#[derive(Clone)]
pub(super) struct Planes {
    gateway: Option<Arc<Gateway>>,
    /// TLS of each listener of the gateway.
    gateway_tls: Vec<Option<Arc<TlsServer>>>,
    dbproxy: Option<Arc<Dbproxy>>,
}

impl Planes {
    /// Sets the services up; nothing is served yet.
    pub(super) fn new(core: &Arc<Core>, config: &Config) -> anyhow::Result<Self> {
        let fail = |plane, error: &dyn Display| failure::service(plane, error, config);
        let listeners = config.gateway.iter().flat_map(|gateway| &gateway.listeners);
        let gateway_tls = listeners
            .map(|listener| {
                listener
                    .tls
                    .as_ref()
                    .map(|tls| core.tls_server(tls, &[HTTP]))
                    .transpose()
            })
            .collect::<Result<_, _>>()
            .map_err(|error| fail("gateway", &error))?;
        let gateway = config
            .gateway
            .as_ref()
            .map(|gateway| Gateway::new(core.clone(), gateway));
        let dbproxy = config
            .dbproxy
            .clone()
            .map(|dbproxy| Dbproxy::new(core.clone(), dbproxy));
        Ok(Self {
            gateway: gateway
                .transpose()
                .map_err(|error| fail("gateway", &error))?,
            gateway_tls,
            dbproxy: dbproxy
                .transpose()
                .map_err(|error| fail("dbproxy", &error))?,
        })
    }

    /// Starts the threads and serves.
    pub(super) fn start(
        self,
        sockets: Sockets,
        core: &Arc<Core>,
    ) -> anyhow::Result<(Ready, Threads)> {
        let core = core.clone();
        let (ready, hands) = sockets.deal();
        let threads = Threads::start(hands, move |hand| self.clone().serve(hand, core.clone()))?;
        Ok((ready, threads))
    }

    /// One thread: accepts until the process drains, then lets its sessions go on until they are over.
    async fn serve(self, hand: ThreadSockets, core: Arc<Core>) {
        let mut accepting = JoinSet::new();
        for (socket, tls) in hand.gateway.into_iter().zip(&self.gateway_tls) {
            if let (Some(service), Some(socket)) = (self.gateway.clone(), registered(socket)) {
                let serve = exeat_gateway::serve(socket, tls.clone(), service);
                accepting.spawn(async {
                    if let Err(error) = serve.await {
                        tracing::error!(plane = "gateway", %error, "a listener can't be served");
                    }
                });
            }
        }
        for (index, socket) in hand.dbproxy.into_iter().enumerate() {
            if let (Some(service), Some(socket)) = (self.dbproxy.clone(), registered(socket)) {
                accepting.spawn(exeat_dbproxy::serve(socket, index, service));
            }
        }
        accepting.join_all().await;
        core.stopped.cancelled().await;
    }
}

/// The socket on the runtime of this thread.
fn registered(socket: TcpListener) -> Option<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(socket)
        .inspect_err(|error| tracing::error!(%error, "a listening socket can't be used"))
        .ok()
}

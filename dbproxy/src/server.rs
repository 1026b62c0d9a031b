//! The service: what every connection shares, and the loop that accepts them.

use std::sync::Arc;
use std::time::Duration;

use exeat_service::config::{self, DbproxyTimeouts, Parameters, StatementLimits};
use exeat_service::keepalive::Keepalive;
use exeat_service::tls::{TlsError, TlsServer};
use exeat_service::{Core, Tasks};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::background::Background;
use crate::cancel::Cancels;
use crate::database::{Databases, databases};
use crate::listener::Listener;
use crate::relay::Large;
use crate::{metrics, session, wall};

/// How long accepting pauses where the process has no file descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// Why the database proxy can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A listener's certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A configured database can't be used.
    #[error("database \"{name}\": {why}")]
    Database {
        /// Its name in the configuration.
        name: Arc<str>,
        /// Why.
        why: String,
    },
    /// A thread can't be started.
    #[error("a thread can't be started: {0}")]
    Thread(std::io::Error),
}

/// The database proxy.
#[derive(Debug)]
pub struct Dbproxy {
    pub(crate) core: Arc<Core>,
    pub(crate) databases: Databases,
    pub(crate) cancels: Arc<Cancels>,
    pub(crate) timeouts: DbproxyTimeouts,
    keepalive: Keepalive,
    pub(crate) parameters: Parameters,
    /// TLS of each configured listener, and whether it is required there.
    listeners: Vec<(Option<Arc<TlsServer>>, bool)>,
    /// Places of connections that have not shown who they are.
    unidentified: Arc<Semaphore>,
    pub(crate) limits: StatementLimits,
    /// What all large messages may hold, in bytes.
    pub(crate) large: Arc<Semaphore>,
    /// The thread that compares the second walls: as long as somebody is served.
    _comparing: Background,
}

impl Dbproxy {
    /// Sets up the proxy.
    ///
    /// # Errors
    /// A listener's certificate or the roots of a database's TLS can't be read.
    pub fn new(core: Arc<Core>, config: config::Dbproxy) -> Result<Arc<Self>, SetupError> {
        metrics::describe();
        let listener = |listener: &config::DbproxyListener| {
            let tls = listener.tls.as_ref();
            let tls = tls.map(|tls| core.tls_server(tls, &[crate::accept::ALPN]));
            Ok((tls.transpose()?, listener.require_tls))
        };
        let listeners = config
            .listeners
            .iter()
            .map(listener)
            .collect::<Result<_, TlsError>>()?;
        let databases = read(&config, &core.tasks)?;
        let walls = databases.values().map(|it| Arc::clone(&it.wall)).collect();
        let comparing = wall::watch(walls, &core).map_err(SetupError::Thread)?;
        Ok(Arc::new(Self {
            _comparing: comparing,
            core,
            databases,
            cancels: Arc::default(),
            timeouts: config.timeouts,
            keepalive: config.keepalive,
            parameters: config.parameters,
            listeners,
            unidentified: Arc::new(Semaphore::new(config.unidentified)),
            limits: config.limits,
            large: Large::room(&config.limits),
        }))
    }
}

/// Reads what a start would read for the databases, without starting anything.
///
/// # Errors
/// A configured database can't be used.
pub fn check(config: &config::Dbproxy) -> Result<(), SetupError> {
    read(config, &Tasks::default()).map(drop)
}

/// Reads the catalog of a configured database, as the sessions of this database role have it.
///
/// # Errors
/// The database is not configured, or can't be reached or used.
pub async fn catalog(
    config: &config::Dbproxy,
    database: &str,
    as_role: &Arc<str>,
) -> Result<exeat_sql::Catalog, SetupError> {
    let failed = |why: String| SetupError::Database {
        name: Arc::from(database),
        why,
    };
    let databases = read(config, &Tasks::default())?;
    let known = databases
        .get(database)
        .ok_or_else(|| failed("it is not configured".to_owned()))?;
    let catalog = known.catalog(as_role).await;
    catalog.map_err(|error| failed(error.to_string()))
}

fn read(config: &config::Dbproxy, tasks: &Tasks) -> Result<Databases, SetupError> {
    databases(config, tasks).map_err(|(name, error)| SetupError::Database {
        name,
        why: error.to_string(),
    })
}

/// Accepts connections of the listener with this number in the configuration until the process drains.
/// To be called once per core, in that core's runtime; sessions live on in that runtime afterwards.
pub async fn serve(socket: TcpListener, listener: usize, service: Arc<Dbproxy>) {
    let (Ok(address), Some((tls, require_tls))) =
        (socket.local_addr(), service.listeners.get(listener))
    else {
        tracing::error!(
            plane = "dbproxy",
            listener,
            "a listening socket can't be used"
        );
        return;
    };
    let listener = Arc::new(Listener {
        address,
        tls: tls.clone(),
        require_tls: *require_tls,
        keepalive: service.keepalive,
    });
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => {
                    let places = Arc::clone(&service.unidentified);
                    let Ok(place) = places.try_acquire_owned() else {
                        metrics::refused("too_many_unidentified");
                        continue;
                    };
                    let (listener, service) = (Arc::clone(&listener), Arc::clone(&service));
                    tokio::spawn(session::serve(stream, peer, listener, service, place));
                }
                Err(error) => {
                    tracing::warn!(plane = "dbproxy", %error, "can't accept");
                    tokio::time::sleep(BREATH).await;
                }
            },
            () = service.core.drain.cancelled() => break,
        }
    }
}

//! What the names of a database mean: a snapshot of its catalog, kept fresh in the background.
//!
//! A decision takes the snapshot that is there and never waits for a load, with one exception: a name
//! that the snapshot does not have is looked for in a newer one before it is refused, at most once a
//! second per database.

mod load;
mod snapshot;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use exeat_policy::Name;
use tokio::sync::{Notify, watch};

use crate::metrics;
use crate::relay::Pending;
use crate::upstream::{Upstream, UpstreamError, Wanted};
pub(crate) use load::{Client, row};
pub(crate) use snapshot::{QUERY, read};

/// How old a snapshot may get while sessions are live.
const TTL: Duration = Duration::from_secs(30);
/// How often a name that nobody knows may cause a load.
const AT_MOST: Duration = Duration::from_secs(1);

/// How long a session waits before it asks again for a first load that failed; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What the names of a database meant at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// A hash of the content; never 0, and small enough to be exact in every JSON reader.
    pub(crate) version: u64,
    pub(crate) catalog: exeat_sql::Catalog,
    /// Types that are not PostgreSQL's own, by OID.
    pub(crate) types: HashMap<u32, Name>,
    /// It holds temporary relations, which only their own session sees.
    pub(crate) temporary: bool,
}

/// The outcome of the last load.
#[derive(Clone, Debug, Default)]
struct Loaded {
    /// How many loads have ended.
    count: u64,
    /// Why the last one failed.
    error: Option<Arc<UpstreamError>>,
}

/// The snapshots of one database. Shared by all its sessions.
#[derive(Debug)]
pub(crate) struct Catalogs {
    upstream: Arc<Upstream>,
    user: Arc<str>,
    current: ArcSwapOption<Snapshot>,
    version: AtomicU64,
    wanted: Notify,
    /// The last session has ended.
    left: Notify,
    loaded: watch::Sender<Loaded>,
    times: Mutex<Times>,
    started: AtomicBool,
    sessions: AtomicUsize,
}

#[derive(Debug, Default)]
struct Times {
    asked: Option<Instant>,
    began: Option<Instant>,
    /// When the newest snapshot was begun.
    current_began: Option<Instant>,
}

impl Catalogs {
    /// The snapshots that this database role sees.
    pub(crate) fn new(upstream: Arc<Upstream>, user: Arc<str>) -> Self {
        Self {
            upstream,
            user,
            current: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            wanted: Notify::new(),
            left: Notify::new(),
            loaded: watch::Sender::new(Loaded::default()),
            times: Mutex::default(),
            started: AtomicBool::new(false),
            sessions: AtomicUsize::new(0),
        }
    }

    /// The newest snapshot.
    pub(crate) fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.load_full()
    }

    /// Its version; 0 where there is none yet.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Asks for a newer snapshot: something changed.
    pub(crate) fn refresh(&self) {
        self.times().asked = Some(Instant::now());
        self.wanted.notify_one();
    }

    /// Whether the newest snapshot was begun after this moment.
    pub(crate) fn is_newer_than(&self, moment: Instant) -> bool {
        self.times()
            .current_began
            .is_some_and(|began| began > moment)
    }

    /// A newer snapshot that is worth waiting for; `None` where one was made a moment ago.
    pub(crate) fn newer(self: &Arc<Self>) -> Option<Pending> {
        {
            let times = self.times();
            let due = times
                .asked
                .is_some_and(|asked| times.began.is_none_or(|began| began <= asked));
            if !due && times.began.is_some_and(|began| began.elapsed() < AT_MOST) {
                return None;
            }
        }
        let mut loaded = self.loaded.subscribe();
        loaded.mark_unchanged();
        self.refresh();
        Some(Box::pin(async move {
            // An error leaves the old snapshot, by which the name stays unknown.
            drop(loaded.changed().await);
        }))
    }

    /// A session on this database: the snapshot is there, and kept fresh until the lease is dropped. A
    /// load that fails for a cause that may pass is asked for again, as long as `patience` lasts.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        patience: Duration,
    ) -> Result<CatalogLease, Arc<UpstreamError>> {
        let lease = CatalogLease(Arc::clone(self));
        let first = self.sessions.fetch_add(1, Ordering::AcqRel) == 0;
        if !self.started.swap(true, Ordering::AcqRel) {
            tokio::spawn(Arc::clone(self).keep());
        }
        let mut loaded = self.loaded.subscribe();
        loaded.mark_unchanged();
        let stale = self.times().began.is_none_or(|began| began.elapsed() > TTL);
        if self.version() != 0 && !(first && stale) {
            return Ok(lease);
        }
        let deadline = tokio::time::Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            self.refresh();
            let ended = tokio::time::timeout_at(deadline, loaded.changed()).await;
            let error = loaded.borrow_and_update().error.clone();
            match error {
                _ if self.version() != 0 => return Ok(lease),
                _ if ended.is_err() => return Err(Arc::new(UpstreamError::TimedOut)),
                None => return Ok(lease),
                Some(error)
                    if !error.is_passing() || tokio::time::Instant::now() + pause > deadline =>
                {
                    return Err(error);
                }
                Some(_) => tokio::time::sleep(pause).await,
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads when asked to, and every [`TTL`] while sessions are live.
    async fn keep(self: Arc<Self>) {
        let mut client = None;
        loop {
            tokio::select! {
                () = self.wanted.notified() => {}
                () = self.left.notified() => {
                    self.leave(&mut client);
                    continue;
                }
                () = tokio::time::sleep(TTL) => {
                    if self.leave(&mut client) {
                        continue;
                    }
                }
            }
            let began = Instant::now();
            self.times().began = Some(began);
            let outcome = self.load(&mut client).await;
            metrics::catalog_loaded(outcome.is_ok());
            let error = match outcome {
                Ok(snapshot) => {
                    self.store(snapshot);
                    self.times().current_began = Some(began);
                    None
                }
                Err(error) => {
                    client = None;
                    tracing::warn!(%error, "the catalog of a database can't be read");
                    Some(Arc::new(error))
                }
            };
            self.loaded.send_modify(|loaded| {
                loaded.count += 1;
                loaded.error = error;
            });
            self.leave(&mut client);
        }
    }

    /// Where no session is live the proxy has no connection either: it would hold up a DROP DATABASE.
    fn leave(&self, client: &mut Option<Client>) -> bool {
        let unused = self.sessions.load(Ordering::Acquire) == 0;
        if unused {
            *client = None;
        }
        unused
    }

    /// Reads it now, over the client's connection or a new one.
    pub(crate) async fn load(
        &self,
        client: &mut Option<Client>,
    ) -> Result<Snapshot, UpstreamError> {
        if let Some(known) = client
            && let Ok(snapshot) = known.snapshot().await
        {
            return Ok(snapshot);
        }
        // The first one, or the old connection broke.
        let settings = [("application_name".to_owned(), "exeat catalog".to_owned())];
        let wanted = Wanted::own(&self.user, &settings);
        let connection = self.upstream.connect(wanted).await?;
        client.insert(Client::new(connection)).snapshot().await
    }

    fn store(&self, snapshot: Snapshot) {
        if snapshot.version == self.version() {
            return;
        }
        let version = snapshot.version;
        self.current.store(Some(Arc::new(snapshot)));
        self.version.store(version, Ordering::Release);
    }
}

/// Keeps a database's catalog fresh while it lives.
#[derive(Debug)]
pub(crate) struct CatalogLease(Arc<Catalogs>);

impl Drop for CatalogLease {
    fn drop(&mut self) {
        if self.0.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.left.notify_one();
        }
    }
}

//! What the names of a database mean: a snapshot of its catalog, at most a second old while sessions live.
//!
//! Loads run on a thread of their own and read what has changed. A decision takes the snapshot that is
//! there; who has to know more waits for a load that begins after its question.

mod defining;
mod hooks;
mod load;
mod meanwhile;
mod moment;
mod nested;
mod objects;
mod pace;
mod question;
mod snapshot;
mod stored;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};

use crate::background::Background;
use crate::metrics;
use crate::relay::Pending;
use crate::upstream::{Upstream, UpstreamError, Wanted};
use defining::Defining;
pub(crate) use defining::Told;
pub(crate) use load::{Client, row};
use meanwhile::Meanwhile;
pub(crate) use objects::{KnownRelation, Made, Objects};
use pace::{Pace, REST};
pub(crate) use question::{
    FIRST_NORMAL_OID, MEANT, SCHEMA, WHOLE_ROW, questions, together, written,
};
pub(crate) use snapshot::{OwnQuestion, Snapshot};

/// How old a snapshot may get while sessions are live.
const TTL: Duration = Duration::from_secs(1);
/// Between two loads that were asked for, at least.
const BREATH: Duration = Duration::from_millis(25);
/// How long a name is waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a session waits before it asks again for a first load that failed; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What a session has defined and all see now, so that a load can be about that alone.
#[derive(Clone, Debug)]
struct Defined {
    /// The relations that it has named.
    names: BTreeSet<Arc<str>>,
    /// What it has made has OIDs above this one.
    floor: u32,
}

impl Defined {
    fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.floor = self.floor.min(other.floor);
    }
}

/// What was asked for and not begun.
#[derive(Debug, Default)]
struct Wishes {
    /// Whatever has changed.
    all: bool,
    defined: Option<Defined>,
}

impl Wishes {
    fn add(&mut self, defined: Defined) {
        match &mut self.defined {
            None => self.defined = Some(defined),
            Some(earlier) => earlier.extend(defined),
        }
    }
}

/// The outcome of the last load of all that has changed.
#[derive(Clone, Debug, Default)]
struct Loaded {
    /// When the last load that ended had begun.
    began: Option<Instant>,
    /// Why it failed.
    error: Option<Arc<UpstreamError>>,
}

/// The snapshots of one database, as one database role sees it. Shared by all its sessions.
#[derive(Debug)]
pub(crate) struct Catalogs {
    upstream: Arc<Upstream>,
    user: Arc<str>,
    background: Arc<Background>,
    current: ArcSwapOption<Snapshot>,
    /// Earlier ones that sessions may still hold: none of them is to free one, which takes a while.
    retired: Mutex<Vec<Arc<Snapshot>>>,
    version: AtomicU64,
    wanted: Notify,
    wishes: Mutex<Wishes>,
    /// So many wait for the end of a load of all that has changed.
    waiting: AtomicUsize,
    /// Something was asked for by its names.
    told: Notify,
    /// What was, and is not in the newest snapshot.
    defining: Defining,
    /// A snapshot was stored.
    stored: watch::Sender<()>,
    /// The last session has ended.
    left: Notify,
    loaded: watch::Sender<Loaded>,
    /// When the newest snapshot was begun.
    current_began: Mutex<Option<Instant>>,
    /// When the newest was begun for which all that has changed was looked at.
    looked: Mutex<Option<Instant>>,
    started: AtomicBool,
    sessions: AtomicUsize,
}

impl Catalogs {
    /// The snapshots that this database role sees.
    pub(crate) fn new(
        upstream: Arc<Upstream>,
        user: Arc<str>,
        background: Arc<Background>,
    ) -> Self {
        Self {
            upstream,
            user,
            background,
            current: ArcSwapOption::empty(),
            retired: Mutex::default(),
            version: AtomicU64::new(0),
            wanted: Notify::new(),
            wishes: Mutex::default(),
            waiting: AtomicUsize::new(0),
            told: Notify::new(),
            defining: Defining::default(),
            stored: watch::Sender::new(()),
            left: Notify::new(),
            loaded: watch::Sender::new(Loaded::default()),
            current_began: Mutex::default(),
            looked: Mutex::default(),
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
        locked(&self.wishes).all = true;
        self.wanted.notify_one();
    }

    /// Asks for a snapshot with what a session has defined: with nothing else, where `floor` says above which OID
    /// all is that it has made.
    pub(crate) fn refresh_told(&self, told: Told, floor: Option<u32>) {
        let mut wishes = locked(&self.wishes);
        // In one: a load that begins without it has begun before it was told.
        match floor {
            Some(floor) => wishes.add(Defined {
                names: told.names.clone(),
                floor,
            }),
            None => wishes.all = true,
        }
        self.defining.tell(told);
        drop(wishes);
        match floor {
            Some(_) => self.told.notify_one(),
            None => self.wanted.notify_one(),
        }
    }

    /// Waits for what other sessions have defined of these names, where that is on its way; for a while, then the
    /// question is whether it still is.
    pub(crate) fn being_defined(
        self: &Arc<Self>,
        by: u64,
        means: impl Fn(&str) -> bool,
    ) -> Option<Pending> {
        let since = self.defining.meant(by, means)?;
        if since.wide {
            return Some(self.newer_than(since.moment));
        }
        let catalogs = Arc::clone(self);
        let mut stored = self.stored.subscribe();
        Some(Box::pin(async move {
            let wait = async {
                while !catalogs.has_defined_by(since.moment) && stored.changed().await.is_ok() {}
            };
            drop(tokio::time::timeout(PATIENCE, wait).await);
        }))
    }

    /// Until something is asked for by its names.
    async fn is_told(&self) {
        while locked(&self.wishes).defined.is_none() {
            self.told.notified().await;
        }
    }

    /// Whether all that had changed by this moment is in the newest snapshot.
    pub(crate) fn is_newer_than(&self, moment: Instant) -> bool {
        locked(&self.looked).is_some_and(|began| began > moment)
    }

    /// Whether what sessions had asked for by this moment, after definitions of theirs, is in the newest
    /// snapshot.
    pub(crate) fn has_defined_by(&self, moment: Instant) -> bool {
        locked(&self.current_began).is_some_and(|began| began > moment)
    }

    /// Waits for the end of a load that begins after this moment, successful or not.
    pub(crate) fn newer_than(self: &Arc<Self>, moment: Instant) -> Pending {
        let mut loaded = self.loaded.subscribe();
        let catalogs = Arc::clone(self);
        Box::pin(async move {
            let _waits = Waits::on(&catalogs);
            let ended = |loaded: &mut Loaded| loaded.began.is_some_and(|began| began > moment);
            let wait = async {
                loop {
                    catalogs.refresh();
                    if ended(&mut loaded.borrow_and_update().clone()) {
                        return;
                    }
                    if loaded.changed().await.is_err() {
                        return;
                    }
                }
            };
            drop(tokio::time::timeout(PATIENCE, wait).await);
        })
    }

    /// A session on this database: the snapshot is there, and kept fresh until the lease is dropped. A
    /// load that fails for a cause that may pass is asked for again, as long as `patience` lasts.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        patience: Duration,
    ) -> Result<CatalogLease, Arc<UpstreamError>> {
        let began = Instant::now();
        let lease = CatalogLease(Arc::clone(self));
        let first = self.sessions.fetch_add(1, Ordering::AcqRel) == 0;
        if !self.started.swap(true, Ordering::AcqRel) {
            let catalogs = Arc::downgrade(self);
            let task = move || {
                let catalogs = catalogs.upgrade();
                async move {
                    if let Some(catalogs) = catalogs {
                        catalogs.keep().await;
                    }
                }
            };
            self.background.keep("catalog", task).map_err(|error| {
                self.started.store(false, Ordering::Release);
                Arc::new(error.into())
            })?;
        }
        // While no session was live nobody looked.
        let lately = began.checked_sub(TTL);
        let looked = lately.is_none_or(|moment| self.is_newer_than(moment));
        if self.version() != 0 && (!first || looked) {
            return Ok(lease);
        }
        let deadline = tokio::time::Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = tokio::time::timeout_at(deadline, self.newer_than(Instant::now())).await;
            let error = self.loaded.borrow().error.clone();
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

    /// Loads when asked to, and as often as [`TTL`] wants while sessions are live; without any it holds no
    /// connection.
    async fn keep(self: Arc<Self>) {
        let mut client = None;
        let mut meanwhile = Meanwhile::new(&self);
        let mut due = tokio::time::Instant::now() + TTL;
        let mut rested = tokio::time::Instant::now();
        loop {
            let wanted = async {
                while !locked(&self.wishes).all {
                    self.wanted.notified().await;
                }
                tokio::time::sleep_until(rested).await;
            };
            tokio::select! {
                () = wanted => {}
                () = meanwhile.is_told() => {
                    meanwhile.read().await;
                    continue;
                }
                () = self.left.notified() => {
                    self.leave(&mut client, &mut meanwhile);
                    continue;
                }
                () = tokio::time::sleep_until(due.max(rested)) => {
                    if self.leave(&mut client, &mut meanwhile) {
                        due += TTL;
                        continue;
                    }
                }
            }
            // Whoever wishes after that moment has to wait for the next load.
            let began = Instant::now();
            locked(&self.wishes).all = false;
            let mut pace = Pace::new(&mut meanwhile);
            let outcome = self.load_with(&mut client, &mut pace).await;
            let (work, rest) = (began.elapsed().saturating_sub(pace.rested), pace.rested);
            metrics::catalog_loaded(outcome.is_ok());
            let error = match outcome {
                Ok(snapshot) => {
                    self.store(snapshot, began, true);
                    None
                }
                Err(error) => {
                    client = None;
                    tracing::warn!(%error, "the catalog of a database can't be read");
                    Some(Arc::new(error))
                }
            };
            let failed = error.is_some();
            self.loaded.send_modify(|loaded| {
                loaded.began = Some(began);
                loaded.error = error;
            });
            self.leave(&mut client, &mut meanwhile);
            // However often somebody asks, loads take a quarter of the time; one that fails takes less.
            let breath = if failed { 10 * BREATH } else { BREATH };
            let pause = (REST * work).saturating_sub(rest).min(TTL);
            // It ends when the last one gets too old, where nobody waits for it.
            due = began.into();
            due += TTL.saturating_sub((1 + REST) * work).max(TTL / 2);
            // However slow the server is, what nobody asks about is not older than it has to be.
            let ended = tokio::time::Instant::now();
            rested = (ended + pause).min(due).max(ended + breath);
        }
    }

    /// Where no session is live the proxy has no connection either: it would hold up a DROP DATABASE.
    fn leave(&self, client: &mut Option<Client>, meanwhile: &mut Meanwhile<'_>) -> bool {
        let unused = self.sessions.load(Ordering::Acquire) == 0;
        if unused {
            *client = None;
            meanwhile.client = None;
        }
        unused
    }

    /// Reads all of it now, over a connection of its own, and leaves what sessions share as it is.
    pub(crate) async fn load(&self) -> Result<Snapshot, UpstreamError> {
        self.connect().await?.whole("").await
    }

    /// Reads it now, over the client's connection or a new one.
    async fn load_with(
        &self,
        client: &mut Option<Client>,
        pace: &mut Pace<'_, '_>,
    ) -> Result<Arc<Snapshot>, UpstreamError> {
        let known = self.current();
        if let Some(open) = client
            && let Ok(snapshot) = open.snapshot(known.as_ref(), pace).await
        {
            return Ok(snapshot);
        }
        // The first one, or the old connection broke.
        let client = client.insert(self.connect().await?);
        client.snapshot(known.as_ref(), pace).await
    }

    async fn connect(&self) -> Result<Client, UpstreamError> {
        let settings = [("application_name", "exeat catalog"), ("jit", "off")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let wanted = Wanted::own(&self.user, &settings);
        let connection = self.upstream.connect(wanted).await?;
        Ok(Client::new(connection))
    }

    /// `all`: with all that had changed by that moment.
    fn store(&self, snapshot: Arc<Snapshot>, began: Instant, all: bool) {
        let version = snapshot.version;
        let earlier = self.current.swap(Some(snapshot));
        let mut retired = locked(&self.retired);
        retired.extend(earlier);
        retired.retain(|earlier| Arc::strong_count(earlier) > 1);
        drop(retired);
        self.version.store(version, Ordering::Release);
        let mut newest = locked(&self.current_began);
        // What was read meanwhile is in it.
        *newest = (*newest).max(Some(began));
        drop(newest);
        if all {
            *locked(&self.looked) = Some(began);
        }
        self.defining.was_read(began, all);
        self.stored.send_replace(());
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One who waits for a load.
struct Waits(Arc<Catalogs>);

impl Waits {
    fn on(catalogs: &Arc<Catalogs>) -> Self {
        catalogs.waiting.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(catalogs))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
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

//! The service's comparison on a timer: from the first session on, every minute, after a change of the
//! policy, and when a session needs an answer. On a thread of its own, never on those that serve.
//!
//! INVARIANT: under `require` only an answer that is there, is of the policy in force, and is young lets a
//! session in. A thread that is gone gives no answer.

mod compared;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use exeat_audit::{Body, Event, Plane, WallCompared};
use exeat_policy::{DatabaseGrant, PolicyHash, PolicySet};
use exeat_service::Core;
use exeat_service::config::SecondWall;
use tokio::sync::{Notify, watch};

use compared::{Answer, Compared, Findings, NotLet, Refusal};

use super::read::{self, ReadError};
use super::{Comparison, Direction, comparison};
use crate::background::Background;
use crate::metrics;
use crate::stop::Stop;
use crate::upstream::Upstream;
use crate::wire::write::Error;

/// How often it is compared.
const EVERY: Duration = Duration::from_secs(60);
/// How often a session that is not let in may ask anew.
const AT_MOST: Duration = Duration::from_secs(1);
/// How often the policy is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long a session waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// The second wall of one database.
#[derive(Debug)]
pub(crate) struct Wall {
    name: Arc<str>,
    mode: SecondWall,
    upstream: Arc<Upstream>,
    catalog_user: Option<Arc<str>>,
    search_path: Vec<Arc<str>>,
    /// The database role of the last session, to read as where there is no user for catalogs.
    seen: std::sync::Mutex<Option<Arc<str>>>,
    wanted: Notify,
    used: AtomicBool,
    known: watch::Sender<Compared>,
}

/// All of them.
pub(super) type Walls = Vec<Arc<Wall>>;

impl Wall {
    pub(crate) fn new(
        name: &Arc<str>,
        config: &exeat_service::config::Database,
        upstream: &Arc<Upstream>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: Arc::clone(name),
            mode: config.second_wall,
            upstream: Arc::clone(upstream),
            catalog_user: config.catalog_user.clone(),
            search_path: config.search_path.clone(),
            seen: std::sync::Mutex::default(),
            wanted: Notify::new(),
            used: AtomicBool::new(false),
            known: watch::Sender::new(Compared::default()),
        })
    }

    /// Whether a session may come through the database role of this grant.
    pub(crate) async fn admit(
        &self,
        policy: &PolicySet,
        grant: &DatabaseGrant,
    ) -> Result<(), Stop> {
        if self.mode == SecondWall::Off {
            return Ok(());
        }
        self.saw(&grant.as_role);
        if self.mode == SecondWall::Warn || !grant.enforces() {
            return Ok(());
        }
        let known = self.known.borrow().clone();
        if known.lets(policy.hash(), &grant.as_role).is_ok() {
            return Ok(());
        }
        let known = self.newer(known, policy.hash()).await;
        known
            .lets(policy.hash(), &grant.as_role)
            .map_err(|why| self.refused(&grant.as_role, why))
    }

    /// Wakes the comparison at the first session.
    fn saw(&self, as_role: &Arc<str>) {
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.as_ref() != Some(as_role) {
            *seen = Some(Arc::clone(as_role));
        }
        drop(seen);
        if !self.used.swap(true, Ordering::AcqRel) {
            self.wanted.notify_one();
        }
    }

    /// What a comparison says that began a moment ago or later, if it comes in time.
    async fn newer(&self, known: Compared, policy: &PolicyHash) -> Compared {
        let asked = Instant::now();
        let fits = |known: &Compared| {
            known.of.as_ref().is_some_and(|(of, began)| {
                of == policy && (*began >= asked || asked.duration_since(*began) < AT_MOST)
            })
        };
        if fits(&known) {
            return known;
        }
        let mut changes = self.known.subscribe();
        self.wanted.notify_one();
        let newer = tokio::time::timeout(PATIENCE, changes.wait_for(|known| fits(known))).await;
        match newer {
            Ok(Ok(newer)) => newer.clone(),
            _ => self.known.borrow().clone(),
        }
    }

    fn refused(&self, as_role: &Arc<str>, why: NotLet) -> Stop {
        let name = &self.name;
        let hint = format!(
            "`exeat policy drift --database {name}` says what differs, `exeat policy grants --database {name} --apply` mends what SQL can mend."
        );
        let (kind, code, message, detail) = match why {
            NotLet::Refused(Refusal::Beyond(count)) => (
                "second_wall",
                "42501",
                "its database role can do more than its policy",
                format!(
                    "database role {as_role} of {name} has {count} privileges that its policy does not give"
                ),
            ),
            NotLet::Refused(Refusal::Shared) => (
                "second_wall",
                "42501",
                "its database role is that of another policy role too",
                format!("database role {as_role} of {name} is shared by policy roles"),
            ),
            NotLet::Unknown(error) => (
                "second_wall_unknown",
                "57P03",
                "it can't be told what its database role can do",
                format!("it can't be told what database role {as_role} of {name} can do: {error}"),
            ),
        };
        tracing::warn!(database = %name, role = %as_role, kind, "the second wall lets nobody in: {detail}");
        let error = Error::fatal(
            code,
            format!("connection to database \"{name}\" refused: {message}"),
        )
        .detail(format!("Reason: {kind}."))
        .hint(hint);
        Stop {
            refused: Some(detail),
            ..Stop::tell(kind, error)
        }
    }

    /// Compares whenever it is due, until the process ends.
    async fn keep(self: Arc<Self>, core: Arc<Core>) {
        if !self.used.load(Ordering::Acquire) {
            self.wanted.notified().await;
        }
        loop {
            self.compare(&core).await;
            let began = Instant::now();
            loop {
                tokio::select! {
                    () = self.wanted.notified() => break,
                    () = tokio::time::sleep(LOOK) => {
                        let policy = core.policy.snapshot();
                        let same = matches!(&self.known.borrow().of, Some((of, _)) if of == policy.hash());
                        if !same || began.elapsed() >= EVERY {
                            break;
                        }
                    }
                }
            }
        }
    }

    async fn compare(&self, core: &Core) {
        let began = Instant::now();
        let policy = core.policy.snapshot();
        let answer = match self.ask(&policy).await {
            Ok(comparison) => Answer::Told(Arc::new(Findings::of(&comparison))),
            Err(error) => Answer::Unknown(error.to_string().into()),
        };
        metrics::wall_compared(&self.name, &answer.counts(), began.elapsed());
        let old = self.known.borrow().answer.clone();
        if old != answer {
            self.tell(core, &policy, &answer);
        }
        self.known.send_modify(|known| {
            known.of = Some((policy.hash().clone(), began));
            known.answer = answer;
        });
    }

    async fn ask(&self, policy: &PolicySet) -> Result<Comparison, ReadError> {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let user = self.catalog_user.clone().or(seen).unwrap_or_default();
        let listing = read::listing(&self.upstream, &user, policy, &self.name).await?;
        Ok(comparison(policy, &self.name, &listing, &self.search_path))
    }

    /// Another answer than before goes on record, and into the process's log.
    fn tell(&self, core: &Core, policy: &PolicySet, answer: &Answer) {
        let mut event = WallCompared {
            beyond: 0,
            database: (&*self.name).into(),
            differences: (&[]).into(),
            error: None,
            policy: std::borrow::Cow::Borrowed(policy.hash()),
            short: 0,
        };
        let database = &self.name;
        match answer {
            Answer::None => return,
            Answer::Unknown(error) => {
                tracing::warn!(%database, %error, "the second wall can't be compared with the policy");
                event.error = Some((&**error).into());
            }
            Answer::Told(findings) => {
                event.beyond = findings.count(Direction::Beyond);
                event.short = findings.count(Direction::Short);
                event.differences = (&findings.shown[..]).into();
                let (beyond, short) = (event.beyond, event.short);
                if beyond + short == 0 {
                    tracing::info!(%database, "the second wall holds");
                } else {
                    tracing::warn!(%database, beyond, short, "the privileges of a database differ from the policy; see `exeat policy drift`");
                }
            }
        }
        let event = Event::now(Plane::Control, None, Body::WallCompared(event));
        if let Err(error) = core.log.append(&event) {
            tracing::error!(%error, "a change of the second wall is not on record");
        }
    }
}

/// Starts the thread that compares, if a wall is to be watched; it ends with its owner. A comparison that
/// panics is told and begun anew: until one ends well the last answer grows old.
///
/// # Errors
/// The thread can't be started.
pub(crate) fn watch(walls: Walls, core: &Arc<Core>) -> std::io::Result<Background> {
    let background = Background::new("exeat-wall", &core.tasks);
    for wall in walls {
        if wall.mode != SecondWall::Off {
            let core = Arc::downgrade(core);
            background.keep("second wall", move || {
                let (wall, core) = (Arc::clone(&wall), core.clone());
                async move {
                    if let Some(core) = core.upgrade() {
                        let stopped = core.stopped.clone();
                        stopped.run_until_cancelled(wall.keep(core)).await;
                    }
                }
            })?;
        }
    }
    Ok(background)
}

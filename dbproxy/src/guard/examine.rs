//! What a session's statements are judged by, without a session: for who asks why they are judged so.
//!
//! It judges from a [`Standpoint`] as sessions do, and must never run anything of what it is asked about: what
//! a statement means that stands behind others in its message, it tells by what names mean now.

mod reply;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_policy::{PolicySet, Principal, Subject, UnreadableKind, Verb};
use exeat_service::keepalive::Keepalive;
use exeat_service::{Tasks, config};
use exeat_sql::Limits;

use super::reading::Bound;
use super::standpoint::Standpoint;
use super::verdict::{Judged, is_unresolved, unreadable};
use crate::analysis::{Analyser, AnalyserLease};
use crate::background::Background;
use crate::catalog::{CatalogLease, Catalogs};
use crate::server::SetupError;
use crate::upstream::{Upstream, UpstreamError};
pub use reply::{Checks, Reached, Reply, SqlError};

/// How long the dial may take, and the first reading of the catalog.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is said of a statement that makes no sense before those before it have run.
const UNSETTLED: &str =
    "what its names mean is known only when the statements before it in the message have run";

/// Asks a server about the statements of one database role.
#[derive(Debug)]
pub struct Examiner {
    catalogs: Arc<Catalogs>,
    analyser: Arc<Analyser>,
    search_path: Arc<[Arc<str>]>,
    _leases: (CatalogLease, AnalyserLease),
}

/// Whose statements are examined.
#[derive(Clone, Copy, Debug)]
pub struct Whose<'w> {
    /// The policy that holds.
    pub policy: &'w PolicySet,
    /// Who sends them.
    pub principal: &'w Arc<Principal>,
    /// The database, by its name in the policy.
    pub database: &'w Arc<str>,
}

/// One statement, as each reader sees it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Its bytes within the text.
    pub range: Range<usize>,
    /// The version of the catalog that its names were resolved by.
    pub catalog: u64,
    /// What the proxy's own reader sees.
    pub own: Subject,
    /// What PostgreSQL says of each part that it can be asked about; empty where there is none.
    pub postgresql: Vec<Reply>,
    /// All that is known of it: what a session's statement is judged by.
    pub judged: Subject,
    /// PostgreSQL's refusal, where it is judged by that.
    pub error: Option<SqlError>,
    /// A session judges it when those before it have run.
    pub waits: bool,
}

/// A statement on the way to that.
struct Found {
    own: Subject,
    replies: Vec<Reply>,
    judged: Judged,
    error: Option<SqlError>,
}

impl Examiner {
    /// Connects to a database as `user`, to ask about what `as_role` sends; `user` has to be a member of it.
    ///
    /// # Errors
    /// The database can't be reached or used, or `user` can't act as `as_role`.
    pub async fn open(
        database: &config::Database,
        user: &Arc<str>,
        as_role: &Arc<str>,
    ) -> Result<Self, SetupError> {
        let failed = |error: &UpstreamError| SetupError::Database {
            name: database.database.as_str().into(),
            why: error.to_string(),
        };
        let search_path = exeat_sql::search_path(&database.search_path);
        let upstream = Upstream::new(database, &search_path, PATIENCE, Keepalive::default())
            .map_err(|error| failed(&error))?;
        let upstream = Arc::new(upstream);
        let background = Arc::new(Background::new("exeat-catalog", &Tasks::default()));
        let catalogs = Arc::new(Catalogs::new(
            Arc::clone(&upstream),
            Arc::clone(user),
            Arc::clone(&background),
        ));
        let other = (as_role != user).then(|| Arc::clone(as_role));
        let analyser = Analyser::new(
            upstream,
            Arc::clone(user),
            Arc::clone(&catalogs),
            background,
        );
        let analyser = Arc::new(analyser.acting_as(other));
        let asks = analyser.lease();
        analyser.open().await.map_err(|error| failed(&error))?;
        let knows = catalogs
            .lease(PATIENCE)
            .await
            .map_err(|error| failed(&error))?;
        Ok(Self {
            catalogs,
            analyser,
            search_path,
            _leases: (knows, asks),
        })
    }

    /// The statements of a text, in order: each as it is judged in one Query message of a session that has
    /// done nothing before.
    pub async fn examine(&self, whose: &Whose<'_>, sql: &str) -> Vec<Examined> {
        let begun = Instant::now();
        let examined = self.once(whose, sql).await;
        // As in a session: a name that the snapshot does not have is looked for in a newer one.
        if !examined.iter().any(|one| is_unresolved(&one.judged)) {
            return examined;
        }
        self.catalogs.newer_than(begun).await;
        self.once(whose, sql).await
    }

    async fn once(&self, whose: &Whose<'_>, sql: &str) -> Vec<Examined> {
        let snapshot = self.catalogs.current();
        let here = Standpoint {
            policy: whose.policy,
            principal: whose.principal,
            database: whose.database,
            search_path: &self.search_path,
            snapshot: snapshot.as_deref(),
            asks: true,
            own: false,
        };
        let mut all = self.find(&here, sql).await;
        for one in &mut all {
            if !one.judged.waits {
                continue;
            }
            let range = one.judged.range.clone();
            let before = sql.get(..range.start).unwrap_or_default();
            let piece = sql.get(range).unwrap_or_default();
            if let Some(alone) = self.find(&here, piece).await.into_iter().next() {
                one.settle(alone, before.chars().count());
            }
        }
        let named = combined(&here, &all);
        let version = here.version();
        let whole = all.into_iter().zip(named);
        whole
            .map(|(one, subject)| Examined {
                range: one.judged.range,
                catalog: version,
                own: one.own,
                postgresql: one.replies,
                judged: subject,
                error: one.error,
                waits: one.judged.waits,
            })
            .collect()
    }

    /// The statements of a text, judged as those of one message are.
    async fn find(&self, here: &Standpoint<'_>, sql: &str) -> Vec<Found> {
        let limits = Limits::default();
        let own = exeat_sql::read_within(sql, &here.context(), &limits);
        let reading = here.read(sql, &limits);
        let nobody: Arc<str> = "".into();
        let (mut understood, mut replies) = (Vec::new(), Vec::new());
        let questions = here.questions(&reading, &[]);
        for (statement, questions) in reading.statements.iter().zip(questions) {
            let mut outcomes = Vec::with_capacity(questions.len());
            for question in questions {
                outcomes.push(self.analyser.answer(question, &nobody).await);
            }
            let said = outcomes.iter().enumerate();
            let said = said.filter_map(|(at, of)| Reply::of(of, &reading, statement, at));
            replies.push(said.collect::<Vec<_>>());
            understood.push(here.understood(&reading, statement, &outcomes, &Bound::default()));
        }
        let verdict = here.verdict(0, sql.as_bytes(), &reading, understood);
        let seen = own.into_iter().zip(replies);
        seen.map(|(own, replies)| {
            let judged = verdict.statements.iter().find(|it| it.range == own.range);
            let judged = judged.cloned().unwrap_or_else(|| {
                // It is empty.
                let decision = here.evaluate(own.subject.clone());
                Judged {
                    range: own.range.clone(),
                    ..Judged::unread(0, own.subject.clone(), decision)
                }
            });
            Found::of(own.subject, replies, judged)
        })
        .collect()
    }
}

impl Found {
    fn of(own: Subject, replies: Vec<Reply>, mut judged: Judged) -> Self {
        if let Some(why) = judged.is_run_too_early() {
            judged.subject = unreadable(UnreadableKind::Unsupported, why);
        }
        Self {
            own,
            replies,
            error: judged.rejection.as_deref().map(SqlError::of),
            judged,
        }
    }

    /// What is found of it on its own, behind so many characters of its message, takes the place of what was
    /// found within. What does not make sense on its own may do so there.
    fn settle(&mut self, alone: Self, before: usize) {
        let replies = alone.replies.into_iter();
        self.replies = replies.map(|reply| reply.moved(before)).collect();
        let senseless = match &alone.judged.subject {
            Subject::Unreadable(why) => {
                why.kind == UnreadableKind::Rejected || why.kind.is_unresolved()
            }
            Subject::Readable(_) => false,
        };
        self.error = None;
        self.judged = Judged {
            range: self.judged.range.clone(),
            waits: true,
            subject: match senseless {
                true => unreadable(UnreadableKind::Unsupported, UNSETTLED),
                false => alone.judged.subject.clone(),
            },
            ..alone.judged
        };
    }
}

/// What each statement is judged by: EXECUTE and FETCH also by what the same text has prepared or declared.
fn combined(here: &Standpoint<'_>, all: &[Found]) -> Vec<Subject> {
    let of = |(at, one): (usize, &Found)| {
        let (made, ended) = match one.judged.verb() {
            Some(Verb::Execute) => (Verb::Prepare, Verb::Deallocate),
            Some(Verb::Fetch) => (Verb::Declare, Verb::Close),
            _ => return one.judged.subject.clone(),
        };
        let mut before = all.iter().take(at).rev().map(|earlier| &earlier.judged);
        let latest = before.find(|earlier| {
            let told = earlier.name.is_none() || earlier.name == one.judged.name;
            told && earlier
                .verb()
                .is_some_and(|verb| verb == made || verb == ended)
        });
        match latest {
            Some(inner) if inner.verb() == Some(made) && inner.name.is_some() => {
                here.combined(&one.judged, inner).subject
            }
            _ => one.judged.subject.clone(),
        }
    };
    all.iter().enumerate().map(of).collect()
}

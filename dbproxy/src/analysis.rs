//! PostgreSQL as the third reader: asked what it will check for a statement, without running it.
//!
//! Side connections of the same database role with the same search path parse the text; the query tree that
//! comes back names every relation, column, function, operator and type that is really meant. Answers are
//! shared by all sessions of the role and kept by the statement's template while the catalog stays the same.
//! Nothing here decides anything, and only the session that asks waits.

mod ask;
mod places;
mod reach;
mod resolve;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use exeat_policy::Access;
use moka::sync::Cache;
use tokio::sync::watch;

use crate::background::Background;
use crate::catalog::Catalogs;
use crate::metrics;
use crate::upstream::{Upstream, UpstreamError};
use ask::{Asker, Told};
pub(crate) use ask::{Heard, ServerError, Trees};
use places::Places;
pub use reach::Reached;
pub(crate) use reach::{Reach, question as reach, refreshed};
pub(crate) use resolve::{Analysed, Judgeable, NotUnderstood, kin, read};

/// So many questions at once, per database role; half of them for one identity.
const PLACES: usize = 4;
/// How long a question may wait for a place, and for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What kept answers may weigh, per database role.
const KEPT: u64 = 32 << 20;
/// A longer text is not asked about.
const LONGEST: usize = 4 << 20;

/// What stands before a text of which only the grammar is asked.
pub(crate) const BEFORE: &str = "SELECT 1;";

/// What PostgreSQL is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// The catalog that the asker knows.
    pub(crate) version: u64,
    /// What texts with the same answer have in common.
    pub(crate) template: Arc<[u8]>,
    /// One of them, as short as it gets.
    pub(crate) text: Arc<str>,
    /// The types of its parameters, 0 where the server is to find out.
    pub(crate) types: Arc<[u32]>,
    /// The text itself with the types of its parameters, where `text` is a shorter one: errors are about it.
    pub(crate) whole: Option<(Arc<str>, Arc<[u32]>)>,
    /// Where the long strings of the text are left out and parameters in their places: the text with empty
    /// strings there, for where none may be a parameter.
    pub(crate) emptied: Option<Arc<str>>,
    /// The types that PREPARE declares for its parameters, as they are written.
    pub(crate) declared: Arc<[Box<str>]>,
    /// It is one of the proxy's own, about what CASCADE or a refresh reaches by this access: it is run, for its rows.
    pub(crate) reaches: Option<Access>,
}

/// What a kept answer depends on.
type Key = (u64, Arc<[u8]>, Arc<[u32]>, Arc<[Box<str>]>);

impl Question {
    fn key(&self) -> Key {
        (
            self.version,
            Arc::clone(&self.template),
            Arc::clone(&self.types),
            Arc::clone(&self.declared),
        )
    }

    /// Whether the other one asks the same, under whatever catalog.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.template == other.template
            && self.text == other.text
            && self.types == other.types
            && self.whole == other.whole
            && self.emptied == other.emptied
            && self.declared == other.declared
            && self.reaches == other.reaches
    }

    /// About what CASCADE or a refresh reaches.
    pub(crate) fn about_reach(text: String, access: Access) -> Self {
        Self {
            version: 0,
            // No template of a text of anybody begins like this.
            template: [b"\0", text.as_bytes()].concat().into(),
            text: text.into(),
            types: Arc::default(),
            whole: None,
            emptied: None,
            declared: Arc::default(),
            reaches: Some(access),
        }
    }

    /// About the grammar alone. A statement stands before the text, so that the server, where it reads all of
    /// it, refuses two statements in one Parse before it looks into either.
    pub(crate) fn about_syntax(text: &str) -> Self {
        let text = format!("{BEFORE}{text}");
        Self {
            version: 0,
            // Neither a text of anybody nor a question about CASCADE begins like this.
            template: [b"\0\0", text.as_bytes()].concat().into(),
            text: text.into(),
            types: Arc::default(),
            whole: None,
            emptied: None,
            declared: Arc::default(),
            reaches: None,
        }
    }

    /// Whether it is about the grammar alone: no session knows more of that than another.
    pub(crate) fn is_about_syntax(&self) -> bool {
        self.template.starts_with(b"\0\0")
    }

    /// What came of it, by the rows of its answer.
    pub(crate) fn reached(&self, rows: &[Vec<String>]) -> Outcome {
        let access = self.reaches.unwrap_or(Access::Define);
        match reach::read(rows, access) {
            Ok(reached) => Outcome::Reached(Arc::new(reached)),
            Err(why) => Outcome::Unknown(why.into()),
        }
    }

    /// What is asked where the error has to be that of the text itself, as far as it is asked about.
    pub(crate) fn in_full(&self) -> (&str, &[u32]) {
        match &self.whole {
            Some((text, types)) => (text, types),
            None => (&self.text, &self.types),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// What PostgreSQL will check.
    Analysed(Arc<Analysed>),
    /// What CASCADE reaches now. Never kept: other things than the catalog's version change it.
    Reached(Arc<Reached>),
    /// PostgreSQL refuses the statement with this error.
    Rejected(Arc<ServerError>),
    /// Something that the statement names is locked: only its own session can wait for it.
    Locked,
    /// There is no answer, or none that is understood.
    Unknown(Arc<str>),
}

/// A question that is being answered, and where its answer will be.
type Asked = (Question, watch::Receiver<Option<Outcome>>);
/// The same for those that ask later. Who waits for it are the receivers.
type Answering = (Question, Arc<watch::Sender<Option<Outcome>>>);

/// The side connections of one database role, and the answers.
#[derive(Debug)]
pub(crate) struct Analyser {
    upstream: Arc<Upstream>,
    user: Arc<str>,
    /// The database role that `user` takes on, where it is another one.
    role: Option<Arc<str>>,
    catalogs: Arc<Catalogs>,
    background: Arc<Background>,
    kept: Cache<Key, Arc<Analysed>>,
    /// By who asks: nobody waits in the line of another.
    running: Mutex<HashMap<(Arc<str>, Key), Answering>>,
    idle: Mutex<Vec<Asker>>,
    places: Places,
    sessions: AtomicUsize,
}

impl Analyser {
    pub(crate) fn new(
        upstream: Arc<Upstream>,
        user: Arc<str>,
        catalogs: Arc<Catalogs>,
        background: Arc<Background>,
    ) -> Self {
        let weigh = |key: &Key, answer: &Arc<Analysed>| {
            let weight = key.1.len() + 4 * key.2.len() + answer.weight();
            u32::try_from(weight).unwrap_or(u32::MAX)
        };
        Self {
            upstream,
            user,
            role: None,
            catalogs,
            background,
            kept: Cache::builder().max_capacity(KEPT).weigher(weigh).build(),
            running: Mutex::default(),
            idle: Mutex::default(),
            places: Places::new(PLACES),
            sessions: AtomicUsize::new(0),
        }
    }

    /// The same for another database role, which the one that connects is a member of.
    pub(crate) fn acting_as(self, role: Option<Arc<str>>) -> Self {
        Self { role, ..self }
    }

    /// Opens a connection for the questions to come: why there is none is told, not only logged.
    pub(crate) async fn open(&self) -> Result<(), UpstreamError> {
        let asker = self.asker().await?;
        self.put_back(asker);
        Ok(())
    }

    async fn asker(&self) -> Result<Asker, UpstreamError> {
        Asker::open(&self.upstream, &self.user, self.role.as_ref()).await
    }

    /// The answer, where it is known.
    pub(crate) fn known(&self, question: &Question) -> Option<Arc<Analysed>> {
        self.kept.get(&question.key())
    }

    /// Asks for this identity, or waits for the same question of another session of it.
    pub(crate) async fn answer(self: &Arc<Self>, question: Question, who: &Arc<str>) -> Outcome {
        if question.in_full().0.len() > LONGEST {
            return Outcome::Unknown(
                "the database can't be asked about a text of so many bytes: write long strings as '…', or send them as parameters"
                    .into(),
            );
        }
        loop {
            if let Some(known) = self.known(&question) {
                return Outcome::Analysed(known);
            }
            let (asked, mut running) = match self.join(question.clone(), who) {
                Ok(joined) => joined,
                Err(error) => return Outcome::Unknown(error.to_string().into()),
            };
            let outcome = running.wait_for(Option::is_some).await;
            let outcome = match outcome.as_deref() {
                Ok(Some(outcome)) => outcome.clone(),
                // Given up by those who asked first.
                _ => continue,
            };
            // An error, or an answer that rests on values, is that of the very text that was asked about.
            if asked.is_same(&question) || outcome.is_shared() {
                return outcome;
            }
        }
    }

    fn join(self: &Arc<Self>, question: Question, who: &Arc<str>) -> std::io::Result<Asked> {
        let handle = self.background.handle()?;
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(who), question.key());
        if let Some(known) = running.get(&key) {
            return Ok((known.0.clone(), known.1.subscribe()));
        }
        let (tell, heard) = watch::channel(None);
        let tell = Arc::new(tell);
        let asked = (question.clone(), heard);
        running.insert(key.clone(), (question.clone(), Arc::clone(&tell)));
        let place = Running {
            analyser: Arc::clone(self),
            key,
        };
        handle.spawn(async move {
            let analyser = Arc::clone(&place.analyser);
            let who = Arc::clone(&place.key.0);
            let outcome = tokio::select! {
                outcome = analyser.find_out(&question, &who) => outcome,
                // Nobody waits any more: the place is for others.
                () = tell.closed() => return,
            };
            if let Outcome::Analysed(answer) = &outcome
                && !answer.by_text
            {
                analyser.kept.insert(question.key(), Arc::clone(answer));
            }
            drop(place);
            tell.send_replace(Some(outcome));
        });
        Ok(asked)
    }

    /// An answer that rests on values is one about the whole text: what was left out has values too.
    async fn in_full(&self, question: &Question, outcome: Outcome, who: &Arc<str>) -> Outcome {
        match &outcome {
            Outcome::Analysed(answer) if answer.by_text && question.whole.is_some() => {}
            _ => return outcome,
        }
        let (text, types) = question.in_full();
        let asked = async {
            let _place = self.places.take(who).await;
            self.ask(question, text, types).await
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(Told::Trees(trees))) => self.understood(&trees).await,
            _ => Outcome::Unknown("the database can't be asked about all of the statement".into()),
        }
    }

    async fn find_out(&self, question: &Question, who: &Arc<str>) -> Outcome {
        let begun = Instant::now();
        let asked = async {
            let _place = self.places.take(who).await;
            if let Some(known) = self.known(question) {
                // Somebody else has found it out meanwhile.
                return Ok(Err(known));
            }
            let mut told = self.ask(question, &question.text, &question.types).await?;
            if let (Told::Error(_), Some((text, types))) = (&told, &question.whole) {
                told = self.ask(question, text, types).await?;
            }
            if let (Told::Error(error), Some(emptied)) = (&told, &question.emptied)
                && error.may_be_about_a_parameter()
            {
                let (_, types) = question.in_full();
                told = self.ask(question, emptied, types).await?;
            }
            Ok::<_, UpstreamError>(Ok(told))
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        let outcome = match asked {
            Ok(Ok(Err(known))) => Outcome::Analysed(known),
            Ok(Ok(Ok(Told::Trees(trees)))) => {
                let outcome = self.understood(&trees).await;
                self.in_full(question, outcome, who).await
            }
            Ok(Ok(Ok(Told::Rows(rows)))) => question.reached(&rows),
            Ok(Ok(Ok(Told::Error(error)))) if error.is_lock_timeout() => Outcome::Locked,
            Ok(Ok(Ok(Told::Error(error)))) => Outcome::Rejected(Arc::new(error)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "a database can't be asked what it would check");
                Outcome::Unknown("the database can't be asked what it would check".into())
            }
            Err(_) => Outcome::Unknown("the database did not answer in time".into()),
        };
        metrics::analysed(outcome.word(), begun.elapsed());
        outcome
    }

    /// The trees' names; an object that is too new for the snapshot is looked for in the next one.
    async fn understood(&self, trees: &Trees) -> Outcome {
        let begun = Instant::now();
        if let Some(snapshot) = self.catalogs.current()
            && let Ok(answer) = read(trees, &snapshot)
        {
            return Outcome::Analysed(Arc::new(answer));
        }
        self.catalogs.newer_than(begun).await;
        let Some(snapshot) = self.catalogs.current() else {
            return Outcome::Unknown("the catalog can't be read".into());
        };
        match read(trees, &snapshot) {
            Ok(answer) => Outcome::Analysed(Arc::new(answer)),
            Err(error) => Outcome::Unknown(error.to_string().into()),
        }
    }

    async fn ask(
        &self,
        question: &Question,
        text: &str,
        types: &[u32],
    ) -> Result<Told, UpstreamError> {
        let idle = self.take_idle();
        if let Some(mut asker) = idle
            && let Ok(told) = asker.ask(question, text, types).await
        {
            self.put_back(asker);
            return Ok(told);
        }
        // The first one, or the old connection broke.
        let mut asker = self.asker().await?;
        let told = asker.ask(question, text, types).await?;
        self.put_back(asker);
        Ok(told)
    }

    fn take_idle(&self) -> Option<Asker> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
    }

    fn put_back(&self, asker: Asker) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sessions.load(Ordering::Acquire) > 0 {
            idle.push(asker);
        }
    }

    /// A session that asks: connections are kept until the last lease is dropped.
    pub(crate) fn lease(self: &Arc<Self>) -> AnalyserLease {
        self.sessions.fetch_add(1, Ordering::AcqRel);
        AnalyserLease(Arc::clone(self))
    }
}

/// Lets the analyser keep its connections while it lives.
#[derive(Debug)]
pub(crate) struct AnalyserLease(Arc<Analyser>);

impl Drop for AnalyserLease {
    fn drop(&mut self) {
        if self.0.sessions.fetch_sub(1, Ordering::AcqRel) == 1 {
            let idle = self.0.idle.lock();
            idle.unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

/// A question that is being answered; whoever comes later asks anew.
struct Running {
    analyser: Arc<Analyser>,
    key: (Arc<str>, Key),
}

impl Drop for Running {
    fn drop(&mut self) {
        let running = self.analyser.running.lock();
        running
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

impl Outcome {
    /// Whether it is the answer for all texts of a template.
    fn is_shared(&self) -> bool {
        matches!(self, Self::Analysed(answer) if !answer.by_text)
    }

    /// The metric label.
    fn word(&self) -> &'static str {
        match self {
            Self::Analysed(_) | Self::Reached(_) => "analysed",
            Self::Rejected(_) => "rejected",
            Self::Locked => "locked",
            Self::Unknown(_) => "unknown",
        }
    }
}

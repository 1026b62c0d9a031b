//! Statements: their facts, and what the policy says of them. A repeated statement costs one look-up.
//!
//! Nothing here forwards, records or answers. Every decision is `exeat_policy::evaluate`'s; the cache
//! holds only decisions that depend on nothing but the cache's key.

mod again;
mod asking;
mod cache;
mod code;
mod combined;
mod complete;
mod examine;
mod former;
mod join;
mod mention;
mod modifiers;
mod moved;
mod own;
mod reading;
mod refreshed;
mod scope;
mod sight;
mod standpoint;
mod template;
mod unfinished;
mod unnamed;
mod verdict;
mod wide;

use std::cell::LazyCell;
use std::sync::Arc;
use std::time::Instant;

use exeat_policy::{
    Columns, Decision, Effect, LimitKind, Name, Principal, Request, Setting, Subject,
    UnreadableKind, Verb, evaluate,
};
use exeat_service::{Core, clock};
use exeat_sql::{QueryTreeError, Said, means_what_it_spells};

use crate::analysis::{self, Analyser, Heard, Judgeable, Outcome, Question};
use crate::catalog::Catalogs;
use crate::disclosure::Sight;
use crate::metrics;
use crate::relaxed::relaxed;
use crate::relay::Pending;
use crate::upstream::is_as_begun;
pub(crate) use again::{Again, Overruled, Passed};
pub(crate) use asking::Asked;
use asking::Asking;
pub(crate) use code::Code;
pub use examine::{Checks, Examined, Examiner, Reached, Reply, SqlError, Whose};
use former::Former;
use own::OwnCatalog;
use reading::Reading;
pub(crate) use scope::Scope;
use standpoint::Standpoint;
use unfinished::Unfinished;
use verdict::Stands;
pub(crate) use verdict::{Judged, Prepared, Rejection, Verdict, copies_in, fires_deferred};

/// Judges the statements of one session.
#[derive(Debug)]
pub(crate) struct Guard {
    core: Arc<Core>,
    principal: Arc<Principal>,
    database: Arc<str>,
    search_path: Arc<[Arc<str>]>,
    catalogs: Arc<Catalogs>,
    limits: exeat_sql::Limits,
    asking: Asking,
    own: OwnCatalog,
    scope: Scope,
    former: Former,
    /// A text that was read, and waits for answers.
    unfinished: Option<Unfinished>,
    /// What its names mean is not known.
    strays: bool,
    /// When an answer over the session's own connection named what the catalog did not have.
    behind: Option<Instant>,
    /// That has been so once for the text that is looked at.
    was_behind: bool,
    /// A setting that is not as every session begins with it, or what else only a role that may do everything can
    /// have changed.
    loose: Option<Box<str>>,
}

/// Whether this setting decides what names mean.
fn decides_names(setting: &str) -> bool {
    matches!(setting, "search_path" | "role" | "session_authorization")
}

/// A statement with its answer, and the question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) request: Request,
    pub(crate) decision: Arc<Decision>,
    pub(crate) text: Arc<str>,
    /// `None` where it could not be read.
    pub(crate) verb: Option<Verb>,
    /// What the result may come from, where PostgreSQL was asked.
    pub(crate) judgeable: Option<Arc<Judgeable>>,
    pub(crate) rejection: Option<Arc<Rejection>>,
    pub(crate) sight: Sight,
    /// It runs code that is not PostgreSQL's own.
    pub(crate) foreign: bool,
    /// What its words say.
    pub(crate) said: Said,
    /// What it names and runs: a prepared statement, a cursor.
    pub(crate) inner: Option<Arc<Prepared>>,
}

impl Answer {
    pub(crate) fn is_allowed(&self) -> bool {
        self.decision.effect == Effect::Allow
    }
}

impl Guard {
    pub(crate) fn new(
        core: Arc<Core>,
        principal: Arc<Principal>,
        database: Arc<str>,
        search_path: Arc<[Arc<str>]>,
        catalogs: Arc<Catalogs>,
        analyser: Option<Arc<Analyser>>,
    ) -> Self {
        let snapshot = catalogs.current();
        let own = OwnCatalog::new(snapshot.as_deref());
        let scope = Scope::new(
            core.policy.snapshot(),
            snapshot,
            &principal,
            &database,
            &search_path,
        );
        let who = principal.identity.to_string().into();
        Self {
            core,
            principal,
            database,
            search_path,
            catalogs,
            limits: exeat_sql::Limits::default(),
            asking: Asking::new(analyser, who),
            own,
            scope,
            former: Former::default(),
            unfinished: None,
            strays: false,
            behind: None,
            was_behind: false,
            loose: None,
        }
    }

    /// The same with other limits for its texts.
    pub(crate) fn within(self, limits: exeat_sql::Limits) -> Self {
        Self { limits, ..self }
    }

    pub(crate) fn catalogs(&self) -> &Arc<Catalogs> {
        &self.catalogs
    }

    /// What the session itself has changed.
    pub(crate) fn own(&mut self) -> &mut OwnCatalog {
        &mut self.own
    }

    /// What the session has to ask over its own connection to know what it has defined. `None` where
    /// there is nothing to compare with yet.
    pub(crate) fn own_question(&mut self) -> Option<String> {
        self.own.question(&self.catalogs)
    }

    /// Whether a text can mean anything of what the session has defined and has not looked at since.
    pub(crate) fn own_may_concern(&self, text: &[u8]) -> bool {
        self.own.may_concern(text)
    }

    /// What other sessions have defined a moment ago has to be in the catalog where a text names it, or what leads
    /// to it.
    fn others_define(&self, text: &[u8]) -> Result<(), Asked> {
        // Escapes may spell any name.
        let hides = LazyCell::new(|| !means_what_it_spells(text));
        let means = |name: &str| *hides || mention::mentions(text, name);
        match self.catalogs.being_defined(self.own.id(), means) {
            Some(pending) => Err(Asked::Others(pending)),
            None => Ok(()),
        }
    }

    /// A statement was let through that may define something.
    pub(crate) fn own_note(&mut self, answer: &Answer) {
        if let Some(setting) = self.loosened(answer) {
            self.loosen(&setting);
        }
        self.own.note(answer, &self.catalogs);
    }

    /// The setting that a statement which passes changes from what every session begins with.
    fn loosened(&self, answer: &Answer) -> Option<Box<str>> {
        let Request::Statement(statement) = &answer.request else {
            return None;
        };
        let Subject::Readable(facts) = &statement.subject else {
            return None;
        };
        let changes = |setting: &&Setting| {
            let value = setting.value.as_deref();
            value.is_some_and(|value| !self.is_as_begun(&setting.name, value))
        };
        let found = facts.settings.iter().find(changes)?;
        let transparent = self.standpoint().transparent();
        transparent.then(|| found.name.as_ref().into())
    }

    /// Whether a setting is as every session begins with it, where that matters.
    pub(crate) fn is_as_begun(&self, setting: &str, value: &str) -> bool {
        match setting {
            "search_path" => self.has_path(value),
            "session_authorization" => false,
            setting => is_as_begun(setting, value),
        }
    }

    /// The session has become another than those that the policy is for, as only a role that may do everything
    /// can have it: while it may, nobody says what names mean if that has changed; when it may no more, it ends.
    pub(crate) fn loosen(&mut self, setting: &str) {
        self.strays |= decides_names(setting);
        self.loose.get_or_insert_with(|| setting.into());
    }

    /// What the session may not have changed by the policy that holds now.
    pub(crate) fn is_out_of_hand(&mut self) -> Option<String> {
        let setting = self.loose.as_deref()?.to_owned();
        (!self.is_relaxed()).then_some(setting)
    }

    /// The transaction of the session's own definitions has ended.
    pub(crate) fn own_ended(&mut self) {
        self.own.ended(&self.catalogs);
    }

    /// Whether all see by now what the session has defined and has not looked at.
    pub(crate) fn own_is_seen_by_all(&mut self) -> bool {
        self.own.forget_what_all_saw(&self.catalogs)
    }

    /// Whether others have changed something since a session with definitions of its own looked.
    pub(crate) fn own_catalog_is_stale(&self) -> bool {
        self.own.outdated(&self.catalogs).is_some()
    }

    /// Everything that a cached verdict depends on, as it is now.
    pub(crate) fn scope(&mut self) -> &Scope {
        let policy = self.core.policy.current();
        self.own.forget_what_all_see(&self.catalogs);
        let own = self.own.snapshot();
        let version = match (self.strays, own) {
            (true, _) => 0,
            (false, Some(own)) => own.version,
            (false, None) => self.catalogs.version(),
        };
        if !self.scope.is(&policy, version) {
            self.former.left(&self.scope, &policy, own.is_some());
            self.scope = Scope::new(
                Arc::clone(&policy),
                match self.strays {
                    true => None,
                    false => own.cloned().or_else(|| self.catalogs.current()),
                },
                &self.principal,
                &self.database,
                &self.search_path,
            );
        }
        &self.scope
    }

    /// The verdict on a text whose parameters have these types (four bytes each), from the cache where it
    /// is there; or what has to be found out first.
    pub(crate) fn verdict(&mut self, sql: &[u8], types: &[u8]) -> Result<Arc<Verdict>, Asked> {
        self.catches_up()?;
        self.others_define(sql)?;
        let scope = self.scope().id;
        let key = template::Key::of(sql, types);
        if let Some(known) = Self::known(scope, &key, sql) {
            metrics::verdict_found();
            return Ok(known);
        }
        let stands = self
            .former
            .verdict(&self.scope, sql, |scope| Self::known(scope, &key, sql));
        let (verdict, lasts) = match stands {
            Some(verdict) => {
                metrics::verdict_found();
                (verdict, true)
            }
            None => {
                metrics::verdict_missed();
                self.judge(sql, types)?
            }
        };
        let verdict = Arc::new(verdict);
        if lasts && verdict.lasts() {
            let shared = key.shared.filter(|_| template::serves_all(&verdict));
            cache::keep(shared.unwrap_or(key.own.into_owned()).into(), &verdict);
        }
        Ok(verdict)
    }

    fn known(scope: u64, key: &template::Key<'_>, sql: &[u8]) -> Option<Arc<Verdict>> {
        let shared = key.shared.as_deref();
        let found = shared.and_then(|template| cache::find(scope, template));
        // A text may be another one's template itself.
        let known = found.or_else(|| cache::find(scope, &key.own))?;
        match *known.sql == *sql {
            true => Some(known),
            false => known.for_text(sql).map(Arc::new),
        }
    }

    /// The verdict on a message that is no statement, or not one that is looked into.
    pub(crate) fn refused(&mut self, kind: UnreadableKind, detail: &str) -> Judged {
        self.scope();
        let subject = verdict::unreadable(kind, detail);
        let decision = self.standpoint().evaluate(subject.clone());
        Judged::unread(self.scope.id, subject, decision)
    }

    /// Whether what the wire itself refuses passes, by the policy that holds now.
    pub(crate) fn is_relaxed(&mut self) -> bool {
        self.scope();
        self.standpoint().grant().is_some_and(relaxed)
    }

    /// Whether a value of `search_path` is the path that names are judged by.
    pub(crate) fn has_path(&self, value: &str) -> bool {
        exeat_sql::is_path(value, &self.search_path)
    }

    /// How many rows a statement may give.
    pub(crate) fn row_limit(&self) -> Option<u64> {
        self.scope.rows
    }

    /// The same prepared statement under what holds now.
    pub(crate) fn current(&mut self, prepared: &Arc<Prepared>) -> Result<Arc<Prepared>, Asked> {
        self.others_define(&prepared.verdict.sql)?;
        let scope = self.scope().id;
        if prepared.verdict.stands == Stands::In(scope) {
            return Ok(Arc::clone(prepared));
        }
        let sql = Arc::clone(&prepared.verdict.sql);
        Ok(Arc::new(Prepared {
            verdict: self.verdict(&sql, &prepared.types)?,
            index: prepared.index,
            types: prepared.types.clone(),
        }))
    }

    /// Reads and judges a text; whether the verdict holds as long as its scope does.
    fn judge(&mut self, sql: &[u8], types: &[u8]) -> Result<(Verdict, bool), Asked> {
        let scope = self.scope.id;
        let Ok(text) = str::from_utf8(sql) else {
            let subject =
                verdict::unreadable(UnreadableKind::Encoding, "the statement is not valid UTF-8");
            let decision = self.standpoint().evaluate(subject.clone());
            return Ok((Verdict::single(scope, sql, subject, decision), true));
        };
        let (reading, questions) = self.reading(text, types);
        let here = self.standpoint();
        let (own, transparent) = (here.own, here.transparent());
        let found = match self.asking.find(&questions, own, transparent) {
            Ok(found) => found,
            Err(asked) => {
                self.unfinished = Unfinished::of(scope, types, reading, questions);
                return Err(asked);
            }
        };
        self.was_behind = false;
        let here = self.standpoint();
        let bound = here.bound(types);
        let understood = reading.statements.iter().zip(&found.outcomes);
        let understood = understood
            .map(|(statement, outcomes)| here.understood(&reading, statement, outcomes, &bound))
            .collect();
        let mut verdict = here.verdict(scope, sql, &reading, understood);
        // Whoever asks later is told what is reached then.
        let passes = here.asks && !transparent && reading.reaches_unsaid();
        if passes {
            verdict.stands = Stands::Once;
        }
        Ok((verdict, found.lasts && !passes))
    }

    /// The text as our own reader sees it, and what has to be asked about each of its statements: made anew,
    /// or what was made of it before it had to wait.
    fn reading<'s>(&mut self, text: &'s str, types: &[u8]) -> (Reading<'s>, Vec<Vec<Question>>) {
        let unfinished = self.unfinished.take();
        if let Some(read) = unfinished.and_then(|it| it.go_on(self.scope.id, text, types)) {
            return read;
        }
        let here = self.standpoint();
        let reading = here.read(text, &self.limits);
        let questions = here.questions(&reading, types);
        (reading, questions)
    }

    /// Where the session's statements are judged from, in its scope.
    fn standpoint(&self) -> Standpoint<'_> {
        Standpoint {
            policy: &self.scope.policy,
            principal: &self.principal,
            database: &self.database,
            search_path: match self.strays {
                true => &[],
                false => &self.search_path,
            },
            snapshot: self.scope.snapshot.as_deref(),
            asks: self.asking.is_on() && !self.strays,
            own: self.own.snapshot().is_some(),
        }
    }

    /// Whether the role may read these columns of a table.
    pub(crate) fn reads(&self, schema: &str, table: &str, columns: &[&str]) -> bool {
        let relation = Name {
            schema: Some(schema.into()),
            name: table.into(),
        };
        let columns = columns.iter().map(|column| Arc::from(*column)).collect();
        self.standpoint().reads(&relation, Columns::Named(columns))
    }

    /// Whether PostgreSQL is asked about statements.
    pub(crate) fn asks(&self) -> bool {
        self.asking.is_on()
    }

    /// Has PostgreSQL asked over a side connection.
    pub(crate) fn ask_aside(&self, questions: Vec<Question>) -> Pending {
        self.asking.aside(questions)
    }

    /// What came of a question over the session's own connection.
    pub(crate) fn heard(&mut self, question: Question, heard: Heard) {
        if let Some(outcome) = self.outcome(&question, heard) {
            self.asking.heard(question, outcome);
        }
    }

    /// The same of one that was asked in its short form; the question again where it has to be asked in full: an
    /// error says where it is, and an answer that rests on values is one about all of them.
    pub(crate) fn heard_in_short(&mut self, question: Question, heard: Heard) -> Option<Question> {
        let outcome = self.outcome(&question, heard)?;
        match &outcome {
            Outcome::Rejected(_) => return Some(question),
            Outcome::Analysed(answer) if answer.by_text => return Some(question),
            _ => {}
        }
        self.asking.heard(question, outcome);
        None
    }

    /// `None` where the catalog is behind the answer: what waited for a lock sees what others have defined meanwhile.
    /// It is asked again by a newer one, once.
    fn outcome(&mut self, question: &Question, heard: Heard) -> Option<Outcome> {
        Some(match (heard, &self.scope.snapshot) {
            (Heard::Rows(rows), _) => question.reached(&rows),
            (Heard::Trees(trees), Some(snapshot)) => match analysis::read(&trees, snapshot) {
                Ok(answer) => Outcome::Analysed(Arc::new(answer)),
                Err(error) if error.is_of_the_catalog() && !self.was_behind => {
                    self.behind = Some(Instant::now());
                    self.was_behind = true;
                    return None;
                }
                Err(error) => Outcome::Unknown(error.to_string().into()),
            },
            (Heard::Trees(_), None) => Outcome::Unknown("the catalog can't be read".into()),
            (Heard::TooLong(bytes), _) => {
                Outcome::Unknown(QueryTreeError::TooLong { bytes }.to_string().into())
            }
            (Heard::Error(error), _) => Outcome::Rejected(Arc::new(error)),
        })
    }

    /// Waits for a catalog that is not behind what the server has answered.
    fn catches_up(&mut self) -> Result<(), Asked> {
        let Some(moment) = self.behind.take() else {
            return Ok(());
        };
        if self.catalogs.is_newer_than(moment) {
            return Ok(());
        }
        self.behind = Some(moment);
        Err(Asked::Others(self.catalogs.newer_than(moment)))
    }

    /// Asks whether a judged statement may run now. It counts as one of the role's statements.
    pub(crate) fn ask(&mut self, judged: &Judged) -> Answer {
        let exhausted = self
            .core
            .limits
            .statement(&self.principal.role, &self.database);
        self.answer(judged, exhausted)
    }

    /// What is said of a judged statement now, where a limit may be exhausted.
    fn answer(&mut self, judged: &Judged, exhausted: Option<LimitKind>) -> Answer {
        let scope = self.scope().id;
        let at = clock::now();
        let request = self
            .standpoint()
            .request(judged.subject.clone(), exhausted, at);
        // A cached decision knows neither of exhausted limits nor of the proof's end.
        let usual = exhausted.is_none() && self.principal.expires_at.is_none_or(|end| at < end);
        let decision = if usual && judged.stands == Stands::In(scope) {
            Arc::clone(&judged.decision)
        } else {
            Arc::new(evaluate(&self.scope.policy, &request))
        };
        Answer {
            request,
            decision,
            text: Arc::clone(&judged.text),
            verb: judged.verb(),
            judgeable: judged.judgeable.clone(),
            rejection: judged.rejection.clone(),
            sight: judged.sight,
            foreign: judged.runs_code(),
            said: judged.said,
            inner: None,
        }
    }

    /// A statement that names another one: what it touches is what the other one touches, and its own.
    pub(crate) fn combined(&self, outer: &Judged, inner: &Judged) -> Judged {
        self.standpoint().combined(outer, inner)
    }

    /// Whether code of somebody's own may run when a session begins: event triggers may be for that.
    pub(crate) fn begins_with_code(&self) -> bool {
        let snapshot = self.scope.snapshot.as_deref();
        snapshot.is_some_and(|snapshot| snapshot.hooks().events)
    }
}

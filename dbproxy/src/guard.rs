//! Statements: their facts, and what the policy says of them. A repeated statement costs one look-up.
//!
//! Nothing here forwards, records or answers. Every decision is `exeat_policy::evaluate`'s; the cache
//! holds only decisions that depend on nothing but the cache's key.

mod asking;
mod cache;
mod code;
mod examine;
mod former;
mod join;
mod mention;
mod own;
mod reading;
mod scope;
mod template;
mod unfinished;
mod unnamed;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;

use exeat_policy::{
    Access, Caller, Columns, Confirmation, DatabaseGrant, Decision, Effect, Facts, LimitKind, Name,
    Origin, Principal, RelationAccess, Request, StatementRequest, Subject, UnixMillis,
    UnreadableKind, Verb, evaluate,
};
use exeat_service::{Core, clock};
use exeat_sql::{QueryTreeError, Said};

use crate::analysis::{self, Analyser, Heard, Judgeable, Outcome, Question};
use crate::catalog::{Catalogs, FIRST_NORMAL_OID};
use crate::disclosure::{Foreign, Sight};
use crate::metrics;
use crate::relaxed::relaxed;
use crate::relay::Pending;
pub(crate) use asking::Asked;
use asking::Asking;
pub(crate) use code::Code;
pub use examine::{Checks, Examined, Examiner, Reply, SqlError};
use former::Former;
use own::OwnCatalog;
use reading::{Bound, Reading};
pub(crate) use scope::Scope;
use unfinished::Unfinished;
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
}

/// What came of the questions of each statement of a text.
struct Found {
    outcomes: Vec<Vec<Outcome>>,
    /// The answers were made under the catalog that the scope has.
    lasts: bool,
    /// An answer is true of this moment only, whatever the scope.
    passes: bool,
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

    /// A statement was let through that may define something.
    pub(crate) fn own_note(&mut self, answer: &Answer) {
        self.own.note(answer, &self.catalogs);
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
        self.own.is_stale(&self.catalogs)
    }

    /// Everything that a cached verdict depends on, as it is now.
    pub(crate) fn scope(&mut self) -> &Scope {
        let policy = self.core.policy.current();
        self.own.forget_what_all_see(&self.catalogs);
        let own = self.own.snapshot();
        let version = own.map_or_else(|| self.catalogs.version(), |own| own.version);
        if !self.scope.is(&policy, version) {
            self.former.left(&self.scope, &policy, own.is_some());
            self.scope = Scope::new(
                Arc::clone(&policy),
                own.cloned().or_else(|| self.catalogs.current()),
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
        match shared.and_then(|template| cache::find(scope, template)) {
            Some(known) if *known.sql == *sql => Some(known),
            Some(known) => known.for_text(sql).map(Arc::new),
            None => cache::find(scope, &key.own),
        }
    }

    /// The verdict on a message that is no statement, or not one that is looked into.
    pub(crate) fn refused(&mut self, kind: UnreadableKind, detail: &str) -> Judged {
        self.scope();
        let subject = verdict::unreadable(kind, detail);
        let decision = self.evaluate(subject.clone());
        Judged::unread(self.scope.id, subject, decision)
    }

    /// Whether what the wire itself refuses passes, by the policy that holds now.
    pub(crate) fn is_relaxed(&mut self) -> bool {
        self.scope();
        let role = self.scope.policy.role(&self.principal.role);
        let grant = role.and_then(|role| role.database(&self.database));
        grant.is_some_and(relaxed)
    }

    /// Whether a value of `search_path` is the path that names are judged by.
    pub(crate) fn has_path(&self, value: &str) -> bool {
        exeat_sql::is_path(value, &self.search_path)
    }

    /// How many rows a statement may give.
    pub(crate) fn row_limit(&self) -> Option<u64> {
        self.scope.rows
    }

    /// What binding values of these types (four bytes each) names and calls, where they are not
    /// PostgreSQL's own: it runs what their owners wrote.
    fn types(&self, oids: &[u8]) -> Bound {
        let own: Vec<u32> = template::oids(oids)
            .into_iter()
            .filter(|oid| *oid >= FIRST_NORMAL_OID)
            .collect();
        let snapshot = self.scope.snapshot.as_deref();
        let name = |oid: &u32| {
            let known = snapshot.and_then(|snapshot| snapshot.objects.user_type(*oid));
            known
                .map(|known| known.name.clone())
                .unwrap_or_else(|| Name {
                    schema: None,
                    name: format!("type {oid}").into(),
                })
        };
        let types = own.iter().map(name).collect();
        let functions = self.checks(own);
        Bound { types, functions }
    }

    /// The same prepared statement under what holds now.
    pub(crate) fn current(&mut self, prepared: &Arc<Prepared>) -> Result<Arc<Prepared>, Asked> {
        let scope = self.scope().id;
        if prepared.verdict.scope == scope {
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
            let decision = self.evaluate(subject.clone());
            return Ok((Verdict::single(scope, sql, subject, decision), true));
        };
        let (reading, questions) = self.reading(text, types);
        let found = match self.find(&reading, &questions) {
            Ok(found) => found,
            Err(asked) => {
                self.unfinished = Unfinished::of(scope, types, reading, questions);
                return Err(asked);
            }
        };
        let names = self.types(types);
        let mut known = Vec::with_capacity(reading.statements.len());
        for (statement, outcomes) in reading.statements.iter().zip(&found.outcomes) {
            let makes_values = statement.said.makes_values;
            let mut one = if self.transparent() {
                reading.known(statement, outcomes, true)
            } else {
                reading.known_with_reach(statement, outcomes, &self.search_path)
            };
            let unnamed = self.with_unnamed(one.subject, makes_values);
            one.subject = names.with(self.with_kin(unnamed));
            if !statement.declared.is_empty() {
                one.subject = self.declared(&one.subject).with(one.subject);
            }
            one.foreign = self.foreign(&one.subject);
            if let Some(subject) = self.with_plans(&one.subject) {
                one.subject = subject;
                one.foreign = one.foreign.max(Foreign::InPlans);
            }
            known.push(one);
        }
        let mut verdict = Verdict::of(scope, sql, &reading, known, |known, parsed| {
            let code = self.code(known, parsed);
            let sight = self.sight(&known.subject, known.foreign);
            (self.evaluate(known.subject.clone()), sight, code)
        });
        if found.passes {
            // No scope has this number: it is judged anew when it is run.
            verdict.scope = 0;
        }
        Ok((verdict, found.lasts))
    }

    /// The text as our own reader sees it, and what has to be asked about each of its statements: made anew,
    /// or what was made of it before it had to wait.
    fn reading<'s>(&mut self, text: &'s str, types: &[u8]) -> (Reading<'s>, Vec<Vec<Question>>) {
        let unfinished = self.unfinished.take();
        if let Some(read) = unfinished.and_then(|it| it.go_on(self.scope.id, text, types)) {
            return read;
        }
        let mut reading = Reading::of(text, &self.context(), &self.limits);
        let transparent = self.transparent();
        if !transparent {
            let runs_code = |subject: &Subject| self.runs_code(subject);
            let own = self.own.snapshot().is_some();
            reading.refuse_after_changes(own, self.search_path.len(), runs_code);
            self.refuse_constants(&mut reading);
        }
        let oids: Arc<[u32]> = template::oids(types).as_slice().into();
        let of = |statement| {
            let mut questions = reading.questions(statement, self.scope.version, &oids);
            if !transparent {
                questions.extend(reading.reach(statement, &self.search_path));
                questions.extend(reading.syntax(statement));
            }
            questions
        };
        let questions = match self.asking.is_on() {
            true => reading.statements.iter().map(of).collect(),
            false => Vec::new(),
        };
        (reading, questions)
    }

    /// What making values of the types that PREPARE declares calls.
    fn declared(&self, subject: &Subject) -> Bound {
        let (Subject::Readable(facts), Some(snapshot)) = (subject, &self.scope.snapshot) else {
            return Bound::default();
        };
        let objects = &snapshot.objects;
        let types = facts
            .types
            .iter()
            .flat_map(|name| objects.types_named(name));
        Bound {
            types: facts.types.clone(),
            functions: self.checks(types),
        }
    }

    /// The functions of others that making values of these types calls.
    fn checks(&self, types: impl IntoIterator<Item = u32>) -> Vec<Name> {
        let Some(snapshot) = self.scope.snapshot.as_deref() else {
            return Vec::new();
        };
        self.names_of(&snapshot.objects.checks(types))
    }

    /// The functions of others among these.
    fn names_of(&self, functions: &BTreeSet<u32>) -> Vec<Name> {
        let Some(snapshot) = self.scope.snapshot.as_deref() else {
            return Vec::new();
        };
        let name = |oid: &u32| snapshot.objects.function(*oid).cloned();
        let foreign = |name: &Name| name.origin() != Origin::PostgreSql;
        functions.iter().filter_map(name).filter(foreign).collect()
    }

    /// The facts together with the parents and parts of tables that only our own reader has seen.
    fn with_kin(&self, subject: Subject) -> Subject {
        let (Subject::Readable(facts), Some(snapshot)) = (&subject, &self.scope.snapshot) else {
            return subject;
        };
        let moves =
            |access: &&RelationAccess| !matches!(access.access, Access::Define | Access::Maintain);
        let seen: Vec<_> = facts.relations.iter().filter(moves).cloned().collect();
        if facts.confirmation == Confirmation::Analysed || seen.is_empty() {
            return subject;
        }
        match analysis::kin(&seen, &snapshot.objects) {
            Ok(kin) if kin.is_empty() => subject,
            Ok(kin) => {
                let mut facts = Facts::clone(facts);
                facts.add_behind(kin);
                Subject::Readable(Arc::new(facts))
            }
            Err(why) => verdict::unreadable(UnreadableKind::Unanswered, &why.to_string()),
        }
    }

    fn context(&self) -> exeat_sql::Context<'_> {
        let snapshot = self.scope.snapshot.as_deref();
        exeat_sql::Context {
            catalog: snapshot.map(|snapshot| &*snapshot.catalog),
            search_path: &self.search_path,
            asks: self.asking.is_on(),
        }
    }

    fn evaluate(&self, subject: Subject) -> Arc<Decision> {
        let request = self.request(subject, None, clock::now());
        Arc::new(evaluate(&self.scope.policy, &request))
    }

    fn grant(&self) -> Option<&DatabaseGrant> {
        let role = self.scope.policy.role(&self.principal.role)?;
        role.database(&self.database)
    }

    /// Whether nothing has to be known of a statement to let it through.
    fn transparent(&self) -> bool {
        self.grant().is_some_and(DatabaseGrant::is_transparent)
    }

    /// Whether the role may read these columns of a table.
    pub(crate) fn reads(&self, schema: &str, table: &str, columns: &[&str]) -> bool {
        let relation = Name {
            schema: Some(schema.into()),
            name: table.into(),
        };
        let columns = columns.iter().map(|column| Arc::from(*column)).collect();
        self.grant()
            .is_some_and(|grant| grant.reads(&relation, Columns::Named(columns)))
    }

    /// What the role may see of the server's messages about a statement: values of rows that it writes or
    /// that views show in part, and what the code of others says, only where it may read all of it.
    fn sight(&self, subject: &Subject, code: Foreign) -> Sight {
        let (Some(grant), Subject::Readable(facts)) = (self.grant(), subject) else {
            return Sight::ALL;
        };
        if grant.is_transparent() {
            return Sight::ALL;
        }
        let changes = |access: &&RelationAccess| {
            matches!(
                access.access,
                Access::Insert | Access::Update | Access::Delete | Access::Truncate
            )
        };
        let written = facts.relations.iter().filter(changes);
        let mut quoted = written.chain(&facts.behind);
        Sight {
            rows: quoted.all(|access| grant.reads(&access.relation, Columns::All)),
            code,
        }
    }

    /// What came of each statement's questions; or what has to be asked first.
    fn find(&self, reading: &Reading<'_>, questions: &[Vec<Question>]) -> Result<Found, Asked> {
        let mut found = Found {
            outcomes: Vec::with_capacity(reading.statements.len()),
            lasts: true,
            passes: false,
        };
        if !self.asking.is_on() {
            found
                .outcomes
                .resize_with(reading.statements.len(), Vec::new);
            return Ok(found);
        }
        let own = self.own.snapshot().is_some();
        let transparent = self.transparent();
        let (mut aside, mut over_own) = (Vec::new(), Vec::new());
        for (statement, questions) in reading.statements.iter().zip(questions) {
            let mut outcomes = Vec::new();
            if !transparent && statement.cascades {
                // Whoever asks later is told what is reached then.
                found.lasts = false;
                found.passes = true;
            }
            for question in questions {
                let own = own && !question.is_about_syntax();
                match self.asking.outcome(question, own) {
                    Some((Outcome::Locked, _)) if !transparent => over_own.push(question.clone()),
                    Some((outcome, current)) => {
                        found.lasts &= current;
                        outcomes.push(outcome);
                    }
                    None if own && transparent => outcomes.push(Outcome::Locked),
                    None if own => over_own.push(question.clone()),
                    None => aside.push(question.clone()),
                }
            }
            found.outcomes.push(outcomes);
        }
        if !aside.is_empty() {
            return Err(Asked::Aside(aside));
        }
        if !over_own.is_empty() {
            return Err(Asked::Own(over_own));
        }
        self.asking.forget();
        Ok(found)
    }

    /// Has PostgreSQL asked over a side connection.
    pub(crate) fn ask_aside(&self, questions: Vec<Question>) -> Pending {
        self.asking.aside(questions)
    }

    /// What came of a question over the session's own connection.
    pub(crate) fn heard(&mut self, question: Question, heard: Heard) {
        let outcome = self.outcome(&question, heard);
        self.asking.heard(question, outcome);
    }

    /// The same of one that was asked in its short form; the question again where it has to be asked in full: an
    /// error says where it is, and an answer that rests on values is one about all of them.
    pub(crate) fn heard_in_short(&mut self, question: Question, heard: Heard) -> Option<Question> {
        let outcome = self.outcome(&question, heard);
        match &outcome {
            Outcome::Rejected(_) => return Some(question),
            Outcome::Analysed(answer) if answer.by_text => return Some(question),
            _ => {}
        }
        self.asking.heard(question, outcome);
        None
    }

    fn outcome(&self, question: &Question, heard: Heard) -> Outcome {
        match (heard, &self.scope.snapshot) {
            (Heard::Rows(rows), _) => question.reached(&rows),
            (Heard::Trees(trees), Some(snapshot)) => match analysis::read(&trees, snapshot) {
                Ok(answer) => Outcome::Analysed(Arc::new(answer)),
                Err(error) => Outcome::Unknown(error.to_string().into()),
            },
            (Heard::Trees(_), None) => Outcome::Unknown("the catalog can't be read".into()),
            (Heard::TooLong(bytes), _) => {
                Outcome::Unknown(QueryTreeError::TooLong { bytes }.to_string().into())
            }
            (Heard::Error(error), _) => Outcome::Rejected(Arc::new(error)),
        }
    }

    /// Asks whether a judged statement may run now. It counts as one of the role's statements.
    pub(crate) fn ask(&mut self, judged: &Judged) -> Answer {
        let exhausted = self
            .core
            .limits
            .statement(&self.principal.role, &self.database);
        let scope = self.scope().id;
        let at = clock::now();
        let request = self.request(judged.subject.clone(), exhausted, at);
        // A cached decision knows neither of exhausted limits nor of the proof's end.
        let usual = exhausted.is_none() && self.principal.expires_at.is_none_or(|end| at < end);
        let decision = if usual && judged.scope == scope {
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
        }
    }

    fn request(&self, subject: Subject, exhausted: Option<LimitKind>, at: UnixMillis) -> Request {
        Request::Statement(StatementRequest {
            caller: Caller::Known(Arc::clone(&self.principal)),
            database: Arc::clone(&self.database),
            subject,
            catalog: self.scope.version,
            exhausted,
            at,
        })
    }

    /// A statement that names another one: what it touches is what the other one touches, and its own.
    pub(crate) fn combined(&self, outer: &Judged, inner: &Judged) -> Judged {
        let subject = match (&outer.subject, &inner.subject) {
            // An argument becomes a parameter by a cast that nobody has asked about.
            (Subject::Readable(outer), Subject::Readable(_))
                if outer.verb == Verb::Execute
                    && (!outer.types.is_empty() || outer.functions.iter().any(is_foreign))
                    && !self.transparent() =>
            {
                verdict::unreadable(
                    UnreadableKind::Unsupported,
                    "an argument of EXECUTE of a type, or by a function, that is not PostgreSQL's own",
                )
            }
            // The checks of its parameters may change what it reads, and nothing looks in between.
            (Subject::Readable(outer), Subject::Readable(facts))
                if outer.verb == Verb::Execute
                    && inner.code >= Code::Early
                    && code::reads(facts) =>
            {
                verdict::unreadable(
                    UnreadableKind::Unsupported,
                    "EXECUTE of a statement whose parameters have checks of somebody's own: prepare it by the protocol",
                )
            }
            (Subject::Readable(outer), Subject::Readable(inner)) => {
                Subject::Readable(Arc::new(merge(outer, inner)))
            }
            (Subject::Unreadable(_), _) => outer.subject.clone(),
            (_, unreadable) => unreadable.clone(),
        };
        Judged {
            // No scope has this number: the decision is made when it is asked for.
            scope: 0,
            subject,
            judgeable: inner.judgeable.clone(),
            sight: inner.sight,
            code: outer.code.max(inner.code),
            rejection: outer.rejection.clone().or_else(|| inner.rejection.clone()),
            ..outer.clone()
        }
    }
}

/// Whether a function is not PostgreSQL's own, as far as its name tells.
fn is_foreign(function: &Name) -> bool {
    matches!(function.origin(), Origin::Other | Origin::Standard)
}

fn merge(outer: &Facts, inner: &Facts) -> Facts {
    let mut both = outer.clone();
    both.join(inner);
    both.confirmation = inner.confirmation;
    both
}

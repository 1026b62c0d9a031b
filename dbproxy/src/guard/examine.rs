//! What both readers see of a text, without a session and without a policy: for who asks why a statement is
//! judged as it is.
//!
//! It reads, asks and joins by the functions that sessions do it with, and must never judge, nor run
//! anything of what it is asked about.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_policy::{Name, RelationAccess, SequenceUse, Subject};
use exeat_service::config;
use exeat_service::keepalive::Keepalive;
use serde::Serialize;

use super::reading::Reading;
use super::verdict::{Rejection, is_unresolved};
use crate::analysis::{Analysed, Analyser, AnalyserLease, Outcome};
use crate::background::Background;
use crate::catalog::{CatalogLease, Catalogs};
use crate::server::SetupError;
use crate::upstream::{Upstream, UpstreamError};

/// How long the dial may take, and the first reading of the catalog.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a server about the statements of one database role.
#[derive(Debug)]
pub struct Examiner {
    catalogs: Arc<Catalogs>,
    analyser: Arc<Analyser>,
    search_path: Arc<[Arc<str>]>,
    _leases: (CatalogLease, AnalyserLease),
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
    /// Both made one: what a session's statement is judged by.
    joined: Subject,
    /// The same where nothing is refused.
    transparent: Subject,
}

/// PostgreSQL's answer about one part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// What it would check.
    Checks(Checks),
    /// It refuses the statement.
    Error(SqlError),
    /// There is no answer, or none that is understood.
    Unanswered(Arc<str>),
}

/// What PostgreSQL would check for a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// Relations and their columns, by what is done to them.
    pub relations: Vec<RelationAccess>,
    /// What the relations lead to: the tables behind views, parents and parts.
    pub behind: Vec<RelationAccess>,
    /// Functions, also as casts, defaults and domains.
    pub functions: Vec<Name>,
    /// Functions that views and row security call.
    pub behind_functions: Vec<Name>,
    /// Operators that are not PostgreSQL's own.
    pub operators: Vec<Name>,
    /// Types and collations that are not PostgreSQL's own.
    pub types: Vec<Name>,
    /// Sequences, by functions.
    pub sequences: Vec<SequenceUse>,
}

/// An error of PostgreSQL about a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SqlError {
    /// The SQLSTATE.
    pub code: String,
    /// Its words.
    pub message: String,
    /// More of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The character of the text that it points to, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
}

impl Examined {
    /// What the statement is judged by, where the role's grant is transparent or not (see
    /// [`exeat_policy::DatabaseGrant::is_transparent`]).
    pub fn judged(&self, transparent: bool) -> &Subject {
        if transparent {
            &self.transparent
        } else {
            &self.joined
        }
    }

    /// PostgreSQL's refusal, where it has one.
    pub fn error(&self) -> Option<&SqlError> {
        self.postgresql.iter().find_map(|reply| match reply {
            Reply::Error(error) => Some(error),
            Reply::Checks(_) | Reply::Unanswered(_) => None,
        })
    }
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
        let background = Arc::new(Background::new("exeat-catalog"));
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

    /// The statements of a text, in order.
    pub async fn examine(&self, sql: &str) -> Vec<Examined> {
        let begun = Instant::now();
        let examined = self.once(sql).await;
        // As in a session: a name that the snapshot does not have is looked for in a newer one.
        if !examined.iter().any(|one| is_unresolved(&one.joined)) {
            return examined;
        }
        self.catalogs.newer_than(begun).await;
        self.once(sql).await
    }

    async fn once(&self, sql: &str) -> Vec<Examined> {
        let snapshot = self.catalogs.current();
        let context = exeat_sql::Context {
            catalog: snapshot.as_deref().map(|snapshot| &*snapshot.catalog),
            search_path: &self.search_path,
            asks: true,
        };
        let version = snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
        let reading = Reading::of(sql, &context, &exeat_sql::Limits::default());
        let untyped: Arc<[u32]> = Arc::default();
        let nobody: Arc<str> = "".into();
        let mut examined = Vec::with_capacity(reading.statements.len());
        for statement in &reading.statements {
            let mut outcomes = Vec::new();
            for question in reading.questions(statement, version, &untyped) {
                outcomes.push(self.analyser.answer(question, &nobody).await);
            }
            let replies = outcomes.iter().zip(&statement.questions);
            examined.push(Examined {
                range: statement.range.clone(),
                catalog: version,
                own: statement.subject.clone(),
                postgresql: replies
                    .map(|(outcome, range)| Reply::of(outcome, sql, range))
                    .collect(),
                joined: reading.known(statement, &outcomes, false).subject,
                transparent: reading.known(statement, &outcomes, true).subject,
            });
        }
        examined
    }
}

impl Reply {
    fn of(outcome: &Outcome, sql: &str, asked: &Range<usize>) -> Self {
        match outcome {
            Outcome::Analysed(answer) => Self::Checks(Checks::of(answer)),
            Outcome::Rejected(error) => {
                Self::Error(SqlError::of(&Rejection::of(error, sql, asked)))
            }
            Outcome::Locked => Self::Unanswered(
                "what the statement names is locked; a session would wait for it".into(),
            ),
            Outcome::Unknown(why) => Self::Unanswered(Arc::clone(why)),
            // No question of a statement's own text is answered like this.
            Outcome::Reached(_) => Self::Unanswered("it is what CASCADE reaches".into()),
        }
    }
}

impl Checks {
    fn of(answer: &Analysed) -> Self {
        Self {
            relations: answer.relations.clone(),
            behind: answer.behind.clone(),
            functions: answer.functions.clone(),
            behind_functions: answer.behind_functions.clone(),
            operators: answer.operators.clone(),
            types: answer.types.clone(),
            sequences: answer.sequences.clone(),
        }
    }
}

impl SqlError {
    fn of(rejection: &Rejection) -> Self {
        let field = |letter| rejection.error.field(letter).map(str::to_owned);
        Self {
            code: rejection.error.code().to_owned(),
            message: field(b'M').unwrap_or_default(),
            detail: field(b'D'),
            hint: field(b'H'),
            position: rejection.position(),
        }
    }
}

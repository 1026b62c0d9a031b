//! What PostgreSQL said of a statement, for who asks why it is judged as it is.

use std::sync::Arc;

use exeat_policy::{Name, RelationAccess, SequenceUse};
use exeat_sql::Statement;
use serde::Serialize;

pub use crate::analysis::Reached;
use crate::analysis::{Analysed, Outcome};
use crate::guard::reading::{Reading, is_syntax};
use crate::guard::verdict::Rejection;

/// PostgreSQL's answer about one part of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// What it would check.
    Checks(Checks),
    /// What CASCADE reaches now.
    Reaches(Reached),
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
    /// Functions that run without being named: of views, row security, plans, casts, defaults and aggregates.
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

impl Reply {
    /// What came of this question of a statement; `None` where it says nothing: the whole message was asked
    /// about, and there is more in it than words that the grammar refuses.
    pub(super) fn of(
        outcome: &Outcome,
        reading: &Reading<'_>,
        statement: &Statement,
        question: usize,
    ) -> Option<Self> {
        Some(match outcome {
            Outcome::Analysed(answer) => Self::Checks(Checks::of(answer)),
            Outcome::Reached(reached) => Self::Reaches(Reached::clone(reached)),
            Outcome::Rejected(error) if is_syntax(statement) && !error.is_of_grammar() => {
                return None;
            }
            Outcome::Rejected(error) => {
                Self::Error(SqlError::of(&reading.rejection(statement, question, error)))
            }
            Outcome::Locked => Self::Unanswered(
                "what the statement names is locked; a session would wait for it".into(),
            ),
            Outcome::Unknown(why) => Self::Unanswered(Arc::clone(why)),
        })
    }

    /// The same about a text that stands behind so many characters.
    pub(super) fn moved(self, by: usize) -> Self {
        match self {
            Self::Error(error) => Self::Error(error.moved(by)),
            other => other,
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
    pub(super) fn of(rejection: &Rejection) -> Self {
        let field = |letter| rejection.error.field(letter).map(str::to_owned);
        Self {
            code: rejection.error.code().to_owned(),
            message: field(b'M').unwrap_or_default(),
            detail: field(b'D'),
            hint: field(b'H'),
            position: rejection.position(),
        }
    }

    /// The same about a text that stands behind so many characters.
    pub(super) fn moved(self, by: usize) -> Self {
        Self {
            position: self.position.map(|position| position + by),
            ..self
        }
    }
}

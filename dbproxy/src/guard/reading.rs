//! A text as our own reader sees it, and what PostgreSQL has to be asked about it.

mod cascade;

use std::sync::Arc;

use exeat_policy::{Facts, Name, Subject, UnreadableKind, Verb};
use exeat_sql::{Context, Statement};

use super::join::joined;
use super::verdict::{Rejection, unreadable};
use crate::analysis::{Judgeable, Outcome, Question, ServerError};

/// A text, read.
pub(super) struct Reading<'s> {
    text: &'s str,
    pub(super) statements: Vec<Statement>,
}

/// A statement with all that is known of it.
pub(super) struct Known {
    pub(super) subject: Subject,
    pub(super) judgeable: Option<Arc<Judgeable>>,
    pub(super) rejection: Option<Arc<Rejection>>,
    /// It rests on values of the text itself.
    pub(super) by_text: bool,
}

impl Known {
    fn of(subject: Subject) -> Self {
        Self {
            subject,
            judgeable: None,
            rejection: None,
            by_text: false,
        }
    }
}

impl<'s> Reading<'s> {
    pub(super) fn of(text: &'s str, context: &Context<'_>) -> Self {
        Self {
            text,
            statements: exeat_sql::read(text, context),
        }
    }

    pub(super) fn text(&self) -> &'s str {
        self.text
    }

    /// A message is judged before any of it runs: what stands behind something that changes what names
    /// mean can't be.
    pub(super) fn refuse_after_changes(&mut self, own: bool) {
        let mut changed = false;
        for statement in &mut self.statements {
            let changes = changes_meaning(statement, own);
            if changed && names_something(statement) {
                statement.subject = unreadable(
                    UnreadableKind::Unsupported,
                    "a statement before it in the same message may change what its names mean: send it alone",
                );
                statement.questions.clear();
            }
            changed |= changes;
        }
    }

    /// The questions of a statement, in order.
    pub(super) fn questions(
        &self,
        statement: &Statement,
        version: u64,
        types: &Arc<[u32]>,
    ) -> Vec<Question> {
        if !matches!(statement.subject, Subject::Readable(_)) {
            return Vec::new();
        }
        let declared: Arc<[Box<str>]> = statement
            .declared
            .iter()
            .filter_map(|range| Some(self.text.get(range.clone())?.into()))
            .collect();
        let question = |text: std::borrow::Cow<'_, str>| {
            let mut template = Vec::with_capacity(text.len());
            if !exeat_sql::typed_template_into(&text, types, &mut template) {
                template = text.as_bytes().to_vec();
            }
            let short = exeat_sql::short_form(&text, types).filter(|_| declared.is_empty());
            let (asked, types, whole) = match short {
                Some(short) => {
                    let of = |number: &u16| {
                        let index = usize::from(*number).checked_sub(1);
                        index
                            .and_then(|index| types.get(index))
                            .copied()
                            .unwrap_or(0)
                    };
                    let asked: Arc<[u32]> = short.parameters.iter().map(of).collect();
                    let whole = (Arc::from(&*text), Arc::clone(types));
                    (Arc::from(short.text), asked, Some(whole))
                }
                None => (Arc::from(&*text), Arc::clone(types), None),
            };
            Question {
                version,
                template: template.into(),
                text: asked,
                types,
                whole,
                declared: Arc::clone(&declared),
                reaches: None,
            }
        };
        statement.question_texts(self.text).map(question).collect()
    }

    /// The question about a statement that our own reader calls no SQL, in the whole message: PostgreSQL's
    /// words for it are better.
    pub(super) fn syntax(&self, statement: &Statement) -> Option<Question> {
        is_syntax(statement).then(|| Question::about_syntax(self.text))
    }

    /// Our facts and PostgreSQL's answers made one.
    pub(super) fn known(
        &self,
        statement: &Statement,
        outcomes: &[Outcome],
        transparent: bool,
    ) -> Known {
        let Subject::Readable(ours) = &statement.subject else {
            return match outcomes {
                [Outcome::Rejected(error)] if is_syntax(statement) && error.is_of_grammar() => {
                    Self::refused(error, Rejection::of_grammar(error))
                }
                // PostgreSQL reads it and we do not, or nobody knows: our refusal stays.
                _ => Known::of(statement.subject.clone()),
            };
        };
        let answered = |outcome: &Outcome| matches!(outcome, Outcome::Analysed(_));
        // Where everything may run, the server says itself what is wrong.
        if outcomes.is_empty() || (transparent && !outcomes.iter().all(answered)) {
            return Known::of(statement.subject.clone());
        }
        let mut answers = Vec::with_capacity(outcomes.len());
        for (outcome, range) in outcomes.iter().zip(&statement.questions) {
            match outcome {
                Outcome::Analysed(answer) => answers.push(Arc::clone(answer)),
                Outcome::Reached(_) => {
                    return Known::of(unreadable(
                        UnreadableKind::Unanswered,
                        "PostgreSQL was asked something else",
                    ));
                }
                Outcome::Rejected(error) => return self.rejected(error, range.start),
                Outcome::Locked => {
                    return Known::of(unreadable(
                        UnreadableKind::Unanswered,
                        "what the statement names is locked",
                    ));
                }
                Outcome::Unknown(why) => {
                    return Known::of(unreadable(UnreadableKind::Unanswered, why));
                }
            }
        }
        match joined(ours, &answers) {
            Ok(facts) => Known {
                subject: Subject::Readable(Arc::new(facts)),
                judgeable: answers.first().map(|answer| Arc::clone(&answer.judgeable)),
                rejection: None,
                by_text: answers.iter().any(|answer| answer.by_text),
            },
            Err(why) => Known::of(unreadable(UnreadableKind::Disagreement, why)),
        }
    }

    fn rejected(&self, error: &Arc<ServerError>, start: usize) -> Known {
        Self::refused(error, Rejection::of(error, self.text, start))
    }

    fn refused(error: &ServerError, rejection: Rejection) -> Known {
        let detail = format!("PostgreSQL refuses the statement ({})", error.code());
        Known {
            subject: unreadable(UnreadableKind::Rejected, &detail),
            judgeable: None,
            rejection: Some(Arc::new(rejection)),
            by_text: true,
        }
    }
}

/// Whether our own reader's grammar does not accept a statement.
fn is_syntax(statement: &Statement) -> bool {
    matches!(&statement.subject, Subject::Unreadable(why) if why.kind == UnreadableKind::Syntax)
}

/// What binding values of types of somebody's own names and calls.
#[derive(Default)]
pub(super) struct Bound {
    pub(super) types: Vec<Name>,
    pub(super) functions: Vec<Name>,
}

impl Bound {
    /// The facts together with these.
    pub(super) fn with(&self, subject: Subject) -> Subject {
        match subject {
            Subject::Readable(facts) if !self.types.is_empty() => {
                let mut facts = Facts::clone(&facts);
                facts.types.extend_from_slice(&self.types);
                facts.types.sort();
                facts.types.dedup();
                facts.functions.extend_from_slice(&self.functions);
                facts.functions.sort();
                facts.functions.dedup();
                Subject::Readable(Arc::new(facts))
            }
            other => other,
        }
    }
}

/// Whether what names mean may be another after a statement; `own`: the session has definitions of its
/// own, which the end of a transaction may take away.
fn changes_meaning(statement: &Statement, own: bool) -> bool {
    match &statement.subject {
        Subject::Readable(facts) => match facts.verb {
            Verb::Define | Verb::Discard | Verb::Do | Verb::Call => true,
            Verb::Transaction => own,
            _ => {
                let foreign = |name: &Name| {
                    let schema = name.schema.as_deref();
                    schema.is_some_and(|schema| schema != "pg_catalog")
                };
                facts.functions.iter().any(foreign)
            }
        },
        Subject::Unreadable(_) => true,
    }
}

/// Whether it matters to a statement what names mean.
fn names_something(statement: &Statement) -> bool {
    let Subject::Readable(facts) = &statement.subject else {
        return false;
    };
    !statement.questions.is_empty()
        || matches!(
            facts.verb,
            Verb::CopyIn
                | Verb::CopyOut
                | Verb::Lock
                | Verb::Truncate
                | Verb::Execute
                | Verb::Declare
                | Verb::Fetch
                | Verb::Call
        )
}

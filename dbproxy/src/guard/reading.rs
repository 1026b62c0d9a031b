//! A text as our own reader sees it, and what PostgreSQL has to be asked about it.

mod cascade;

use std::sync::Arc;

use exeat_policy::{Facts, Name, Subject, UnreadableKind};
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
}

impl Known {
    fn of(subject: Subject) -> Self {
        Self {
            subject,
            judgeable: None,
            rejection: None,
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

    /// Our facts and PostgreSQL's answers made one.
    pub(super) fn known(
        &self,
        statement: &Statement,
        outcomes: &[Outcome],
        transparent: bool,
    ) -> Known {
        let Subject::Readable(ours) = &statement.subject else {
            return Known::of(statement.subject.clone());
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
            },
            Err(why) => Known::of(unreadable(UnreadableKind::Disagreement, why)),
        }
    }

    fn rejected(&self, error: &Arc<ServerError>, start: usize) -> Known {
        let before = self.text.get(..start).unwrap_or_default();
        let detail = format!("PostgreSQL refuses the statement ({})", error.code());
        Known {
            subject: unreadable(UnreadableKind::Rejected, &detail),
            judgeable: None,
            rejection: Some(Arc::new(Rejection {
                error: Arc::clone(error),
                before: before.chars().count(),
            })),
        }
    }
}

/// The facts together with types of somebody's own that parameters have.
pub(super) fn with_types(subject: Subject, types: &[Name]) -> Subject {
    match subject {
        Subject::Readable(facts) if !types.is_empty() => {
            let mut facts = Facts::clone(&facts);
            facts.types.extend_from_slice(types);
            facts.types.sort();
            facts.types.dedup();
            Subject::Readable(Arc::new(facts))
        }
        other => other,
    }
}

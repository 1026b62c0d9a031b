//! A text as our own reader sees it, and what PostgreSQL has to be asked about it.

mod cascade;
mod shorter;

use std::ops::Range;
use std::sync::Arc;

use exeat_policy::{Access, Facts, Name, Subject, UnreadableKind, Verb};
use exeat_sql::{Context, Limits, Statement};

pub(super) use shorter::LONG;

use super::join::joined;
use super::verdict::{Rejection, is_unresolved, unreadable};
use crate::analysis::{Judgeable, Outcome, Question, ServerError};
use crate::disclosure::Foreign;

/// A text, read.
pub(super) struct Reading<'s> {
    text: &'s str,
    pub(super) statements: Vec<Statement>,
    /// Which of them can be judged only when those before them have run.
    waiting: Vec<bool>,
    /// The first one that stands behind something that changes what names mean.
    behind: Option<usize>,
}

/// The same without the text.
#[derive(Debug)]
pub(super) struct Read {
    statements: Vec<Statement>,
    waiting: Vec<bool>,
    behind: Option<usize>,
}

/// A statement with all that is known of it.
pub(super) struct Understood {
    pub(super) subject: Subject,
    pub(super) judgeable: Option<Arc<Judgeable>>,
    pub(super) rejection: Option<Arc<Rejection>>,
    /// It rests on values of the text itself.
    pub(super) by_text: bool,
    /// It has values whose making calls functions of others: for a constant, while it is parsed.
    pub(super) makes_checked: bool,
    /// It may say modifiers that functions of others read: while it is parsed.
    pub(super) reads_modifiers: bool,
    /// Where it runs code that is not PostgreSQL's own: anywhere, until more is known.
    pub(super) foreign: Foreign,
}

impl Understood {
    fn of(subject: Subject) -> Self {
        Self {
            subject,
            judgeable: None,
            rejection: None,
            by_text: false,
            makes_checked: false,
            reads_modifiers: false,
            foreign: Foreign::Anywhere,
        }
    }
}

impl<'s> Reading<'s> {
    pub(super) fn of(text: &'s str, context: &Context<'_>, limits: &Limits) -> Self {
        Self {
            text,
            statements: exeat_sql::read_within(text, context, limits),
            waiting: Vec::new(),
            behind: None,
        }
    }

    /// What was made of this very text before.
    pub(super) fn again(text: &'s str, read: Read) -> Self {
        Self {
            text,
            statements: read.statements,
            waiting: read.waiting,
            behind: read.behind,
        }
    }

    /// What was made of the text.
    pub(super) fn kept(self) -> Read {
        Read {
            statements: self.statements,
            waiting: self.waiting,
            behind: self.behind,
        }
    }

    /// Whether what a statement of it reaches is told by the database alone.
    pub(super) fn reaches_unsaid(&self) -> bool {
        let unsaid = |statement: &Statement| statement.cascades || is_refresh(statement);
        self.statements.iter().any(unsaid)
    }

    /// Whether a statement can be judged only when those before it have run.
    pub(super) fn waits(&self, index: usize) -> bool {
        self.waiting.get(index).copied().unwrap_or_default()
    }

    pub(super) fn text(&self) -> &'s str {
        self.text
    }

    /// Whether a definition is of something that others before it in the message may make.
    pub(super) fn is_of_the_message(&self, index: usize) -> bool {
        self.behind.is_some_and(|behind| behind <= index)
            && self.statements.get(index).is_some_and(defines_something)
    }

    /// Whether a statement can't be judged before code that stands before it has run: that there is code, only
    /// PostgreSQL may have seen.
    pub(super) fn waits_for_code(&self, index: usize) -> bool {
        let means = |it: &Statement| names_something(it) || defines_something(it);
        !self.waiting.is_empty() && self.statements.get(index).is_some_and(means)
    }

    /// Whether a statement runs one that a name stands for.
    pub(super) fn runs_another(&self, index: usize) -> bool {
        let facts = self.statements.get(index).map(|it| &it.subject);
        matches!(facts, Some(Subject::Readable(facts)) if matches!(facts.verb, Verb::Execute | Verb::Fetch))
    }

    /// What stands behind something that changes what names mean can't be judged before that has run.
    pub(super) fn refuse_after_changes(
        &mut self,
        own: bool,
        schemas: usize,
        runs_code: impl Fn(&Subject) -> bool,
    ) {
        let (mut changed, mut removed) = (false, false);
        // Whether what goes away may have hidden something else of its name.
        let mut hides = own || schemas > 1;
        for statement in &mut self.statements {
            let changes = changes_meaning(statement, own) || runs_code(&statement.subject);
            let removes = changes && !only_creates(statement);
            let waits = (changed
                && (names_something(statement) || is_unresolved(&statement.subject)))
                || (removed && hides && defines_something(statement));
            hides |= defines_temporary(statement);
            self.waiting.push(waits);
            if changed {
                self.behind.get_or_insert(self.waiting.len() - 1);
            }
            if waits {
                statement.subject = unreadable(
                    UnreadableKind::Unsupported,
                    "an earlier statement in this message may change what the names in this one mean: send it in a message of its own",
                );
                statement.questions.clear();
                statement.equal.clear();
            }
            changed |= changes;
            removed |= removes;
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
        let question =
            |text: std::borrow::Cow<'_, str>| shorter::question(&text, version, types, &declared);
        let equal = statement.equal.iter().map(|text| text.as_str().into());
        let texts = statement.question_texts(self.text).chain(equal);
        texts.map(question).collect()
    }

    /// The question about a statement that our own reader calls no SQL, in the whole message: PostgreSQL's
    /// words for it are better.
    pub(super) fn syntax(&self, statement: &Statement) -> Option<Question> {
        (is_syntax(statement) && self.text.len() <= LONG).then(|| Question::about_syntax(self.text))
    }

    /// Our facts and PostgreSQL's answers made one.
    pub(super) fn known(
        &self,
        statement: &Statement,
        outcomes: &[Outcome],
        transparent: bool,
    ) -> Understood {
        let Subject::Readable(ours) = &statement.subject else {
            return match outcomes {
                [Outcome::Rejected(error)] if is_syntax(statement) && error.is_of_grammar() => {
                    Self::refused(error, self.rejection(statement, 0, error))
                }
                // PostgreSQL reads it and we do not, or nobody knows: our refusal stays.
                _ => Understood::of(statement.subject.clone()),
            };
        };
        let answered = |outcome: &Outcome| matches!(outcome, Outcome::Analysed(_));
        // Where everything may run, the server says itself what is wrong.
        if outcomes.is_empty() || (transparent && !outcomes.iter().all(answered)) {
            return Understood::of(statement.subject.clone());
        }
        let mut answers = Vec::with_capacity(outcomes.len());
        let asked = statement.questions.len() + statement.equal.len();
        for (at, outcome) in outcomes.iter().take(asked).enumerate() {
            match outcome {
                Outcome::Analysed(answer) => answers.push(Arc::clone(answer)),
                Outcome::Reached(_) => {
                    return Understood::of(unreadable(
                        UnreadableKind::Unanswered,
                        "PostgreSQL was asked something else",
                    ));
                }
                Outcome::Rejected(error) => {
                    return Self::refused(error, self.rejection(statement, at, error));
                }
                Outcome::Locked => {
                    return Understood::of(unreadable(
                        UnreadableKind::Unanswered,
                        "what the statement names is locked",
                    ));
                }
                Outcome::Unknown(why) => {
                    return Understood::of(unreadable(UnreadableKind::Unanswered, why));
                }
            }
        }
        match joined(ours, &answers) {
            Ok(facts) => Understood {
                subject: Subject::Readable(Arc::new(facts)),
                judgeable: answers.first().map(|answer| Arc::clone(&answer.judgeable)),
                rejection: None,
                by_text: answers.iter().any(|answer| answer.by_text),
                makes_checked: answers.iter().any(|answer| answer.makes_checked),
                reads_modifiers: false,
                foreign: Foreign::Anywhere,
            },
            Err(why) => Understood::of(unreadable(UnreadableKind::Disagreement, why)),
        }
    }

    /// PostgreSQL's refusal as the answer to one of a statement's questions, by its number.
    pub(super) fn rejection(
        &self,
        statement: &Statement,
        question: usize,
        error: &Arc<ServerError>,
    ) -> Rejection {
        match statement.questions.get(question) {
            Some(range) => Rejection::of(error, self.text, range),
            None if is_syntax(statement) => Rejection::of_grammar(error),
            // What is equal stands nowhere in the message.
            None => Rejection::of_equal(error),
        }
    }

    pub(super) fn rejected(&self, error: &Arc<ServerError>, asked: &Range<usize>) -> Understood {
        Self::refused(error, Rejection::of(error, self.text, asked))
    }

    fn refused(error: &ServerError, rejection: Rejection) -> Understood {
        let detail = format!("PostgreSQL refuses the statement ({})", error.code());
        Understood {
            subject: unreadable(UnreadableKind::Rejected, &detail),
            judgeable: None,
            rejection: Some(Arc::new(rejection)),
            by_text: true,
            makes_checked: false,
            reads_modifiers: false,
            foreign: Foreign::Anywhere,
        }
    }
}

/// Whether a statement runs the query of a materialised view.
pub(super) fn is_refresh(statement: &Statement) -> bool {
    matches!(&statement.subject, Subject::Readable(facts)
        if facts.verb == Verb::Maintain && &*facts.label == "refresh materialized view")
}

/// Whether our own reader's grammar does not accept a statement.
pub(super) fn is_syntax(statement: &Statement) -> bool {
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
            Subject::Readable(facts) if !self.types.is_empty() || !self.functions.is_empty() => {
                let mut facts = Facts::clone(&facts);
                facts.add_types(self.types.iter().cloned());
                facts.add_functions(self.functions.iter().cloned());
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
            _ => false,
        },
        Subject::Unreadable(_) => true,
    }
}

/// Whether a statement that changes what names mean leaves what is there as it is.
fn only_creates(statement: &Statement) -> bool {
    match &statement.subject {
        Subject::Readable(facts) => facts.verb == Verb::Define && facts.label.starts_with("create"),
        Subject::Unreadable(_) => false,
    }
}

/// Whether a statement defines, alters or drops something that it names.
fn defines_something(statement: &Statement) -> bool {
    match &statement.subject {
        Subject::Readable(facts) => {
            matches!(facts.verb, Verb::Define | Verb::Maintain) && !facts.relations.is_empty()
        }
        Subject::Unreadable(_) => false,
    }
}

/// Whether a statement may make something that hides what has its name elsewhere.
fn defines_temporary(statement: &Statement) -> bool {
    match &statement.subject {
        Subject::Readable(facts) => facts.relations.iter().any(|access| {
            access.access == Access::Define && access.relation.schema.as_deref() == Some("pg_temp")
        }),
        Subject::Unreadable(_) => true,
    }
}

/// Whether it matters to a statement what names mean.
fn names_something(statement: &Statement) -> bool {
    let Subject::Readable(facts) = &statement.subject else {
        return false;
    };
    !statement.questions.is_empty()
        || is_refresh(statement)
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

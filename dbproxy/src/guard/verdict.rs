//! A text that was read and judged: its statements, what each one touches, and what the policy says.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use exeat_policy::{Decision, Effect, Facts, Setting, Subject, Unreadable, UnreadableKind, Verb};
use exeat_sql::{Said, Transaction};

use super::code::Code;
use super::reading::{LONG, Reading, Understood};
use crate::analysis::{BEFORE, Judgeable, ServerError};
use crate::disclosure::Sight;

/// How long a verdict, or the decision on a statement, is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stands {
    /// As long as the scope of this number is the session's.
    In(u64),
    /// For once: it is made anew when it is asked for.
    Once,
}

/// A text and the verdict on it.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) stands: Stands,
    /// The text as it came.
    pub(crate) sql: Arc<[u8]>,
    /// The text to forward, where comments had to be blanked. Same length.
    pub(crate) blanked: Option<Arc<[u8]>>,
    /// Its statements in order, empty ones left out.
    pub(crate) statements: Vec<Judged>,
}

/// One statement, judged.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// How long `decision` is good for.
    pub(crate) stands: Stands,
    pub(crate) subject: Subject,
    /// Its bytes within the message.
    pub(crate) range: Range<usize>,
    /// Its text for the record: secrets taken out.
    pub(crate) text: Arc<str>,
    /// The name that PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH or CLOSE names; `None` also for ALL.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) decision: Arc<Decision>,
    /// What its result may come from, where PostgreSQL was asked.
    pub(crate) judgeable: Option<Arc<Judgeable>>,
    /// PostgreSQL's own refusal.
    pub(crate) rejection: Option<Arc<Rejection>>,
    /// What the client may see of the server's messages about it.
    pub(crate) sight: Sight,
    /// When it may run code that is not PostgreSQL's own.
    pub(crate) code: Code,
    /// It rests on values of the text itself: no other text shares it.
    pub(super) by_text: bool,
    /// It can be judged only when those before it in the message have run.
    pub(super) waits: bool,
    /// What its words say.
    pub(crate) said: Said,
    /// Where in the message it names a prepared statement or cursor.
    pub(crate) name_at: Option<Range<usize>>,
}

/// An error of PostgreSQL about a part of a message.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) error: Arc<ServerError>,
    /// So many characters of the message come before the part that was asked about; `None` where that was
    /// asked about without its long strings, and a place in it is none in the message.
    before: Option<usize>,
    /// So many characters of what was asked stand before the message.
    ahead: usize,
}

impl Rejection {
    /// An error about this part of a message.
    pub(super) fn of(error: &Arc<ServerError>, message: &str, asked: &Range<usize>) -> Self {
        let before = message.get(..asked.start).unwrap_or_default();
        Self {
            error: Arc::clone(error),
            before: (asked.len() <= LONG).then(|| before.chars().count()),
            ahead: 0,
        }
    }

    /// An error of the grammar about a whole message, which stood behind other text.
    pub(super) fn of_grammar(error: &Arc<ServerError>) -> Self {
        Self {
            error: Arc::clone(error),
            before: Some(0),
            ahead: BEFORE.len(),
        }
    }

    /// Whether the message does not even parse: none of its statements runs.
    pub(crate) fn is_of_grammar(&self) -> bool {
        self.error.is_of_grammar()
    }

    /// An error about a text that stands nowhere in the message.
    pub(super) fn of_equal(error: &Arc<ServerError>) -> Self {
        Self {
            error: Arc::clone(error),
            before: None,
            ahead: 0,
        }
    }

    /// The character of the message, counted from 1, that the error points to.
    pub(crate) fn position(&self) -> Option<usize> {
        let position: usize = self.error.field(b'P')?.parse().ok()?;
        (position + self.before?).checked_sub(self.ahead)
    }
}

/// A statement that a name stands for.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) verdict: Arc<Verdict>,
    /// Which statement of the verdict it is; `None` for an empty one.
    pub(crate) index: Option<usize>,
    /// The types that Parse gave to its parameters, four bytes each.
    pub(crate) types: Box<[u8]>,
}

impl Prepared {
    /// What its result may come from, where PostgreSQL was asked.
    pub(crate) fn judgeable(&self) -> Option<Arc<Judgeable>> {
        self.judged()?.judgeable.clone()
    }

    /// When it may run code that is not PostgreSQL's own.
    pub(crate) fn code(&self) -> Code {
        self.judged().map_or(Code::Never, |judged| judged.code)
    }

    /// Whether one of its parameters names a setting that it reads.
    pub(crate) fn reads_bound_setting(&self) -> bool {
        let facts = self.judged().and_then(Judged::facts);
        facts.is_some_and(|facts| facts.settings.iter().any(Setting::is_read_by_bind))
    }

    /// The statement, unless it is empty.
    pub(crate) fn judged(&self) -> Option<&Judged> {
        self.verdict.statements.get(self.index?)
    }
}

impl Judged {
    /// What is not even looked at: it may be anything.
    pub(super) fn unread(scope: u64, subject: Subject, decision: Arc<Decision>) -> Self {
        Self {
            stands: Stands::In(scope),
            subject,
            range: 0..0,
            text: "".into(),
            name: None,
            name_at: None,
            decision,
            judgeable: None,
            rejection: None,
            sight: Sight::ALL,
            code: Code::Early,
            by_text: true,
            waits: false,
            said: Said::UNREAD,
        }
    }

    pub(crate) fn facts(&self) -> Option<&Facts> {
        match &self.subject {
            Subject::Readable(facts) => Some(facts),
            Subject::Unreadable(_) => None,
        }
    }

    /// What it is; `None` where it could not be read: it may be anything, and passes where the policy
    /// lets everything pass.
    pub(crate) fn verb(&self) -> Option<Verb> {
        self.facts().map(|facts| facts.verb)
    }

    /// Whether a name that the catalog does not have is all that is wrong.
    pub(crate) fn is_unresolved(&self) -> bool {
        is_unresolved(&self.subject)
    }

    /// Whether PostgreSQL itself refuses it, when it comes to it: not for its grammar, for which no statement of
    /// the message runs.
    pub(crate) fn fails_by_itself(&self) -> bool {
        let rejection = self.rejection.as_ref();
        let looked_at = rejection.is_some_and(|rejection| !rejection.is_of_grammar());
        !self.is_allowed() && (self.is_unresolved() || looked_at)
    }

    /// Whether the message does not run because of it, whatever the others do.
    fn stops_the_message(&self) -> bool {
        !self.waits && !self.is_allowed() && !self.fails_by_itself()
    }

    /// Whether it is one of the statements that a failed transaction block still takes.
    pub(crate) fn ends_transaction(&self) -> bool {
        use Transaction::{Chains, Ends, RollsBackTo};
        self.verb() == Some(Verb::Transaction)
            && matches!(self.said.transaction, Some(Ends | Chains | RollsBackTo))
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.decision.effect == Effect::Allow
    }

    /// Whether it may run code that is not PostgreSQL's own.
    pub(crate) fn runs_code(&self) -> bool {
        self.code != Code::Never
    }

    /// Why it is not to be parsed and run in one, where it is not: what the checks of its constants make for
    /// the session alone would be what it reads itself, and nothing looks in between.
    pub(crate) fn is_run_too_early(&self) -> Option<&'static str> {
        (self.is_allowed() && self.code == Code::Parsed).then_some(
            "a statement that reads, with constants of rows or arrays that have checks of somebody's own, \
             or modifiers of types that somebody's own code reads: send it by Parse, Bind and Execute",
        )
    }
}

impl Verdict {
    /// A text that was read, with all that is known of its statements.
    pub(super) fn of(
        scope: u64,
        sql: &[u8],
        reading: &Reading<'_>,
        known: Vec<Understood>,
        decide: impl Fn(&Understood, bool) -> (Arc<Decision>, Sight, Code),
    ) -> Self {
        let text = reading.text();
        let mut statements = Vec::new();
        let mut code_before = false;
        for (index, (statement, known)) in reading.statements.iter().zip(known).enumerate() {
            if matches!(&known.subject, Subject::Readable(facts) if facts.verb == Verb::Empty) {
                continue;
            }
            let piece = text.get(statement.range.clone()).unwrap_or(text);
            // Parameters come later on.
            let constants = known.makes_checked && statement.said.has_constants;
            let parsed = constants || known.reads_modifiers;
            let (decision, sight, code) = decide(&known, parsed);
            let denied = decision.effect != Effect::Allow;
            let waits = reading.waits(index)
                || (denied && reading.is_of_the_message(index))
                || (code_before && reading.waits_for_code(index));
            let judged = Judged {
                stands: Stands::In(scope),
                range: statement.range.clone(),
                text: exeat_sql::redact(piece).into(),
                name: statement.prepared.clone(),
                decision,
                sight,
                code,
                subject: known.subject,
                judgeable: known.judgeable,
                rejection: known.rejection,
                by_text: known.by_text,
                waits,
                said: statement.said,
                name_at: statement.prepared_at.clone(),
            };
            // Nothing runs behind one that fails.
            code_before |=
                !judged.fails_by_itself() && (code != Code::Never || reading.runs_another(index));
            statements.push(judged);
        }
        let blanked = match exeat_sql::blank_comments(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(blanked) => Some(blanked.into_bytes().into()),
        };
        Self {
            stands: Stands::In(scope),
            sql: sql.into(),
            blanked,
            statements,
        }
    }

    /// The same verdict in another scope, where it stands as well.
    pub(super) fn in_scope(&self, scope: u64) -> Self {
        let stands = Stands::In(scope);
        let moved = |judged: &Judged| Judged {
            stands,
            ..judged.clone()
        };
        Self {
            stands,
            sql: Arc::clone(&self.sql),
            blanked: self.blanked.clone(),
            statements: self.statements.iter().map(moved).collect(),
        }
    }

    /// The same verdict for another text of the same template.
    pub(super) fn for_text(&self, sql: &[u8]) -> Option<Self> {
        let text = str::from_utf8(sql).ok()?;
        let [judged] = self.statements.as_slice() else {
            return None;
        };
        Some(Self {
            stands: self.stands,
            sql: sql.into(),
            blanked: None,
            statements: vec![Judged {
                text: exeat_sql::redact(trimmed(text)).into(),
                range: 0..sql.len(),
                ..judged.clone()
            }],
        })
    }

    /// The same without its text, for the texts of a template: [`Self::for_text`] gives each its own.
    pub(super) fn without_text(&self) -> Self {
        let bare = |judged: &Judged| Judged {
            text: "".into(),
            ..judged.clone()
        };
        Self {
            stands: self.stands,
            sql: Arc::default(),
            blanked: None,
            statements: self.statements.iter().map(bare).collect(),
        }
    }

    /// How many bytes it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        let blanked = self.blanked.as_ref().map_or(0, |blanked| blanked.len());
        let judged = |judged: &Judged| {
            let facts = judged.facts().map_or(0, Facts::weight);
            let columns = judged.judgeable.as_ref().map_or(0, |it| it.weight());
            512 + judged.text.len() + facts + columns
        };
        256 + self.sql.len() + blanked + self.statements.iter().map(judged).sum::<usize>()
    }

    /// A text that is not even looked at.
    pub(super) fn single(
        scope: u64,
        sql: &[u8],
        subject: Subject,
        decision: Arc<Decision>,
    ) -> Self {
        Self {
            stands: Stands::In(scope),
            sql: sql.into(),
            blanked: None,
            statements: vec![Judged::unread(scope, subject, decision)],
        }
    }

    /// Whether it is worth being kept: the answers are there, and the same for everybody.
    pub(super) fn lasts(&self) -> bool {
        let passing = |judged: &Judged| {
            let why = match &judged.subject {
                Subject::Unreadable(why) => why.kind,
                Subject::Readable(_) => return false,
            };
            matches!(why, UnreadableKind::Rejected | UnreadableKind::Unanswered)
        };
        !self.statements.iter().any(passing)
    }

    /// Whether a newer catalog could make it readable.
    pub(crate) fn is_unresolved(&self) -> bool {
        self.statements.iter().any(Judged::is_unresolved)
    }

    /// Whether what its statements do can be known only while they run one after the other, and none of them is
    /// denied.
    pub(crate) fn waits(&self) -> bool {
        self.statements.iter().any(|judged| judged.waits) && self.may_go_by_steps()
    }

    /// Whether none of its statements is denied.
    pub(crate) fn may_go_by_steps(&self) -> bool {
        !self.statements.iter().any(Judged::stops_the_message)
    }

    fn has_steps(&self) -> bool {
        let mut behind = self.statements.iter().skip(1);
        behind.any(|judged| judged.waits || judged.fails_by_itself())
    }

    /// The statement for which the message does not run, where others could be judged only while it runs, or fail
    /// by themselves.
    pub(crate) fn refused_in_any_case(&self) -> Option<&Judged> {
        let mut statements = self.statements.iter();
        statements
            .find(|judged| judged.stops_the_message())
            .filter(|_| self.has_steps())
    }

    /// Whether something stands behind a statement at which deferred triggers may run.
    pub(crate) fn goes_on_behind_an_end(&self) -> bool {
        let last = self.statements.len().saturating_sub(1);
        let mut before = self.statements.iter().take(last);
        before.any(|judged| fires_deferred(judged.verb()))
    }

    /// Where its statements stand in the text, and what each is to a transaction.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (Range<usize>, Option<Transaction>)> {
        let part = |judged: &Judged| (judged.range.clone(), judged.said.transaction);
        self.statements.iter().map(part)
    }

    /// The text as it is forwarded.
    pub(crate) fn forwarded(&self) -> &[u8] {
        self.blanked.as_deref().unwrap_or(&self.sql)
    }

    /// Whether the server may ask the client for COPY data.
    pub(crate) fn copies_in(&self) -> bool {
        self.statements
            .iter()
            .any(|judged| copies_in(judged.verb()))
    }

    /// Whether nobody knows what it is, nor how many statements.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self.statements.as_slice(), [judged] if judged.verb().is_none())
    }
}

/// Whether deferred triggers may run at a statement of this kind: the end of a transaction, SET CONSTRAINTS.
pub(crate) fn fires_deferred(verb: Option<Verb>) -> bool {
    matches!(verb, None | Some(Verb::Transaction | Verb::Set))
}

/// Whether the server may ask the client for data at a statement of this kind.
pub(crate) fn copies_in(verb: Option<Verb>) -> bool {
    matches!(verb, None | Some(Verb::CopyIn))
}

/// From the first token of the one statement to its last, as the reader's range of it.
fn trimmed(text: &str) -> &str {
    let blank = [' ', '\t', '\n', '\r', '\x0b', '\x0c', ';'];
    text.trim_matches(blank)
}

/// Whether a name that the catalog does not have is all that is wrong.
pub(super) fn is_unresolved(subject: &Subject) -> bool {
    matches!(subject, Subject::Unreadable(why) if why.kind.is_unresolved())
}

/// A subject that can't be read.
pub(crate) fn unreadable(kind: UnreadableKind, detail: &str) -> Subject {
    Subject::Unreadable(Arc::new(Unreadable {
        kind,
        detail: detail.into(),
        offset: None,
    }))
}

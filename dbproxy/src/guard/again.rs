//! A statement that is on its way, judged again: what it waits for in the server may take any time, and policy and
//! catalog change meanwhile.

use std::sync::Arc;

use exeat_policy::{
    Access, Decision, Effect, PolicySet, Request, Subject, UnreadableKind, Verb, evaluate,
};
use exeat_service::clock;
use exeat_sql::means_what_it_spells;

use super::mention::mentions;
use super::verdict::{Prepared, Stands, Verdict};
use super::{Answer, Asked, Guard};

/// What a statement on its way was let through by.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    policy: Arc<PolicySet>,
    subject: Subject,
    text: Arc<str>,
}

/// What is said now of a statement that was let through before.
#[derive(Debug)]
pub(crate) struct Overruled {
    pub(crate) request: Request,
    pub(crate) decision: Arc<Decision>,
    pub(crate) text: Arc<str>,
}

impl From<Answer> for Overruled {
    fn from(answer: Answer) -> Self {
        Self {
            request: answer.request,
            decision: answer.decision,
            text: answer.text,
        }
    }
}

/// What the names of a statement on its way meant when it was let through.
#[derive(Clone, Debug)]
pub(crate) struct Again {
    sent: Sent,
    /// What it names and runs: a prepared statement, a cursor.
    inner: Option<Arc<Prepared>>,
}

#[derive(Clone, Debug)]
enum Sent {
    /// One of the statements of a text.
    Within(Arc<Verdict>, usize),
    Prepared(Arc<Prepared>),
}

/// Whether rows, or words of the server that quote them, may come of a statement, or it writes rows that it reads.
/// Definitions that read none are left out: after them their own names mean something else.
fn gives_or_takes_rows(answer: &Answer) -> bool {
    let Some(verb) = answer.verb else {
        return false;
    };
    matches!(
        verb,
        Verb::Select
            | Verb::Insert
            | Verb::Update
            | Verb::Delete
            | Verb::Merge
            | Verb::CopyOut
            | Verb::Call
            | Verb::Explain
            | Verb::Execute
            | Verb::Declare
            | Verb::Fetch
    ) || reads_rows(&answer.request)
}

fn reads_rows(request: &Request) -> bool {
    let Request::Statement(statement) = request else {
        return false;
    };
    let Subject::Readable(facts) = &statement.subject else {
        return false;
    };
    let mut touched = facts.relations.iter().chain(&facts.behind);
    touched.any(|access| access.access == Access::Select)
}

impl Again {
    /// Of one of the statements of a text.
    pub(crate) fn within(verdict: &Arc<Verdict>, index: usize, answer: &Answer) -> Option<Self> {
        Self::of(Sent::Within(Arc::clone(verdict), index), answer)
    }

    /// Of a prepared statement.
    pub(crate) fn prepared(prepared: &Arc<Prepared>, answer: &Answer) -> Option<Self> {
        Self::of(Sent::Prepared(Arc::clone(prepared)), answer)
    }

    fn of(sent: Sent, answer: &Answer) -> Option<Self> {
        let inner = answer.inner.clone();
        gives_or_takes_rows(answer).then_some(Self { sent, inner })
    }

    fn outer(&self) -> &Verdict {
        match &self.sent {
            Sent::Within(verdict, _) => verdict,
            Sent::Prepared(prepared) => &prepared.verdict,
        }
    }
}

impl Guard {
    /// What a statement that is let through is let through by.
    pub(crate) fn passed(&self, answer: &Answer) -> Option<Passed> {
        let Request::Statement(statement) = &answer.request else {
            return None;
        };
        Some(Passed {
            policy: Arc::clone(&self.scope.policy),
            subject: statement.subject.clone(),
            text: Arc::clone(&answer.text),
        })
    }

    /// The denial of what was let through, by the policy that holds now; its names mean what they meant then.
    pub(crate) fn overruled(&mut self, passed: &Passed) -> Option<Overruled> {
        if Arc::ptr_eq(&self.scope().policy, &passed.policy) {
            return None;
        }
        let subject = passed.subject.clone();
        let request = self.standpoint().request(subject, None, clock::now());
        let decision = Arc::new(evaluate(&self.scope.policy, &request));
        let text = Arc::clone(&passed.text);
        (decision.effect != Effect::Allow).then_some(Overruled {
            request,
            decision,
            text,
        })
    }

    /// Whether a statement that was judged by this is judged alike now, without looking at it.
    pub(crate) fn still_stands(&mut self, again: &Again) -> bool {
        let scope = Stands::In(self.scope().id);
        let stands = |verdict: &Verdict| verdict.stands == scope && self.own_meets(&verdict.sql);
        stands(again.outer())
            && again
                .inner
                .as_ref()
                .is_none_or(|inner| stands(&inner.verdict))
    }

    /// Whether what the session sees for itself is what there is now, as far as a text can mean any of it: it can't
    /// look while it is busy.
    fn own_meets(&self, sql: &[u8]) -> bool {
        let Some(base) = self.own.outdated(&self.catalogs) else {
            return true;
        };
        let current = self.catalogs.current();
        let spelt = means_what_it_spells(sql);
        current.filter(|_| spelt).is_some_and(|current| {
            let means = |name: &str| mentions(sql, name);
            current.same_since(means).any(|version| version == base)
        })
    }

    /// Waits for what others have just defined, where the statement means something of it.
    pub(crate) fn is_being_defined(&self, again: &Again) -> Result<(), Asked> {
        self.others_define(&again.outer().sql)?;
        match &again.inner {
            Some(inner) => self.others_define(&inner.verdict.sql),
            None => Ok(()),
        }
    }

    /// What is said of it now. It counts as none of the role's statements.
    pub(crate) fn judged_again(&mut self, again: &Again) -> Result<Answer, Asked> {
        if self.own.outdated(&self.catalogs).is_some() {
            return Err(Asked::Own(Vec::new()));
        }
        let outer = match &again.sent {
            Sent::Prepared(prepared) => self.current(prepared)?,
            Sent::Within(verdict, index) => self.current(&Arc::new(Prepared {
                verdict: Arc::clone(verdict),
                index: Some(*index),
                types: Box::default(),
            }))?,
        };
        let inner = match &again.inner {
            Some(inner) => Some(self.current(inner)?),
            None => None,
        };
        let Some(outer) = outer.judged() else {
            let detail = "the statement is not what it was";
            let judged = self.refused(UnreadableKind::Unsupported, detail);
            return Ok(self.answer(&judged, None));
        };
        match inner.as_ref().and_then(|inner| inner.judged()) {
            Some(inner) => {
                let both = self.combined(outer, inner);
                Ok(self.answer(&both, None))
            }
            None => Ok(self.answer(outer, None)),
        }
    }
}

//! The questions of one session to PostgreSQL: what has to be asked, and what came of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::analysis::{Analyser, Outcome, Question};
use crate::relay::Pending;

/// What has to be found out before a text can be judged.
pub(crate) enum Asked {
    /// Nothing, but what other sessions have just defined has to be in the catalog.
    Others(Pending),
    /// Over a side connection.
    Aside(Vec<Question>),
    /// Over the session's own: only there is what the text names.
    Own(Vec<Question>),
}

/// What came of the questions of each statement of a text.
pub(super) struct Found {
    pub(super) outcomes: Vec<Vec<Outcome>>,
    /// The answers were made under the catalog that the scope has.
    pub(super) lasts: bool,
}

/// How long an answer stands for the text that it was asked for while the catalog changes: that text waits for it,
/// and would wait for ever where others define without end.
const STANDS: Duration = Duration::from_secs(2);

/// What came of a question, and when.
#[derive(Debug)]
struct Heard {
    question: Question,
    outcome: Outcome,
    when: Instant,
}

/// The questions of a session.
#[derive(Debug)]
pub(super) struct Asking {
    /// `None` where the server can't be asked.
    analyser: Option<Arc<Analyser>>,
    /// The identity that asks.
    who: Arc<str>,
    /// What came of the questions about the text that is looked at.
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Asking {
    pub(super) fn new(analyser: Option<Arc<Analyser>>, who: Arc<str>) -> Self {
        Self {
            analyser,
            who,
            heard: Arc::default(),
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.analyser.is_some()
    }

    /// What came of each statement's questions; or what has to be asked first. `own`: of a session that has
    /// defined things of its own; `transparent`: of a role for which nothing has to be known.
    pub(super) fn find(
        &self,
        questions: &[Vec<Question>],
        own: bool,
        transparent: bool,
    ) -> Result<Found, Asked> {
        let mut found = Found {
            outcomes: Vec::with_capacity(questions.len()),
            lasts: true,
        };
        let (mut aside, mut over_own) = (Vec::new(), Vec::new());
        for questions in questions {
            let mut outcomes = Vec::with_capacity(questions.len());
            for question in questions {
                let own = own && !question.is_about_syntax();
                match self.outcome(question, own) {
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
        self.forget();
        Ok(found)
    }

    /// What is known of a question, and whether that was found out under the same catalog. A session that
    /// has defined things of its own is not answered by what others see.
    fn outcome(&self, question: &Question, own: bool) -> Option<(Outcome, bool)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |heard: &&Heard| {
            let current = heard.question.version == question.version;
            heard.question.is_same(question) && (current || heard.when.elapsed() < STANDS)
        };
        if let Some(found) = heard.iter().rev().find(stands) {
            let current = found.question.version == question.version;
            return Some((found.outcome.clone(), current));
        }
        let keeps = !own && question.reaches.is_none();
        let analyser = self.analyser.as_ref().filter(|_| keeps)?;
        let known = analyser.known(question)?;
        Some((Outcome::Analysed(known), true))
    }

    /// Asks over a side connection.
    pub(super) fn aside(&self, questions: Vec<Question>) -> Pending {
        let (analyser, heard) = (self.analyser.clone(), Arc::clone(&self.heard));
        let who = Arc::clone(&self.who);
        Box::pin(async move {
            let Some(analyser) = analyser else { return };
            for question in questions {
                let outcome = analyser.answer(question.clone(), &who).await;
                hear(&heard, question, outcome);
            }
        })
    }

    /// What came of a question over the session's own connection.
    pub(super) fn heard(&self, question: Question, outcome: Outcome) {
        hear(&self.heard, question, outcome);
    }

    /// The text is judged: its answers are of no use for another one.
    fn forget(&self) {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn hear(heard: &Mutex<Vec<Heard>>, question: Question, outcome: Outcome) {
    let when = Instant::now();
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.push(Heard {
        question,
        outcome,
        when,
    });
}

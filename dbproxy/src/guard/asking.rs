//! The questions of one session to PostgreSQL: what has to be asked, and what came of it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::analysis::{Analyser, Outcome, Question};
use crate::relay::Pending;

/// What has to be found out before a text can be judged.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Over a side connection.
    Aside(Vec<Question>),
    /// Over the session's own: only there is what the text names.
    Own(Vec<Question>),
}

type Heard = Vec<(Question, Outcome)>;

/// The questions of a session.
#[derive(Debug)]
pub(super) struct Asking {
    /// `None` where the server can't be asked.
    analyser: Option<Arc<Analyser>>,
    /// The identity that asks.
    who: Arc<str>,
    /// What came of the questions about the text that is looked at.
    heard: Arc<Mutex<Heard>>,
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

    /// What is known of a question, and whether that was found out under the same catalog. A session that
    /// has defined things of its own is not answered by what others see.
    pub(super) fn outcome(&self, question: &Question, own: bool) -> Option<(Outcome, bool)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(known, _): &&(Question, Outcome)| known.is_same(question);
        if let Some((known, outcome)) = heard.iter().rev().find(same) {
            return Some((outcome.clone(), known.version == question.version));
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
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push((question, outcome));
            }
        })
    }

    /// What came of a question over the session's own connection.
    pub(super) fn heard(&self, question: Question, outcome: Outcome) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((question, outcome));
    }

    /// The text is judged: its answers are of no use for another one.
    pub(super) fn forget(&self) {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

//! What a statement reaches that says CASCADE: what has to be asked, and the facts with the answer.
//!
//! A reach that is not known makes a refusal.

use std::sync::Arc;

use exeat_policy::{Access, Facts, Subject, UnreadableKind, Verb};
use exeat_sql::Statement;

use super::{Reading, Understood};
use crate::analysis::{self, Outcome, Question, Reach};
use crate::guard::join::beyond;
use crate::guard::verdict::unreadable;

const BEHIND_ANOTHER: &str = "what CASCADE reaches is not known behind another definition in one message: \
                              send the statement on its own";

impl Reading<'_> {
    /// The question what a statement reaches.
    pub(in crate::guard) fn reach(
        &self,
        statement: &Statement,
        search_path: &[Arc<str>],
    ) -> Option<Question> {
        let Some((facts, Reach::Ask(text))) = self.reaches(statement, search_path) else {
            return None;
        };
        let access = match facts.verb {
            Verb::Truncate => Access::Truncate,
            _ => Access::Define,
        };
        Some(Question::about_reach(text, access))
    }

    fn reaches<'r>(
        &self,
        statement: &'r Statement,
        search_path: &[Arc<str>],
    ) -> Option<(&'r Facts, Reach)> {
        let Subject::Readable(facts) = &statement.subject else {
            return None;
        };
        if !statement.cascades {
            return None;
        }
        // It is looked up before any statement of the message runs.
        let hidden = self
            .statements
            .iter()
            .filter(|other| other.range.end <= statement.range.start)
            .any(|other| changes_reach(&other.subject, facts.verb));
        if hidden {
            return Some((facts, Reach::Unknown(BEHIND_ANOTHER)));
        }
        let text = self.text.get(statement.range.clone()).unwrap_or_default();
        Some((facts, analysis::reach(facts, text, search_path)))
    }

    /// What is known of a statement together with what it reaches.
    pub(in crate::guard) fn known_with_reach(
        &self,
        statement: &Statement,
        outcomes: &[Outcome],
        search_path: &[Arc<str>],
    ) -> Understood {
        let unanswered = |why: &str| Understood::of(unreadable(UnreadableKind::Unanswered, why));
        match self.reaches(statement, search_path) {
            None | Some((_, Reach::Nothing)) => self.known(statement, outcomes, false),
            Some((_, Reach::Unknown(why))) => unanswered(why),
            Some((_, Reach::Ask(_))) => match outcomes.split_last() {
                Some((Outcome::Reached(reached), others)) => {
                    let mut known = self.known(statement, others, false);
                    if let Subject::Readable(facts) = &known.subject {
                        known.subject = Subject::Readable(Arc::new(beyond(facts, reached)));
                    }
                    known
                }
                Some((Outcome::Rejected(error), _)) if error.is_of_failed_block() => {
                    self.rejected(error, &statement.range)
                }
                Some((Outcome::Unknown(why), _)) => unanswered(why),
                _ => unanswered("the database can't be asked what CASCADE reaches"),
            },
        }
    }
}

/// Whether a statement may change what a later one of the same message reaches. What it makes itself it is
/// judged for, and may drop; but another name or another foreign key is another reach.
fn changes_reach(earlier: &Subject, later: Verb) -> bool {
    let Subject::Readable(earlier) = earlier else {
        return false;
    };
    let harmless: &[&str] = match later {
        Verb::Truncate => &["drop "],
        _ => &["drop ", "create "],
    };
    let is_harmless = harmless
        .iter()
        .any(|start| earlier.label.starts_with(start));
    earlier.verb == Verb::Define && !is_harmless
}

#[cfg(test)]
mod tests;

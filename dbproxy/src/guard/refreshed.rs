//! What REFRESH MATERIALIZED VIEW runs: the query that the view was made with, which nothing shows but the database's
//! dependencies.
//!
//! Pure. It is asked only for a role of which something is denied: no rule has to allow what the view's owner has
//! written. Where the answer is missing, so is the right.

use std::sync::Arc;

use exeat_policy::{Access, DatabaseGrant, Facts, Subject, UnreadableKind};
use exeat_sql::Statement;

use super::reading::{Reading, Understood, is_refresh};
use super::standpoint::Standpoint;
use super::verdict::unreadable;
use crate::analysis::{self, Outcome, Question};

impl Standpoint<'_> {
    /// The question which functions a refresh runs.
    pub(super) fn refresh(&self, statement: &Statement) -> Option<Question> {
        let Subject::Readable(facts) = &statement.subject else {
            return None;
        };
        let text = || analysis::refreshed(facts, self.search_path);
        self.asks_about_refresh(statement)
            .then(|| Question::about_reach(text(), Access::Maintain))
    }

    pub(super) fn asks_about_refresh(&self, statement: &Statement) -> bool {
        self.asks
            && is_refresh(statement)
            && self.grant().is_some_and(DatabaseGrant::denies_something)
    }

    /// What is known of a refresh together with the functions that it runs.
    pub(super) fn known_with_refresh(
        &self,
        reading: &Reading<'_>,
        statement: &Statement,
        outcomes: &[Outcome],
    ) -> Understood {
        let mut known = reading.known(statement, &[], false);
        let unanswered = |why: &str| unreadable(UnreadableKind::Unanswered, why);
        known.subject = match (&known.subject, outcomes) {
            (Subject::Readable(facts), [Outcome::Reached(reached)]) => {
                let mut facts = Facts::clone(facts);
                facts.add_behind_functions(reached.functions.iter().cloned());
                Subject::Readable(Arc::new(facts))
            }
            (_, [Outcome::Rejected(error)]) if error.is_of_failed_block() => {
                return reading.rejected(error, &statement.range);
            }
            (_, [Outcome::Unknown(why)]) => unanswered(why),
            _ => unanswered("the database can't be asked what the view's query calls"),
        };
        known
    }
}

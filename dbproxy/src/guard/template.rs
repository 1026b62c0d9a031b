//! Texts that differ in plain literals only: one verdict serves them all.
//!
//! Sound because no fact of a SELECT, INSERT, UPDATE or DELETE depends on a literal, and because
//! [`exeat_sql::template_into`] takes out only what there is no doubt about.

use exeat_policy::{Subject, Verb};

use super::verdict::Verdict;

/// The text with its plain literals taken out; `None` where it has none, or where one can't be sure.
pub(super) fn template(sql: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(sql).ok()?;
    let mut template = Vec::with_capacity(sql.len());
    (exeat_sql::template_into(text, &mut template) && template != sql).then_some(template)
}

/// Whether the verdict on one text of a template is the verdict on all.
pub(super) fn serves_all(verdict: &Verdict) -> bool {
    let [judged] = verdict.statements.as_slice() else {
        return false;
    };
    let Subject::Readable(facts) = &judged.subject else {
        return false;
    };
    verdict.blanked.is_none()
        && facts.settings.is_empty()
        && matches!(
            facts.verb,
            Verb::Select | Verb::Insert | Verb::Update | Verb::Delete
        )
}

#[cfg(test)]
mod tests;

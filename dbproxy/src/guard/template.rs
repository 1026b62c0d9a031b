//! Texts that differ in plain literals only: one verdict serves them all.
//!
//! Sound because no fact of a SELECT, INSERT, UPDATE or DELETE depends on a literal, and because
//! [`exeat_sql::template_into`] takes out only what there is no doubt about.

use std::borrow::Cow;

use exeat_policy::{Subject, Verb};

use super::verdict::Verdict;

/// What verdicts are found by: the text and the types of its parameters.
pub(super) struct Key<'s> {
    /// Of the texts that one verdict serves; `None` where one can't be sure.
    pub(super) shared: Option<Vec<u8>>,
    /// Of this text alone.
    pub(super) own: Cow<'s, [u8]>,
}

/// Between a text and the types of its parameters: no byte of UTF-8.
const TYPES: u8 = 0xff;

impl<'s> Key<'s> {
    pub(super) fn of(sql: &'s [u8], types: &[u8]) -> Self {
        let mut shared = template(sql);
        let mut own = Cow::Borrowed(sql);
        // The types choose among functions of one name. All unknown is as good as none.
        if types.iter().any(|byte| *byte != 0) {
            for key in shared.iter_mut().chain([own.to_mut()]) {
                key.push(TYPES);
                key.extend_from_slice(types);
            }
        }
        Self { shared, own }
    }
}

/// The text with its plain literals taken out; `None` where it has none, or where one can't be sure.
fn template(sql: &[u8]) -> Option<Vec<u8>> {
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

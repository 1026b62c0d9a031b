//! Texts that differ in plain literals only: one verdict serves them all.
//!
//! Sound because a verdict that rests on values (`by_text`) serves its own text alone, and because
//! [`exeat_sql::template_into`] takes out only what there is no doubt about.

use std::borrow::Cow;

use exeat_policy::{Subject, Verb};
use smallvec::SmallVec;

use super::verdict::Verdict;
use crate::catalog::FIRST_NORMAL_OID;

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
        // The types choose among functions of one name. All unknown is as good as none.
        if types.iter().all(|byte| *byte == 0) {
            return Self {
                shared: template(sql, &[]),
                own: Cow::Borrowed(sql),
            };
        }
        let mut own = sql.to_vec();
        own.push(TYPES);
        own.extend_from_slice(types);
        let oids = oids(types);
        // A parameter that the text does not use is made all the same.
        let plain = oids.iter().all(|oid| *oid < FIRST_NORMAL_OID);
        Self {
            shared: template(sql, &oids).filter(|_| plain),
            own: Cow::Owned(own),
        }
    }
}

/// The types of parameters as numbers.
pub(super) fn oids(types: &[u8]) -> SmallVec<[u32; 16]> {
    let oids = types.as_chunks::<4>().0;
    oids.iter().map(|oid| u32::from_be_bytes(*oid)).collect()
}

/// The text with its plain literals taken out and the types put in; `None` where it is its own, or where
/// one can't be sure.
fn template(sql: &[u8], types: &[u32]) -> Option<Vec<u8>> {
    let text = str::from_utf8(sql).ok()?;
    let mut template = Vec::with_capacity(sql.len());
    let found = exeat_sql::template_into(text, types, &mut template);
    (found && template != sql).then_some(template)
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
        && !judged.by_text
        && facts.settings.is_empty()
        && matches!(
            facts.verb,
            Verb::Select | Verb::Insert | Verb::Update | Verb::Delete
        )
}

#[cfg(test)]
mod tests;

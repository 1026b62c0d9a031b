//! Texts that differ in nothing but whole numbers: one verdict serves them all.
//!
//! Sound because no fact of a SELECT, INSERT, UPDATE or DELETE depends on a number, and because a text
//! is only taken for a template where there is no doubt about where its strings and names end: no
//! comment, no backslash, no dollar sign. Everything but the numbers is part of the template.

use exeat_policy::{Subject, Verb};
use smallvec::SmallVec;

use super::verdict::Verdict;

/// What stands for a number: no byte of UTF-8.
const NUMBER: u8 = 0xff;

/// The text with its whole numbers taken out; `None` where it has none, or where one can't be sure.
pub(super) fn template(sql: &[u8]) -> Option<SmallVec<[u8; 256]>> {
    let mut template = SmallVec::new();
    let mut found = false;
    let mut quote = None;
    let mut before = b' ';
    let mut rest = sql;
    while let Some((&byte, after)) = rest.split_first() {
        let next = after.first().copied().unwrap_or(b' ');
        match (byte, next) {
            (b'\\' | b'$' | 0 | NUMBER, _) => return None,
            // Within quotes these say nothing; outside they begin a comment. Refused in both, simply.
            (b'-', b'-') | (b'/', b'*') => return None,
            _ => {}
        }
        match quote {
            Some(end) if byte == end => quote = None,
            Some(_) => {}
            None if matches!(byte, b'\'' | b'"') => quote = Some(byte),
            None if byte.is_ascii_digit() && !joins(before) => {
                let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let (_, behind) = rest.split_at(length);
                if !joins(behind.first().copied().unwrap_or(b' ')) {
                    template.push(NUMBER);
                    found = true;
                    before = b'0';
                    rest = behind;
                    continue;
                }
            }
            None => {}
        }
        template.push(byte);
        before = byte;
        rest = after;
    }
    (found && quote.is_none()).then_some(template)
}

/// Whether a byte beside digits makes them a part of something else than a whole number.
fn joins(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'.' | b'\'' | b'"' | b'&')
        || byte >= 0x80
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

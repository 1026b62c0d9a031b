//! Modifiers of types, as in `t(3)`: PostgreSQL has the type's owner read them while it looks at a text, wherever it
//! says some: in casts, definitions and signatures, and in strings that become types.
//!
//! Pure. It must never take a doubt for a no.

use std::sync::Arc;

use exeat_policy::{Facts, Name, Subject};

use super::standpoint::Standpoint;

/// Functions that take the name of a type, or of something with types in its signature, as a string. (A cast to
/// `regtype` and its kin counts as the function that does the same.)
const TAKE_NAMES: [&str; 9] = [
    "has_function_privilege",
    "has_type_privilege",
    "pg_get_object_address",
    "pg_input_error_info",
    "pg_input_is_valid",
    "to_regoperator",
    "to_regprocedure",
    "to_regtype",
    "to_regtypemod",
];

/// PostgreSQL cuts longer names off.
const LONGEST: usize = 60;

impl Standpoint<'_> {
    /// The functions that read the modifiers which a statement may say.
    pub(super) fn modifiers(&self, facts: &Facts, text: &str) -> Vec<Name> {
        let objects = self.snapshot.map(|snapshot| &snapshot.objects);
        let Some(objects) = objects.filter(|objects| objects.has_modifiers()) else {
            return Vec::new();
        };
        let takes = |name: &Name| TAKE_NAMES.contains(&&*name.name);
        let any = has_escapes(text) || facts.functions.iter().any(takes);
        self.names_of(&objects.modifiers(|name| any || may_modify(text, name)))
    }

    /// The facts together with these; `None` where there are none.
    pub(super) fn with_modifiers(&self, subject: &Subject, text: &str) -> Option<Subject> {
        let Subject::Readable(facts) = subject else {
            return None;
        };
        let functions = self.modifiers(facts, text);
        if functions.is_empty() {
            return None;
        }
        let mut facts = Facts::clone(facts);
        facts.add_functions(functions);
        Some(Subject::Readable(Arc::new(facts)))
    }
}

/// Whether a text may spell a name otherwise than by its letters.
fn has_escapes(text: &str) -> bool {
    let two = |two: &[u8]| {
        text.as_bytes()
            .windows(2)
            .any(|at| at.eq_ignore_ascii_case(two))
    };
    two(b"u&") || (two(b"e'") && text.contains('\\'))
}

/// Whether a text may say a modifier of a type of this name: there it stands before a bracket, with nothing between
/// them but the end of a quoted name, of a string or a comment.
fn may_modify(text: &str, name: &str) -> bool {
    if name.len() >= LONGEST || name.contains(['"', '\'']) {
        return true;
    }
    let (text, name) = (text.as_bytes(), name.as_bytes());
    let stands = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let spelled = rest.get(..name.len());
        let behind = rest.get(name.len()..).unwrap_or_default().iter();
        let next = behind
            .copied()
            .find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | 0x0b));
        spelled.is_some_and(|part| part.eq_ignore_ascii_case(name))
            && matches!(next, Some(b'(' | b'\'' | b'/' | b'-'))
    };
    (0..text.len()).any(stands)
}

#[cfg(test)]
mod tests;

//! Modifiers of types, as in `t(3)`: PostgreSQL has the type's owner read them while it looks at a text, wherever it
//! says some: in casts, definitions and signatures, and in strings that become types.
//!
//! Pure. It must never take a doubt for a no: where a string may become a type by a value of a row, an array, a domain
//! or JSON, or by one that comes later, it may say any of them.

use std::sync::Arc;

use exeat_policy::{Confirmation, Effect, Facts, Name, Subject, Verb};
use exeat_sql::Statement;

use super::reading::Reading;
use super::standpoint::Standpoint;
use crate::catalog::Objects;

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
        let any = has_escapes(text)
            || facts.functions.iter().any(takes)
            || makes_values(facts, text) && objects.hold_type_names(types_of(facts, objects));
        self.names_of(&objects.modifiers(|name| any || may_modify(text, name)))
    }

    /// The facts together with these; `None` where there are none. `any`: it may say any.
    pub(super) fn with_modifiers(
        &self,
        subject: &Subject,
        text: &str,
        any: bool,
    ) -> Option<Subject> {
        let Subject::Readable(facts) = subject else {
            return None;
        };
        let functions = match any {
            true => self.any_modifiers(),
            false => self.modifiers(facts, text),
        };
        if functions.is_empty() {
            return None;
        }
        let mut facts = Facts::clone(facts);
        facts.add_functions(functions);
        Some(Subject::Readable(Arc::new(facts)))
    }

    /// The functions that read modifiers where values of these types come with Bind.
    pub(super) fn modifiers_of_bound(&self, types: &[u32]) -> Vec<Name> {
        let objects = self.snapshot.map(|snapshot| &snapshot.objects);
        match objects.is_some_and(|objects| objects.hold_type_names(types.iter().copied())) {
            true => self.any_modifiers(),
            false => Vec::new(),
        }
    }

    /// Whether a statement of this message may say modifiers by the types that it declares, or that only PostgreSQL
    /// has resolved.
    pub(super) fn may_say_any(&self, statement: &Statement, message: &str) -> bool {
        let declared = statement.declared.iter();
        let mut declared = declared.filter_map(|range| message.get(range.clone()));
        let objects = self.snapshot.map(|snapshot| &snapshot.objects);
        declared.any(may_take_names)
            || objects.is_some_and(|objects| leaves_open(statement, objects))
    }

    /// Has PostgreSQL asked about no statement with types that have no schema there, and that hold names of types,
    /// where what reads modifiers may not be called: it is denied for that.
    pub(super) fn refuse_modifiers(&self, reading: &mut Reading<'_>) {
        let objects = self.snapshot.map(|snapshot| &snapshot.objects);
        let Some(objects) = objects.filter(|objects| objects.has_modifiers()) else {
            return;
        };
        for statement in &mut reading.statements {
            let asked = !statement.questions.is_empty() || !statement.equal.is_empty();
            if !asked || !leaves_open(statement, objects) {
                continue;
            }
            let Subject::Readable(facts) = &statement.subject else {
                continue;
            };
            let functions = self.any_modifiers();
            let call = Facts {
                functions: functions.clone(),
                confirmation: Confirmation::Analysed,
                ..Facts::nothing(Verb::Select, Arc::clone(&facts.label))
            };
            if self.evaluate(Subject::Readable(Arc::new(call))).effect == Effect::Allow {
                continue;
            }
            let mut facts = Facts::clone(facts);
            facts.add_functions(functions);
            statement.subject = Subject::Readable(Arc::new(facts));
            statement.questions.clear();
            statement.equal.clear();
        }
    }

    fn any_modifiers(&self) -> Vec<Name> {
        let objects = self.snapshot.map(|snapshot| &snapshot.objects);
        objects.map_or_else(Vec::new, |objects| {
            self.names_of(&objects.modifiers(|_| true))
        })
    }
}

/// Whether a statement makes values of strings, now or when it is executed.
fn makes_values(facts: &Facts, text: &str) -> bool {
    facts.verb == Verb::CopyIn || facts.verb == Verb::Prepare || text.contains(['\'', '$'])
}

/// Whether a statement has values of types that have no schema there, and that hold names of types.
fn leaves_open(statement: &Statement, objects: &Objects) -> bool {
    statement.said.has_constants
        && objects.has_modifiers()
        && objects.hold_type_names(named(&statement.types, objects))
}

/// Whether the type of a parameter, as a statement declares it, may be one that takes the name of another.
fn may_take_names(declared: &str) -> bool {
    declared.contains('"') || declared.to_ascii_lowercase().contains("reg")
}

/// The types that its values may have: those that it names, of the columns of all that it touches or names, and of
/// what it calls, whichever of a name.
fn types_of(facts: &Facts, objects: &Objects) -> Vec<u32> {
    let touched = facts.relations.iter().chain(&facts.behind);
    let touched = touched.map(|access| &access.relation);
    let known = touched.chain(&facts.types).filter_map(|name| {
        let oid = objects.oid_of(name)?;
        objects.relation(oid)
    });
    let columns = known.flat_map(|known| known.columns.iter().map(|(_, _, of)| *of));
    let operands = objects.operand_types(&facts.functions, &facts.operators);
    let named = named(&facts.types, objects);
    columns.chain(operands).chain(named).collect()
}

/// The types of these names, in whichever schema where it says none.
fn named<'o>(names: &'o [Name], objects: &'o Objects) -> impl Iterator<Item = u32> + 'o {
    names.iter().flat_map(|name| objects.types_named(name))
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

//! What runs without being named: functions that a statement reaches and PostgreSQL shows nothing of.
//!
//! COPY and definitions have no query tree; and to make a constant of a row or an array, which PostgreSQL does
//! where it only looks at a statement, the checks of the domains within are run. It must never have PostgreSQL
//! look at a constant whose checks the role may not call.

use std::collections::BTreeSet;
use std::sync::Arc;

use exeat_policy::{
    Access, Columns, Confirmation, Effect, Facts, Name, RelationAccess, Subject, Verb,
};
use exeat_sql::Statement;

use super::reading::Reading;
use super::sight::defined;
use super::standpoint::Standpoint;
use crate::catalog::{KnownRelation, Objects};

impl Standpoint<'_> {
    /// Has PostgreSQL asked about no statement that makes values by functions which the role may not call:
    /// it is denied for them.
    pub(super) fn refuse_constants(&self, reading: &mut Reading<'_>) {
        let text = reading.text();
        for statement in &mut reading.statements {
            let piece = text.get(statement.range.clone()).unwrap_or(text);
            if let Some(functions) = self.forbidden_checks(statement, piece)
                && let Subject::Readable(facts) = &statement.subject
            {
                statement.subject = with_functions(facts, functions);
                statement.questions.clear();
                statement.equal.clear();
            }
        }
    }

    fn forbidden_checks(&self, statement: &Statement, text: &str) -> Option<Vec<Name>> {
        let Subject::Readable(facts) = &statement.subject else {
            return None;
        };
        let objects = &self.snapshot?.objects;
        let asked = !statement.questions.is_empty() || !statement.equal.is_empty();
        let named = facts.types.iter().chain(&statement.types);
        let types: BTreeSet<u32> = named.flat_map(|name| objects.types_named(name)).collect();
        let mut functions = self.checks(types);
        functions.extend(self.modifiers(facts, text));
        // A string becomes a value of the column that it is written to, or of whatever it stands beside.
        if asked && objects.has_checks() && statement.said.has_constants {
            functions.extend(self.names_of(&objects.checks_of_constants(assigned(facts, objects))));
            if may_hold_a_row(text) {
                let met = met(facts, objects, text);
                functions.extend(self.names_of(&objects.checks_of_constants(met)));
            }
        }
        if !asked || functions.is_empty() {
            return None;
        }
        let call = Facts {
            functions: functions.clone(),
            confirmation: Confirmation::Analysed,
            ..Facts::nothing(Verb::Select, Arc::clone(&facts.label))
        };
        let denied =
            |call| self.evaluate(Subject::Readable(Arc::new(call))).effect != Effect::Allow;
        denied(call).then_some(functions)
    }

    /// The facts together with what the planner may run of what is kept with the tables, and whatever PostgreSQL
    /// may run for values of their columns, with what maintenance and definitions run for the rows that they read,
    /// check and write anew; `None` where nothing does. Indexes, constraints, keys and triggers'
    /// conditions are their owner's: deny rules hold for their functions, and no rule has to allow them.
    pub(super) fn with_plans(&self, subject: &Subject) -> Option<Subject> {
        let (Subject::Readable(facts), Some(snapshot)) = (subject, self.snapshot) else {
            return None;
        };
        let objects = &snapshot.objects;
        let plans = |access: &&RelationAccess| {
            matches!(
                access.access,
                Access::Select | Access::Insert | Access::Update | Access::Delete
            )
        };
        let touched = || facts.relations.iter().chain(&facts.behind);
        let mut names: BTreeSet<&Name> = touched()
            .filter(plans)
            .map(|access| &access.relation)
            .collect();
        let looked_at = looked_at(facts, objects);
        let looked_at: BTreeSet<&Name> = looked_at.iter().map(|known| &known.name).collect();
        names.extend(&looked_at);
        let mut oids = objects.planned(&names);
        if facts.verb == Verb::Define {
            oids.extend(objects.written(&looked_at));
        }
        let writes = |access: &&RelationAccess| {
            matches!(
                access.access,
                Access::Insert | Access::Update | Access::Delete | Access::Truncate
            )
        };
        let written = touched().filter(writes).map(|access| &access.relation);
        oids.extend(objects.conditions(&written.collect()));
        if objects.has_implied() {
            let kept = names.iter().filter_map(|name| objects.oid_of(name));
            let kept = kept.filter_map(|oid| objects.relation(oid));
            let types = kept.flat_map(|known| known.columns.iter().map(|(_, _, of)| *of));
            oids.extend(objects.implied(types));
        }
        let names = self.names_of(&oids);
        let new =
            |name: &Name| !facts.functions.contains(name) && !facts.behind_functions.contains(name);
        if !names.iter().any(new) {
            return None;
        }
        let mut facts = Facts::clone(facts);
        facts.add_behind_functions(names);
        Some(Subject::Readable(Arc::new(facts)))
    }

    /// The facts together with what COPY runs for the columns that it fills, a definition for the types that
    /// it names or changes, and what is run for the rows that are written. `makes_values`: see [`exeat_sql::Said`].
    pub(super) fn with_unnamed(&self, subject: Subject, makes_values: bool) -> Subject {
        let (Subject::Readable(facts), Some(snapshot)) = (&subject, self.snapshot) else {
            return subject;
        };
        let objects = &snapshot.objects;
        let mut oids = match facts.verb {
            Verb::CopyIn => objects.checks(filled(facts, objects)),
            Verb::Define if makes_values => {
                let named: BTreeSet<u32> = named(facts, objects).collect();
                let changed = columns_of(facts, Access::Define, objects);
                let mut oids = objects.casts(named.iter().copied().chain(changed));
                oids.extend(objects.checks(named));
                oids.extend(objects.casts_between_built_in());
                oids
            }
            // PostgreSQL shows nothing of the values that a procedure gets.
            Verb::Call => objects.checks(
                objects
                    .operand_types(&facts.functions, &facts.operators)
                    .into_iter()
                    .chain(named(facts, objects)),
            ),
            Verb::Maintain => return subject,
            _ => BTreeSet::new(),
        };
        if facts.verb != Verb::Define {
            oids.extend(written(facts, objects));
        }
        let names = self.names_of(&oids);
        // Where PostgreSQL was asked it has shown which functions are meant.
        let behind = match facts.confirmation {
            Confirmation::Analysed => Vec::new(),
            _ => self.names_of(&objects.arguments_of(&facts.functions)),
        };
        if names.is_empty() && behind.is_empty() {
            return subject;
        }
        let mut facts = Facts::clone(facts);
        facts.add_functions(names);
        facts.add_behind_functions(behind);
        Subject::Readable(Arc::new(facts))
    }
}

/// The relations whose rows maintenance reads or a definition may check or write anew, with their parts.
fn looked_at<'o>(facts: &Facts, objects: &'o Objects) -> Vec<&'o Arc<KnownRelation>> {
    const REWRITING: [&str; 4] = [
        "alter table",
        "alter materialized view",
        "create index",
        "create table",
    ];
    let looks = match facts.verb {
        Verb::Maintain => true,
        Verb::Define => REWRITING.contains(&&*facts.label),
        _ => false,
    };
    if !looks {
        return Vec::new();
    }
    let oids = objects.with_parts(defined(facts, objects)).into_iter();
    oids.filter_map(|oid| objects.relation(oid)).collect()
}

/// The types that a statement names, in whichever schema where it says none.
fn named<'o>(facts: &'o Facts, objects: &'o Objects) -> impl Iterator<Item = u32> + 'o {
    facts
        .types
        .iter()
        .flat_map(|name| objects.types_named(name))
}

fn with_functions(facts: &Facts, functions: Vec<Name>) -> Subject {
    let mut facts = Facts::clone(facts);
    facts.add_functions(functions);
    Subject::Readable(Arc::new(facts))
}

fn known<'o>(access: &RelationAccess, objects: &'o Objects) -> Option<&'o Arc<KnownRelation>> {
    objects.relation(objects.oid_of(&access.relation)?)
}

/// The functions that PostgreSQL calls with the caller's rights for the rows that a statement writes, and
/// shows nothing of: in constraints and generated columns, those of the parts of a table among them.
fn written(facts: &Facts, objects: &Objects) -> BTreeSet<u32> {
    let writes = |access: &&RelationAccess| match access.access {
        Access::Insert => true,
        // Rows that are only locked are written in no column.
        Access::Update => access.columns != Columns::Named(BTreeSet::new()),
        _ => false,
    };
    let touched = facts.relations.iter().chain(&facts.behind).filter(writes);
    let mut functions = objects.written(&touched.clone().map(|access| &access.relation).collect());
    let filled = touched.filter(|access| access.access == Access::Insert);
    for known in filled.filter_map(|access| known(access, objects)) {
        functions.extend(objects.left_out(known));
    }
    functions
}

/// The types of the columns that are filled.
fn filled(facts: &Facts, objects: &Objects) -> Vec<u32> {
    types_of(facts, objects, |access| access == Access::Insert)
}

/// The types of the columns that are filled or changed.
fn assigned(facts: &Facts, objects: &Objects) -> Vec<u32> {
    types_of(facts, objects, |access| {
        matches!(access, Access::Insert | Access::Update)
    })
}

/// The types of whatever a constant may stand beside: the columns of all relations, their rows where the text
/// may name one, and the operands of functions and operators, whichever of a name.
fn met(facts: &Facts, objects: &Objects, text: &str) -> Vec<u32> {
    let mut types: Vec<u32> = Vec::new();
    let known: Vec<_> = facts
        .relations
        .iter()
        .filter_map(|of| known(of, objects))
        .collect();
    let is_column = |word: &str| {
        let mut columns = known.iter().flat_map(|known| &known.columns);
        columns.any(|(_, name, _)| name.eq_ignore_ascii_case(word))
    };
    if may_name_a_row(text, is_column) {
        types.extend(known.iter().map(|known| known.row_type));
    }
    types.extend(
        known
            .iter()
            .flat_map(|known| known.columns.iter().map(|(_, _, of)| *of)),
    );
    types.extend(objects.operand_types(&facts.functions, &facts.operators));
    types
}

/// Whether a text may name a whole row: by a name that stands twice in it and before no dot, once to say what
/// it is and once to use it; or by the star of a name. Columns are taken for columns (`ColumnRef` of
/// `parse_expr.c`), and what PostgreSQL reserves is no name.
fn may_name_a_row(text: &str, is_column: impl Fn(&str) -> bool) -> bool {
    const RESERVED: [&str; 46] = [
        "all",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "both",
        "case",
        "cast",
        "check",
        "constraint",
        "create",
        "default",
        "desc",
        "distinct",
        "do",
        "else",
        "end",
        "except",
        "false",
        "fetch",
        "for",
        "foreign",
        "from",
        "group",
        "having",
        "in",
        "into",
        "limit",
        "not",
        "null",
        "offset",
        "on",
        "only",
        "or",
        "order",
        "returning",
        "select",
        "table",
        "then",
        "true",
        "union",
        "unique",
        "using",
        "when",
        "where",
    ];
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut rest = text;
    while let Some(from) = rest.find(is_word) {
        let word = rest.get(from..).unwrap_or_default();
        let to = word.find(|letter| !is_word(letter)).unwrap_or(word.len());
        let (word, behind) = word.split_at(to);
        rest = behind;
        let next = behind.trim_start_matches('"').trim_start();
        if let Some(part) = next.strip_prefix('.') {
            if part.trim_start().starts_with('*') {
                return true;
            }
            continue;
        }
        let word = word.to_lowercase();
        let is_name = !word.starts_with(|first: char| first.is_ascii_digit())
            && !RESERVED.contains(&&*word)
            && !is_column(&word);
        if is_name && !seen.insert(word) {
            return true;
        }
    }
    false
}

/// Whether a constant of a text may be a row, an array or a range as PostgreSQL writes them: these begin with
/// a bracket. Where a string holds escapes, that may be written otherwise.
fn may_hold_a_row(text: &str) -> bool {
    let bytes = text.as_bytes();
    let begins = |(at, byte): (usize, &u8)| {
        if !matches!(byte, b'\'' | b'$') {
            return false;
        }
        let escapes = at.checked_sub(1).and_then(|before| bytes.get(before));
        if matches!(escapes, Some(b'e' | b'E' | b'&')) {
            return true;
        }
        let inner = bytes.iter().skip(at + 1);
        let mut inner = inner.skip_while(|byte| byte.is_ascii_whitespace() || **byte == b'\x0b');
        matches!(inner.next(), Some(b'(' | b'{' | b'['))
    };
    bytes.iter().enumerate().any(begins)
}

fn types_of(facts: &Facts, objects: &Objects, wanted: impl Fn(Access) -> bool) -> Vec<u32> {
    let mut types = Vec::new();
    for access in &facts.relations {
        let Some(known) = known(access, objects).filter(|_| wanted(access.access)) else {
            continue;
        };
        let is_filled = |name: &Arc<str>| match &access.columns {
            Columns::All => true,
            // Where it says no column it says all.
            Columns::Named(names) if access.access == Access::Insert && names.is_empty() => true,
            Columns::Named(names) => names.contains(name),
        };
        let columns = known.columns.iter().filter(|(_, name, _)| is_filled(name));
        types.extend(columns.map(|(_, _, of)| *of));
    }
    types
}

/// The types of all columns of what is accessed in this way.
fn columns_of(facts: &Facts, access: Access, objects: &Objects) -> Vec<u32> {
    let touched = facts.relations.iter().filter(|of| of.access == access);
    let known = touched.filter_map(|of| known(of, objects));
    known
        .flat_map(|known| known.columns.iter().map(|(_, _, of)| *of))
        .collect()
}

#[cfg(test)]
mod tests;

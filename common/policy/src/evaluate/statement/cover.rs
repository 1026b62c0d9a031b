//! Which rules cover what a statement does, piece by piece.
//!
//! Every piece has to be covered by the union of the allow rules; what no rule covers is a [`Lack`].
//! The decision stops at the first one, the remedy collects them all. A piece must never count as
//! covered because another one is.

mod everything;

use std::ops::ControlFlow;

use super::lack::Lack;
use super::sequences;
use super::verb::{Need, need};
use super::words::verb_word;
use crate::grants::floors::harmless;
use crate::grants::presets::{
    application_columns, introspection_columns, is_application_relation, is_introspection_relation,
};
use crate::grants::{Grants, INFORMATION_SCHEMA, PG_CATALOG, Relation, Rule};
use crate::{Access, Columns, Confirmation, Facts, Name, RelationAccess, Verb};

/// The accesses that a lock comes with.
const LOCKS: [Access; 4] = [
    Access::Update,
    Access::Delete,
    Access::Truncate,
    Access::Define,
];

/// What covers a piece: a rule, or nothing where none is needed; otherwise what is lacking.
pub(super) type Cover<'g, 'f> = Result<Option<&'g Rule>, Lack<'f>>;

/// Calls `found` for each thing that no rule covers, until it breaks. Gives the rule that covers the
/// first thing that one covers.
pub(crate) fn lacks<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    found: &mut dyn FnMut(Lack<'f>) -> ControlFlow<()>,
) -> Option<&'g Rule> {
    let mut by = None;
    let mut seen = |cover: Cover<'g, 'f>| match cover {
        Ok(rule) => {
            by = by.or(rule);
            ControlFlow::Continue(())
        }
        Err(lack) => found(lack),
    };
    let _ = pieces(allow, facts, &mut seen);
    by
}

fn pieces<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    seen: &mut dyn FnMut(Cover<'g, 'f>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    if let Some(rule) = &allow.everything {
        return everything::pieces(rule, allow, facts, seen);
    }
    seen(statement(allow, facts))?;
    for access in &facts.relations {
        seen(relation(allow, facts, access))?;
    }
    for name in &facts.functions {
        seen(function(allow, facts, name))?;
    }
    for used in &facts.sequences {
        seen(sequences::cover(allow, facts, used))?;
    }
    for name in &facts.operators {
        seen(operator(allow, name))?;
    }
    for name in &facts.types {
        seen(type_of(allow, facts, name))?;
    }
    for setting in facts.settings.iter().filter(|setting| !harmless(setting)) {
        seen(by(allow.setting(setting), Lack::Setting(setting)))?;
    }
    // By now a definition has been granted, and only a definition may stay unconfirmed.
    if facts.confirmation == Confirmation::Unconfirmed && facts.verb != Verb::Define {
        seen(Err(Lack::Unconfirmed))?;
    }
    ControlFlow::Continue(())
}

/// A rule has to be there.
fn by<'g, 'f>(rule: Option<&'g Rule>, lack: Lack<'f>) -> Cover<'g, 'f> {
    rule.map(Some).ok_or(lack)
}

fn by_word<'g, 'f>(allow: &'g Grants, word: &'f str) -> Cover<'g, 'f> {
    by(allow.statements.find(word), Lack::Statement(word))
}

/// A function of sequences needs no rule where what it does to which sequence is known: that is judged.
fn function<'g, 'f>(allow: &'g Grants, facts: &'f Facts, name: &'f Name) -> Cover<'g, 'f> {
    match allow.function(name) {
        None if sequences::known(facts, name) => Ok(None),
        rule => by(rule, Lack::Function(name)),
    }
}

/// Operators and types need their schema said: PostgreSQL's own never come here.
fn operator<'g, 'f>(allow: &'g Grants, name: &'f Name) -> Cover<'g, 'f> {
    let schema = name.schema.as_deref();
    let rule = schema.and_then(|schema| allow.operator(schema, &name.name));
    by(rule, Lack::Operator(name))
}

fn type_of<'g, 'f>(allow: &'g Grants, facts: &'f Facts, name: &'f Name) -> Cover<'g, 'f> {
    let schema = name.schema.as_deref();
    // The types of the standard's views are PostgreSQL's own as well.
    if schema == Some(INFORMATION_SCHEMA) {
        return Ok(None);
    }
    let analysed = facts.confirmation == Confirmation::Analysed;
    let rule = schema.and_then(|schema| allow.type_of(schema, &name.name, analysed));
    by(rule, Lack::Type(name))
}

/// Whether a definition is of something that runs code.
fn is_code(label: &str) -> bool {
    let kinds = [
        "function",
        "procedure",
        "aggregate",
        "operator",
        "cast",
        "trigger",
        "rule",
    ];
    kinds
        .iter()
        .any(|kind| label.split(' ').any(|word| word == *kind))
}

/// Whether this kind of statement is allowed as such.
fn statement<'g, 'f>(allow: &'g Grants, facts: &'f Facts) -> Cover<'g, 'f> {
    let touches = |wanted: &[Access]| {
        facts
            .relations
            .iter()
            .any(|access| wanted.contains(&access.access))
    };
    let word = verb_word(facts.verb);
    match need(facts.verb) {
        Need::Nothing => Ok(None),
        Need::Access(wanted) if touches(wanted) => Ok(None),
        Need::Function if !facts.functions.is_empty() => Ok(None),
        // A write that names nothing to write to was not understood.
        Need::Access(_) | Need::Function => Err(Lack::Statement(word)),
        Need::Definition if touches(&[Access::Define]) => Ok(None),
        Need::Definition => by_word(allow, &facts.label),
        // It only gives up what LISTEN has asked for: pools send it whether anybody listened or not.
        Need::Word if facts.verb == Verb::Listen && &*facts.label == "unlisten" => {
            let pools = allow.presets.introspection();
            pools.map_or_else(|| by_word(allow, word), |rule| Ok(Some(rule)))
        }
        Need::Word if matches!(facts.verb, Verb::Listen | Verb::Notify | Verb::Lock) => {
            let application = allow.presets.application.as_ref();
            by(
                allow.statements.find(word).or(application),
                Lack::Statement(word),
            )
        }
        Need::Word => by_word(allow, word),
    }
}

fn relation<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    access: &'f RelationAccess,
) -> Cover<'g, 'f> {
    let Some(schema) = access.relation.schema.as_deref() else {
        return without_schema(allow, facts, access);
    };
    let name = &access.relation.name;
    let rules = allow.relations.relation(access.access, schema, name);
    match access.access {
        Access::Select | Access::Insert | Access::Update => {
            let looks = access.access == Access::Select;
            match rules
                .all()
                .or_else(|| looked_up(allow, schema, name).filter(|_| looks))
            {
                Some(rule) => Ok(Some(rule)),
                None => columns(
                    rules,
                    looked_into(allow, schema, name).filter(|_| looks),
                    access,
                ),
            }
        }
        // Temporary tables are everybody's; code that anybody may write is not. It may go away.
        Access::Define
            if schema == "pg_temp"
                && is_code(&facts.label)
                && !facts.label.starts_with("drop ") =>
        {
            by_word(allow, &facts.label)
        }
        Access::Delete | Access::Truncate | Access::Define | Access::Maintain => {
            by(rules.any(), Lack::Relation(access))
        }
        // As PostgreSQL has it: who may change rows may lock them. To define locks more.
        Access::Lock => {
            let rule = LOCKS
                .into_iter()
                .find_map(|change| allow.relations.relation(change, schema, name).any());
            by(rule, Lack::Relation(access))
        }
    }
}

/// The preset that lets a relation of PostgreSQL's own be read.
fn looked_up<'g>(allow: &'g Grants, schema: &str, name: &str) -> Option<&'g Rule> {
    let looks = is_introspection_relation(schema, name);
    let introspection = allow.presets.introspection().filter(|_| looks);
    let counts = schema == PG_CATALOG && is_application_relation(name);
    let application = allow.presets.application.as_ref();
    introspection.or_else(|| application.filter(|_| counts))
}

/// The preset that lets some columns of a relation of PostgreSQL's own be read, and which.
fn looked_into<'g>(
    allow: &'g Grants,
    schema: &str,
    name: &str,
) -> Option<(&'g Rule, &'static [&'static str])> {
    match introspection_columns(schema, name) {
        Some(columns) => Some((allow.presets.introspection()?, columns)),
        None => {
            let columns = application_columns(schema, name)?;
            Some((allow.presets.application.as_ref()?, columns))
        }
    }
}

/// What lives in no schema (an extension, a role, the whole database) is granted by its statement.
fn without_schema<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    access: &'f RelationAccess,
) -> Cover<'g, 'f> {
    match access.access {
        Access::Define => by_word(allow, &facts.label),
        Access::Maintain => by_word(allow, verb_word(facts.verb)),
        Access::Select
        | Access::Insert
        | Access::Update
        | Access::Delete
        | Access::Truncate
        | Access::Lock => Err(Lack::Relation(access)),
    }
}

/// A relation of which rules or a preset name columns, if any.
fn columns<'g, 'f>(
    rules: Relation<'g>,
    preset: Option<(&'g Rule, &[&str])>,
    access: &'f RelationAccess,
) -> Cover<'g, 'f> {
    let rule = rules.any().or(preset.map(|(rule, _)| rule));
    let first = rule.ok_or(Lack::Relation(access))?;
    let shown = |column: &str| preset.is_some_and(|(_, columns)| columns.contains(&column));
    let Columns::Named(columns) = &access.columns else {
        return Err(Lack::AllColumns(access));
    };
    let lacking: Vec<_> = columns
        .iter()
        .filter(|column| rules.column(column).is_none() && !shown(column))
        .collect();
    if lacking.is_empty() {
        Ok(Some(first))
    } else {
        Err(Lack::Columns(access, lacking))
    }
}

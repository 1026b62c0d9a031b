//! `rule: everything` beside deny rules or masks: it covers what is known by its name.
//!
//! Not knowing is not allowed: a piece that could be what a deny rule names must never count as covered.

use std::ops::ControlFlow;

use super::{Cover, by, by_word, function, statement};
use crate::evaluate::statement::lack::Lack;
use crate::evaluate::statement::verb::{Need, need};
use crate::grants::presets::{
    is_application_function, is_builtin, is_introspection_function, is_introspection_relation,
};
use crate::grants::{Grants, Rule};
use crate::grants::{PG_CATALOG, schema_of};
use crate::{Access, Confirmation, Facts, Name, RelationAccess, Verb};

pub(super) fn pieces<'g, 'f>(
    rule: &'g Rule,
    allow: &'g Grants,
    facts: &'f Facts,
    seen: &mut dyn FnMut(Cover<'g, 'f>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    seen(match (facts.verb, need(facts.verb)) {
        // Its code may do what a deny rule names.
        (Verb::Do, _) => by_word(allow, "do"),
        (_, Need::Definition | Need::Word) => Ok(Some(rule)),
        (_, Need::Nothing | Need::Access(_) | Need::Function) => {
            statement(allow, facts).map(|_| Some(rule))
        }
    })?;
    let named = |name: &Name| name.schema.is_some().then_some(rule);
    for access in &facts.relations {
        // An extension or a role lives in no schema.
        let global = matches!(access.access, Access::Define | Access::Maintain).then_some(rule);
        let open = named(&access.relation)
            .or(global)
            .filter(|_| !copies(access));
        seen(by(open, Lack::Relation(access)))?;
    }
    for name in &facts.functions {
        seen(if is_plain(name) {
            Ok(Some(rule))
        } else {
            function(allow, facts, name)
        })?;
    }
    for name in &facts.operators {
        seen(by(named(name), Lack::Operator(name)))?;
    }
    for name in &facts.types {
        seen(by(named(name), Lack::Type(name)))?;
    }
    for used in &facts.sequences {
        let known = used.sequence.as_ref().and_then(named);
        seen(by(known, Lack::Sequence(used)))?;
    }
    if facts.confirmation == Confirmation::Unconfirmed && facts.verb != Verb::Define {
        seen(Err(Lack::Unconfirmed))?;
    }
    ControlFlow::Continue(())
}

/// Whether a relation of PostgreSQL's own holds values of others: statistics, large objects, passwords.
fn copies(access: &RelationAccess) -> bool {
    let schema = access.relation.schema.as_deref().unwrap_or_default();
    schema.starts_with("pg_")
        && schema != "pg_temp"
        && !is_introspection_relation(schema, &access.relation.name)
}

/// Whether a function is somebody's own, or one of PostgreSQL's that only computes or looks up: the others
/// read files, large objects or statistics, or run text that they are given.
fn is_plain(name: &Name) -> bool {
    schema_of(name) != PG_CATALOG
        || is_builtin(&name.name)
        || is_introspection_function(&name.name)
        || is_application_function(&name.name)
}

//! What CASCADE reaches, and what REFRESH MATERIALIZED VIEW calls: the question for it, and what the answer says.
//!
//! Pure. Only the server's own dependencies say what goes with an object. A kind of object that the question
//! does not know makes a refusal, never a guess. Every name, cast and operator of the questions is qualified:
//! nothing depends on a search path.

use std::sync::Arc;

use exeat_policy::{Access, Columns, Facts, Name, RelationAccess, Verb};
use serde::Serialize;

use crate::catalog::SCHEMA;

/// Which objects a statement that drops something reaches; `objects` has those that it may name.
const DROP: &str = include_str!("reach/drop.sql");
/// Which tables a TRUNCATE empties.
const TRUNCATE: &str = include_str!("reach/truncate.sql");

/// Which functions the query of a materialised view calls.
const REFRESH: &str = include_str!("reach/refresh.sql");

/// So many objects may one statement reach.
const MOST: usize = 100_000;

/// What a statement reaches beyond what it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Because it says CASCADE.
    pub relations: Vec<RelationAccess>,
    /// Parts of what it names, which go with it in any case.
    pub behind: Vec<RelationAccess>,
    /// Functions that the query of a materialised view calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<Name>,
}

/// What a statement that says CASCADE needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing: it reaches no other object.
    Nothing,
    /// This question to the server.
    Ask(String),
    /// Nobody can tell.
    Unknown(&'static str),
}

/// What has to be asked about a statement that says CASCADE.
pub(crate) fn question(facts: &Facts, text: &str, search_path: &[Arc<str>]) -> Reach {
    if facts.verb == Verb::Truncate {
        return Reach::Ask(asked(TRUNCATE, "", &names(facts, search_path)));
    }
    let objects = match &*facts.label {
        // Rights that others have given on: on the same object.
        "revoke" | "alter default privileges" => return Reach::Nothing,
        // Nothing can depend on one.
        "drop trigger" | "drop rule" | "drop policy" => return Reach::Nothing,
        "drop table"
        | "drop foreign table"
        | "drop view"
        | "drop materialized view"
        | "drop sequence"
        | "drop index" => of("pg_class", "relname", "relnamespace"),
        "drop type" | "drop domain" | "alter type" => of("pg_type", "typname", "typnamespace"),
        "drop function" | "drop procedure" | "drop routine" | "drop aggregate" => {
            of("pg_proc", "proname", "pronamespace")
        }
        "drop schema" => schemas(),
        "alter domain" => constraints(),
        "alter table" | "alter foreign table" => parts(text),
        _ => {
            return Reach::Unknown("what CASCADE reaches from an object of this kind is not known");
        }
    };
    let names = names(facts, search_path);
    if names.is_empty() {
        return Reach::Unknown("the statement names nothing that CASCADE could start from");
    }
    Reach::Ask(asked(DROP, &objects, &names))
}

/// The question which functions run where a materialised view is refreshed.
pub(crate) fn refreshed(facts: &Facts, search_path: &[Arc<str>]) -> String {
    asked(REFRESH, "", &names(facts, search_path))
}

fn asked(question: &str, objects: &str, names: &str) -> String {
    // The names last: they may hold anything.
    question
        .replace("{schema}", SCHEMA)
        .replace("{most}", &MOST.to_string())
        .replace("{roots}", objects)
        .replace("{names}", names)
}

/// The named objects as rows: schema, name, whether the schema may be another one of the search path.
fn names(facts: &Facts, search_path: &[Arc<str>]) -> String {
    let wanted = match facts.verb {
        Verb::Truncate => Access::Truncate,
        Verb::Maintain => Access::Maintain,
        _ => Access::Define,
    };
    let named = facts.relations.iter().filter(|own| own.access == wanted);
    let rows = named.map(|own| {
        let schema = own.relation.schema.as_deref().unwrap_or_default();
        let loose = search_path.iter().any(|known| &**known == schema);
        let name = &own.relation.name;
        format!("({}, {}, {loose})", literal(schema), literal(name))
    });
    rows.collect::<Vec<_>>().join(", ")
}

/// A literal that means the same whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The objects of one table of the catalog.
fn of(table: &str, name: &str, schema: &str) -> String {
    format!(
        "objects AS (SELECT '{CATALOG}{table}'::{CATALOG}regclass::{CATALOG}oid AS classid, o.oid AS objid, \
         0 AS subid, o.{schema} AS ns, o.{name}::{CATALOG}text AS nam FROM {CATALOG}{table} o)"
    )
}

const CATALOG: &str = "pg_catalog.";

/// A schema counts as everything in it.
fn schemas() -> String {
    "objects AS (SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid AS classid, \
     o.oid AS objid, 0 AS subid, o.oid AS ns, '*' AS nam FROM pg_catalog.pg_namespace o)"
        .to_owned()
}

/// The constraints of a domain.
fn constraints() -> String {
    "objects AS (SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid AS classid, \
     o.oid AS objid, 0 AS subid, t.typnamespace AS ns, t.typname::pg_catalog.text AS nam \
     FROM pg_catalog.pg_constraint o \
     JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) o.contypid)"
        .to_owned()
}

/// Columns and constraints of a table and of those that inherit from it: the ones that the statement says,
/// where it can be told.
fn parts(text: &str) -> String {
    let said = |column: &str| match exeat_sql::identifiers(text) {
        Some(words) => {
            let words: Vec<_> = words.iter().map(|word| literal(word)).collect();
            let words = words.join(", ");
            format!(
                "{column}::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY[{words}]::pg_catalog.text[])"
            )
        }
        None => "true".to_owned(),
    };
    format!(
        "heirs(oid, ns, nam) AS (\
           SELECT c.oid, c.relnamespace, c.relname::pg_catalog.text FROM pg_catalog.pg_class c \
           JOIN named n ON n.nam OPERATOR(pg_catalog.=) c.relname::pg_catalog.text \
           UNION \
           SELECT i.inhrelid, h.ns, h.nam FROM heirs h \
           JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) h.oid), \
         objects AS (\
           SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid AS classid, h.oid AS objid, \
             a.attnum::pg_catalog.int4 AS subid, h.ns, h.nam FROM heirs h \
           JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) h.oid \
           WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND {} \
           UNION ALL \
           SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, x.oid, 0, h.ns, h.nam \
           FROM heirs h JOIN pg_catalog.pg_constraint x ON x.conrelid OPERATOR(pg_catalog.=) h.oid \
           WHERE {})",
        said("a.attname"),
        said("x.conname"),
    )
}

/// What an answer says; an error where it holds what is not understood.
pub(crate) fn read(rows: &[Vec<String>], access: Access) -> Result<Reached, &'static str> {
    let mut reached = Reached::default();
    for row in rows {
        let [how, schema, name] = row.as_slice() else {
            return Err("PostgreSQL's answer about what CASCADE reaches is not understood");
        };
        let name = Name {
            schema: Some(schema.as_str().into()),
            name: name.as_str().into(),
        };
        if how == "function" {
            reached.functions.push(name);
            continue;
        }
        let touched = RelationAccess {
            relation: name,
            access,
            columns: Columns::All,
        };
        match how.as_str() {
            "reached" => reached.relations.push(touched),
            "part" => reached.behind.push(touched),
            "most" => return Err("CASCADE reaches too many objects"),
            _ => return Err("CASCADE reaches an object that no rule can name"),
        }
    }
    match reached.functions.len() < MOST {
        true => Ok(reached),
        false => Err("the view calls too many functions"),
    }
}

#[cfg(test)]
mod tests;

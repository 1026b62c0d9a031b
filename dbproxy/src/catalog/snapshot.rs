//! From the rows of `pg_catalog` to a snapshot.

use std::collections::HashMap;
use std::sync::Arc;

use exeat_policy::Name;
use exeat_sql::{Catalog, Relation, RelationKind};
use sha2::{Digest, Sha256};

use super::Snapshot;

/// One question for everything: what kind of thing, schema, name, and what else there is to know.
/// Everything is qualified; nothing of it depends on a search path. The session's own temporary schema
/// is called by its alias, those of others are left out.
pub(crate) const QUERY: &str = "\
SELECT 'r', CASE WHEN n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() THEN 'pg_temp' ELSE n.nspname END, \
c.relname, c.relkind, a.attname \
FROM pg_catalog.pg_class c \
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND NOT a.attisdropped \
WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r','p','v','m','f','S','c']::pg_catalog.\"char\"[]) \
AND (n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() \
OR n.nspname::pg_catalog.text OPERATOR(pg_catalog.!~) '^pg_(toast|temp)') \
ORDER BY 2, 3, a.attnum; \
SELECT DISTINCT 'f', n.nspname, p.proname FROM pg_catalog.pg_proc p \
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace ORDER BY 2, 3; \
SELECT DISTINCT 'o', n.nspname, o.oprname FROM pg_catalog.pg_operator o \
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace \
WHERE n.nspname OPERATOR(pg_catalog.<>) 'pg_catalog' ORDER BY 2, 3; \
SELECT 't', n.nspname, t.typname, t.oid FROM pg_catalog.pg_type t \
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace \
WHERE t.oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid \
AND n.nspname::pg_catalog.text OPERATOR(pg_catalog.!~) '^pg_(toast|temp)' ORDER BY 4";

/// Makes a snapshot of the rows of [`QUERY`]. What is not understood is left out, and thereby unknown.
pub(crate) fn read(rows: &[Vec<String>]) -> Snapshot {
    let version = version(rows);
    let mut catalog = Catalog::new(version);
    let mut types = HashMap::new();
    let mut temporary = false;
    let mut names = Names::default();
    let mut relation: Option<Relation> = None;
    for row in rows {
        match row.as_slice() {
            [kind, schema, name, relkind, column] if kind == "r" => {
                temporary |= schema == "pg_temp";
                let same = relation
                    .as_ref()
                    .is_some_and(|last| *last.schema == **schema && *last.name == **name);
                if !same {
                    if let Some(done) = relation.take() {
                        catalog.add_relation(done);
                    }
                    relation = self::kind(relkind).map(|kind| Relation {
                        schema: names.shared(schema),
                        name: names.shared(name),
                        kind,
                        columns: Vec::new(),
                    });
                }
                if let Some(relation) = relation.as_mut().filter(|_| !column.is_empty()) {
                    relation.columns.push(names.shared(column));
                }
            }
            [kind, schema, name] if kind == "f" => catalog.add_function(schema, name),
            [kind, schema, name] if kind == "o" => catalog.add_operator(schema, name),
            [kind, schema, name, oid] if kind == "t" => {
                catalog.add_type(schema, name);
                if let Ok(oid) = oid.parse() {
                    let schema = Some(names.shared(schema));
                    let name = names.shared(name);
                    types.insert(oid, Name { schema, name });
                }
            }
            _ => {}
        }
    }
    if let Some(done) = relation {
        catalog.add_relation(done);
    }
    Snapshot {
        version,
        catalog,
        types,
        temporary,
    }
}

fn kind(relkind: &str) -> Option<RelationKind> {
    Some(match relkind {
        "r" | "p" => RelationKind::Table,
        "v" => RelationKind::View,
        "m" => RelationKind::MaterializedView,
        "f" => RelationKind::ForeignTable,
        "S" => RelationKind::Sequence,
        "c" => RelationKind::Composite,
        _ => return None,
    })
}

/// The first 52 bits of the SHA-256 of the rows, and never 0.
fn version(rows: &[Vec<String>]) -> u64 {
    let mut hash = Sha256::new();
    for row in rows {
        for field in row {
            hash.update(field.len().to_be_bytes());
            hash.update(field.as_bytes());
        }
    }
    let digest = hash.finalize();
    let first = digest
        .first_chunk::<8>()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes));
    (first >> 12).max(1)
}

/// Equal names are stored once.
#[derive(Default)]
struct Names(HashMap<Box<str>, Arc<str>>);

impl Names {
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = name.into();
        self.0.insert(name.into(), Arc::clone(&shared));
        shared
    }
}

#[cfg(test)]
mod tests;

//! What a statement reaches by its kind alone, without naming it: all tables of a schema, or of the database.
//!
//! It must never leave out a kind of statement that reaches more than it names; what says CASCADE is told otherwise.

use std::sync::Arc;

use exeat_policy::Access;
use squawk_parser::SyntaxKind as K;

use super::Walk;
use crate::names::name;
use crate::tree::Node;

/// What a statement reaches without naming it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wide {
    /// Tables, views and whatever else can be read.
    pub tables: bool,
    /// Sequences.
    pub sequences: bool,
    /// Functions and procedures.
    pub routines: bool,
    /// In these schemas; `None`: in all.
    pub schemas: Option<Vec<Arc<str>>>,
    /// It has others read them.
    pub publishes: bool,
}

impl Walk<'_> {
    /// What the statement reaches by its kind.
    pub(super) fn wide(&self, node: Node<'_>) -> Option<Wide> {
        let mut wide = Wide::default();
        match node.kind() {
            // A schema may be made with grants in it.
            K::GRANT | K::REVOKE | K::CREATE_SCHEMA => all_in_schemas(node, &mut wide),
            K::ALTER_DEFAULT_PRIVILEGES => {
                wide = all();
                wide.schemas = schemas(node);
            }
            K::CREATE_PUBLICATION | K::ALTER_PUBLICATION => published(node, &mut wide),
            K::DROP_OWNED | K::REASSIGN => wide = all(),
            K::ALTER_SCHEMA if holds(node, &|kind| kind == K::SCHEMA_RENAME_TO) => {
                wide = all();
                wide.schemas = schemas(node);
            }
            K::REINDEX => match () {
                () if holds(node, &|kind| kind == K::REINDEX_TARGET_SCHEMA) => {
                    wide.tables = true;
                    wide.schemas = schemas(node);
                }
                () => {
                    wide.tables = holds(node, &|kind| {
                        matches!(kind, K::REINDEX_TARGET_DATABASE | K::REINDEX_TARGET_SYSTEM)
                    });
                }
            },
            // Without a table they are for all.
            K::VACUUM | K::ANALYZE | K::CLUSTER => {
                let named = |(of, access): &(u32, Access)| {
                    let of = self.relations.get(*of as usize);
                    *access == Access::Maintain && of.is_some_and(|of| of.schema.is_some())
                };
                wide.tables = !self.touched.keys().any(named);
            }
            K::ALTER_TABLE | K::ALTER_INDEX | K::ALTER_MATERIALIZED_VIEW => {
                wide.tables = holds(node, &|kind| kind == K::ALL_IN_TABLESPACE);
            }
            _ => {}
        }
        (wide.tables || wide.sequences || wide.routines).then_some(wide)
    }
}

/// Everything, everywhere.
fn all() -> Wide {
    Wide {
        tables: true,
        sequences: true,
        routines: true,
        ..Wide::default()
    }
}

fn all_in_schemas(node: Node<'_>, wide: &mut Wide) {
    wide.tables = holds(node, &|kind| kind == K::PRIVILEGE_ALL_TABLES_IN_SCHEMA);
    wide.sequences = holds(node, &|kind| kind == K::PRIVILEGE_ALL_SEQUENCES_IN_SCHEMA);
    wide.routines = holds(node, &|kind| {
        matches!(
            kind,
            K::PRIVILEGE_ALL_FUNCTIONS_IN_SCHEMA
                | K::PRIVILEGE_ALL_PROCEDURES_IN_SCHEMA
                | K::PRIVILEGE_ALL_ROUTINES_IN_SCHEMA
        )
    });
    wide.schemas = schemas(node);
}

fn published(node: Node<'_>, wide: &mut Wide) {
    let everywhere = holds(node, &|kind| {
        matches!(
            kind,
            K::ALL_PUBLICATION_TABLES | K::PUBLICATION_OBJECT_CURRENT_SCHEMA
        )
    });
    let within = holds(node, &|kind| kind == K::PUBLICATION_OBJECT_TABLES_IN_SCHEMA);
    wide.publishes = true;
    wide.tables = everywhere || within;
    wide.sequences = holds(node, &|kind| kind == K::ALL_PUBLICATION_SEQUENCES);
    wide.schemas = schemas(node).filter(|_| !everywhere && !wide.sequences);
}

/// The schemas that it names; `None` where it names none.
fn schemas(node: Node<'_>) -> Option<Vec<Arc<str>>> {
    let mut found = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if node.kind() == K::SCHEMA_REF {
            found.push(name(node));
        }
        open.extend(node.inner());
    }
    (!found.is_empty()).then_some(found)
}

/// Whether a kind stands anywhere in it.
fn holds(node: Node<'_>, is_one: &impl Fn(K) -> bool) -> bool {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if is_one(node.kind()) {
            return true;
        }
        open.extend(node.inner());
    }
    false
}

#[cfg(test)]
mod tests;

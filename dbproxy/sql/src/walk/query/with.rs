//! WITH: common table expressions, and the statements within them. A name must never mean a table
//! expression that is not in scope where it stands: behind it would be a relation that goes uncounted.

use std::sync::Arc;

use exeat_policy::UnreadableKind;
use squawk_parser::SyntaxKind as K;

use super::super::scope::{Cte, Output};
use super::super::{Walk, Walked, refused, unsupported};
use super::{column_list, is_query, renamed};
use crate::names::name;
use crate::tree::Node;

/// Common table expressions in scope at once.
const MAX_CTES: usize = 500;

/// The WITH clause of a query. The grammar hangs it on the first SELECT of a set operation, but it is
/// the whole operation's.
pub(super) fn with_clause(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node;
    while node.kind() == K::COMPOUND_SELECT {
        node = node.first_inner()?;
    }
    node.child(K::WITH_CLAUSE)
}

impl Walk<'_> {
    /// The CTEs of a WITH clause, each visible to those after it (with RECURSIVE: to all).
    pub(in crate::walk) fn with(&mut self, node: Node<'_>) -> Walked {
        let recursive = node.has(K::RECURSIVE_KW);
        let tables: Vec<Node<'_>> = node
            .inner()
            .filter(|child| child.kind() == K::WITH_TABLE)
            .collect();
        let first = self.ctes.len();
        if first + tables.len() > MAX_CTES {
            return Err(refused(
                UnreadableKind::TooLarge,
                node,
                "too many common table expressions",
            ));
        }
        if recursive {
            for table in &tables {
                let output = Output {
                    names: column_list(*table),
                    open: true,
                    shuffled: false,
                    unsure: true,
                };
                self.ctes.push(Cte {
                    name: cte_name(*table),
                    output,
                });
            }
        }
        for (index, table) in tables.iter().enumerate() {
            let output = self.cte(*table)?;
            if recursive {
                if let Some(cte) = self.ctes.get_mut(first + index) {
                    cte.output = output;
                }
            } else {
                self.ctes.push(Cte {
                    name: cte_name(*table),
                    output,
                });
            }
        }
        Ok(())
    }

    fn cte(&mut self, table: Node<'_>) -> Walked<Output> {
        let mut output = Output::default();
        for child in table.inner() {
            match child.kind() {
                K::CTE_NAME | K::COLUMN_LIST | K::MATERIALIZED | K::NOT_MATERIALIZED => {}
                K::INSERT | K::UPDATE | K::DELETE | K::MERGE => output = self.change(child)?,
                K::SEARCH_CLAUSE | K::CYCLE_CLAUSE => {
                    self.walk_children(child)?;
                    output.open = true;
                    output.unsure = true;
                }
                _ if is_query(child) => output = self.query(child)?,
                _ => return Err(unsupported(child)),
            }
        }
        let names = column_list(table);
        Ok(renamed(output, names))
    }
}

fn cte_name(table: Node<'_>) -> Arc<str> {
    table.child(K::CTE_NAME).map_or_else(|| Arc::from(""), name)
}

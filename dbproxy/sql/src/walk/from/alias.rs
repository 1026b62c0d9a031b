//! What an item of a FROM list is called, and what its columns are called: aliases, column lists, and
//! the one item that a joined table with an alias is. A column that gets another name must keep its
//! origins; where they can't be told, all columns are counted as read.

use std::sync::Arc;

use squawk_parser::SyntaxKind as K;

use super::super::Walk;
use super::super::query::column_list;
use super::super::scope::{Column, Item, Output, RelationId, Shape};
use super::join::merges;
use crate::names::name;
use crate::tree::Node;

/// The alias of an item, and the names for its columns.
#[derive(Default)]
pub(super) struct Alias {
    pub(super) name: Option<Arc<str>>,
    pub(super) columns: Vec<Arc<str>>,
    /// A column definition list: these are all its columns.
    pub(super) complete: bool,
}

pub(super) fn alias(node: Node<'_>) -> Alias {
    let Some(node) = node.child(K::FROM_ALIAS) else {
        return Alias::default();
    };
    let definitions = node.child(K::COLUMN_DEF_LIST);
    let columns = match definitions {
        Some(list) => list.inner().map(name).collect(),
        None => column_list(node),
    };
    Alias {
        name: node.child(K::TABLE_ALIAS).map(name),
        columns,
        complete: definitions.is_some(),
    }
}

impl<'c> Walk<'c> {
    /// An item whose first columns get other names.
    pub(super) fn with_columns(&mut self, mut item: Item<'c>, names: Vec<Arc<str>>) -> Item<'c> {
        if names.is_empty() {
            return item;
        }
        let mut columns = match &item.shape {
            Shape::Base {
                relation,
                known: Some(known),
            } => own_columns(*relation, known).collect(),
            Shape::Derived {
                columns,
                open: false,
                ..
            } => columns.clone(),
            Shape::Base { known: None, .. } | Shape::Derived { .. } => {
                // Which column a new name stands for can't be told.
                self.read_perhaps(&item);
                let columns = names.into_iter().map(Column::derived).collect();
                item.shape = Shape::Derived {
                    columns,
                    open: true,
                    behind: Vec::new(),
                };
                return item;
            }
        };
        for (column, name) in columns.iter_mut().zip(names) {
            column.name = name;
        }
        item.shape = Shape::Derived {
            columns,
            open: false,
            behind: Vec::new(),
        };
        item
    }

    /// The joined items behind one alias.
    pub(super) fn join_alias(
        &mut self,
        start: usize,
        alias: Arc<str>,
        names: Vec<Arc<str>>,
        body: Node<'_>,
    ) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let items = frame.items.split_off(start.min(frame.items.len()));
        let mut columns = Vec::new();
        let mut behind: Vec<RelationId> = Vec::new();
        let mut open = false;
        for item in &items {
            match &item.shape {
                Shape::Base {
                    relation,
                    known: None,
                } => {
                    open = true;
                    behind.push(*relation);
                }
                Shape::Base {
                    relation,
                    known: Some(known),
                } => columns.extend(own_columns(*relation, known)),
                Shape::Derived {
                    columns: more,
                    open: unknown,
                    behind: relations,
                } => {
                    columns.extend(more.iter().cloned());
                    open |= unknown;
                    behind.extend(relations);
                }
            }
        }
        if !names.is_empty() && merges(body) {
            // USING and NATURAL put the merged columns first.
            for item in &items {
                self.read_perhaps(item);
            }
            open = true;
            columns = Vec::new();
        }
        let bases = items
            .iter()
            .flat_map(|item| item.bases.iter().copied())
            .collect();
        let unsure = items.iter().any(|item| item.unsure);
        let item = Item {
            alias,
            schema: None,
            shape: Shape::Derived {
                columns,
                open,
                behind,
            },
            bases,
            unsure,
        };
        let item = self.with_columns(item, names);
        self.push_item(item);
    }
}

/// The columns of a relation under their own names.
fn own_columns(relation: RelationId, known: &[Arc<str>]) -> impl Iterator<Item = Column> {
    known.iter().map(move |name| Column {
        name: Arc::clone(name),
        origins: std::iter::once((relation, Arc::clone(name))).collect(),
    })
}

/// An item whose columns have no origins: what they are made of was counted when it was read.
pub(super) fn derived<'c>(alias: Arc<str>, output: Output, bases: Vec<RelationId>) -> Item<'c> {
    let columns = output.names.into_iter().map(Column::derived).collect();
    Item {
        alias,
        schema: None,
        shape: Shape::Derived {
            columns,
            open: output.open,
            behind: Vec::new(),
        },
        bases,
        unsure: output.unsure,
    }
}

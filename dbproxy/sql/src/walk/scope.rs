//! Scopes: what a name in an expression may mean. Each FROM item says which columns it surely has and
//! which base relations its unknown columns may come from. It must never drop a relation that a name
//! may be read from: where it can't know, it counts the name on all of them.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::catalog::is_system_column;

/// The index of a relation in the facts.
pub(super) type RelationId = u32;

/// Where a column's values come from.
pub(super) type Origins = SmallVec<[(RelationId, Arc<str>); 1]>;

/// A column that an item surely has.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: Arc<str>,
    /// Empty where its sources were counted when the item was read.
    pub(super) origins: Origins,
}

impl Column {
    pub(super) fn derived(name: Arc<str>) -> Self {
        Self {
            name,
            origins: SmallVec::new(),
        }
    }
}

/// The columns of an item.
#[derive(Clone, Debug)]
pub(super) enum Shape<'c> {
    /// A relation under its own column names; `None` where no catalog knows them.
    Base {
        relation: RelationId,
        known: Option<&'c [Arc<str>]>,
    },
    /// Anything else. `open`: there may be more columns, which come from `behind`.
    Derived {
        columns: Vec<Column>,
        open: bool,
        behind: Vec<RelationId>,
    },
}

/// One item of a FROM list.
#[derive(Clone, Debug)]
pub(super) struct Item<'c> {
    /// The name that qualifies its columns; empty where it has none.
    pub(super) alias: Arc<str>,
    /// The schema, for a relation without an alias.
    pub(super) schema: Option<Arc<str>>,
    pub(super) shape: Shape<'c>,
    /// The relations that FOR UPDATE locks.
    pub(super) bases: Vec<RelationId>,
    /// It may have columns that are no relation's, which nothing names here.
    pub(super) unsure: bool,
}

/// Whether an item has a column.
pub(super) enum Match {
    Surely(Origins),
    Perhaps(SmallVec<[RelationId; 1]>),
    No,
}

impl Item<'_> {
    pub(super) fn find(&self, name: &str) -> Match {
        match &self.shape {
            Shape::Base {
                relation,
                known: None,
            } => Match::Perhaps(SmallVec::from_slice(&[*relation])),
            Shape::Base {
                relation,
                known: Some(columns),
            } => {
                let known = columns.iter().find(|column| &***column == name).cloned();
                match known.or_else(|| is_system_column(name).then(|| Arc::from(name))) {
                    Some(column) => Match::Surely(SmallVec::from_iter([(*relation, column)])),
                    None => Match::No,
                }
            }
            Shape::Derived {
                columns,
                open,
                behind,
            } => {
                let mut found = columns
                    .iter()
                    .filter(|column| &*column.name == name)
                    .peekable();
                if found.peek().is_some() {
                    Match::Surely(
                        found
                            .flat_map(|column| column.origins.iter().cloned())
                            .collect(),
                    )
                } else if *open {
                    Match::Perhaps(SmallVec::from_slice(behind))
                } else {
                    Match::No
                }
            }
        }
    }

    /// How many columns it is known to have; one at least, for its own sake.
    pub(super) fn width(&self) -> usize {
        1 + match &self.shape {
            Shape::Base { known, .. } => known.map_or(0, <[_]>::len),
            Shape::Derived { columns, .. } => columns.len(),
        }
    }

    /// The names of its columns, and whether there may be more.
    pub(super) fn names(&self) -> (Vec<Arc<str>>, bool) {
        match &self.shape {
            Shape::Base { known: None, .. } => (Vec::new(), true),
            Shape::Base {
                known: Some(columns),
                ..
            } => (columns.to_vec(), false),
            Shape::Derived { columns, open, .. } => (
                columns
                    .iter()
                    .map(|column| Arc::clone(&column.name))
                    .collect(),
                *open,
            ),
        }
    }

    /// Whether `schema.name` or `name` qualifies it.
    pub(super) fn is_named(&self, schema: Option<&str>, name: &str) -> bool {
        !self.alias.is_empty()
            && &*self.alias == name
            && (schema.is_none() || schema == self.schema.as_deref())
    }
}

/// One level of a query.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame<'c> {
    pub(super) items: Vec<Item<'c>>,
    /// The first item that unqualified names see (a join's ON sees its own arms only).
    pub(super) first: usize,
    /// A sure match does not end the search: which arms ON sees depends on how joins associate.
    pub(super) loose: bool,
    /// Not visible: a sub-query in FROM without LATERAL is being read.
    pub(super) hidden: bool,
}

/// The columns that a query gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    pub(super) names: Vec<Arc<str>>,
    /// There may be more columns.
    pub(super) open: bool,
    /// The order of the names is not PostgreSQL's (a `*` over a join that merges columns).
    pub(super) shuffled: bool,
    /// Some of those others may be no relation's.
    pub(super) unsure: bool,
}

/// A common table expression that is in scope.
#[derive(Clone, Debug)]
pub(super) struct Cte {
    pub(super) name: Arc<str>,
    pub(super) output: Output,
}

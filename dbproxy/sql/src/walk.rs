//! The walk: from the syntax tree of one statement to its facts. It must never pass over a node that
//! it does not know, nor forget a relation, column or function that the statement may touch: where
//! PostgreSQL's answer depends on what is not known here, every possible answer is counted.

mod bounds;
mod change;
mod copy;
mod define;
mod expression;
mod from;
mod option;
mod output;
mod query;
mod question;
mod resolve;
mod scope;
mod sequence;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod wide;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use exeat_policy::{
    Access, Columns, Confirmation, Facts, Name, RelationAccess, SequenceUse, Setting, Unreadable,
    UnreadableKind, Verb,
};

use crate::Context;
use crate::tree::{Node, Tree};
use scope::{Cte, Frame, Item, RelationId};
pub use wide::Wide;

/// What the walk of a part gives.
type Walked<T = ()> = Result<T, Unreadable>;

/// Names as they are written, for the second reader to confirm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    /// Relations, names of CTEs among them.
    pub(crate) relations: BTreeSet<String>,
    /// Functions that are called by the plain syntax `name(…)`.
    pub(crate) functions: BTreeSet<String>,
    /// Functions with a syntax of their own.
    pub(crate) special: BTreeSet<&'static str>,
}

/// What the walk of one statement found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) facts: Facts,
    pub(crate) mentions: Mentions,
    /// The prepared statement or cursor that it names.
    pub(crate) prepared: Option<Arc<str>>,
    /// See [`crate::Statement::prepared_at`].
    pub(crate) prepared_at: Option<Range<usize>>,
    pub(crate) questions: Questions,
    /// See [`crate::Statement::cascades`].
    pub(crate) cascades: bool,
    /// See [`crate::Statement::wide`].
    pub(crate) wide: Option<Wide>,
}

/// What PostgreSQL can be asked about, in bytes of the statement's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Questions {
    /// See [`crate::Statement::questions`].
    pub(crate) parts: Vec<Range<usize>>,
    /// See [`crate::Statement::equal`].
    pub(crate) equal: Vec<String>,
    /// See [`crate::Statement::types`].
    pub(crate) types: BTreeSet<Name>,
    /// See [`crate::Statement::into`].
    pub(crate) into: Option<Range<usize>>,
    /// See [`crate::Statement::declared`].
    pub(crate) declared: Vec<Range<usize>>,
}

impl From<Facts> for Found {
    fn from(facts: Facts) -> Self {
        Self {
            facts,
            mentions: Mentions::default(),
            prepared: None,
            prepared_at: None,
            questions: Questions::default(),
            cascades: false,
            wide: None,
        }
    }
}

/// Reads the facts of the one statement that the tree holds.
pub(crate) fn facts(tree: &Tree<'_>, context: &Context<'_>) -> Result<Found, Unreadable> {
    let mut walk = Walk::new(context);
    let (verb, label) = walk.statement(tree.root())?;
    Ok(walk.finish(verb, label))
}

struct Walk<'c> {
    context: &'c Context<'c>,
    relations: Vec<Name>,
    ids: HashMap<Name, RelationId>,
    touched: BTreeMap<(RelationId, Access), Columns>,
    /// Base relations in the order of their FROM items.
    log: Vec<RelationId>,
    functions: BTreeSet<Name>,
    operators: BTreeSet<Name>,
    types: BTreeSet<Name>,
    settings: Vec<Setting>,
    sequences: BTreeSet<SequenceUse>,
    mentions: Mentions,
    prepared: Option<Arc<str>>,
    prepared_at: Option<Range<usize>>,
    ctes: Vec<Cte>,
    frames: Vec<Frame<'c>>,
    /// Within the definition language: names are of what is defined.
    defining: bool,
    questions: Questions,
    /// What is made is temporary.
    temporary: bool,
    /// The functions that a definition names are run later on.
    runs: bool,
    cascades: bool,
    wide: Option<Wide>,
    /// Columns that items and outputs were made of, and columns that names were looked for in.
    held: usize,
    looked: usize,
    /// Within a part that PostgreSQL will be asked about: what a name only might mean is left to it.
    asking: bool,
}

impl<'c> Walk<'c> {
    fn new(context: &'c Context<'c>) -> Self {
        Self {
            context,
            relations: Vec::new(),
            ids: HashMap::new(),
            touched: BTreeMap::new(),
            log: Vec::new(),
            functions: BTreeSet::new(),
            operators: BTreeSet::new(),
            types: BTreeSet::new(),
            settings: Vec::new(),
            sequences: BTreeSet::new(),
            mentions: Mentions::default(),
            prepared: None,
            prepared_at: None,
            ctes: Vec::new(),
            frames: Vec::new(),
            defining: false,
            questions: Questions::default(),
            temporary: false,
            runs: false,
            cascades: false,
            wide: None,
            held: 0,
            looked: 0,
            asking: false,
        }
    }

    fn finish(self, verb: Verb, label: Arc<str>) -> Found {
        let mut relations: Vec<RelationAccess> = self
            .touched
            .into_iter()
            .filter_map(|((id, access), columns)| {
                let relation = self.relations.get(id as usize)?.clone();
                Some(RelationAccess {
                    relation,
                    access,
                    columns,
                })
            })
            .collect();
        relations.sort();
        let facts = Facts {
            verb,
            label,
            relations,
            functions: self.functions.into_iter().collect(),
            operators: self.operators.into_iter().collect(),
            types: self.types.into_iter().collect(),
            settings: self.settings,
            confirmation: Confirmation::Unconfirmed,
            behind: Vec::new(),
            behind_functions: Vec::new(),
            sequences: self.sequences.into_iter().collect(),
        };
        Found {
            facts,
            mentions: self.mentions,
            prepared: self.prepared,
            prepared_at: self.prepared_at,
            questions: self.questions,
            cascades: self.cascades,
            wide: self.wide,
        }
    }

    /// Reads something at a level of its own, which starts with these items.
    fn within<T>(
        &mut self,
        items: Vec<Item<'c>>,
        read: impl FnOnce(&mut Self) -> Walked<T>,
    ) -> Walked<T> {
        self.frames.push(Frame {
            items,
            ..Frame::default()
        });
        let result = read(self);
        self.frames.pop();
        result
    }

    /// The index of a relation, the same for the same name.
    fn relation(&mut self, name: Name) -> RelationId {
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        let id = self.relations.len() as RelationId;
        self.relations.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    /// Counts an access without a column.
    fn touch(&mut self, relation: RelationId, access: Access) {
        self.touched
            .entry((relation, access))
            .or_insert_with(|| Columns::Named(BTreeSet::new()));
    }

    /// Counts an access to one column.
    fn mark(&mut self, relation: RelationId, access: Access, column: &Arc<str>) {
        self.touch(relation, access);
        if let Some(Columns::Named(columns)) = self.touched.get_mut(&(relation, access)) {
            columns.insert(Arc::clone(column));
        }
    }

    /// Counts an access to every column, also of those that no catalog knows.
    fn mark_all(&mut self, relation: RelationId, access: Access) {
        self.touched.insert((relation, access), Columns::All);
    }
}

/// A refusal at a node.
fn refused(kind: UnreadableKind, node: Node<'_>, detail: &str) -> Unreadable {
    Unreadable {
        kind,
        detail: detail.into(),
        offset: Some(node.range().start),
    }
}

/// A refusal of a construct outside the allow-list.
fn unsupported(node: Node<'_>) -> Unreadable {
    let detail = format!("not readable here: {}", words(node));
    refused(UnreadableKind::Unsupported, node, &detail)
}

/// The kind of a node in words, e.g. `create table`.
fn words(node: Node<'_>) -> String {
    format!("{:?}", node.kind())
        .to_ascii_lowercase()
        .replace('_', " ")
}

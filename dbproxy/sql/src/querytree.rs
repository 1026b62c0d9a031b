//! What PostgreSQL itself says that a statement touches: the query trees that it writes where
//! `debug_print_parse` and `debug_print_rewritten` are on, as facts by OID.
//!
//! Text in, facts out. It must never pass over what it does not know: a node, a field or a value that
//! does not stand in `querytree/shapes.txt` for that major version makes the whole tree unreadable.
//! It holds no name and no literal of a tree, neither in its facts nor in its errors.

mod gather;
mod read;
mod relations;
mod shape;
mod token;

use std::collections::BTreeSet;

use exeat_policy::Access;

use gather::Seen;
use read::Tree;

/// The most bytes of a tree that are read. Reading takes time in proportion to them, and memory.
pub const TEXT_LIMIT: usize = 8 << 20;

/// The first OID of what PostgreSQL does not bring with it.
const FIRST_NORMAL_OID: u32 = 16384;

/// What a statement touches, by OID. Sorted, each thing once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryTree {
    /// What it is.
    pub command: Command,
    /// What PostgreSQL checks the caller's rights for: what the statement names, and what views with
    /// `security_invoker` and row security add.
    pub relations: Vec<RelationUse>,
    /// What PostgreSQL checks the rights of somebody else for: what views and rules lead to.
    pub behind: Vec<RelationUse>,
    /// Functions, aggregates, procedures and sampling methods that the statement calls.
    pub called: BTreeSet<u32>,
    /// Functions that PostgreSQL chose for it: casts, window frames' comparisons.
    pub casts: BTreeSet<u32>,
    /// Functions that the values of columns call which the statement left to their defaults. (Generated
    /// columns, constraints and domains are not in a tree: the catalog has them.)
    pub defaults: BTreeSet<u32>,
    /// Functions that only views, rules and row security call.
    pub behind_functions: BTreeSet<u32>,
    /// Operators of the statement itself: in expressions, for sorting, grouping and set operations.
    pub operators: BTreeSet<u32>,
    /// Operators that only defaults, views, rules and row security use.
    pub behind_operators: BTreeSet<u32>,
    /// Types that are not PostgreSQL's own.
    pub types: BTreeSet<u32>,
    /// Those of them of which the statement makes values. (What it only reads, has been made before.)
    pub made: BTreeSet<u32>,
    /// Types that are not PostgreSQL's own, and only in views, rules and row security.
    pub behind_types: BTreeSet<u32>,
    /// Those of which views, rules and row security make values.
    pub behind_made: BTreeSet<u32>,
    /// Domains whose constraints only these check.
    pub behind_domains: BTreeSet<u32>,
    /// The statement compares values in a way that no function or operator in it says.
    pub compares: bool,
    /// It makes JSON in a way that no function in it says.
    pub json: bool,
    /// Domains whose constraints are checked, by defaults too.
    pub domains: BTreeSet<u32>,
    /// `regclass` and its kin (never their arrays' OIDs), where the statement makes a value of that type: it asks the catalog
    /// for a name or by a name. Not the sequence of `nextval` and its kin.
    pub lookups: BTreeSet<u32>,
    /// Sequences that are read or advanced.
    pub sequences: Vec<SequenceUse>,
    /// The statement itself says one of them, no default, identity column, view or rule alone.
    pub says_sequence: bool,
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// SELECT, VALUES, TABLE.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
    /// CALL (from PostgreSQL 16 on); of other utility statements there is no tree to be read.
    Utility,
    /// Nothing: what a rule makes of a statement that is not to happen.
    Nothing,
}

/// A permission that PostgreSQL checks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelationUse {
    /// The relation.
    pub relation: u32,
    /// Its `relkind`.
    pub kind: u8,
    /// What is done to it: select, insert, update, delete; lock for FOR UPDATE and its kin, which are
    /// an update of no column.
    pub access: Access,
    /// The columns; none where it needs the right on any of them (`count(*)`) or on the relation.
    pub columns: AttributeSet,
}

/// Columns of a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AttributeSet {
    /// These; system columns are negative.
    Named(BTreeSet<i16>),
    /// The whole row.
    All,
}

/// A sequence that is read or advanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceUse {
    /// The sequence, where the statement says it: not a parameter or an expression.
    pub sequence: Option<u32>,
    /// How.
    pub call: SequenceCall,
}

/// How a sequence is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SequenceCall {
    /// `nextval`.
    Nextval,
    /// The next value of an identity column, for which PostgreSQL checks no right.
    Identity,
    /// `currval`.
    Currval,
    /// `setval`.
    Setval,
    /// `lastval`, which names none.
    Lastval,
}

/// Why a tree is not understood. It names PostgreSQL's nodes and fields, nothing of the statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryTreeError {
    /// A major version whose trees were never tried.
    #[error("the query trees of PostgreSQL {major} are not known")]
    Version {
        /// The version.
        major: u16,
    },
    /// More than [`TEXT_LIMIT`].
    #[error("a query tree of {bytes} bytes is too long")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The text ends too early, or goes on after its end.
    #[error("the query tree is incomplete")]
    Incomplete,
    /// A name is so long that the text's line breaks can't be told from it.
    #[error("the query tree's line breaks can't be told from a name in it")]
    Ambiguous,
    /// A utility statement that PostgreSQL does not look into.
    #[error("there is no query tree of this kind of statement")]
    Utility,
    /// A node that may not be there.
    #[error("the node {node} of PostgreSQL {major} is not known")]
    Node {
        /// The version.
        major: u16,
        /// The node; `?` where it is not written as nodes are.
        node: String,
    },
    /// Another field than the node has in this place.
    #[error("the node {node} of PostgreSQL {major} is not as expected at {field}")]
    Field {
        /// The version.
        major: u16,
        /// The node.
        node: &'static str,
        /// The field that should be there; `}` for its end.
        field: &'static str,
    },
    /// A value that this field can't have.
    #[error("the value of {field} in the node {node} of PostgreSQL {major} is not understood")]
    Value {
        /// The version.
        major: u16,
        /// The node.
        node: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Something else than a node, a list or nothing.
    #[error(
        "something in the query tree of PostgreSQL {major} after the node {after} is not understood"
    )]
    Stray {
        /// The version.
        major: u16,
        /// The last node before it; empty where there is none.
        after: &'static str,
    },
}

/// Reads both trees of one statement, as PostgreSQL's notices give them in their DETAIL: `parse` of
/// "parse tree:", `rewritten` of "rewritten parse tree:" (a list, `<>` where it is empty). Bytes, because a
/// line may end within a character; in the client encoding that the server's own is converted to least: UTF8.
///
/// # Errors
/// What is not understood, to the last field, is an error: the statement can't be judged by it.
pub fn query_tree(major: u16, parse: &[u8], rewritten: &[u8]) -> Result<QueryTree, QueryTreeError> {
    let tree = Tree::read(major, parse)?;
    let command = gather::top(&tree)?;
    let own = Seen::gather(&tree)?;
    let all = Seen::gather(&Tree::read(major, rewritten)?)?;
    Ok(joined(command, own, all))
}

/// The statement's own facts, and what rewriting added to them.
fn joined(command: Command, own: Seen, all: Seen) -> QueryTree {
    let mut relations = own.relations;
    relations.extend(all.relations);
    let (relations, behind) = relations.split();
    let named = own.elsewhere.and(&own.filled);
    QueryTree {
        command,
        relations,
        behind,
        defaults: all.filled.beyond(&named),
        behind_functions: all.elsewhere.beyond(&named),
        behind_operators: &all.operators - &own.operators,
        says_sequence: !own.sequences.is_empty(),
        sequences: (&own.sequences | &all.sequences).into_iter().collect(),
        called: named.called,
        casts: named.casts,
        operators: own.operators,
        behind_types: &all.types - &own.types,
        behind_made: &all.made - &own.made,
        behind_domains: &all.domains - &own.domains,
        types: own.types,
        made: own.made,
        compares: own.compares,
        json: own.json,
        // A default of the domain's own type is checked too.
        domains: &own.domains | &all.filled_domains,
        lookups: own.lookups,
    }
}

#[cfg(test)]
mod tests;

//! What a SQL message is and touches: text in, facts out, nothing else. Two readers must agree, a
//! lexer of our own is their referee, and what can't be read for sure is [`Subject::Unreadable`],
//! which no policy allows.
//!
//! This crate must never touch a socket, a file, a clock, the environment or a logger, and never
//! re-print a statement: what is forwarded is the original text, comments blanked.

mod builtin;
mod catalog;
mod confirm;
mod kinds;
mod lexer;
mod moves;
mod names;
mod path;
mod querytree;
mod read;
mod said;
mod spells;
mod template;
mod text;
mod tree;
mod walk;

pub use catalog::{Catalog, Relation, RelationKind};
pub use exeat_policy::Subject;
pub use lexer::Limits;
pub use moves::{Move, moves};
pub use path::{is_path, joined, written_path};
pub use querytree::{
    AttributeSet, Command, QueryTree, QueryTreeError, RelationUse, SequenceCall, SequenceUse,
    TEXT_LIMIT as QUERY_TREE_LIMIT, query_tree,
};
pub use read::{Context, Statement, read, read_within, search_path};
pub use said::{Said, Transaction, identifiers};
pub use spells::means_what_it_spells;
pub use template::{ShortForm, short_form, template_into};
pub use text::{WithoutStrings, blank_comments, redact, without_strings};
pub use walk::Wide;

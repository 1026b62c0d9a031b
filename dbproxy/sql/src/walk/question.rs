//! The parts of a statement that PostgreSQL can be asked about. Where it will be, the walk says only what
//! is written there for certain; it must never leave anything to it outside of such a part.

#[cfg(test)]
mod tests;

use squawk_parser::SyntaxKind as K;

use super::query::is_query;
use super::{Walk, Walked};
use crate::tree::Node;

impl Walk<'_> {
    /// Reads a query, or a statement that changes rows, as a part that PostgreSQL can be asked about.
    pub(super) fn question(&mut self, node: Node<'_>) -> Walked {
        self.questions.parts.push(node.range());
        let before = std::mem::replace(&mut self.asking, self.context.asks);
        let read = if is_query(node) {
            self.query(node).map(drop)
        } else {
            self.change(node).map(drop)
        };
        self.asking = before;
        read
    }

    /// Whether a name may be left open: PostgreSQL is asked about it, or it is of what is being defined.
    pub(super) fn is_lenient(&self) -> bool {
        self.asking || self.defining
    }
}

/// The kinds that PostgreSQL analyses by themselves.
pub(super) fn is_askable(node: Node<'_>) -> bool {
    let changes = matches!(node.kind(), K::INSERT | K::UPDATE | K::DELETE | K::MERGE);
    changes || is_query(node)
}

/// Whether a definition holds a query that stands for itself. That of a recursive view names the view.
pub(super) fn holds_question(definition: Node<'_>) -> bool {
    matches!(
        definition.kind(),
        K::CREATE_TABLE_AS | K::CREATE_VIEW | K::CREATE_MATERIALIZED_VIEW
    ) && !definition.has(K::RECURSIVE_KW)
}

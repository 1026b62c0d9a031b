//! What follows the target list of a query: GROUP BY, ORDER BY, LIMIT and its kin, FOR UPDATE. A bare
//! name there may mean an output column; it must count as a read of the input wherever it may be one.

use std::sync::Arc;

use exeat_policy::Access;
use squawk_parser::SyntaxKind as K;

use super::super::scope::{Column, Item, Match, Output, Shape};
use super::super::{Walk, Walked, unsupported};
use crate::names::name;
use crate::tree::Node;

/// Whether a node follows a query's body: ORDER BY, LIMIT and the like.
pub(super) fn is_tail(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        K::ORDER_BY_CLAUSE
            | K::LIMIT_CLAUSE
            | K::OFFSET_CLAUSE
            | K::FETCH_CLAUSE
            | K::LOCKING_CLAUSE
    )
}

/// An expression without the parentheses around it.
fn bare(mut node: Node<'_>) -> Node<'_> {
    while node.kind() == K::PAREN_EXPR
        && let Some(inner) = node.first_inner()
    {
        node = inner;
    }
    node
}

impl Walk<'_> {
    pub(super) fn group_by(&mut self, node: Node<'_>, output: &Output) -> Walked {
        for child in node.inner() {
            match child.kind() {
                K::GROUP_BY_LIST
                | K::GROUPING_EXPR
                | K::GROUPING_ROLLUP
                | K::GROUPING_CUBE
                | K::GROUPING_SETS
                | K::PAREN_EXPR => self.group_by(child, output)?,
                K::TUPLE_EXPR if !child.has(K::ROW_KW) => self.group_by(child, output)?,
                K::NAME_REF => self.group_name(child, output)?,
                _ => self.walk(child)?,
            }
        }
        Ok(())
    }

    /// A bare name in GROUP BY: a column of this level first, then an output column, then outwards.
    fn group_name(&mut self, node: Node<'_>, output: &Output) -> Walked {
        self.look(self.width() + output.names.len(), node)?;
        let name = name(node);
        let items = self
            .frames
            .last()
            .map(|frame| frame.items.clone())
            .unwrap_or_default();
        let inside = items
            .iter()
            .any(|item| matches!(item.find(&name), Match::Surely(_)));
        if !inside && output.names.contains(&name) {
            for item in &items {
                self.read_of(item, &name);
            }
            return Ok(());
        }
        self.walk(node)
    }

    /// A bare name in ORDER BY or DISTINCT ON is an output column where there is one of that name;
    /// anything else is an expression over the input.
    pub(super) fn output_or_input(&mut self, node: Node<'_>, output: &Output) -> Walked {
        self.look(output.names.len(), node)?;
        let inner = bare(node);
        if inner.kind() == K::NAME_REF && output.names.contains(&name(inner)) {
            return Ok(());
        }
        self.walk(node)
    }

    /// ORDER BY, LIMIT, OFFSET, FETCH and FOR UPDATE, of the query itself and of the parentheses
    /// around it.
    pub(super) fn tail(&mut self, node: Node<'_>, outer: &[Node<'_>], output: &Output) -> Walked {
        let own: Vec<Node<'_>> = node.inner().filter(|child| is_tail(*child)).collect();
        for clause in own.iter().chain(outer) {
            match clause.kind() {
                K::ORDER_BY_CLAUSE => {
                    for sort in clause.inner().flat_map(Node::inner) {
                        for part in sort.inner() {
                            self.output_or_input(part, output)?;
                        }
                    }
                }
                K::LOCKING_CLAUSE => self.locking(*clause)?,
                _ => self.walk_children(*clause)?,
            }
        }
        Ok(())
    }

    /// What follows a query without a FROM of its own: its columns are all that names there mean.
    pub(super) fn tail_over(
        &mut self,
        node: Node<'_>,
        tail: &[Node<'_>],
        output: Output,
    ) -> Walked<Output> {
        self.hold(output.names.len(), node)?;
        let columns = output.names.iter().cloned().map(Column::derived).collect();
        let shape = Shape::Derived {
            columns,
            open: output.open,
            behind: Vec::new(),
        };
        let item = Item {
            alias: Arc::from(""),
            schema: None,
            shape,
            bases: Vec::new(),
            unsure: output.unsure,
        };
        self.within(vec![item], |walk| walk.tail(node, tail, &output))?;
        Ok(output)
    }

    fn locking(&mut self, node: Node<'_>) -> Walked {
        self.look(self.width(), node)?;
        let items = self
            .frames
            .last()
            .map(|frame| frame.items.clone())
            .unwrap_or_default();
        let named: Vec<Arc<str>> = match node.child(K::LOCKING_OF) {
            None => Vec::new(),
            Some(of) => of
                .inner()
                .map(|item| {
                    if item.kind() == K::NAME_REF {
                        Ok(name(item))
                    } else {
                        Err(unsupported(item))
                    }
                })
                .collect::<Walked<_>>()?,
        };
        for item in items
            .iter()
            .filter(|item| named.is_empty() || named.contains(&item.alias))
        {
            // Some of those within a sub-query are not locked.
            let open = self.asking && !matches!(item.shape, Shape::Base { .. });
            for relation in item.bases.iter().filter(|_| !open) {
                self.touch(*relation, Access::Lock);
            }
        }
        Ok(())
    }
}

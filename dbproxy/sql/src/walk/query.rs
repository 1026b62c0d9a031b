//! SELECT and its kin: target lists, set operations, VALUES, TABLE. Every clause of a query must be
//! read, whichever parentheses it stands behind.

mod tail;
mod with;

use std::sync::Arc;

use squawk_parser::SyntaxKind as K;

use super::output::column_name;
use super::scope::Output;
use super::{Walk, Walked, unsupported};
use crate::names::name;
use crate::tree::Node;
use tail::is_tail;
use with::with_clause;

const QUERIES: [K; 6] = [
    K::SELECT,
    K::SELECT_INTO,
    K::COMPOUND_SELECT,
    K::PAREN_SELECT,
    K::VALUES,
    K::TABLE,
];

pub(super) fn is_query(node: Node<'_>) -> bool {
    QUERIES.contains(&node.kind())
}

impl Walk<'_> {
    /// Reads a query with the CTEs that it brings.
    pub(super) fn query(&mut self, node: Node<'_>) -> Walked<Output> {
        self.query_with_tail(node, &[])
    }

    fn query_with_tail(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        let depth = self.ctes.len();
        if let Some(with) = with_clause(node) {
            self.with(with)?;
        }
        let output = self.body(node, tail)?;
        self.ctes.truncate(depth);
        Ok(output)
    }

    /// A query without its WITH clause. `tail`: the clauses that follow the parentheses around it,
    /// which PostgreSQL reads as its own.
    fn body(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        match node.kind() {
            K::SELECT | K::SELECT_INTO => self.select(node, tail),
            K::COMPOUND_SELECT => self.compound(node, tail),
            K::PAREN_SELECT | K::PAREN_EXPR => {
                let mut tails: Vec<Node<'_>> =
                    node.inner().filter(|child| is_tail(*child)).collect();
                tails.extend_from_slice(tail);
                let inner = node
                    .inner()
                    .find(|child| is_query(*child) || child.kind() == K::PAREN_EXPR);
                let inner = inner.ok_or_else(|| unsupported(node))?;
                self.query_with_tail(inner, &tails)
            }
            K::VALUES => self.values(node, tail),
            K::TABLE => self.table(node, tail),
            _ => Err(unsupported(node)),
        }
    }

    fn select(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        self.within(Vec::new(), |walk| {
            if let Some(from) = node.child(K::FROM_CLAUSE) {
                walk.read_from(from)?;
            }
            let clause = node
                .child(K::SELECT_CLAUSE)
                .ok_or_else(|| unsupported(node))?;
            let output = match clause.child(K::TARGET_LIST) {
                Some(list) => walk.targets(list)?,
                None => Output::default(),
            };
            for child in clause
                .inner()
                .flat_map(Node::inner)
                .filter(|child| child.kind() == K::DISTINCT_ON)
            {
                for expression in child.inner() {
                    walk.output_or_input(expression, &output)?;
                }
            }
            for child in node.inner() {
                match child.kind() {
                    K::WITH_CLAUSE | K::FROM_CLAUSE | K::SELECT_CLAUSE => {}
                    K::GROUP_BY_CLAUSE => walk.group_by(child, &output)?,
                    K::INTO_CLAUSE => walk.select_into(child)?,
                    _ if is_tail(child) => {}
                    _ => walk.walk(child)?,
                }
            }
            walk.tail(node, tail, &output)?;
            Ok(output)
        })
    }

    fn compound(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        let mut output: Option<Output> = None;
        for child in node.inner() {
            match child.kind() {
                K::UNION | K::INTERSECT | K::EXCEPT => {}
                _ if is_tail(child) => {}
                _ => {
                    // The WITH clause of the first operand was read with the whole.
                    let operand = if output.is_none() {
                        self.body(child, &[])?
                    } else {
                        self.query_or_paren(child)?
                    };
                    output.get_or_insert(operand);
                }
            }
        }
        let output = output.unwrap_or_default();
        self.tail_over(node, tail, output)
    }

    /// `TABLE t`: `SELECT * FROM t`, with ORDER BY and its kin but no other clause.
    fn table(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        let other = node.inner().find(|child| {
            !matches!(child.kind(), K::WITH_CLAUSE | K::RELATION_NAME) && !is_tail(*child)
        });
        if let Some(other) = other {
            return Err(unsupported(other));
        }
        let relation = node
            .child(K::RELATION_NAME)
            .and_then(|relation| relation.child(K::RELATION_NAME_REF));
        let relation = relation.ok_or_else(|| unsupported(node))?;
        self.within(Vec::new(), |walk| {
            walk.read_relation(relation, None)?;
            let mut output = Output::default();
            walk.star(&mut output, node)?;
            walk.tail(node, tail, &output)?;
            Ok(output)
        })
    }

    fn query_or_paren(&mut self, node: Node<'_>) -> Walked<Output> {
        if is_query(node) || node.kind() == K::PAREN_EXPR {
            return self.query(node);
        }
        Err(unsupported(node))
    }

    fn values(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        let list = node.child(K::ROW_LIST).ok_or_else(|| unsupported(node))?;
        let width = list.child(K::ROW).map_or(0, |row| row.inner().count());
        self.hold_output(&Output::default(), width, node)?;
        self.walk(list)?;
        let names: Vec<Arc<str>> = (1..=width)
            .map(|n| Arc::from(format!("column{n}")))
            .collect();
        let output = Output {
            names,
            ..Output::default()
        };
        self.tail_over(node, tail, output)
    }

    /// A target list: its reads, and the names of its columns.
    pub(super) fn targets(&mut self, list: Node<'_>) -> Walked<Output> {
        let mut output = Output::default();
        let written = list.inner().count();
        self.hold_output(&output, written, list)?;
        for target in list.inner().filter(|child| child.kind() == K::TARGET) {
            let Some(expression) = target.first_inner() else {
                self.star(&mut output, target)?;
                continue;
            };
            if expression.kind() == K::FIELD_EXPR && expression.has(K::STAR) {
                self.qualified_star(expression, &mut output)?;
                continue;
            }
            self.walk(expression)?;
            let alias = target
                .child(K::AS_NAME)
                .and_then(|alias| alias.child(K::COLUMN_NAME));
            match alias.map(name).or_else(|| column_name(expression)) {
                Some(name) => output.names.push(name),
                None => {
                    output.open = true;
                    output.unsure = true;
                }
            }
        }
        Ok(output)
    }

    /// `*`: all columns of all items of this level.
    pub(super) fn star(&mut self, output: &mut Output, node: Node<'_>) -> Walked {
        self.hold_output(output, self.width(), node)?;
        let items = self
            .frames
            .last()
            .map(|frame| frame.items.clone())
            .unwrap_or_default();
        for item in &items {
            self.read_all(item);
            let (names, open) = item.names();
            output.names.extend(names);
            output.open |= open;
            output.unsure |= open && item.unsure;
        }
        output.shuffled |= items.len() > 1;
        Ok(())
    }

    /// `SELECT … INTO t` makes a table.
    fn select_into(&mut self, node: Node<'_>) -> Walked {
        let table = node.child(K::TABLE_NAME).ok_or_else(|| unsupported(node))?;
        self.questions.into.get_or_insert_with(|| node.range());
        let before = std::mem::replace(&mut self.temporary, node.has(K::TEMP));
        let made = self.define(table);
        self.temporary = before;
        made
    }
}

/// The names of a column list, where the node has one.
pub(super) fn column_list(node: Node<'_>) -> Vec<Arc<str>> {
    let list = node.child(K::COLUMN_LIST);
    list.map_or_else(Vec::new, |list| list.inner().map(name).collect())
}

/// An output whose first columns are given other names.
pub(super) fn renamed(mut output: Output, names: Vec<Arc<str>>) -> Output {
    if names.is_empty() {
        return output;
    }
    if output.open || output.shuffled {
        // Which of the old names are left can't be told.
        return Output {
            names,
            open: true,
            shuffled: true,
            unsure: output.unsure,
        };
    }
    let rest = output.names.split_off(names.len().min(output.names.len()));
    Output {
        names: names.into_iter().chain(rest).collect(),
        open: false,
        shuffled: false,
        unsure: output.unsure,
    }
}

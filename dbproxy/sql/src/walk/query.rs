//! SELECT and its kin: WITH, target lists, GROUP BY and ORDER BY names, set operations, locking.

use std::sync::Arc;

use exeat_policy::{Access, UnreadableKind};
use squawk_parser::SyntaxKind as K;

use super::output::column_name;
use super::scope::{Column, Cte, Frame, Item, Match, Output, Shape};
use super::{Walk, Walked, refused, unsupported};
use crate::names::name;
use crate::tree::Node;

/// Common table expressions in scope at once.
const MAX_CTES: usize = 500;

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

/// Whether a node follows a query's body: ORDER BY, LIMIT and the like.
fn is_tail(node: Node<'_>) -> bool {
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

/// The WITH clause of a query. The grammar hangs it on the first SELECT of a set operation, but it is
/// the whole operation's.
fn with_clause(node: Node<'_>) -> Option<Node<'_>> {
    let mut node = node;
    while node.kind() == K::COMPOUND_SELECT {
        node = node.first_inner()?;
    }
    node.child(K::WITH_CLAUSE)
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
            K::TABLE => {
                self.frames.push(Frame::default());
                let relation = node
                    .child(K::RELATION_NAME)
                    .ok_or_else(|| unsupported(node))?;
                let reference = relation
                    .child(K::RELATION_NAME_REF)
                    .ok_or_else(|| unsupported(node))?;
                self.read_relation(reference, None)?;
                let mut output = Output::default();
                self.star(&mut output);
                self.tail(node, tail, &output)?;
                self.frames.pop();
                Ok(output)
            }
            _ => Err(unsupported(node)),
        }
    }

    /// The CTEs of a WITH clause, each visible to those after it (with RECURSIVE: to all).
    pub(super) fn with(&mut self, node: Node<'_>) -> Walked {
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
                }
                _ if is_query(child) => output = self.query(child)?,
                _ => return Err(unsupported(child)),
            }
        }
        let names = column_list(table);
        Ok(renamed(output, names))
    }

    fn select(&mut self, node: Node<'_>, tail: &[Node<'_>]) -> Walked<Output> {
        self.frames.push(Frame::default());
        if let Some(from) = node.child(K::FROM_CLAUSE) {
            self.read_from(from)?;
        }
        let clause = node
            .child(K::SELECT_CLAUSE)
            .ok_or_else(|| unsupported(node))?;
        let output = match clause.child(K::TARGET_LIST) {
            Some(list) => self.targets(list)?,
            None => Output::default(),
        };
        for child in clause
            .inner()
            .flat_map(Node::inner)
            .filter(|child| child.kind() == K::DISTINCT_ON)
        {
            for expression in child.inner() {
                self.output_or_input(expression, &output)?;
            }
        }
        for child in node.inner() {
            match child.kind() {
                K::WITH_CLAUSE | K::FROM_CLAUSE | K::SELECT_CLAUSE => {}
                K::GROUP_BY_CLAUSE => self.group_by(child, &output)?,
                K::INTO_CLAUSE => self.select_into(child)?,
                _ if is_tail(child) => {}
                _ => self.walk(child)?,
            }
        }
        self.tail(node, tail, &output)?;
        self.frames.pop();
        Ok(output)
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

    /// What follows a query without a FROM of its own: its columns are all that names there mean.
    fn tail_over(&mut self, node: Node<'_>, tail: &[Node<'_>], output: Output) -> Walked<Output> {
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
        };
        self.frames.push(Frame {
            items: vec![item],
            ..Frame::default()
        });
        self.tail(node, tail, &output)?;
        self.frames.pop();
        Ok(output)
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
        for target in list.inner().filter(|child| child.kind() == K::TARGET) {
            let Some(expression) = target.first_inner() else {
                self.star(&mut output);
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
                None => output.open = true,
            }
        }
        Ok(output)
    }

    /// `*`: all columns of all items of this level.
    pub(super) fn star(&mut self, output: &mut Output) {
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
        }
        output.shuffled |= items.len() > 1;
    }

    fn group_by(&mut self, node: Node<'_>, output: &Output) -> Walked {
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
    fn output_or_input(&mut self, node: Node<'_>, output: &Output) -> Walked {
        let inner = bare(node);
        if inner.kind() == K::NAME_REF && output.names.contains(&name(inner)) {
            return Ok(());
        }
        self.walk(node)
    }

    /// ORDER BY, LIMIT, OFFSET, FETCH and FOR UPDATE, of the query itself and of the parentheses
    /// around it.
    fn tail(&mut self, node: Node<'_>, outer: &[Node<'_>], output: &Output) -> Walked {
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

    fn locking(&mut self, node: Node<'_>) -> Walked {
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
            for relation in &item.bases {
                self.touch(*relation, Access::Lock);
            }
        }
        Ok(())
    }

    /// `SELECT … INTO t` makes a table.
    fn select_into(&mut self, node: Node<'_>) -> Walked {
        let table = node.child(K::TABLE_NAME).ok_or_else(|| unsupported(node))?;
        self.define(table)
    }
}

fn cte_name(table: Node<'_>) -> Arc<str> {
    table.child(K::CTE_NAME).map_or_else(|| Arc::from(""), name)
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
        };
    }
    let rest = output.names.split_off(names.len().min(output.names.len()));
    Output {
        names: names.into_iter().chain(rest).collect(),
        open: false,
        shuffled: false,
    }
}

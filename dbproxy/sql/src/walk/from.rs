//! FROM lists: relations, sub-queries, functions, joins, and what each lets the rest of the query see.

use std::sync::Arc;

use exeat_policy::{Access, UnreadableKind};
use squawk_parser::SyntaxKind as K;

use super::query::{column_list, is_query, renamed};
use super::scope::{Column, Item, Match, Output, RelationId, Shape};
use super::{Walk, Walked, refused, unsupported};
use crate::names::{name, path};
use crate::tree::Node;

/// Items of one FROM list: every name is looked for in all of them.
const MAX_ITEMS: usize = 128;

/// The alias of an item, and the names for its columns.
#[derive(Default)]
struct Alias {
    name: Option<Arc<str>>,
    columns: Vec<Arc<str>>,
    /// A column definition list: these are all its columns.
    complete: bool,
}

fn alias(node: Node<'_>) -> Alias {
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
    /// The items of a FROM or USING list; each is a group of joins of its own.
    pub(super) fn read_from(&mut self, list: Node<'_>) -> Walked {
        for item in list.inner() {
            self.group(item)?;
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.first = 0;
        }
        Ok(())
    }

    /// One item whose joins see only its own arms.
    pub(super) fn group(&mut self, item: Node<'_>) -> Walked {
        let start = self.frames.last().map_or(0, |frame| frame.items.len());
        let before = self.set_first(start);
        self.read_item(item)?;
        self.set_first(before);
        Ok(())
    }

    fn set_first(&mut self, first: usize) -> usize {
        self.frames
            .last_mut()
            .map_or(0, |frame| std::mem::replace(&mut frame.first, first))
    }

    fn push_item(&mut self, item: Item<'c>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.items.push(item);
        }
    }

    fn read_item(&mut self, node: Node<'_>) -> Walked {
        if self
            .frames
            .last()
            .is_some_and(|frame| frame.items.len() >= MAX_ITEMS)
        {
            return Err(refused(
                UnreadableKind::TooLarge,
                node,
                "too many items in FROM",
            ));
        }
        match node.kind() {
            K::RELATION_FROM_ITEM => {
                let reference = node
                    .child(K::RELATION_NAME_REF)
                    .ok_or_else(|| unsupported(node))?;
                self.read_relation(reference, Some(node))?;
                match node.child(K::TABLESAMPLE_CLAUSE) {
                    Some(sample) => self.tablesample(sample),
                    None => Ok(()),
                }
            }
            K::PAREN_FROM_ITEM => self.parenthesised(node),
            K::JOIN_EXPR => self.join(node),
            K::FUNCTION_FROM_ITEM | K::EXPR_FROM_ITEM | K::ROWS_FROM_ITEM => {
                self.function_item(node)
            }
            K::XML_TABLE_FROM_ITEM | K::JSON_TABLE_FROM_ITEM => self.table_function(node),
            _ => Err(unsupported(node)),
        }
    }

    /// A relation by name: a CTE where the name is unqualified and one is in scope.
    pub(super) fn read_relation(&mut self, reference: Node<'_>, item: Option<Node<'_>>) -> Walked {
        let parts = path(reference);
        self.mentions.relations.insert(parts.join("."));
        let alias = item.map(alias).unwrap_or_default();
        if let [single] = parts.as_slice()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == *single)
        {
            let output = cte.output.clone();
            let name = alias.name.unwrap_or_else(|| Arc::clone(single));
            self.push_item(derived(name, renamed(output, alias.columns), Vec::new()));
            return Ok(());
        }
        let (name, known) = self.named_relation(&parts, reference)?;
        let base = self.base(name, known, alias.name);
        for relation in &base.bases {
            self.log.push(*relation);
            self.touch(*relation, Access::Select);
        }
        let base = self.with_columns(base, alias.columns);
        self.push_item(base);
        Ok(())
    }

    /// An item whose first columns get other names.
    fn with_columns(&mut self, mut item: Item<'c>, names: Vec<Arc<str>>) -> Item<'c> {
        if names.is_empty() {
            return item;
        }
        let mut columns = match &item.shape {
            Shape::Base {
                relation,
                known: Some(known),
            } => known
                .iter()
                .map(|column| Column {
                    name: Arc::clone(column),
                    origins: std::iter::once((*relation, Arc::clone(column))).collect(),
                })
                .collect(),
            Shape::Derived {
                columns,
                open: false,
                ..
            } => columns.clone(),
            Shape::Base { known: None, .. } | Shape::Derived { .. } => {
                // Which column a new name stands for can't be told.
                self.read_all(&item);
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

    fn tablesample(&mut self, node: Node<'_>) -> Walked {
        for child in node.inner() {
            if child.kind() != K::CALL_EXPR {
                self.walk(child)?;
                continue;
            }
            let method = child.first_inner().ok_or_else(|| unsupported(child))?;
            let builtin =
                method.kind() == K::NAME_REF && matches!(&*name(method), "system" | "bernoulli");
            if !builtin {
                self.callee(method)?;
            }
            for argument in child.inner().skip(1) {
                self.walk(argument)?;
            }
        }
        Ok(())
    }

    /// `ONLY (t)`, `(SELECT …) a`, `(a JOIN b …)`, `(a JOIN b …) AS j (…)`.
    fn parenthesised(&mut self, node: Node<'_>) -> Walked {
        let inner = node.first_inner().ok_or_else(|| unsupported(node))?;
        let mut body = inner;
        while body.kind() == K::PAREN_EXPR {
            body = body.first_inner().ok_or_else(|| unsupported(body))?;
        }
        let alias = alias(node);
        if is_query(body) {
            let logged = self.log.len();
            let output = self.read_subquery(body, node.has(K::LATERAL_KW))?;
            let bases = self.log.get(logged..).unwrap_or(&[]).to_vec();
            let item = derived(
                alias.name.unwrap_or_else(|| Arc::from("")),
                renamed(output, alias.columns),
                bases,
            );
            self.push_item(item);
            return Ok(());
        }
        if node.has(K::ONLY_KW) && body.kind() == K::RELATION_FROM_ITEM {
            let reference = body
                .child(K::RELATION_NAME_REF)
                .ok_or_else(|| unsupported(body))?;
            return self.read_relation(reference, Some(node));
        }
        let start = self.frames.last().map_or(0, |frame| frame.items.len());
        self.group(body)?;
        match alias.name {
            None => Ok(()),
            Some(name) => self.join_alias(start, name, alias.columns, body),
        }
    }

    /// A sub-query: with LATERAL it sees the items to its left, else only the levels around.
    fn read_subquery(&mut self, node: Node<'_>, lateral: bool) -> Walked<Output> {
        if lateral {
            return self.lateral(|walk| walk.query(node));
        }
        let level = self.frames.len();
        self.set_hidden(level, true);
        let output = self.query(node);
        self.set_hidden(level, false);
        output
    }

    fn set_hidden(&mut self, level: usize, hidden: bool) {
        if let Some(frame) = level
            .checked_sub(1)
            .and_then(|index| self.frames.get_mut(index))
        {
            frame.hidden = hidden;
        }
    }

    /// Reads something that sees every item to its left.
    fn lateral<T>(&mut self, read: impl FnOnce(&mut Self) -> Walked<T>) -> Walked<T> {
        let first = self.set_first(0);
        let loose = self.set_loose(true);
        let result = read(self);
        self.set_loose(loose);
        self.set_first(first);
        result
    }

    fn set_loose(&mut self, loose: bool) -> bool {
        self.frames
            .last_mut()
            .is_some_and(|frame| std::mem::replace(&mut frame.loose, loose))
    }

    /// The joined items behind one alias.
    fn join_alias(
        &mut self,
        start: usize,
        alias: Arc<str>,
        names: Vec<Arc<str>>,
        body: Node<'_>,
    ) -> Walked {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
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
                } => columns.extend(known.iter().map(|column| Column {
                    name: Arc::clone(column),
                    origins: std::iter::once((*relation, Arc::clone(column))).collect(),
                })),
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
                self.read_all(item);
            }
            open = true;
            columns = Vec::new();
        }
        let bases = items
            .iter()
            .flat_map(|item| item.bases.iter().copied())
            .collect();
        let item = Item {
            alias,
            schema: None,
            shape: Shape::Derived {
                columns,
                open,
                behind,
            },
            bases,
        };
        let item = self.with_columns(item, names);
        self.push_item(item);
        Ok(())
    }

    fn join(&mut self, node: Node<'_>) -> Walked {
        for child in node.inner() {
            if child.kind() != K::JOIN {
                self.read_item(child)?;
                continue;
            }
            let right = self.frames.last().map_or(0, |frame| frame.items.len());
            for part in child.inner() {
                match part.kind() {
                    K::JOIN_INNER | K::JOIN_LEFT | K::JOIN_RIGHT | K::JOIN_FULL | K::JOIN_CROSS => {
                    }
                    K::ON_CLAUSE => {
                        let loose = self.set_loose(true);
                        self.walk_children(part)?;
                        self.set_loose(loose);
                    }
                    K::JOIN_USING_CLAUSE => self.join_using(part),
                    _ => self.read_item(part)?,
                }
            }
            if child.has(K::NATURAL_KW) {
                self.natural(right);
            }
        }
        Ok(())
    }

    fn join_using(&mut self, node: Node<'_>) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let items: Vec<Item<'c>> = frame.items.iter().skip(frame.first).cloned().collect();
        let list = node.child(K::COLUMN_REF_LIST);
        let names: Vec<Arc<str>> =
            list.map_or_else(Vec::new, |list| list.inner().map(name).collect());
        for name in &names {
            for item in &items {
                self.read_of(item, name);
            }
        }
        if let Some(alias) = node
            .child(K::REQUIRED_AS_ALIAS)
            .and_then(|alias| alias.child(K::TABLE_ALIAS))
        {
            let output = Output {
                names,
                ..Output::default()
            };
            self.push_item(derived(name(alias), output, Vec::new()));
        }
    }

    /// NATURAL reads the columns that both sides have.
    fn natural(&mut self, right: usize) {
        let Some(frame) = self.frames.last() else {
            return;
        };
        let items: Vec<Item<'c>> = frame.items.iter().skip(frame.first).cloned().collect();
        let (left, right) = items.split_at(right.saturating_sub(frame.first).min(items.len()));
        let names = |side: &[Item<'c>]| {
            let mut all = Vec::new();
            let mut open = false;
            for item in side {
                let (names, more) = item.names();
                all.extend(names);
                open |= more;
            }
            (all, open)
        };
        let (left_names, left_open) = names(left);
        let (right_names, right_open) = names(right);
        if left_open && right_open {
            for item in &items {
                self.read_all(item);
            }
            return;
        }
        let (known, others) = if left_open {
            (right_names, left)
        } else {
            (left_names, right)
        };
        for name in known {
            let shared = others
                .iter()
                .any(|item| !matches!(item.find(&name), Match::No));
            for item in items.iter().filter(|_| shared) {
                self.read_of(item, &name);
            }
        }
    }

    /// A function, or several, in FROM.
    fn function_item(&mut self, node: Node<'_>) -> Walked {
        let alias = alias(node);
        let mut own: Option<Arc<str>> = None;
        let mut defined = Vec::new();
        for child in node.inner() {
            match child.kind() {
                K::FROM_ALIAS | K::WITH_ORDINALITY => self.walk(child)?,
                K::ROWS_FROM_ARG => {
                    self.lateral(|walk| walk.walk_children(child))?;
                    if let Some(list) = child.child(K::COLUMN_DEF_LIST) {
                        defined.extend(list.inner().map(name));
                    }
                }
                _ => {
                    self.lateral(|walk| walk.walk(child))?;
                    own = super::output::column_name(child);
                }
            }
        }
        if let Some(list) = node
            .child(K::FROM_ALIAS)
            .and_then(|alias| alias.child(K::COLUMN_DEF_LIST))
        {
            self.walk_children(list)?;
        }
        let name = alias.name.or(own).unwrap_or_else(|| Arc::from(""));
        // Without names the columns depend on the function: one of the item's name where it returns
        // one value, its OUT parameters where it returns a row. So none is sure.
        let names = if alias.columns.is_empty() {
            defined
        } else {
            alias.columns
        };
        let output = Output {
            names,
            open: !alias.complete,
            shuffled: true,
        };
        self.push_item(derived(name, output, Vec::new()));
        Ok(())
    }

    /// XMLTABLE and JSON_TABLE name all their columns.
    fn table_function(&mut self, node: Node<'_>) -> Walked {
        let alias = alias(node);
        let body = node.first_inner().ok_or_else(|| unsupported(node))?;
        self.lateral(|walk| walk.walk(body))?;
        let mut names = Vec::new();
        column_names(body, &mut names);
        let own = if body.kind() == K::XML_TABLE {
            "xmltable"
        } else {
            "json_table"
        };
        let output = renamed(
            Output {
                names,
                ..Output::default()
            },
            alias.columns,
        );
        self.push_item(derived(
            alias.name.unwrap_or_else(|| Arc::from(own)),
            output,
            Vec::new(),
        ));
        Ok(())
    }
}

fn derived<'c>(alias: Arc<str>, output: Output, bases: Vec<RelationId>) -> Item<'c> {
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
    }
}

/// Whether a join merges columns.
fn merges(node: Node<'_>) -> bool {
    node.children().any(|child| {
        matches!(child.kind(), K::NATURAL_KW | K::JOIN_USING_CLAUSE)
            || (matches!(
                child.kind(),
                K::JOIN | K::JOIN_EXPR | K::PAREN_FROM_ITEM | K::PAREN_EXPR
            ) && merges(child))
    })
}

fn column_names(node: Node<'_>, names: &mut Vec<Arc<str>>) {
    for child in node.inner() {
        if child.kind() == K::COLUMN_NAME {
            names.push(name(child));
        } else if !is_query(child) {
            column_names(child, names);
        }
    }
}

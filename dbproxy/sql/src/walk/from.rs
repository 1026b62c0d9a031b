//! FROM lists: relations, sub-queries, functions, joins, and what each lets the rest of the query see.
//! An item must never be passed over: what it reads counts even where nothing else names it.

mod alias;
mod function;
mod join;

use std::sync::Arc;

use exeat_policy::{Access, UnreadableKind};
use squawk_parser::SyntaxKind as K;

use super::expression::value_function;
use super::query::{is_query, renamed};
use super::scope::{Item, Output};
use super::{Walk, Walked, refused, unsupported};
use crate::names::{name, path};
use crate::tree::Node;
use alias::{alias, derived};

/// Items of one FROM list: every name is looked for in all of them.
const MAX_ITEMS: usize = 128;

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
        // `FROM current_date`: no relation has such a name without quotes.
        let keyword = reference.first_leaf().map(Node::kind);
        if let [_] = parts.as_slice()
            && let Some(function) = keyword.and_then(value_function)
        {
            self.calls_special(function);
            let output = Output {
                names: alias.columns,
                open: true,
                shuffled: true,
                unsure: true,
            };
            let name = alias.name.unwrap_or_else(|| Arc::from(function));
            self.push_item(derived(name, output, Vec::new()));
            return Ok(());
        }
        if let [single] = parts.as_slice()
            && let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == *single)
        {
            let output = cte.output.clone();
            self.hold(output.names.len(), reference)?;
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
        if !alias.columns.is_empty() {
            self.hold(base.width() + alias.columns.len(), reference)?;
        }
        let base = self.with_columns(base, alias.columns);
        self.push_item(base);
        Ok(())
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
            self.hold(output.names.len(), body)?;
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
            Some(name) => {
                let width = self.width();
                self.look(width, node)?;
                self.hold(width, node)?;
                self.join_alias(start, name, alias.columns, body);
                Ok(())
            }
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
}

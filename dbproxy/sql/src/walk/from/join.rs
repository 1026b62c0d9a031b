//! Joins: what ON sees, and the columns that USING and NATURAL read without naming their relations.
//! A column that both sides may have must be counted on both.

use std::sync::Arc;

use squawk_parser::SyntaxKind as K;

use super::super::scope::{Item, Match, Output};
use super::super::{Walk, Walked};
use super::alias::derived;
use crate::names::name;
use crate::tree::Node;

impl<'c> Walk<'c> {
    pub(super) fn join(&mut self, node: Node<'_>) -> Walked {
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
                    K::JOIN_USING_CLAUSE => self.join_using(part)?,
                    _ => self.read_item(part)?,
                }
            }
            if child.has(K::NATURAL_KW) {
                self.natural(right, child)?;
            }
        }
        Ok(())
    }

    fn join_using(&mut self, node: Node<'_>) -> Walked {
        let list = node.child(K::COLUMN_REF_LIST);
        let names: Vec<Arc<str>> =
            list.map_or_else(Vec::new, |list| list.inner().map(name).collect());
        self.look(self.width().saturating_mul(names.len() + 1), node)?;
        let Some(frame) = self.frames.last() else {
            return Ok(());
        };
        let items: Vec<Item<'c>> = frame.items.iter().skip(frame.first).cloned().collect();
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
        Ok(())
    }

    /// NATURAL reads the columns that both sides have.
    fn natural(&mut self, right: usize, node: Node<'_>) -> Walked {
        let width = self.width();
        self.look(width, node)?;
        let Some(frame) = self.frames.last() else {
            return Ok(());
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
                self.read_perhaps(item);
            }
            return Ok(());
        }
        let (known, others) = if left_open {
            (right_names, left)
        } else {
            (left_names, right)
        };
        self.look(width.saturating_mul(known.len()), node)?;
        for name in known {
            let shared = others
                .iter()
                .any(|item| !matches!(item.find(&name), Match::No));
            for item in items.iter().filter(|_| shared) {
                self.read_of(item, &name);
            }
        }
        Ok(())
    }
}

/// Whether a join merges columns.
pub(super) fn merges(node: Node<'_>) -> bool {
    node.children().any(|child| {
        matches!(child.kind(), K::NATURAL_KW | K::JOIN_USING_CLAUSE)
            || (matches!(
                child.kind(),
                K::JOIN | K::JOIN_EXPR | K::PAREN_FROM_ITEM | K::PAREN_EXPR
            ) && merges(child))
    })
}

//! Functions as items of a FROM list: their arguments, which see every item to their left, and the
//! names of their columns. Which columns a function returns must never be guessed.

use std::sync::Arc;

use squawk_parser::SyntaxKind as K;

use super::super::output::column_name;
use super::super::query::{is_query, renamed};
use super::super::scope::Output;
use super::super::{Walk, Walked, unsupported};
use super::alias::{alias, derived};
use crate::names::name;
use crate::tree::Node;

impl Walk<'_> {
    /// A function, or several, in FROM.
    pub(super) fn function_item(&mut self, node: Node<'_>) -> Walked {
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
                    own = column_name(child);
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
            unsure: !alias.complete,
        };
        self.push_item(derived(name, output, Vec::new()));
        Ok(())
    }

    /// XMLTABLE and JSON_TABLE name all their columns.
    pub(super) fn table_function(&mut self, node: Node<'_>) -> Walked {
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

fn column_names(node: Node<'_>, names: &mut Vec<Arc<str>>) {
    for child in node.inner() {
        if child.kind() == K::COLUMN_NAME {
            names.push(name(child));
        } else if !is_query(child) {
            column_names(child, names);
        }
    }
}

//! The names that PostgreSQL gives to the columns of a target list (`FigureColname`). A name that
//! can't be told is never guessed: it is left out, and the output counted as open.

use std::sync::Arc;

use squawk_parser::SyntaxKind as K;

use crate::names::{name, path};
use crate::tree::Node;

/// How sure a name is: a type's name gives way to a function's or column's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Weak,
    Strong,
}

/// The name of an expression without an alias; `None` where it can't be told.
pub(super) fn column_name(node: Node<'_>) -> Option<Arc<str>> {
    figure(node).map(|(name, _)| name)
}

fn strong(name: impl Into<Arc<str>>) -> Option<(Arc<str>, Strength)> {
    Some((name.into(), Strength::Strong))
}

fn figure(node: Node<'_>) -> Option<(Arc<str>, Strength)> {
    match node.kind() {
        K::NAME_REF => strong(name(node)),
        K::FIELD_EXPR => {
            let field = node
                .inner()
                .filter(|child| child.kind() == K::NAME_REF)
                .last()?;
            (!node.has(K::STAR)).then(|| name(field)).and_then(strong)
        }
        K::PAREN_EXPR | K::COLLATE | K::INDEX_EXPR | K::SLICE_EXPR => figure(node.first_inner()?),
        K::CALL_EXPR => {
            let callee = node.first_inner()?;
            match callee.kind() {
                K::NAME_REF | K::FIELD_EXPR => figure(callee),
                K::EXISTS_FN => strong("exists"),
                K::TRIM_FN | K::COLLATION_FOR_FN | K::SOME_FN | K::ANY_FN | K::ALL_FN => None,
                _ => callee
                    .first_leaf()
                    .map(|leaf| leaf.text().to_ascii_lowercase())
                    .and_then(strong),
            }
        }
        K::ARRAY_EXPR => strong("array"),
        K::TUPLE_EXPR => strong("row"),
        K::CASE_EXPR => {
            let value = node
                .child(K::ELSE_CLAUSE)
                .and_then(Node::first_inner)
                .and_then(figure);
            match value {
                Some((name, Strength::Strong)) => strong(name),
                _ => Some((Arc::from("case"), Strength::Weak)),
            }
        }
        K::CAST_EXPR => {
            let operand = node.first_inner()?;
            if operand.kind() != K::PATH_TYPE
                && let Some((name, Strength::Strong)) = figure(operand)
            {
                return strong(name);
            }
            let kind = node.inner().find(|child| child.kind() == K::PATH_TYPE)?;
            let last = path(kind).pop()?;
            // The names of the keyword types differ from their spelling (`int` is `int4`).
            (!is_keyword_type(&last)).then_some((last, Strength::Weak))
        }
        K::SELECT => {
            let list = node.child(K::SELECT_CLAUSE)?.child(K::TARGET_LIST)?;
            let target = list.child(K::TARGET)?;
            match target
                .child(K::AS_NAME)
                .and_then(|alias| alias.child(K::COLUMN_NAME))
            {
                Some(alias) => strong(name(alias)),
                None => figure(target.first_inner()?),
            }
        }
        K::PAREN_SELECT => node
            .inner()
            .find(|child| child.kind() == K::SELECT)
            .and_then(figure),
        _ => None,
    }
}

fn is_keyword_type(name: &str) -> bool {
    const KEYWORDS: [&str; 10] = [
        "int", "integer", "smallint", "bigint", "real", "float", "decimal", "dec", "boolean",
        "numeric",
    ];
    KEYWORDS.contains(&name)
}

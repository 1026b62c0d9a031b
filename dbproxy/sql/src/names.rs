//! Identifiers as PostgreSQL stores them: folded to lower case unless quoted, cut at 63 bytes. It must
//! never fold by another rule than ASCII's; the lexer has refused what else may be folded outside quotes.

use std::borrow::Cow;
use std::sync::Arc;

use squawk_parser::SyntaxKind;

use crate::tree::Node;

/// Bytes that PostgreSQL keeps of an identifier.
const LENGTH: usize = 63;

/// The identifier that a token (word or quoted) spells.
pub(crate) fn identifier(token: &str) -> Cow<'_, str> {
    let name = match token
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) if inner.contains('"') => Cow::Owned(inner.replace("\"\"", "\"")),
        Some(inner) => Cow::Borrowed(inner),
        None if token.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(token.to_ascii_lowercase())
        }
        None => Cow::Borrowed(token),
    };
    if name.len() <= LENGTH {
        return name;
    }
    let end = (0..=LENGTH)
        .rev()
        .find(|&end| name.is_char_boundary(end))
        .unwrap_or(0);
    Cow::Owned(name.get(..end).unwrap_or("").to_owned())
}

/// The name that a node with a single name token holds.
pub(crate) fn name(node: Node<'_>) -> Arc<str> {
    node.first_leaf()
        .map_or_else(|| Arc::from(""), |leaf| Arc::from(identifier(leaf.text())))
}

/// The parts of a dotted name, in the order of the text.
pub(crate) fn path(node: Node<'_>) -> Vec<Arc<str>> {
    fn collect(node: Node<'_>, parts: &mut Vec<Arc<str>>) {
        for child in node.children() {
            if !child.is_leaf() {
                collect(child, parts);
            } else if child.kind() != SyntaxKind::DOT {
                parts.push(Arc::from(identifier(child.text())));
            }
        }
    }
    let mut parts = Vec::with_capacity(2);
    match node.kind() {
        SyntaxKind::PATH | SyntaxKind::PATH_REF => collect(node, &mut parts),
        _ => {
            let paths = [SyntaxKind::PATH, SyntaxKind::PATH_REF];
            if let Some(path) = node.inner().find(|child| paths.contains(&child.kind())) {
                collect(path, &mut parts);
            }
        }
    }
    parts
}

/// The value of a string, number or word token, for settings; `None` where it is not a plain one.
pub(crate) fn constant(token: &str) -> Option<String> {
    let inner = |quote: &str| {
        token
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix('\''))
    };
    if let Some(text) = inner("'") {
        return Some(text.replace("''", "'"));
    }
    if let Some(rest) = token.strip_prefix('$') {
        let tag = rest.find('$')? + 2;
        return token
            .get(tag..token.len().checked_sub(tag)?)
            .map(str::to_owned);
    }
    let plain = token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte));
    (plain || token.starts_with('"')).then(|| identifier(token).into_owned())
}

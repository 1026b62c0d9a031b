//! The statement as it is spelled for `sqlparser`: the referee's tokens, without comments, operators
//! apart from each other, and without the few pieces of PostgreSQL's syntax that it can't read and
//! that name neither relations nor functions. Leaving a piece out can only make the readers disagree.
//! What is spelled otherwise (`TABLE t`, a label that is a keyword) must mean the same in PostgreSQL.

use std::borrow::Cow;

use squawk_parser::SyntaxKind as K;

use exeat_policy::Verb;

use crate::lexer::{Kind, Token};
use crate::tree::{Node, Tree};

/// Bytes of a literal that are worth copying.
const LITERAL: usize = 256;

/// The spelling of a statement whose tree starts at byte `start` of the message.
pub(super) fn spelled(
    sql: &str,
    tokens: &[Token],
    tree: &Tree<'_>,
    start: usize,
    verb: Verb,
) -> String {
    let mut others = otherwise(tree).into_iter().peekable();
    let mut text = String::with_capacity(sql.len() + 16);
    let mut previous: Option<&Token> = None;
    for token in tokens {
        while others.next_if(|(at, _)| at + start < token.start).is_some() {}
        let other = others.next_if(|(at, _)| at + start == token.start);
        let spelling = match &other {
            None if token.kind == Kind::Number => plain(token.text(sql)),
            // It copies them more than once, and nothing depends on what is in them.
            None if token.is_literal() && token.end - token.start > LITERAL => "''",
            None => token.text(sql),
            Some((_, spelling)) if spelling.is_empty() => continue,
            Some((_, spelling)) => spelling,
        };
        if let Some(before) = previous {
            let gap = sql.get(before.end..token.start).unwrap_or("");
            let operators = before.kind == Kind::Operator && token.kind == Kind::Operator;
            if gap.contains('\n') {
                text.push('\n');
            } else if !gap.is_empty() || operators {
                text.push(' ');
            }
        }
        text.push_str(spelling);
        previous = Some(token);
    }
    if verb == Verb::CopyIn {
        // It expects the data after a semicolon.
        text.push(';');
    }
    text
}

/// A number as it is, but for those with underscores or of another base: it takes a part of them for a
/// label. Any number will do.
fn plain(number: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
    if number.bytes().all(plain) {
        number
    } else {
        "0"
    }
}

/// A token by its start, and how it is spelled; empty where it is left out.
type Spelling<'t> = (usize, Cow<'t, str>);

/// The tokens that are spelled otherwise, in the order of the text.
fn otherwise<'t>(tree: &'t Tree<'t>) -> Vec<Spelling<'t>> {
    let mut out = Vec::new();
    collect(tree.root(), false, &mut out);
    out
}

fn collect<'t>(node: Node<'t>, all: bool, out: &mut Vec<Spelling<'t>>) {
    for child in node.children() {
        let all = all || is_silent(child, node);
        if !child.is_leaf() {
            collect(child, all, out);
        } else if all {
            out.push((child.range().start, Cow::Borrowed("")));
        } else if let Some(spelling) = respelled(child, node) {
            out.push((child.range().start, spelling));
        }
    }
}

/// Another spelling of a token that `sqlparser` reads as something else.
fn respelled<'t>(leaf: Node<'t>, parent: Node<'t>) -> Option<Cow<'t, str>> {
    match (leaf.kind(), parent.kind()) {
        // It knows `TABLE t` in few places only, and neither `ONLY` nor a schema there.
        (K::TABLE_KW, K::TABLE) => Some(Cow::Borrowed("SELECT * FROM")),
        // It wants a query that begins with SELECT there, and reads a row as an expression.
        (K::VALUES_KW, K::VALUES) if is_compared(parent) => Some(Cow::Borrowed("SELECT")),
        // It knows no test for documents.
        (K::DOCUMENT_KW, K::NAME_REF) if is_last_operand(parent) => Some(Cow::Borrowed("NULL")),
        // It knows the longer form only.
        (K::ISNULL_KW, K::POSTFIX_EXPR) => Some(Cow::Borrowed("IS NULL")),
        (K::NOTNULL_KW, K::POSTFIX_EXPR) => Some(Cow::Borrowed("IS NOT NULL")),
        // Keywords that are labels without AS: it looks for what else they begin or end.
        (
            K::ANALYZE_KW
            | K::CLUSTER_KW
            | K::END_KW
            | K::EXCLUDE_KW
            | K::EXPLAIN_KW
            | K::MATCH_KW
            | K::VIEW_KW,
            K::COLUMN_NAME,
        ) if parent
            .parent()
            .is_some_and(|name| name.kind() == K::AS_NAME) =>
        {
            Some(Cow::Owned(format!(
                "\"{}\"",
                leaf.text().to_ascii_lowercase()
            )))
        }
        _ => None,
    }
}

/// Whether rows are what ANY, SOME or ALL compares with.
fn is_compared(rows: Node<'_>) -> bool {
    rows.parent()
        .is_some_and(|parent| matches!(parent.kind(), K::ANY_FN | K::SOME_FN | K::ALL_FN))
}

/// Whether a name is what IS or IS NOT is asked of.
fn is_last_operand(name: Node<'_>) -> bool {
    name.parent().is_some_and(|parent| {
        let operator = parent.children().nth(1).map(Node::kind);
        parent.kind() == K::BIN_EXPR && matches!(operator, Some(K::IS_KW | K::IS_NOT))
    })
}

/// Whether a node (with all below it) or token is left out.
fn is_silent(node: Node<'_>, parent: Node<'_>) -> bool {
    match (node.kind(), parent.kind()) {
        // It takes `ONLY` for a relation, and wants a join within `(t)`.
        (
            K::ONLY_KW | K::STAR | K::L_PAREN | K::R_PAREN,
            K::RELATION_FROM_ITEM | K::PAREN_FROM_ITEM | K::RELATION_NAME | K::TABLE_RELATION_NAME,
        ) => true,
        (K::L_PAREN | K::R_PAREN, K::PAREN_EXPR) => {
            parent.parent().is_some_and(|item| item.kind() == K::PAREN_FROM_ITEM && item.has(K::ONLY_KW))
        }
        // It knows neither every option of COPY nor several functions in one item.
        (K::COPY_OPTION_LIST, K::COPY)
        | (K::ROWS_KW | K::FROM_KW | K::L_PAREN | K::R_PAREN, K::ROWS_FROM_ITEM)
        | (K::VARIADIC_KW, K::ARG)
        | (K::COLLATE_KW | K::COLLATION_REF, K::COLLATE)
        | (K::NO_KW | K::KEY_KW, K::FOR_NO_KEY_UPDATE | K::FOR_KEY_SHARE)
        | (K::DISTINCT | K::ALL, K::GROUP_BY_CLAUSE)
        | (K::FROM_KW, K::TRIM_FROM)
        | (K::REQUIRED_AS_ALIAS, K::JOIN_USING_CLAUSE)
        | (K::OP_CLASS_REF, K::CONFLICT_INDEX_ITEM)
        | (K::OVERRIDING_SYSTEM_VALUE | K::OVERRIDING_USER_VALUE | K::FRAME_EXCLUDE, _)
        | (K::SYMMETRIC | K::ASYMMETRIC | K::WHERE_CURRENT_OF | K::TRIM_BOTH, _)
        // Expressions within are compared: what they call or read makes the readers differ.
        | (K::INDEX_ACCESSOR | K::SLICE_ACCESSOR, K::COLUMN_TARGET) => true,
        (K::WITH_KW, K::COPY) => parent.has(K::COPY_OPTION_LIST),
        (K::TRIM_LEADING | K::TRIM_TRAILING, _) => parent.has(K::TRIM_FROM),
        (K::FROM_ALIAS, _) => node.has(K::COLUMN_DEF_LIST) && !node.has(K::TABLE_ALIAS),
        (K::DOT | K::STAR, K::FIELD_EXPR) => {
            let base = parent.first_inner().map(Node::kind);
            parent.has(K::STAR) && !matches!(base, Some(K::NAME_REF | K::FIELD_EXPR))
        }
        _ => false,
    }
}

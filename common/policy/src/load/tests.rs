//! What a document may not say, and what is said about it.

mod database;
mod documents;
mod egress;
mod policies;
mod proofs;
mod reference;
mod rule_sets;

use super::*;

const HEAD: &str = "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n";

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
    }
}

fn problems(text: &str) -> Vec<(usize, usize, String, String)> {
    let Err(diagnostics) = load(&[source("p.yaml", text)]) else {
        panic!("this holds:\n{text}")
    };
    let place = |item: &crate::Diagnostic| {
        item.location
            .as_ref()
            .map_or((0, 0), |at| (at.line, at.column))
    };
    diagnostics
        .iter()
        .map(|item| {
            let hint = item.hint.as_deref().unwrap_or_default();
            assert!(!hint.is_empty(), "no hint: {}", item.message);
            assert!(item.location.is_some(), "no place: {}", item.message);
            (
                place(item).0,
                place(item).1,
                item.message.clone(),
                item.hint.clone().unwrap_or_default(),
            )
        })
        .collect()
}

/// One problem: its line and column, a part of the message, a part of the hint.
#[track_caller]
fn refused(text: &str, line: usize, column: usize, message: &str, hint: &str) {
    let all = problems(text);
    let [(at_line, at_column, said, hinted)] = all.as_slice() else {
        panic!("{all:#?}")
    };
    assert!(
        said.contains(message) && hinted.contains(hint),
        "{said} / {hinted}"
    );
    assert_eq!((*at_line, *at_column), (line, column), "{said}");
}

fn egress(rules: &str) -> String {
    format!("{HEAD}    egress:\n      allow:\n        - {rules}\n")
}

fn grants(rules: &str) -> String {
    format!("{HEAD}    databases:\n      d:\n        as: x\n        allow:\n          - {rules}\n")
}

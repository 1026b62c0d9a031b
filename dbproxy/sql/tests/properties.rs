//! What must hold for any text: no panic, no verdict from thin air, and literals that stay as they are.

use exeat_policy::{Effect, Subject};
use exeat_sql::{Context, blank_comments, read, redact};
use proptest::prelude::*;

use crate::fixture::{catalog, judge};

/// Pieces that statements are made of, and pieces that break them.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "id",
    "ssn",
    "total",
    "public.orders",
    "public.secrets",
    "orders",
    "o",
    "o.*",
    "*",
    ",",
    "(",
    ")",
    "[",
    "]",
    "AS",
    "JOIN",
    "USING",
    "ON",
    "NATURAL",
    "LATERAL",
    "WITH",
    "RECURSIVE",
    "UNION",
    "ALL",
    "ORDER BY",
    "GROUP BY",
    "HAVING",
    "LIMIT",
    "1",
    "$1",
    "0x1F",
    "1_0",
    "'a'",
    "E'\\''",
    "$$x$$",
    "\"id\"",
    "--",
    "\n",
    "/*",
    "*/",
    ";",
    "=",
    ">",
    "-",
    "||",
    "::",
    "text",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "EXISTS",
    "ARRAY",
    "ROW",
    "count(*)",
    "lower(id)",
    "NOT",
    "IN",
    "OVER",
    "PARTITION BY",
    "INSERT INTO",
    "VALUES",
    "UPDATE",
    "SET",
    "DELETE",
    "RETURNING",
    "x",
    ".",
    "ONLY",
    "TABLE",
    "é",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec((piece, prop::sample::select(&["", " ", "\n"][..])), 0..40).prop_map(
        |pieces| {
            pieces
                .into_iter()
                .flat_map(|(piece, gap)| [piece, gap])
                .collect()
        },
    )
}

/// A statement of the sample with some bytes exchanged.
fn mutated() -> impl Strategy<Value = String> {
    let statements: Vec<&str> = include_str!("cases/bypass.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('\t').nth(2))
        .collect();
    let change = (
        any::<prop::sample::Index>(),
        prop::sample::select(PIECES),
        0usize..3,
    );
    (
        prop::sample::select(statements),
        prop::collection::vec(change, 0..4),
    )
        .prop_map(|(statement, changes)| {
            let mut characters: Vec<char> = statement.chars().collect();
            for (at, piece, removed) in changes {
                let at = at.index(characters.len() + 1);
                let end = (at + removed).min(characters.len());
                characters.splice(at..end, piece.chars());
            }
            characters.into_iter().collect()
        })
}

fn check(sql: &str) -> Result<(), TestCaseError> {
    let statements = read(sql, &Context::default());
    prop_assert!(!statements.is_empty());
    for statement in &statements {
        prop_assert!(sql.get(statement.range.clone()).is_some());
    }
    let blanked = blank_comments(sql);
    prop_assert_eq!(blanked.len(), sql.len());
    if statements
        .iter()
        .all(|statement| matches!(statement.subject, Subject::Readable(_)))
    {
        // What is forwarded means the same, and holds no comment any more.
        prop_assert_eq!(&blank_comments(&blanked), &blanked);
        let again = read(&blanked, &Context::default());
        let subjects = |statements: &[exeat_sql::Statement]| {
            statements
                .iter()
                .map(|statement| statement.subject.clone())
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(subjects(&statements), subjects(&again));
    }
    let _ = redact(sql);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_without_a_panic(sql in "\\PC{0,60}") {
        check(&sql)?;
    }

    #[test]
    fn any_soup_of_sql_is_read_without_a_panic(sql in soup()) {
        check(&sql)?;
    }

    #[test]
    fn mutated_statements_are_read_without_a_panic(sql in mutated()) {
        check(&sql)?;
    }

    /// A catalog makes the answer sharper: it must not open what stays shut for any catalog.
    #[test]
    fn foreign_relations_stay_shut(sql in mutated()) {
        let catalog = catalog();
        if judge("analyst", &sql, Some(&catalog)).effect == Effect::Allow {
            for statement in read(&sql, &Context { catalog: Some(&catalog), ..Context::default() }) {
                if let Subject::Readable(facts) = statement.subject {
                    prop_assert!(facts.relations.iter().all(|access| access.relation.to_string() == "public.orders"));
                }
            }
        }
    }
}

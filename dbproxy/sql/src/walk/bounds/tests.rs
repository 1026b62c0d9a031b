use std::fmt::Write;
use std::time::{Duration, Instant};

use exeat_policy::{Subject, UnreadableKind};

use crate::{Catalog, Context, Relation, RelationKind, read};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    catalog.add_relation(Relation {
        schema: "public".into(),
        name: "wide".into(),
        kind: RelationKind::Table,
        columns: (0..1600).map(|n| format!("c{n}").into()).collect(),
    });
    catalog
}

/// Whether a text is refused for its size, in a time that a text of its length may take.
fn is_too_large(sql: &str) -> bool {
    let catalog = catalog();
    let mut too_large = false;
    for asks in [false, true] {
        let context = Context {
            catalog: Some(&catalog),
            asks,
            ..Context::default()
        };
        let started = Instant::now();
        let statements = read(sql, &context);
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{:?} for {:.60}",
            started.elapsed(),
            sql
        );
        too_large |= matches!(
            &statements[0].subject,
            Subject::Unreadable(why) if why.kind == UnreadableKind::TooLarge
        );
    }
    too_large
}

/// `c0` has two columns, each of the others twice as many as the one before.
fn doubled(levels: usize) -> String {
    let mut sql = "WITH c0 AS (SELECT 1 a, 2 b)".to_owned();
    for level in 1..levels {
        let before = level - 1;
        let _ = write!(sql, ", c{level} AS (SELECT * FROM c{before}, c{before} x)");
    }
    let _ = write!(sql, " SELECT * FROM c{}", levels - 1);
    sql
}

#[test]
fn stars_that_double_are_refused_before_they_fill_the_memory() {
    assert!(!is_too_large(&doubled(10)));
    assert!(is_too_large(&doubled(11)));
    assert!(is_too_large(&doubled(24)));
    assert!(is_too_large(&doubled(400)));
    let nested = (0..24).fold("SELECT 1 a, 2 b".to_owned(), |inner, level| {
        format!("WITH c{level} AS ({inner}) SELECT * FROM c{level}, c{level} x")
    });
    assert!(is_too_large(&nested));
    let qualified = doubled(24).replace("SELECT * FROM", "SELECT x.*, x.*, x.* FROM");
    assert!(is_too_large(&qualified));
}

#[test]
fn an_output_has_as_many_columns_as_in_postgresql() {
    let list = |columns: usize| format!("SELECT 1{}", ", 1".repeat(columns - 1));
    assert!(!is_too_large(&list(1664)));
    assert!(is_too_large(&list(1665)));
    assert!(is_too_large(&format!("SELECT a FROM ({}) x", list(1665))));
    assert!(is_too_large(&format!("VALUES (1{})", ", 1".repeat(1664))));
    assert!(!is_too_large("SELECT * FROM wide"));
    assert!(is_too_large("SELECT * FROM wide, wide x"));
    assert!(is_too_large("SELECT x.*, x.* FROM wide x"));
    assert!(is_too_large("SELECT * FROM (wide x CROSS JOIN wide y) j"));
}

#[test]
fn names_are_not_looked_for_without_end() {
    let wide = |items: usize| {
        let items: Vec<_> = (0..items).map(|n| format!("wide w{n}")).collect();
        items.join(", ")
    };
    // Every name is looked for in every column.
    let sql = format!(
        "SELECT 1 FROM {} WHERE x IN (y{})",
        wide(120),
        ", y".repeat(30_000)
    );
    assert!(is_too_large(&sql));
    let sql = format!(
        "SELECT count(*) FROM {}",
        ["wide"; 120].join(" NATURAL JOIN ")
    );
    assert!(is_too_large(&sql));
    let sql = format!("SELECT 1 FROM wide GROUP BY c0{}", ", c1599".repeat(30_000));
    assert!(is_too_large(&sql));
    let sql = format!(
        "SELECT 1{}",
        " UNION SELECT c0 FROM (SELECT * FROM wide) x".repeat(400)
    );
    assert!(is_too_large(&sql));
    // What programs send is not.
    let sql = format!(
        "SELECT 1 FROM {} WHERE w0.c0 IN (w1.c1{})",
        wide(40),
        ", w1.c2".repeat(100)
    );
    assert!(!is_too_large(&sql));
}

#[test]
fn a_literal_of_some_megabytes_is_read() {
    let long = "x".repeat(5 << 20);
    for sql in [
        format!("INSERT INTO wide (c0) VALUES ('{long}')"),
        format!("SELECT c0 FROM wide WHERE c0 = $${long}$$"),
        format!("UPDATE wide SET c0 = E'{long}'"),
        format!("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS '{long}'"),
    ] {
        for statement in read(&sql, &Context::default()) {
            assert!(
                matches!(statement.subject, Subject::Readable(_)),
                "{:?}",
                statement.subject
            );
        }
    }
}

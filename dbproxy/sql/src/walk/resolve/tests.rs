use std::sync::Arc;

use exeat_policy::Subject;

use crate::{Catalog, Context, Relation, RelationKind, read};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    catalog.add_relation(Relation {
        schema: "public".into(),
        name: "orders".into(),
        kind: RelationKind::Table,
        columns: vec!["id".into(), "total".into()],
    });
    for name in [
        "abs",
        "lower",
        "pg_sleep",
        "to_json",
        "generate_series",
        "count",
    ] {
        catalog.add_function("pg_catalog", name);
    }
    catalog.add_function("public", "reveal");
    catalog
}

/// Whether a statement is refused, or counts a call of the function.
fn is_a_call(sql: &str, function: &str, catalog: Option<&Catalog>) -> bool {
    let context = Context {
        catalog,
        ..Context::default()
    };
    match &read(sql, &context)[0].subject {
        Subject::Readable(facts) => facts.functions.iter().any(|name| &*name.name == function),
        Subject::Unreadable(_) => true,
    }
}

#[test]
fn a_field_of_what_is_not_all_known_is_a_call() {
    let catalog = catalog();
    let items = [
        "abs(1) AS x",
        "lower('a') x",
        "abs(1) AS x(a)",
        "abs(1) WITH ORDINALITY x",
        "ROWS FROM (abs(1), lower('a')) x",
        "CAST(1 AS int) AS x",
        "current_date AS x",
        "LATERAL abs(1) x",
        "(SELECT id, total + 1 FROM orders) x",
        "(SELECT id, (total)::s.t FROM orders) x",
        "(SELECT x.*, total || 'a' FROM orders x) x",
        "(SELECT * FROM abs(1)) x",
        "(SELECT * FROM (SELECT total + 1 FROM orders) y) x",
        "(orders o CROSS JOIN abs(1)) AS x",
    ];
    for item in items {
        for sql in [
            format!("SELECT x.reveal FROM {item}"),
            format!("COPY (SELECT x.reveal FROM {item}) TO STDOUT"),
            format!("EXPLAIN ANALYZE SELECT x.reveal FROM {item}"),
            format!("SELECT 1 FROM {item} WHERE x.reveal"),
            format!("SELECT 1 FROM {item} ORDER BY x.reveal"),
            format!("SELECT 1 FROM {item} GROUP BY x.reveal"),
            format!("SELECT 1 FROM {item} HAVING x.reveal"),
            format!("SELECT count(*) FILTER (WHERE x.reveal) FROM {item}"),
            format!("SELECT count(*) OVER (ORDER BY x.reveal) FROM {item}"),
            format!("SELECT 1 FROM {item}, LATERAL (SELECT x.reveal) y"),
            format!("SELECT 1 FROM {item}, lower(x.reveal) y"),
            format!("SELECT 1 FROM {item} JOIN orders ON x.reveal"),
            format!("SELECT (SELECT x.reveal) FROM {item}"),
            format!("SELECT 1 FROM {item} LIMIT (SELECT x.reveal)"),
            format!("SELECT (x.reveal).a, x.reveal[1], x.reveal::text FROM {item}"),
            format!("SELECT \"x\".\"reveal\" FROM {item}"),
            format!("WITH y AS (SELECT x.reveal FROM {item}) SELECT 1 FROM y"),
            format!("SELECT 1 UNION SELECT x.reveal FROM {item}"),
            format!("INSERT INTO orders SELECT x.reveal FROM {item}"),
            format!("INSERT INTO orders VALUES ((SELECT x.reveal FROM {item}))"),
            format!("UPDATE orders SET id = 1 FROM {item} WHERE x.reveal"),
            format!("UPDATE orders SET id = 1 FROM {item} RETURNING x.reveal"),
            format!("DELETE FROM orders USING {item} WHERE x.reveal"),
            format!("DELETE FROM orders USING {item} RETURNING x.reveal"),
            format!("MERGE INTO orders USING {item} ON x.reveal WHEN MATCHED THEN DELETE"),
            format!("CREATE TABLE n AS SELECT x.reveal FROM {item}"),
            format!("CREATE VIEW n AS SELECT x.reveal FROM {item}"),
            format!("CREATE MATERIALIZED VIEW n AS SELECT x.reveal FROM {item}"),
            format!("SELECT x.reveal INTO n FROM {item}"),
            format!("DECLARE c CURSOR FOR SELECT x.reveal FROM {item}"),
            format!("PREPARE p AS SELECT x.reveal FROM {item}"),
        ] {
            assert!(is_a_call(&sql, "reveal", None), "{sql}");
            assert!(is_a_call(&sql, "reveal", Some(&catalog)), "{sql}");
        }
        // A name that no function has is a column, if it is anything.
        if !item.contains("s.t") && !item.contains("CAST") {
            let sql = format!("SELECT x.nothing FROM {item}");
            let context = Context {
                catalog: Some(&catalog),
                ..Context::default()
            };
            assert!(
                matches!(read(&sql, &context)[0].subject, Subject::Readable(_)),
                "{sql}"
            );
            assert!(!is_a_call(&sql, "nothing", Some(&catalog)), "{sql}");
        }
    }
}

#[test]
fn a_recursive_table_without_names_is_not_all_known_in_itself() {
    for catalog in [None, Some(&catalog())] {
        let sql =
            "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT t.reveal FROM t) SELECT n FROM t";
        assert!(is_a_call(sql, "reveal", catalog));
    }
}

#[test]
fn a_whole_row_by_functional_notation_is_a_call_in_definitions_too() {
    let catalog = catalog();
    for sql in [
        "CREATE TABLE c AS SELECT o.to_json FROM orders o",
        "CREATE VIEW c AS SELECT o.to_json FROM public.orders o",
        "CREATE VIEW c AS SELECT public.orders.to_json FROM public.orders",
        "CREATE RECURSIVE VIEW c (a) AS SELECT o.to_json FROM orders o",
        "SELECT o.to_json FROM orders o",
        "SELECT o.to_json INTO c FROM orders o",
    ] {
        assert!(is_a_call(sql, "to_json", Some(&catalog)), "{sql}");
        let context = Context {
            catalog: Some(&catalog),
            ..Context::default()
        };
        if let Subject::Readable(facts) = &read(sql, &context)[0].subject {
            let whole = facts.relations.iter().any(|access| {
                &*access.relation.name == "orders"
                    && matches!(&access.columns, exeat_policy::Columns::Named(names) if names.len() == 2)
            });
            assert!(whole, "{sql}: {facts:?}");
        }
    }
}

#[test]
fn columns_of_relations_are_no_calls() {
    let catalog = catalog();
    for (sql, catalog) in [
        ("SELECT o.id FROM orders o", None),
        ("SELECT o.id FROM orders o", Some(&catalog)),
        ("SELECT x.id FROM (SELECT * FROM orders) x", None),
        ("SELECT x.id FROM (SELECT id, total FROM orders) x", None),
        (
            "INSERT INTO orders AS o VALUES (1) ON CONFLICT (id) DO UPDATE SET total = excluded.total + o.total",
            None,
        ),
        (
            "INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET total = excluded.total",
            Some(&catalog),
        ),
        (
            "SELECT c.relname, c.oid, n.name FROM pg_class c, pg_settings n",
            Some(&catalog),
        ),
        ("SELECT x.n FROM generate_series(1, 2) AS x(n)", None),
        ("SELECT x.n FROM json_to_record('{}') AS x(n int)", None),
    ] {
        let context = Context {
            catalog,
            ..Context::default()
        };
        let Subject::Readable(facts) = &read(sql, &context)[0].subject else {
            panic!("{sql}");
        };
        let called = ["id", "total", "relname", "oid", "name", "n"];
        assert!(
            facts.functions.iter().all(|f| !called.contains(&&*f.name)),
            "{sql}: {facts:?}"
        );
    }
}

#[test]
fn a_function_that_nothing_has_would_be_in_the_only_schema_of_the_path() {
    let catalog = catalog();
    let named = |sql: &str, path: &[Arc<str>]| {
        let context = Context {
            catalog: Some(&catalog),
            search_path: path,
            ..Context::default()
        };
        match &read(sql, &context)[0].subject {
            Subject::Readable(facts) => {
                let names = facts.functions.iter().map(ToString::to_string);
                names.collect::<Vec<_>>().join(" ")
            }
            Subject::Unreadable(why) => panic!("{sql}: {why:?}"),
        }
    };
    let one: [Arc<str>; 3] = ["pg_catalog".into(), "public".into(), "pg_temp".into()];
    let two: [Arc<str>; 3] = ["pg_catalog".into(), "public".into(), "other".into()];
    for (sql, path, expected) in [
        ("CALL nope()", &one, "public.nope"),
        ("CALL nope()", &two, "nope"),
        ("CALL s.nope()", &one, "s.nope"),
        ("CALL reveal(1)", &one, "public.reveal"),
        ("CREATE TABLE t (a int DEFAULT nope())", &one, "public.nope"),
        (
            "CREATE TABLE t (a int DEFAULT coalesce(1, 2))",
            &one,
            "coalesce",
        ),
        (
            "CREATE TABLE t (a int DEFAULT abs(1))",
            &one,
            "pg_catalog.abs",
        ),
    ] {
        assert_eq!(named(sql, path), expected, "{sql}");
    }
}

use std::sync::Arc;

use exeat_policy::{Access, Subject};
use exeat_sql::Context;

use super::{MOST, Reach, question, read};

fn of(sql: &str) -> Reach {
    let path: [Arc<str>; 1] = ["public".into()];
    let context = Context {
        catalog: None,
        search_path: &path,
        asks: true,
    };
    let statements = exeat_sql::read(sql, &context);
    match &statements[0].subject {
        Subject::Readable(facts) => question(facts, sql, &path),
        Subject::Unreadable(why) => panic!("{sql}: {why:?}"),
    }
}

fn asked(sql: &str) -> String {
    match of(sql) {
        Reach::Ask(asked) => asked,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn the_question_begins_with_what_the_statement_names() {
    for (sql, holds) in [
        (
            "DROP TABLE staging.t CASCADE",
            "VALUES (E'staging', E't', false)",
        ),
        ("DROP TABLE t CASCADE", "VALUES (E'public', E't', true)"),
        (
            "DROP TABLE staging.a, staging.b CASCADE",
            "VALUES (E'staging', E'a', false), (E'staging', E'b', false)",
        ),
        (
            r#"DROP TABLE staging."it's\" CASCADE"#,
            r"VALUES (E'staging', E'it''s\\', false)",
        ),
        ("DROP TABLE staging.t CASCADE", "'pg_catalog.pg_class'"),
        ("DROP TYPE staging.ty CASCADE", "FROM pg_catalog.pg_type o"),
        (
            "DROP FUNCTION staging.f(int) CASCADE",
            "FROM pg_catalog.pg_proc o",
        ),
        (
            "DROP SCHEMA staging CASCADE",
            "VALUES (E'staging', E'*', false)",
        ),
        ("ALTER TABLE staging.t DROP COLUMN a CASCADE", "E'a'"),
        (
            "TRUNCATE staging.a CASCADE",
            "VALUES (E'staging', E'a', false)",
        ),
        ("TRUNCATE staging.a CASCADE", "f.confrelid"),
    ] {
        let asked = asked(sql);
        assert!(asked.contains(holds), "{sql}: {asked}");
        assert!(
            !asked.contains("{schema}") && !asked.contains("{names}"),
            "{sql}"
        );
    }
}

#[test]
fn what_can_reach_nothing_needs_no_question() {
    for sql in [
        "REVOKE SELECT ON staging.t FROM x CASCADE",
        "DROP TRIGGER tr ON staging.t CASCADE",
        "DROP POLICY p ON staging.t",
    ] {
        assert_eq!(of(sql), Reach::Nothing, "{sql}");
    }
}

#[test]
fn objects_that_the_question_does_not_know_are_refused() {
    for sql in [
        "DROP OWNED BY x CASCADE",
        "DROP EXTENSION citext CASCADE",
        "CREATE EXTENSION citext CASCADE",
        "DROP SERVER s CASCADE",
        "DROP LANGUAGE l CASCADE",
    ] {
        assert!(matches!(of(sql), Reach::Unknown(_)), "{sql}: {:?}", of(sql));
    }
}

#[test]
fn no_operator_of_the_questions_depends_on_a_search_path() {
    for sql in [
        "DROP TABLE t CASCADE",
        "ALTER TABLE t DROP COLUMN a CASCADE",
        "ALTER DOMAIN d DROP CONSTRAINT c CASCADE",
        "TRUNCATE t CASCADE",
    ] {
        let asked = asked(sql);
        let bare = asked
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .flat_map(str::split_whitespace)
            .find(|word| matches!(*word, "=" | "<>" | "==" | "!=" | ">=" | ">" | "IN" | "LIKE"));
        assert_eq!(bare, None, "{sql}: {asked}");
    }
}

fn row(fields: [&str; 3]) -> Vec<String> {
    fields.map(str::to_owned).to_vec()
}

#[test]
fn an_answer_says_what_is_reached_and_what_is_a_part() {
    let rows = [
        row(["reached", "public", "pv"]),
        row(["part", "staging", "t_1"]),
    ];
    let reached = read(&rows, Access::Define).unwrap();
    assert_eq!(reached.relations.len(), 1);
    assert_eq!(reached.relations[0].relation.to_string(), "public.pv");
    assert_eq!(reached.relations[0].access, Access::Define);
    assert_eq!(reached.behind[0].relation.to_string(), "staging.t_1");
}

#[test]
fn an_answer_that_is_not_understood_is_an_error() {
    for rows in [
        vec![row(["unknown", "pg_extension", ""])],
        vec![row(["most", "", ""])],
        vec![row(["else", "public", "t"])],
        vec![vec!["reached".to_owned()]],
    ] {
        assert!(read(&rows, Access::Define).is_err(), "{rows:?}");
    }
    assert!(asked("TRUNCATE t CASCADE").contains(&MOST.to_string()));
}

#[test]
fn a_refresh_is_asked_about_by_its_name_and_answered_by_functions() {
    let path: [Arc<str>; 1] = ["public".into()];
    let context = Context {
        catalog: None,
        search_path: &path,
        asks: true,
    };
    let statements = exeat_sql::read("REFRESH MATERIALIZED VIEW CONCURRENTLY z.\"M v\"", &context);
    let Subject::Readable(facts) = &statements[0].subject else {
        panic!("{:?}", statements[0].subject);
    };
    let asked = super::refreshed(facts, &path);
    assert!(asked.contains("VALUES (E'z', E'M v', false)"), "{asked}");
    let rows = [["function", "public", "f"].map(str::to_owned).to_vec()];
    let reached = read(&rows, Access::Maintain).unwrap();
    assert_eq!(reached.functions[0].to_string(), "public.f");
    assert!(reached.relations.is_empty() && reached.behind.is_empty());
}

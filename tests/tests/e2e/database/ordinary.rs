//! What ordinary programs send beside the statements on their tables: answered as PostgreSQL answers it.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, kinds, sqlstate};

use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE public.orders (id int PRIMARY KEY, total int);
CREATE TABLE public.looked (id int);
CREATE SCHEMA own;
CREATE SCHEMA others;
CREATE SEQUENCE others.numbers;
";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - preset: [application]
          - select: public.*
          - insert: public.orders
          - truncate: public.orders
          - select: own.*
          - insert: own.*
          - define: own.*
          - define: pg_temp.*
          - statement: [maintain, create function]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// Code, message, detail, hint and position of an error.
fn error(answer: &[Message]) -> Vec<Option<String>> {
    let error = answer.iter().find(|message| message.kind == 'E');
    let field = |letter| error.and_then(|error| error.field(letter));
    ['C', 'M', 'D', 'H', 'P'].map(field).to_vec()
}

#[test]
fn what_does_not_exist_is_told_in_postgresqls_words() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let mut session = session(&exeat);
    for sql in [
        "COPY nosuch FROM STDIN",
        "COPY nosuch TO STDOUT",
        "COPY public.nosuch TO STDOUT",
        "COPY orders (nosuch) FROM STDIN",
        "TRUNCATE nosuch",
        "TRUNCATE orders, nosuch",
        "ANALYZE nosuch",
        "VACUUM nosuch",
        "REINDEX TABLE nosuch",
        "CLUSTER nosuch",
        "REFRESH MATERIALIZED VIEW nosuch",
        "DROP TABLE own.nosuch",
    ] {
        let expected = error(&direct.query(sql));
        assert!(expected[0].is_some(), "{sql}");
        assert_eq!(error(&session.query(sql)), expected, "{sql}");
    }
    assert_eq!(
        kinds(&session.query("DROP TABLE IF EXISTS own.nosuch")),
        "NCZ"
    );
    lab.finish(exeat);
}

#[test]
fn definitions_use_the_sequences_of_who_makes_them() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, said) in [
        ("CREATE SEQUENCE own.numbers", None),
        (
            "CREATE TABLE own.t (id int DEFAULT nextval('own.numbers'), other int)",
            None,
        ),
        (
            "ALTER TABLE ONLY own.t ALTER COLUMN other SET DEFAULT nextval('own.numbers'::regclass)",
            None,
        ),
        ("INSERT INTO own.t DEFAULT VALUES", None),
        (
            "ALTER TABLE own.t ALTER COLUMN other SET DEFAULT nextval('others.numbers')",
            Some("42501"),
        ),
        (
            "ALTER TABLE own.t ALTER COLUMN other SET DEFAULT nextval('own.' || 'numbers')",
            Some("42501"),
        ),
        (
            "ALTER TABLE own.t ALTER COLUMN other SET DEFAULT nextval('own.numbers') + nextval('others.numbers')",
            Some("42501"),
        ),
        // What is temporary and runs code is made with a rule, and goes away without one.
        (
            "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            None,
        ),
        ("DROP FUNCTION IF EXISTS pg_temp.f()", None),
    ] {
        assert_eq!(sqlstate(&session.query(sql)).as_deref(), said, "{sql}");
    }
    lab.finish(exeat);
}

#[test]
fn reading_locks_and_shows_what_it_may_read() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let answer = session.query(
        "SELECT pg_catalog.current_setting(s.name) FROM pg_catalog.pg_settings s WHERE s.name = 'work_mem'",
    );
    assert_eq!(kinds(&answer), "TDCZ", "{answer:?}");
    for sql in [
        "SELECT current_setting(o.name) FROM (SELECT 'app.secret' AS name) o",
        "SELECT current_setting(s.name) FROM pg_catalog.pg_settings s (x, name)",
    ] {
        assert_eq!(
            sqlstate(&session.query(sql)).as_deref(),
            Some("42501"),
            "{sql}"
        );
    }
    for (sql, said) in [
        ("BEGIN", None),
        ("LOCK TABLE public.looked IN ACCESS SHARE MODE", None),
        ("LOCK TABLE public.looked IN ROW SHARE MODE", Some("42501")),
        ("ROLLBACK", None),
        ("SELECT 1 AS größe, E'a'\n'b', X'1f'\n'2e'", None),
        ("CREATE TABLE own.größe (länge int)", None),
        ("INSERT INTO own.größe (länge) VALUES (1)", None),
        ("SELECT länge FROM own.größe", None),
        ("DROP TABLE own.größe", None),
        ("SELECT srvname FROM pg_catalog.pg_foreign_server", None),
        (
            "SELECT srvoptions FROM pg_catalog.pg_foreign_server",
            Some("42501"),
        ),
        ("SELECT * FROM pg_catalog.pg_user_mappings", Some("42501")),
        ("SHOW search_path", None),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), said, "{sql} {answer:?}");
    }
    let shown = session.query("SHOW search_path");
    let row = shown.iter().find(|message| message.kind == 'D').unwrap();
    assert!(row.body.ends_with(b"\0\0\0\x06public"), "{row:?}");
    lab.finish(exeat);
}

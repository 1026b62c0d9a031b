//! CREATE TABLE … (LIKE t): bulk loaders make a table like the one that they fill, and need what PostgreSQL asks,
//! SELECT on it. What is copied and runs later on is judged when it runs.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Wire, kinds, sqlstate};

use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION h(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE SEQUENCE other_numbers;
CREATE TABLE target (id serial PRIMARY KEY, v text DEFAULT 'x', CHECK (v <> ''));
INSERT INTO target (v) VALUES ('old');
CREATE TABLE defaults (id int, d int DEFAULT f());
CREATE TABLE generates (id int, d int GENERATED ALWAYS AS (g(id)) STORED);
CREATE TABLE checks (id int CHECK (g(id) > 0));
CREATE TABLE indexed (id int);
CREATE INDEX ON indexed (g(id));
CREATE TABLE numbers (id int, n int DEFAULT nextval('other_numbers'));
CREATE TABLE folded (id int);
CREATE INDEX ON folded (id) WHERE h(1) = 1;
CREATE TABLE half (id int, secret text);
CREATE TABLE hidden (id int);
CREATE VIEW shown AS SELECT id FROM hidden;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE parent (id int PRIMARY KEY);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
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
          - select: public.target
          - select: public.defaults
          - select: public.generates
          - select: public.checks
          - select: public.indexed
          - select: public.numbers
          - select: public.folded
          - select: public.half(id)
          - select: public.shown
          - insert: public.target
          - define: pg_temp.*
          - select: pg_temp.*
          - insert: pg_temp.*
        deny:
          - select: public.hidden
          - call: [public.h]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

#[test]
fn a_table_is_made_like_one_that_may_be_read() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for like in [
        "public.target",
        "target",
        "target INCLUDING DEFAULTS",
        "target INCLUDING ALL",
        "target INCLUDING ALL EXCLUDING INDEXES, more int",
        "target EXCLUDING ALL",
    ] {
        let made = session.query(&format!("CREATE TEMP TABLE stage (LIKE {like})"));
        assert_eq!(kinds(&made), "CZ", "{like}: {made:?}");
        for sql in [
            "INSERT INTO stage (id, v) VALUES (1, 'new'), (2, 'other')",
            "INSERT INTO target (id, v) SELECT id, v FROM stage \
             ON CONFLICT (id) DO NOTHING",
            "DROP TABLE stage",
        ] {
            let answer = session.query(sql);
            assert_eq!(sqlstate(&answer), None, "{like}: {sql}: {answer:?}");
        }
    }
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let filled = direct.rows("SELECT string_agg(v, ',' ORDER BY id) FROM target");
    assert_eq!(filled, "old,other");
    lab.finish(exeat);
}

#[test]
fn it_needs_select_on_all_of_that_and_define_on_what_is_made() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, said) in [
        ("CREATE TEMP TABLE x (LIKE half)", Some("42501")),
        ("CREATE TEMP TABLE x (LIKE parent)", Some("42501")),
        ("CREATE TEMP TABLE x (LIKE hidden)", Some("42501")),
        (
            "CREATE TEMP TABLE x (LIKE pg_catalog.pg_authid)",
            Some("42501"),
        ),
        (
            "CREATE TEMP TABLE x (LIKE target, LIKE parent)",
            Some("42501"),
        ),
        ("CREATE TABLE x (LIKE target)", Some("42501")),
        ("CREATE TEMP TABLE x (LIKE pg_temp.nosuch)", Some("42P01")),
        (
            "CREATE TEMP TABLE one (id int); CREATE TEMP TABLE two (LIKE one)",
            None,
        ),
        // Deny rules hold through views.
        ("CREATE TEMP TABLE x (LIKE shown)", Some("42501")),
        ("CREATE TEMP TABLE x (LIKE pair)", Some("42501")),
        // What leads to another table stays a matter of defining that.
        (
            "CREATE TEMP TABLE x (id int REFERENCES target)",
            Some("42501"),
        ),
        ("CREATE TEMP TABLE x () INHERITS (target)", Some("42501")),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), said, "{sql}: {answer:?}");
    }
    lab.set_policy(&POLICY.replace(
        "          - define: pg_temp.*\n",
        "          - define: pg_temp.*\n          - type: [public.pair]\n",
    ));
    lab.finish(exeat);
    let exeat = lab.start();
    let mut session = crate::database::session(&exeat);
    let made = session.query("CREATE TEMP TABLE x (LIKE pair)");
    assert_eq!(kinds(&made), "CZ", "{made:?}");
    lab.finish(exeat);
}

#[test]
fn what_is_copied_needs_its_call_rule_where_it_runs() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (like, written) in [
        (
            "defaults INCLUDING DEFAULTS",
            "INSERT INTO x (id) VALUES (1)",
        ),
        (
            "generates INCLUDING GENERATED",
            "INSERT INTO x (id) VALUES (1)",
        ),
        (
            "checks INCLUDING CONSTRAINTS",
            "INSERT INTO x (id) VALUES (1)",
        ),
        ("checks INCLUDING ALL", "COPY x FROM STDIN"),
        ("indexed INCLUDING INDEXES", "INSERT INTO x VALUES (1)"),
        (
            "numbers INCLUDING DEFAULTS",
            "INSERT INTO x (id) VALUES (1)",
        ),
        ("numbers INCLUDING ALL", "COPY x (id) FROM STDIN"),
    ] {
        let made = session.query(&format!("CREATE TEMP TABLE x (LIKE {like})"));
        assert_eq!(kinds(&made), "CZ", "{like}: {made:?}");
        let answer = session.query(written);
        let code = sqlstate(&answer);
        assert_eq!(code.as_deref(), Some("42501"), "{like}: {answer:?}");
        assert_eq!(kinds(&session.query("DROP TABLE x")), "CZ", "{like}");
    }
    // What PostgreSQL runs while it makes the indexes.
    let answer = session.query("CREATE TEMP TABLE x (LIKE folded INCLUDING INDEXES)");
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{answer:?}");
    lab.finish(exeat);
}

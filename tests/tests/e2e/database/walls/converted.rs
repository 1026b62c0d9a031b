//! Arguments of EXECUTE become what the parameters are: casts that need not be written run for that, of somebody's own
//! too, between PostgreSQL's own types as well.

use exeat_tests::wire::sqlstate;

use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, day date);
CREATE TABLE traces (of text);
CREATE FUNCTION day_of(int) RETURNS date LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO traces VALUES ('day_of'); RETURN '2026-01-01'::date; END $$;
CREATE CAST (int AS date) WITH FUNCTION day_of(int) AS IMPLICIT;
CREATE FUNCTION time_of(bool) RETURNS timestamp LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO traces VALUES ('time_of'); RETURN '2026-01-01'::timestamp; END $$;
CREATE CAST (bool AS timestamp) WITH FUNCTION time_of(bool) AS ASSIGNMENT;
";

fn policy(rules: &str) -> String {
    format!(
        "\
version: 1
roles:
  app:
    identities: [{{ source: 127.0.0.0/8 }}]
    databases:
      shop:
        as: app
{rules}"
    )
}

#[test]
fn a_cast_that_execute_runs_for_an_argument_needs_its_call() {
    let allowed = "        allow: [{ select: public.orders }, { insert: public.orders }]\n";
    let denied = "        allow: [{ rule: everything }]\n        deny: [{ call: [public.day_of, public.time_of] }]\n";
    let calls =
        "        allow: [{ insert: public.orders }, { call: [public.day_of, public.time_of] }]\n";
    for (rules, told) in [
        (allowed, Some("42501")),
        (denied, Some("42501")),
        (calls, None),
    ] {
        let (lab, database) = lab_with(SCHEMA, &policy(rules));
        let exeat = lab.start();
        for (prepare, execute) in [
            (
                "PREPARE p(date) AS INSERT INTO orders VALUES (1, $1)",
                "EXECUTE p(1)",
            ),
            (
                "PREPARE p(timestamp) AS INSERT INTO orders VALUES (1, $1::date)",
                "EXECUTE p(true)",
            ),
            (
                "PREPARE p AS INSERT INTO orders VALUES (1, $1)",
                "EXECUTE p(1)",
            ),
        ] {
            let mut session = session(&exeat);
            assert_eq!(sqlstate(&session.query(prepare)), None, "{prepare}");
            let answer = session.query(execute);
            let context = format!("{rules} {prepare}: {answer:?}");
            assert_eq!(sqlstate(&answer).as_deref(), told, "{context}");
            let traces = database.admin("DELETE FROM traces RETURNING of");
            assert_eq!(traces.ok().is_empty(), told.is_some(), "{context}");
        }
        lab.finish(exeat);
    }
    let (lab, _database) = lab_with(SCHEMA, &policy(allowed));
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("PREPARE p AS SELECT id FROM orders");
    assert_eq!(
        sqlstate(&session.query("EXECUTE p")),
        None,
        "it has no arguments"
    );
    lab.finish(exeat);
}

#[test]
fn a_cast_that_a_definition_runs_between_types_of_postgresql_needs_its_call() {
    let own = "        allow: [{ define: public.* }]\n        deny: [{ call: [public.day_of] }]\n";
    let (lab, database) = lab_with(SCHEMA, &policy(own));
    database
        .admin(
            "CREATE TABLE parted (day date) PARTITION BY RANGE (day); CREATE DOMAIN days AS date",
        )
        .exits(0);
    let exeat = lab.start();
    for sql in [
        "CREATE TABLE p1 PARTITION OF parted FOR VALUES FROM (1) TO (2)",
        "CREATE TABLE made (day date DEFAULT 1)",
        "CREATE TABLE made (n int, CHECK (n < '2026-01-02'::date))",
        "ALTER DOMAIN days SET DEFAULT 1",
        "CREATE STATISTICS s ON (id + 1), (id::date) FROM orders",
        "ALTER TABLE orders ALTER id TYPE date USING id",
        "CREATE INDEX ON orders ((id::date))",
        "CREATE VIEW seen AS SELECT id::date FROM orders",
    ] {
        let answer = session(&exeat).query(sql);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{sql}: {answer:?}"
        );
        let traces = database.admin("DELETE FROM traces RETURNING of");
        assert_eq!(traces.ok(), "", "{sql}");
    }
    let mut session = session(&exeat);
    assert_eq!(sqlstate(&session.query("CREATE TABLE plain (n int)")), None);
    lab.finish(exeat);
}

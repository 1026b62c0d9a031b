//! CASCADE is judged by what it reaches, and only the server knows what that is.

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Wire, bind, execute, parse, sqlstate, sync};

use super::{lab_with, session_as};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE SCHEMA staging;
CREATE TYPE staging.ty AS ENUM ('a');
CREATE TABLE public.pt (id int, c staging.ty);
CREATE TABLE staging.base (id int PRIMARY KEY, seen int, unseen int);
CREATE VIEW public.pv AS SELECT id, seen FROM staging.base;
CREATE TABLE staging.alone (id serial PRIMARY KEY, v text CHECK (v <> ''), p int REFERENCES staging.alone);
CREATE VIEW staging.inner_view AS SELECT id FROM staging.alone;
CREATE TABLE staging.keyed (id int PRIMARY KEY);
CREATE TABLE public.keys (id int REFERENCES staging.keyed);
CREATE DOMAIN staging.dom AS int CONSTRAINT pos CHECK (VALUE > 0);
CREATE TABLE public.ud (x staging.dom);
CREATE FUNCTION staging.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'select $1';
CREATE TABLE public.fx (x int DEFAULT staging.f(1));
CREATE TABLE staging.parent (id int);
CREATE TABLE public.child () INHERITS (staging.parent);
CREATE SEQUENCE staging.counter;
CREATE TABLE public.counted (id int DEFAULT nextval('staging.counter'));
CREATE TABLE staging.late (id int);
CREATE TABLE public.a (id int PRIMARY KEY);
CREATE TABLE public.b (id int REFERENCES public.a PRIMARY KEY);
CREATE TABLE public.c (id int REFERENCES public.b);
CREATE TABLE public.d (id int PRIMARY KEY);
";

const POLICY: &str = "\
version: 1
roles:
  definer:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - define: staging.*
          - truncate: public.a
          - truncate: public.d
";

fn lab(policy: &str) -> (Lab, Database) {
    lab_with(SCHEMA, policy)
}

fn session(exeat: &Process) -> Wire {
    session_as(exeat, "definer")
}

const DENIED: &[&str] = &[
    "DROP TYPE staging.ty CASCADE",
    "DROP TABLE staging.base CASCADE",
    "DROP TABLE staging.alone, staging.base CASCADE",
    "DROP TABLE IF EXISTS staging.base CASCADE",
    "ALTER TABLE staging.base DROP COLUMN seen CASCADE",
    "ALTER TABLE staging.base DROP COLUMN \"seen\" CASCADE",
    "DROP TABLE staging.keyed CASCADE",
    "ALTER TABLE staging.keyed DROP CONSTRAINT keyed_pkey CASCADE",
    "DROP DOMAIN staging.dom CASCADE",
    "DROP FUNCTION staging.f(int) CASCADE",
    "DROP TABLE staging.parent CASCADE",
    "DROP SEQUENCE staging.counter CASCADE",
    "DROP SCHEMA staging CASCADE",
    "TRUNCATE public.a CASCADE",
    "TRUNCATE public.d, public.a CASCADE",
    "ALTER TABLE staging.base ADD COLUMN more int; DROP TABLE staging.base CASCADE",
];

const ALLOWED: &[&str] = &[
    "DROP TABLE IF EXISTS staging.nothing CASCADE",
    "ALTER TABLE staging.base DROP COLUMN unseen CASCADE",
    "ALTER DOMAIN staging.dom DROP CONSTRAINT pos CASCADE",
    "CREATE TABLE staging.made (id int); DROP TABLE staging.made CASCADE",
    // What the first statement makes of it is known when the second is judged.
    "ALTER TABLE staging.late ADD COLUMN more int; DROP TABLE staging.late CASCADE",
    "DROP TABLE staging.alone CASCADE",
    "TRUNCATE public.d CASCADE",
];

#[test]
fn what_cascade_reaches_needs_a_rule_of_its_own() {
    let (lab, database) = lab(POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for sql in DENIED {
        let answer = session.query(sql);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{sql}: {answer:?}"
        );
    }
    for sql in ALLOWED {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
    }
    database.admin("SELECT FROM public.pv").exits(0);
    drop(session);
    lab.finish(exeat);
}

#[test]
fn truncate_cascades_to_what_may_be_truncated() {
    let rules = "          - truncate: public.b\n          - truncate: public.c\n";
    let (lab, _database) = lab(&format!("{POLICY}{rules}"));
    let exeat = lab.start();
    let mut session = session(&exeat);
    assert_eq!(sqlstate(&session.query("TRUNCATE public.a CASCADE")), None);
    drop(session);
    lab.finish(exeat);
}

#[test]
fn the_reach_is_what_the_sessions_own_transaction_sees() {
    let (lab, _database) = lab(&format!("{POLICY}          - define: public.d\n"));
    let exeat = lab.start();
    let mut session = session(&exeat);
    let points = "CREATE TABLE staging.points (id int REFERENCES public.d)";
    let own = "CREATE TABLE staging.own (id int)";
    for (definition, sql, state) in [
        (points, "TRUNCATE public.d CASCADE", Some("42501")),
        (own, "DROP TABLE staging.base CASCADE", Some("42501")),
        (own, "DROP TABLE staging.own CASCADE", None),
    ] {
        assert_eq!(sqlstate(&session.query("BEGIN")), None);
        assert_eq!(sqlstate(&session.query(definition)), None, "{definition}");
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), state, "{sql}: {answer:?}");
        assert_eq!(sqlstate(&session.query("ROLLBACK")), None);
        // The same in one batch.
        let batch = |sql: &str| [parse("", sql), bind("", ""), execute("")].concat();
        session.send([batch(definition), batch(sql), sync()].concat());
        let answer = session.until_ready();
        assert_eq!(sqlstate(&answer).as_deref(), state, "{sql}: {answer:?}");
    }
    drop(session);
    lab.finish(exeat);
}

#[test]
fn a_prepared_cascade_is_judged_by_what_it_reaches_when_it_runs() {
    let (lab, database) = lab(POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.send([parse("s", "DROP TABLE staging.late CASCADE"), sync()].concat());
    assert_eq!(sqlstate(&session.until_ready()), None);
    database
        .admin("CREATE VIEW public.later AS SELECT id FROM staging.late")
        .exits(0);
    session.send([bind("", "s"), execute(""), sync()].concat());
    let answer = session.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{answer:?}");
    database.admin("DROP VIEW public.later").exits(0);
    session.send([bind("", "s"), execute(""), sync()].concat());
    assert_eq!(sqlstate(&session.until_ready()), None);
    drop(session);
    lab.finish(exeat);
}

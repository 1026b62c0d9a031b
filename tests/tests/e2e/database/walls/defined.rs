//! What definitions and maintenance look at: errors tell no values of what a role may not read.

use std::net::Ipv4Addr;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Wire, sqlstate};

use super::{has_canary, holds};
use crate::database::{lab_with, session_from};

/// The values in `public` may not be read.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE SCHEMA zst;
CREATE TABLE secrets (id int, v text);
INSERT INTO secrets VALUES (1, 'CANARY'), (1, 'CANARY');
CREATE MATERIALIZED VIEW zst.mv AS SELECT id, v FROM secrets;
CREATE VIEW zst.between AS SELECT id, v FROM secrets;
CREATE MATERIALIZED VIEW zst.mf AS SELECT id, v::int FROM zst.between WITH NO DATA;
CREATE DOMAIN zst.dom AS text;
CREATE DOMAIN zst.over AS zst.dom;
CREATE TABLE domains (id int, v zst.over);
INSERT INTO domains VALUES (1, 'CANARY');
CREATE TABLE zst.pp (id int, v text) PARTITION BY LIST (id);
CREATE TABLE parts PARTITION OF zst.pp FOR VALUES IN (1);
INSERT INTO parts VALUES (1, 'CANARY'), (1, 'CANARY');
CREATE TABLE zst.ih (id int, v text);
CREATE TABLE heirs () INHERITS (zst.ih);
INSERT INTO heirs VALUES (1, 'CANARY');
CREATE TABLE zst.rf (v text PRIMARY KEY);
CREATE TABLE zst.pa (id text PRIMARY KEY, n text);
INSERT INTO zst.pa VALUES ('CANARY');
CREATE TABLE referring (id text REFERENCES zst.pa);
INSERT INTO referring VALUES ('CANARY');
CREATE TABLE zst.own (id int, v text);
INSERT INTO zst.own VALUES (1, 'mine'), (2, 'mine');
CREATE VIEW zst.shown AS SELECT id FROM zst.own;
CREATE FUNCTION zst.same(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN $1; END $$;
CREATE TABLE zst.called (id int CHECK (zst.same(id) > 0));
CREATE INDEX ON zst.called (zst.same(id));
CREATE TABLE zst.half (id int, v text);
INSERT INTO zst.half VALUES (1, 'CANARY'), (2, 'CANARY');
CREATE INDEX half_i ON zst.half (v);
";

const POLICY: &str = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.1/32 }]
    databases:
      shop:
        as: app
        allow:
          - define: zst.*
          - statement: [maintain]
          - preset: [introspection]
          - select: zst.*
          - insert: zst.*
        deny:
          - select: public.*
          - select: zst.half(v)
  listed:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop:
        as: app
        allow:
          - define: zst.*
          - statement: [maintain]
          - preset: [introspection]
          - select: zst.own
  wide:
    identities: [{ source: 127.0.0.3/32 }]
    databases:
      shop:
        as: app
        allow:
          - define: zst.*
          - statement: [maintain]
          - preset: [introspection]
          - select: zst.*
          - select: public.*
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn session_as(exeat: &Process, role: &str) -> Wire {
    let last = match role {
        "narrow" => 1,
        "listed" => 2,
        _ => 3,
    };
    session_from(exeat, Ipv4Addr::new(127, 0, 0, last), role)
}

const LOOKING: &[&str] = &[
    "ALTER DOMAIN zst.dom ADD CHECK (VALUE::int > 0)",
    "ALTER DOMAIN zst.dom ADD CONSTRAINT c CHECK (VALUE::int > 0) NOT VALID; ALTER DOMAIN zst.dom VALIDATE CONSTRAINT c",
    "CREATE UNIQUE INDEX ON zst.mv (v)",
    "CREATE INDEX ON zst.mv ((v::int))",
    "REFRESH MATERIALIZED VIEW zst.mf",
    "CREATE UNIQUE INDEX ON zst.pp (v, id)",
    "ALTER TABLE zst.pp ALTER v TYPE int USING v::int",
    "ALTER TABLE zst.pp ADD CHECK (v::int > 0)",
    "CREATE INDEX ON zst.pp ((v::int))",
    "ALTER TABLE zst.pp ADD FOREIGN KEY (v) REFERENCES zst.rf",
    "ALTER TABLE zst.pp ADD COLUMN g int GENERATED ALWAYS AS (v::int) STORED",
    "ALTER TABLE zst.ih ALTER v TYPE int USING v::int",
    "ALTER TABLE zst.ih ADD CHECK (v::int > 0)",
    "ALTER TABLE zst.pa ALTER id TYPE text USING 'x'",
    "CREATE UNIQUE INDEX ON zst.half (v)",
    "CREATE INDEX ON zst.half ((v::int))",
    "BEGIN; CREATE INDEX ON zst.mv ((v::int)); COMMIT",
    "ALTER TABLE zst.pp ALTER v TYPE oid USING v::regclass::oid",
    "ALTER TABLE zst.pp ALTER v TYPE oid USING v::regtype::oid",
    "ALTER TABLE zst.pp ALTER v TYPE oid USING v::regproc::oid",
    "ALTER TABLE zst.pp ALTER v TYPE oid USING v::regrole::oid",
    "ALTER TABLE zst.pp ALTER v TYPE oid USING v::regnamespace::oid",
    "ALTER TABLE zst.pp ADD CHECK (has_column_privilege('zst.pp', v, 'SELECT'))",
    "ALTER TABLE zst.pp ADD CHECK (pg_get_serial_sequence('zst.pp', v) IS NULL)",
    "ALTER TABLE zst.pp ALTER v TYPE tsquery USING (v || ' (')::tsquery",
];

#[test]
fn errors_of_definitions_tell_no_values_that_the_role_may_not_read() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for role in ["narrow", "listed"] {
        for sql in LOOKING {
            let answer = session_as(&exeat, role).query(sql);
            assert!(!has_canary(&answer), "{role}: {sql}: {answer:?}");
            assert!(sqlstate(&answer).is_some(), "{role}: {sql}");
        }
    }
}

#[test]
fn errors_of_definitions_are_told_to_who_may_read_all() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for sql in LOOKING {
        let answer = session_as(&exeat, "wide").query(sql);
        assert!(has_canary(&answer), "{sql}: {answer:?}");
    }
    for role in ["narrow", "listed"] {
        for (sql, told) in [
            (
                "CREATE UNIQUE INDEX ON zst.own (v)",
                "Key (v)=(mine) is duplicated.",
            ),
            (
                "ALTER TABLE zst.own ALTER v TYPE int USING v::int",
                "\"mine\"",
            ),
            (
                "CREATE TABLE zst.new (id int DEFAULT 'a')",
                "invalid input syntax for type integer: \"a\"",
            ),
            (
                "CREATE INDEX new_i ON zst.own ((v::int))",
                "invalid input syntax for type integer: \"mine\"",
            ),
        ] {
            let answer = session_as(&exeat, role).query(sql);
            assert!(holds(&answer, told.as_bytes()), "{role}: {sql}: {answer:?}");
        }
    }
    for (sql, told) in [
        (
            "DROP TABLE zst.own",
            "view zst.shown depends on table zst.own",
        ),
        // Code that a definition may run makes none of its errors that of code.
        (
            "ALTER TABLE zst.called DROP CONSTRAINT nosuch",
            "constraint \"nosuch\" of relation \"called\" does not exist",
        ),
    ] {
        let answer = session_as(&exeat, "narrow").query(sql);
        assert!(holds(&answer, told.as_bytes()), "{sql}: {answer:?}");
    }
}

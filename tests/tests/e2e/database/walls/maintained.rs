//! What maintenance and definitions run for the rows that they read, check and write anew: a role that may not call it
//! runs none of it.

use std::net::Ipv4Addr;

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::sqlstate;

use crate::database::{lab_with, session_from};

/// Each run of `denied` takes a number from `traced`.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE SCHEMA zst;
CREATE SEQUENCE traced;
CREATE FUNCTION denied(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM nextval('public.traced'); RETURN 1; END $$;
CREATE TABLE zst.plain (id int, v int);
INSERT INTO zst.plain VALUES (1, 1);
CREATE TABLE zst.ix (id int, v int);
INSERT INTO zst.ix VALUES (1, 1), (2, 2);
CREATE INDEX ixd ON zst.ix (denied(id));
CREATE INDEX zst_v ON zst.ix (v);
CREATE TABLE zst.st (id int, v int);
INSERT INTO zst.st VALUES (1, 1), (2, 2);
CREATE STATISTICS zst.sts ON (denied(id)), v FROM zst.st;
CREATE TABLE zst.ck (id int, v int CHECK (denied(v) = 1));
INSERT INTO zst.ck VALUES (1, 1);
CREATE TABLE zst.pd (id int) PARTITION BY RANGE (denied(id));
CREATE TABLE zst.pd1 PARTITION OF zst.pd FOR VALUES FROM (5) TO (9);
CREATE TABLE zst.pdx (id int);
INSERT INTO zst.pdx VALUES (1);
CREATE TABLE zst.parent (id int, v int) PARTITION BY LIST (id);
CREATE TABLE zst.part PARTITION OF zst.parent FOR VALUES IN (1);
INSERT INTO zst.parent VALUES (1, 1);
CREATE INDEX ON zst.part (denied(v));
CREATE VIEW zst.between AS SELECT denied(id) AS a FROM zst.plain;
CREATE MATERIALIZED VIEW zst.mv AS SELECT denied(id) AS a FROM zst.plain WITH NO DATA;
CREATE MATERIALIZED VIEW zst.mv2 AS SELECT a FROM zst.between WITH NO DATA;
CREATE OPERATOR zst.@@@ (FUNCTION = denied, RIGHTARG = int);
CREATE MATERIALIZED VIEW zst.mv3 AS SELECT OPERATOR(zst.@@@) id AS a FROM zst.plain WITH NO DATA;
CREATE MATERIALIZED VIEW zst.harmless AS SELECT abs(id) AS a FROM zst.plain;
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
          - select: zst.*
          - call: [random]
        deny:
          - call: [public.denied]
  all:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop:
        as: app
        allow:
          - rule: everything
        deny:
          - call: [public.denied]
  wide:
    identities: [{ source: 127.0.0.3/32 }]
    databases:
      shop:
        as: app
        allow:
          - define: zst.*
          - statement: [maintain]
          - select: zst.*
          - call: [random, public.denied]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

const RUNNING: &[&str] = &[
    "ANALYZE zst.ix",
    "ANALYZE zst.st",
    "VACUUM FULL zst.ix",
    "VACUUM (ANALYZE) zst.st",
    "REINDEX TABLE zst.ix",
    "REINDEX INDEX zst.ixd",
    "CLUSTER zst.ix USING zst_v",
    "ANALYZE zst.parent",
    "ANALYZE",
    "ALTER TABLE zst.ix ADD COLUMN w int DEFAULT random()",
    "ALTER TABLE zst.ix ALTER v TYPE bigint",
    "ALTER TABLE zst.parent ADD COLUMN w int DEFAULT random()",
    "ALTER TABLE zst.ck ALTER v TYPE int USING v + 0",
    "ALTER TABLE zst.pd ATTACH PARTITION zst.pdx FOR VALUES FROM (1) TO (2)",
    "REFRESH MATERIALIZED VIEW zst.mv",
    "REFRESH MATERIALIZED VIEW zst.mv2",
    "REFRESH MATERIALIZED VIEW zst.mv3",
    "CREATE VIEW zst.late AS SELECT 1 AS a; REFRESH MATERIALIZED VIEW zst.mv",
];

#[test]
fn a_role_that_may_not_call_a_function_has_none_run_by_maintenance_and_definitions() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let traced = || {
        let called = database.admin("SELECT last_value FROM traced");
        called.stdout.trim().to_owned()
    };
    let before = traced();
    for (last, role) in [(1, "narrow"), (2, "all")] {
        for sql in RUNNING {
            let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, last), role);
            let answer = session.query(sql);
            assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{role}: {sql}");
        }
    }
    for (last, role) in [(1, "narrow"), (2, "all")] {
        let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, last), role);
        for sql in [
            "ANALYZE zst.plain",
            "VACUUM zst.pdx",
            "ALTER TABLE zst.plain ADD COLUMN w int DEFAULT 1",
            "CREATE INDEX ON zst.plain (v)",
            "REFRESH MATERIALIZED VIEW zst.harmless",
            "BEGIN; REFRESH MATERIALIZED VIEW zst.harmless; COMMIT",
            "BEGIN; CREATE TABLE zst.a (id int); ALTER TABLE zst.a ADD UNIQUE (id); ROLLBACK",
            "ALTER TABLE zst.plain DROP COLUMN w",
            "DROP INDEX zst.plain_v_idx",
            "COMMENT ON TABLE zst.ix IS 'x'",
        ] {
            let answer = session.query(sql);
            assert_eq!(sqlstate(&answer), None, "{role}: {sql}: {answer:?}");
        }
    }
    assert_eq!(traced(), before);
}

#[test]
fn a_role_that_may_call_it_has_it_run() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for sql in RUNNING {
        database.admin("SELECT setval('traced', 1)");
        let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 3), "wide");
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
        let called = database.admin("SELECT last_value FROM traced");
        assert_ne!(called.stdout.trim(), "1", "{sql}");
    }
}

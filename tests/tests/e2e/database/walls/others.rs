//! What others are, and do, changes nothing for a role: parts and parents of tables under deny rules, tables
//! that are attached while a transaction is open, and what a function leaves on a connection of the proxy's.

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wait;
use exeat_tests::wire::{Wire, bind, cstr, execute, frame, parse, query, sqlstate, sync};

use super::has_canary;
use crate::database::{lab_with, session_from};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE parted (id int, v text) PARTITION BY LIST (id);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN (1) PARTITION BY LIST (v);
CREATE TABLE parted_b PARTITION OF parted_a DEFAULT;
INSERT INTO parted VALUES (1, 'CANARY');
CREATE TABLE parent (id int, v text);
CREATE TABLE child (w int) INHERITS (parent);
CREATE TABLE grandchild (x int) INHERITS (child);
INSERT INTO grandchild VALUES (1, 'CANARY', 2, 3);
CREATE TABLE later (id int, v text);
INSERT INTO later VALUES (7, 'CANARY');
CREATE TABLE hidden_part (id int, v text) PARTITION BY LIST (id);
CREATE TABLE hidden_a PARTITION OF hidden_part FOR VALUES IN (1);
INSERT INTO hidden_part VALUES (1, 'CANARY');
CREATE TABLE guarded (id int, v text);
CREATE INDEX guarded_a ON guarded (id);
CREATE VIEW of_guarded AS SELECT id FROM guarded;
CREATE TABLE halved (id int) PARTITION BY LIST (id);
CREATE INDEX halved_a ON halved (id);
CREATE VIEW of_part AS SELECT v FROM parted_a;
CREATE MATERIALIZED VIEW kept_part AS SELECT v FROM parted_b;
CREATE MATERIALIZED VIEW kept_child AS SELECT v FROM child;
CREATE MATERIALIZED VIEW kept_above AS SELECT v FROM hidden_part;
CREATE MATERIALIZED VIEW kept_again AS SELECT v FROM kept_part;
CREATE FUNCTION reveal(int) RETURNS text LANGUAGE sql AS $$ SELECT 'CANARY' $$;
CREATE SCHEMA staging;
CREATE FUNCTION staging.reveal(int) RETURNS text LANGUAGE sql AS $$ SELECT 'fine' $$;
CREATE FUNCTION staging.poison(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
  PERFORM set_config('debug_print_parse', 'off', false);
  PERFORM set_config('client_min_messages', 'error', false);
  PERFORM set_config('search_path', 'staging, public', false);
  PERFORM set_config('role', 'pg_monitor', false);
  RETURN true; END $$;
CREATE DOMAIN staging.poisoned AS text CHECK (staging.poison(VALUE));
CREATE TYPE staging.holder AS (a staging.poisoned);
CREATE DOMAIN picky AS text CHECK (reveal(1) <> VALUE);
CREATE TYPE held AS (a picky);
";

const POLICY: &str = "\
version: 1
roles:
  every:
    identities: [{ source: 127.0.0.1/32 }]
    databases:
      shop:
        as: app
        allow: [{ rule: everything }]
        deny:
          - select: public.parted
          - select: public.parent
          - select: public.hidden_a
          - insert: public.parted
          - insert: public.parent
          - update: public.parent
          - delete: public.parent
          - truncate: public.parted
          - truncate: public.grandchild
          - define: public.guarded
          - define: public.halved
          - call: [public.reveal]
  poisoner:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop:
        as: app
        allow:
          - call: [staging.poison]
          - type: [staging.holder, staging.poisoned]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn session(exeat: &Process, source: [u8; 4], role: &str) -> Wire {
    session_from(exeat, source.into(), role)
}

/// Each by a name under which the denied rows are, too.
const DENIED: &[&str] = &[
    "SELECT v FROM parted_a",
    "SELECT v FROM ONLY parted_b",
    "SELECT v FROM child",
    "SELECT v FROM grandchild",
    "SELECT v FROM hidden_part",
    "TABLE parted_b",
    "TABLE of_part",
    "TABLE kept_part",
    "SELECT v FROM kept_child",
    "SELECT v FROM kept_above",
    "SELECT count(*) FROM kept_again",
    "COPY kept_child TO STDOUT",
    "COPY kept_again (v) TO STDOUT",
    "COPY parted_a TO STDOUT",
    "COPY parted_b (v) TO STDOUT",
    "COPY child TO STDOUT",
    "COPY grandchild (v) TO STDOUT",
    "COPY (SELECT v FROM parted_b) TO STDOUT",
    "COPY parted_a FROM STDIN",
    "COPY parted_b (id) FROM STDIN",
    "COPY child (id) FROM STDIN",
    "INSERT INTO parted_b VALUES (1, 'a')",
    "INSERT INTO grandchild (id) VALUES (1)",
    "UPDATE grandchild SET v = 'a'",
    "DELETE FROM child",
    "TRUNCATE parted_a",
    "TRUNCATE parted_b",
    "TRUNCATE ONLY parted_b",
    "TRUNCATE parent",
    "TRUNCATE child",
    "TRUNCATE orders, parted_b",
    "TRUNCATE parent CASCADE",
    // Who may not define a table locks it no more than its indexes are theirs.
    "LOCK TABLE guarded",
    "LOCK TABLE orders, guarded IN ROW SHARE MODE",
    "LOCK TABLE of_guarded IN SHARE MODE",
    "LOCK TABLE parted_a IN ROW EXCLUSIVE MODE",
    "LOCK TABLE ONLY child",
    "ALTER INDEX guarded_a RENAME TO other",
    "ALTER INDEX public.guarded_a SET (fillfactor = 60)",
    "ALTER TABLE guarded_a RENAME TO other",
    "ALTER INDEX halved_a RENAME TO other",
    "DROP INDEX guarded_a",
    "DROP INDEX IF EXISTS halved_a",
    "REINDEX INDEX guarded_a",
    "COMMENT ON INDEX guarded_a IS 'mine'",
    "CLUSTER guarded USING guarded_a",
    "PREPARE p AS SELECT v FROM parted_b",
    "DECLARE c CURSOR FOR SELECT v FROM parted_b",
    "EXPLAIN ANALYZE SELECT v FROM grandchild",
];

#[test]
fn deny_rules_hold_for_parts_and_parents_whatever_the_statement() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat, [127, 0, 0, 1], "every");
    let mut open = Vec::new();
    for sql in DENIED {
        let answer = session.query(sql);
        if sqlstate(&answer).as_deref() != Some("42501") || has_canary(&answer) {
            open.push(format!("{sql}: {:?}", sqlstate(&answer)));
        }
        session.send([parse("", sql), bind("", ""), execute(""), sync()].concat());
        let answer = session.until_ready();
        if sqlstate(&answer).as_deref() != Some("42501") || has_canary(&answer) {
            open.push(format!("extended: {sql}: {:?}", sqlstate(&answer)));
        }
    }
    let left = database
        .admin("SELECT count(*) FROM (SELECT id FROM parted UNION ALL SELECT id FROM parent) x");
    assert_eq!(left.stdout.trim(), "2");
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn what_is_attached_while_a_transaction_with_definitions_is_open_is_seen_in_time() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat, [127, 0, 0, 1], "every");
    for sql in [
        "BEGIN",
        "CREATE TABLE own (a int)",
        "SELECT a FROM own",
        "SELECT v FROM later",
    ] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    session.query("COMMIT");
    for sql in ["BEGIN", "CREATE TABLE own2 (a int)", "SELECT a FROM own2"] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    database
        .admin("ALTER TABLE parted ATTACH PARTITION later FOR VALUES IN (7)")
        .exits(0);
    let mut tries = 0;
    wait::until_true("the new part is under the rule of its parent", || {
        tries += 1;
        session.query("SAVEPOINT a");
        let denied = sqlstate(&session.query(&format!("SELECT v FROM later WHERE {tries} > 0")));
        session.query("ROLLBACK TO a");
        denied.as_deref() == Some("42501")
    });
}

#[test]
fn what_a_check_sets_while_it_is_looked_at_is_gone_for_the_next_question() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut others: Vec<Wire> = (0..5)
        .map(|_| session(&exeat, [127, 0, 0, 2], "poisoner"))
        .collect();
    for round in 0..3 {
        // All at once, so that each connection of the proxy's is asked.
        for (place, other) in others.iter_mut().enumerate() {
            let sql = format!("SELECT '(b)'::staging.holder AS k{round}_{place}");
            other.send(query(&sql));
        }
        for other in &mut others {
            // It has PostgreSQL keep the statement's tree to itself: nothing is known, and nothing runs.
            let answer = other.until_ready();
            assert_eq!(sqlstate(&answer).as_deref(), Some("42601"), "{answer:?}");
        }
    }
    for round in 0..8 {
        let mut session = session(&exeat, [127, 0, 0, 1], "every");
        let fine = session.query(&format!("SELECT id AS i{round}, abs(total) FROM orders"));
        assert_eq!(sqlstate(&fine), None, "{fine:?}");
        let denied = session.query(&format!("SELECT reveal(1), 1 AS r{round}"));
        assert_eq!(sqlstate(&denied).as_deref(), Some("42501"), "{denied:?}");
    }
}

#[test]
fn what_a_check_runs_while_it_is_looked_at_is_not_taken_for_the_statement() {
    let (lab, database) = lab();
    database
        .admin(
            "CREATE FUNCTION staging.busy(text) RETURNS bool LANGUAGE plpgsql AS
               $$ BEGIN EXECUTE 'SELECT 1'; RETURN true; END $$;
             CREATE OR REPLACE FUNCTION staging.poison(text) RETURNS bool LANGUAGE plpgsql AS
               $$ BEGIN EXECUTE 'SELECT 1'; PERFORM set_config('debug_print_parse', 'off', true);
               PERFORM set_config('debug_print_rewritten', 'off', true); RETURN true; END $$;
             CREATE DOMAIN staging.busy AS text CHECK (staging.busy(VALUE));
             CREATE TYPE staging.desk AS (a staging.busy);
             CREATE VIEW seen AS SELECT v FROM parent;",
        )
        .exits(0);
    lab.set_policy(
        &POLICY
            .replace(
                "- call: [staging.poison]",
                "- call: [staging.poison, staging.busy]\n          - select: public.orders(id)",
            )
            .replace(
                "staging.poisoned]",
                "staging.poisoned, staging.desk, staging.busy]",
            ),
    );
    let exeat = lab.start();
    let mut session = session(&exeat, [127, 0, 0, 2], "poisoner");
    let sql = "SELECT '(b)'::staging.desk, id FROM orders";
    // In one message it would be what it reads itself that the check could change.
    let refused = session.query(sql);
    assert_eq!(sqlstate(&refused).as_deref(), Some("42601"), "{refused:?}");
    session.send([parse("", sql), bind("", ""), execute(""), sync()].concat());
    let fine = session.until_ready();
    assert_eq!(sqlstate(&fine), None, "{fine:?}");
    for sql in [
        "SELECT '(b)'::staging.desk, total FROM orders",
        "SELECT '(b)'::staging.holder, x.reveal FROM abs(1) x",
        "SELECT '(b)'::staging.holder, v FROM seen",
        "SELECT '(b)'::staging.holder, o FROM orders o",
    ] {
        let answer = session.query(sql);
        assert!(!has_canary(&answer), "{sql}: {answer:?}");
        assert!(
            matches!(sqlstate(&answer).as_deref(), Some("42501" | "42601")),
            "{sql}: {answer:?}"
        );
    }
}

#[test]
fn values_of_types_that_are_bound_run_no_check_that_the_role_may_not_call() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat, [127, 0, 0, 1], "every");
    for (of, value) in [
        ("picky", "b"),
        ("picky[]", "{b}"),
        ("held", "(b)"),
        ("held[]", "{(b)}"),
    ] {
        let oid = database.admin(&format!("SELECT '{of}'::regtype::oid"));
        let oid: u32 = oid.stdout.trim().parse().unwrap();
        for sql in [
            "SELECT 1",
            "SELECT $1",
            "SELECT id FROM orders WHERE $1 IS NULL",
            "BEGIN",
        ] {
            // Also where the same text was judged without the type before.
            session.send([parse("", sql), sync()].concat());
            session.until_ready();
            let types = [&[0, 1][..], &oid.to_be_bytes()].concat();
            let length = u32::try_from(value.len()).unwrap().to_be_bytes();
            let values = [&[0, 0, 0, 1][..], &length, value.as_bytes(), &[0, 0]].concat();
            let parse = frame('P', &[cstr(""), cstr(sql), types].concat());
            let bind = frame('B', &[cstr(""), cstr(""), values].concat());
            session.send([parse, bind, execute(""), sync()].concat());
            let answer = session.until_ready();
            assert_eq!(
                sqlstate(&answer).as_deref(),
                Some("42501"),
                "{of}: {sql}: {answer:?}"
            );
        }
    }
}

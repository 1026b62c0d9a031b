//! A session that can't find out what it has made itself judges nothing by what it knew before.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wait;
use exeat_tests::wire::{Wire, bind, execute, kinds, parse, query, sqlstate, sync};

use super::{has_canary, session};
use crate::database::lab_with;

const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE secrets (id int, v int);
INSERT INTO secrets VALUES (1, 424242);
CREATE FUNCTION hide() RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN CREATE OR REPLACE TEMP VIEW orders AS SELECT id, v AS total FROM secrets; RETURN 1; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
";

const POLICY: &str = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.orders(id, total)
          - call: [abs, public.hide]
          - set: [statement_timeout, lock_timeout]
        deny:
          - select: public.secrets
";

const READ: &str = "SELECT abs(total) FROM orders";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// A table that the question reads and nothing else needs.
fn lock(database: &Database) -> Wire {
    let mut lock = Wire::past_the_proxy(database, "postgres");
    let locked = lock.query("BEGIN; LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE");
    assert_eq!(sqlstate(&locked), None, "{locked:?}");
    lock
}

/// The session of a client waits for that table; its own connection, not one of the proxy's.
const WAITS: &str = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
    AND application_name NOT LIKE 'exeat %' AND usename = 'app'";

fn wait_for_the_question(database: &Database) {
    wait::until_true("the question waits for its lock", || {
        database.admin(&format!("SELECT count(*) {WAITS}")).ok() == "1"
    });
}

#[test]
fn a_session_whose_question_fails_is_refused_and_asks_again() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let extended = [parse("", READ), bind("", ""), execute(""), sync()].concat();
    let simple = query(READ);
    let both = query("SELECT 1; SELECT abs(total) FROM orders");
    for (block, message) in [
        (false, &simple),
        (true, &simple),
        (false, &extended),
        (true, &extended),
        (false, &both),
    ] {
        let mut session = session(&exeat);
        assert_eq!(sqlstate(&session.query(READ)), None);
        if block {
            assert_eq!(sqlstate(&session.query("BEGIN")), None);
        }
        assert_eq!(sqlstate(&session.query("SELECT public.hide()")), None);
        let mut locked = lock(&database);
        session.send(message);
        wait_for_the_question(&database);
        database
            .admin(&format!("SELECT pg_cancel_backend(pid) {WAITS}"))
            .exits(0);
        let answer = session.until_ready();
        assert!(!has_canary(&answer), "{answer:?}");
        assert_eq!(sqlstate(&answer).as_deref(), Some("57014"), "{answer:?}");
        assert_eq!(kinds(&answer), "EZ");
        assert_eq!(answer[1].body, if block { b"E" } else { b"I" });
        assert_eq!(sqlstate(&locked.query("COMMIT")), None);
        // What it has made is gone with the block.
        let again = session.query(if block { "ROLLBACK" } else { READ });
        assert!(!has_canary(&again), "{again:?}");
        let expected = if block { None } else { Some("42501") };
        assert_eq!(sqlstate(&again).as_deref(), expected, "{again:?}");
        if block {
            assert_eq!(sqlstate(&session.query(READ)), None);
        }
    }
}

#[test]
fn the_question_has_a_patience_of_its_own() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for block in [false, true] {
        let mut session = session(&exeat);
        let begin = if block { "BEGIN" } else { "SELECT 1" };
        for sql in [
            "SET statement_timeout = '700ms'",
            "SET lock_timeout = '300ms'",
            begin,
            "SELECT public.hide()",
        ] {
            assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
        }
        let mut locked = lock(&database);
        session.send(query(READ));
        wait_for_the_question(&database);
        // Longer than the client's own statements may wait.
        locked.query("SELECT pg_sleep(1)");
        assert_eq!(sqlstate(&locked.query("COMMIT")), None);
        let answer = session.until_ready();
        assert!(!has_canary(&answer), "{answer:?}");
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{answer:?}");
        if block {
            assert_eq!(sqlstate(&session.query("ROLLBACK")), None);
            continue;
        }
        // Its own statements still have theirs.
        let shown = session.query("SHOW statement_timeout");
        assert!(shown.iter().any(|message| message.body.ends_with(b"700ms")));
    }
}

#[test]
fn no_timeout_of_a_session_makes_it_judge_by_what_it_knew() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    assert_eq!(sqlstate(&session.query(READ)), None);
    assert_eq!(
        sqlstate(&session.query("SET statement_timeout = '1ms'")),
        None
    );
    for _ in 0..30 {
        session.query("SELECT public.hide()");
        assert!(!has_canary(&session.query(READ)));
    }
}

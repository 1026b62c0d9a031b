//! What waits in the server, behind others or for a lock, is judged again when its turn has come: a client chooses
//! how long that takes.

use exeat_tests::database::Database;
use exeat_tests::wait;
use exeat_tests::wire::{Message, Wire, bind, execute, parse, query, sqlstate, sync};

use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total text);
INSERT INTO orders VALUES (1, 'ten');
CREATE TABLE secrets (id int, total text);
INSERT INTO secrets VALUES (1, 'CANARY');
CREATE VIEW shown AS SELECT id, total FROM orders;
";

fn policy(deny: &str) -> String {
    format!(
        "\
version: 1
roles:
  app:
    identities: [{{ source: 127.0.0.0/8 }}]
    databases:
      shop:
        as: app
        allow:
          - preset: [application]
          - select: public.*
          - insert: public.*
          - update: public.*
          - delete: public.*
          - truncate: public.*
          - define: public.*
          - define: pg_temp.*
          - select: pg_temp.*
          - insert: pg_temp.*
          - statement: [maintain]
        deny:
          - select: public.secrets
{deny}"
    )
}

const LOCK: &str = "SELECT pg_advisory_lock_shared(77)";
const READ: &str = "SELECT lower(total) FROM shown";

/// What waits for the lock, then reads; what is sent before; and the number of answers.
fn forms() -> Vec<(Vec<u8>, Vec<u8>, usize)> {
    let run = |sql: &str| [parse("", sql), bind("", ""), execute("")].concat();
    let both = [query(LOCK), query(READ)].concat();
    let batch = [run(LOCK), run(READ), sync()].concat();
    let batches = [run(LOCK), sync(), run(READ), sync()].concat();
    let bound = [run(LOCK), bind("", "s"), execute(""), sync()].concat();
    let cursor = format!("BEGIN; {LOCK}; DECLARE c CURSOR FOR {READ}; FETCH ALL FROM c; COMMIT");
    vec![
        (query(""), query(&format!("{LOCK}; {READ}")), 1),
        (query(""), both, 2),
        (query(""), batch, 1),
        (query(""), batches, 2),
        ([parse("s", READ), sync()].concat(), bound, 1),
        (
            query(&format!("PREPARE p AS {READ}")),
            query(&format!("{LOCK}; EXECUTE p")),
            1,
        ),
        (query(""), query(&cursor), 1),
        (
            query(""),
            query(&format!("{LOCK}; COPY ({READ}) TO STDOUT")),
            1,
        ),
    ]
}

/// Waits until so many sessions wait for a lock, and for a second longer.
fn until_waiting(database: &Database, count: usize) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    wait::until_true("they wait", || {
        database.admin(waiting).ok() == count.to_string()
    });
    database.admin("SELECT pg_sleep(1.1)").exits(0);
}

fn answers(wire: &mut Wire, count: usize) -> Vec<Message> {
    (0..count).flat_map(|_| wire.until_ready()).collect()
}

fn has(answer: &[Message], text: &[u8]) -> bool {
    let within = |message: &Message| message.body.windows(text.len()).any(|part| part == text);
    answer.iter().any(within)
}

/// Whether the client was told that what it waited for is another thing by now.
fn is_told(answer: &[Message]) -> bool {
    matches!(sqlstate(answer).as_deref(), Some("0A000" | "57P01"))
}

#[test]
fn what_waits_behind_others_is_read_as_what_it_is_by_then() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    let exeat = lab.start();
    for (table, denied) in [("orders", false), ("secrets", true)] {
        database
            .admin("CREATE OR REPLACE VIEW shown AS SELECT id, total FROM orders")
            .exits(0);
        let mut holder = Wire::past_the_proxy(&database, "postgres");
        holder.query("SELECT pg_advisory_lock(77)");
        let mut waiting = Vec::new();
        for (before, form, count) in forms() {
            let mut reader = session(&exeat);
            wait::until_true("the view is as before", || {
                sqlstate(&reader.query(READ)).is_none()
            });
            reader.send(&before);
            assert_eq!(sqlstate(&reader.until_ready()), None);
            reader.send(&form);
            waiting.push((reader, count));
        }
        until_waiting(&database, waiting.len());
        let replace = format!("CREATE OR REPLACE VIEW shown AS SELECT id, total FROM {table}");
        database.admin(&replace).exits(0);
        holder.query("SELECT pg_advisory_unlock(77)");
        for (at, (reader, count)) in waiting.iter_mut().enumerate() {
            let answer = answers(reader, *count);
            assert_eq!(
                has(&answer, b"ten"),
                !denied,
                "{table}, form {at}: {answer:?}"
            );
            assert!(!has(&answer, b"canary"), "{table}, form {at}: {answer:?}");
            assert_eq!(is_told(&answer), denied, "{table}, form {at}: {answer:?}");
        }
    }
    lab.finish(exeat);
}

#[test]
fn what_waits_for_a_definition_of_another_session_is_read_as_what_it_is_by_then() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    let exeat = lab.start();
    let view = "CREATE OR REPLACE VIEW shown AS SELECT id, total FROM secrets";
    let swap = "DROP VIEW shown; CREATE VIEW shown AS SELECT id, total FROM secrets";
    let table =
        "ALTER VIEW shown RENAME TO earlier; CREATE VIEW shown AS SELECT id, total FROM secrets";
    for change in [view, swap, table] {
        database
            .admin("DROP VIEW IF EXISTS earlier, shown; CREATE VIEW shown AS SELECT id, total FROM orders")
            .exits(0);
        let run = [parse("", READ), bind("", ""), execute(""), sync()].concat();
        let copy = query(&format!("COPY ({READ}) TO STDOUT"));
        let explain = query(&format!("EXPLAIN ANALYZE {READ}"));
        let forms = [query(READ), run, copy, explain];
        let mut readers: Vec<Wire> = forms.iter().map(|_| session(&exeat)).collect();
        for reader in &mut readers {
            wait::until_true("the view is as before", || {
                sqlstate(&reader.query(READ)).is_none()
            });
        }
        let mut definer = Wire::past_the_proxy(&database, "postgres");
        definer.query("BEGIN");
        assert_eq!(sqlstate(&definer.query(change)), None);
        for (reader, form) in readers.iter_mut().zip(&forms) {
            reader.send(form);
        }
        until_waiting(&database, readers.len());
        definer.query("COMMIT");
        for (at, reader) in readers.iter_mut().enumerate() {
            let answer = reader.until_ready();
            assert!(!has(&answer, b"canary"), "{change}, form {at}: {answer:?}");
            let told = is_told(&answer) || sqlstate(&answer).as_deref() == Some("42P01");
            assert!(told, "{change}, form {at}: {answer:?}");
        }
    }
    lab.finish(exeat);
}

#[test]
fn what_waits_does_not_run_once_the_policy_denies_it() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    let exeat = lab.start();
    let mut holder = Wire::past_the_proxy(&database, "postgres");
    holder.query("SELECT pg_advisory_lock(77)");
    let write = "INSERT INTO orders VALUES (2, 'late')";
    let mut forms = vec![
        query(&format!("{LOCK}; {write}")),
        query(&format!("{LOCK}; {READ}")),
    ];
    let run = |sql: &str| [parse("", sql), bind("", ""), execute(""), sync()].concat();
    forms.push([run(LOCK), run(write)].concat());
    let mut waiting = Vec::new();
    for form in &forms {
        let mut reader = session(&exeat);
        reader.send(form);
        waiting.push(reader);
    }
    until_waiting(&database, waiting.len());
    lab.set_policy(&policy(
        "          - insert: public.orders\n          - select: public.shown\n",
    ));
    for (at, reader) in waiting.iter_mut().enumerate() {
        let answer = reader.to_end();
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("57P01"),
            "form {at}: {answer:?}"
        );
    }
    wait::until_true("nobody waits", || {
        database
            .admin("SELECT count(*) FROM pg_locks WHERE NOT granted")
            .ok()
            == "0"
    });
    holder.query("SELECT pg_advisory_unlock(77)");
    assert_eq!(database.admin("SELECT count(*) FROM orders").ok(), "1");
    let records = lab.finish(exeat);
    let denials = records.denials();
    assert!(denials.len() >= forms.len(), "{denials:?}");
}

#[test]
fn what_was_sent_behind_does_not_run_once_its_session_is_ended() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    let exeat = lab.start();
    let mut holder = Wire::past_the_proxy(&database, "postgres");
    holder.query("SELECT pg_advisory_lock(77)");
    let write = "INSERT INTO orders VALUES (2, 'late')";
    let run = |sql: &str| [parse("", sql), bind("", ""), execute(""), sync()].concat();
    let forms = [
        [query(LOCK), query(write)].concat(),
        [run(LOCK), run(write), run(write)].concat(),
        [query(LOCK), parse("", write), bind("", ""), execute("")].concat(),
    ];
    let mut waiting: Vec<Wire> = forms.iter().map(|_| session(&exeat)).collect();
    for (session, form) in waiting.iter_mut().zip(&forms) {
        session.send(form);
    }
    let blocked = || {
        database
            .admin("SELECT count(*) FROM pg_locks WHERE NOT granted")
            .ok()
            .to_owned()
    };
    wait::until_true("they wait", || blocked() == forms.len().to_string());
    lab.set_policy("version: 1\nroles:\n  app: { identities: [{ source: 127.0.0.0/8 }] }\n");
    for (at, session) in waiting.iter_mut().enumerate() {
        let answer = session.to_end();
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("57P01"),
            "form {at}: {answer:?}"
        );
    }
    wait::until_true("nobody waits", || blocked() == "0");
    assert_eq!(database.admin("SELECT count(*) FROM orders").ok(), "1");
    let records = lab.finish(exeat);
    let outcomes = records.completions();
    let claims = |done: &&serde_json::Value| done["outcome"] == "denied";
    assert_eq!(
        outcomes.iter().copied().filter(claims).count(),
        0,
        "{outcomes:?}"
    );
}

#[test]
fn what_a_session_with_objects_of_its_own_waits_for_shows_no_rows_that_it_may_not_read() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    let exeat = lab.start();
    let owns = [
        "CREATE TEMP TABLE own (v text)",
        "BEGIN; CREATE TABLE within (v text)",
        "CREATE TEMP VIEW mine AS SELECT id FROM orders",
    ];
    let run = |sql: &str| [parse("", sql), bind("", ""), execute(""), sync()].concat();
    for own in owns {
        database
            .admin("CREATE OR REPLACE VIEW shown AS SELECT id, total FROM orders")
            .exits(0);
        let mut holder = Wire::past_the_proxy(&database, "postgres");
        holder.query("SELECT pg_advisory_lock(77)");
        let forms = [
            (query(&format!("{LOCK}; {READ}")), 1),
            ([run(LOCK), run(READ)].concat(), 2),
        ];
        let mut waiting = Vec::new();
        for (form, count) in forms {
            let mut reader = session(&exeat);
            wait::until_true("the view is as before", || {
                sqlstate(&reader.query(READ)).is_none()
            });
            assert_eq!(sqlstate(&reader.query(own)), None, "{own}");
            reader.send(&form);
            waiting.push((reader, count));
            if own.starts_with("BEGIN") {
                break;
            }
        }
        until_waiting(&database, waiting.len());
        database
            .admin("CREATE OR REPLACE VIEW shown AS SELECT id, total FROM secrets")
            .exits(0);
        holder.query("SELECT pg_advisory_unlock(77)");
        for (at, (reader, count)) in waiting.iter_mut().enumerate() {
            let answer = answers(reader, *count);
            assert!(!has(&answer, b"canary"), "{own}, form {at}: {answer:?}");
            assert!(is_told(&answer), "{own}, form {at}: {answer:?}");
        }
    }
    lab.finish(exeat);
}

#[test]
fn a_definition_that_reads_rows_makes_none_of_rows_that_it_may_not_read() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    database
        .admin("CREATE MATERIALIZED VIEW kept AS SELECT total FROM shown WITH NO DATA")
        .exits(0);
    let exeat = lab.start();
    let mut holder = Wire::past_the_proxy(&database, "postgres");
    holder.query("SELECT pg_advisory_lock(77)");
    let definitions = [
        "CREATE TABLE made_as AS SELECT total FROM shown",
        "SELECT total INTO made_into FROM shown",
        "CREATE MATERIALIZED VIEW made_kept AS SELECT total FROM shown",
        "CREATE TEMP TABLE made_own AS SELECT total FROM shown",
        "INSERT INTO orders SELECT id, total FROM shown",
    ];
    let mut waiting = Vec::new();
    for definition in definitions {
        let mut session = session(&exeat);
        session.send(query(&format!("{LOCK}; {definition}")));
        waiting.push(session);
    }
    until_waiting(&database, waiting.len());
    database
        .admin("CREATE OR REPLACE VIEW shown AS SELECT id, total FROM secrets")
        .exits(0);
    for (definition, session) in definitions.iter().zip(&mut waiting) {
        let answer = session.to_end();
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("57P01"),
            "{definition}: {answer:?}"
        );
    }
    wait::until_true("nobody waits", || {
        database
            .admin("SELECT count(*) FROM pg_locks WHERE NOT granted")
            .ok()
            == "0"
    });
    holder.query("SELECT pg_advisory_unlock(77)");
    let made = "SELECT count(*) FROM pg_class WHERE relname LIKE 'made%'";
    assert_eq!(database.admin(made).ok(), "0");
    assert_eq!(database.admin("SELECT count(*) FROM orders").ok(), "1");
    lab.finish(exeat);
}

#[test]
fn whatever_waits_or_runs_on_is_ended_once_the_policy_denies_it() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    database
        .admin("CREATE TABLE many (n int, filler text); INSERT INTO many SELECT n, repeat('x', 2000) FROM generate_series(1, 50000) n")
        .exits(0);
    let exeat = lab.start();
    let mut holder = Wire::past_the_proxy(&database, "postgres");
    holder.query("SELECT pg_advisory_lock(77)");
    let waits = [
        "TRUNCATE orders",
        "DROP TABLE orders",
        "ALTER TABLE orders ADD COLUMN more int",
        "CREATE INDEX ON orders (id)",
        "DELETE FROM orders",
        "UPDATE orders SET total = 'gone'",
        "GRANT SELECT ON orders TO public",
        "NOTIFY orders",
        "VACUUM orders",
        "CREATE TEMP TABLE own (n int)",
    ];
    let mut sessions = Vec::new();
    for write in waits {
        let mut session = session(&exeat);
        session.send([query(LOCK), query(write)].concat());
        sessions.push((write, session));
    }
    until_waiting(&database, sessions.len());
    let mut session_with_own = session(&exeat);
    session_with_own.query("CREATE TEMP TABLE own (n int)");
    session_with_own.send(query(&format!(
        "{LOCK}; INSERT INTO orders SELECT n FROM own"
    )));
    until_waiting(&database, sessions.len() + 1);
    sessions.push(("INSERT with an object of its own", session_with_own));
    let mut copying = session(&exeat);
    copying.send(query("COPY orders FROM STDIN"));
    assert_eq!(copying.message().map(|message| message.kind), Some('G'));
    sessions.push(("COPY FROM STDIN that is open", copying));
    let mut streaming = session(&exeat);
    streaming.send(query("SELECT * FROM many"));
    assert_eq!(streaming.message().map(|message| message.kind), Some('T'));
    lab.set_policy(
        "version: 1\nroles:\n  app:\n    identities: [{ source: 127.0.0.0/8 }]\n    databases:\n      shop:\n        as: app\n        allow: [{ call: [pg_advisory_lock_shared] }]\n",
    );
    for (what, session) in &mut sessions {
        let answer = session.to_end();
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("57P01"),
            "{what}: {} messages",
            answer.len()
        );
    }
    // Who reads nothing may not be told.
    let rest = streaming.to_end();
    assert!(!rest.iter().any(|message| message.kind == 'C'));
    wait::until_true("nobody waits", || {
        database
            .admin("SELECT count(*) FROM pg_locks WHERE NOT granted")
            .ok()
            == "0"
    });
    holder.query("SELECT pg_advisory_unlock(77)");
    let as_before = "SELECT count(*) FROM orders WHERE total = 'ten'";
    assert_eq!(database.admin(as_before).ok(), "1");
    let records = lab.finish(exeat);
    let denials = records.denials();
    assert!(denials.len() > sessions.len(), "{denials:?}");
}

#[test]
fn what_waits_behind_a_migration_runs_as_it_would_directly() {
    let (lab, database) = lab_with(SCHEMA, &policy(""));
    let exeat = lab.start();
    let run = |sql: &str| [parse("", sql), bind("", ""), execute(""), sync()].concat();
    let bound = [bind("", "s"), execute(""), sync()].concat();
    let read = "SELECT id, total FROM orders WHERE id = 1";
    let write = "INSERT INTO orders VALUES (7, 'more')";
    let returning = "UPDATE orders SET total = total WHERE id = 1 RETURNING id, total";
    let forms: [(&[u8], Vec<u8>); 8] = [
        (b"", query(read)),
        (b"", run(read)),
        (b"", query("SELECT * FROM orders WHERE id = 1")),
        (b"", run("SELECT * FROM orders WHERE id = 1")),
        (b"", query(write)),
        (b"", run(returning)),
        (&[parse("s", read), sync()].concat(), bound.clone()),
        (&[parse("s", write), sync()].concat(), bound),
    ];
    for change in [
        "LOCK TABLE orders; CREATE INDEX ON orders (id)",
        "LOCK TABLE orders; CREATE INDEX ON orders (lower(total))",
        "ALTER TABLE orders ADD COLUMN more int",
        "ALTER TABLE orders ALTER total SET DEFAULT 'none'",
        "ALTER TABLE orders ADD CHECK (id > 0)",
        "CREATE TRIGGER nothing BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); DROP TRIGGER nothing ON orders",
    ] {
        let mut waiting = Vec::new();
        for (before, form) in &forms {
            let mut session = session(&exeat);
            if !before.is_empty() {
                session.send(before);
                assert_eq!(sqlstate(&session.until_ready()), None);
            }
            waiting.push((session, form));
        }
        let mut definer = Wire::past_the_proxy(&database, "postgres");
        definer.query("BEGIN");
        assert_eq!(sqlstate(&definer.query(change)), None);
        for (session, form) in &mut waiting {
            session.send(form);
        }
        until_waiting(&database, waiting.len());
        definer.query("COMMIT");
        for (at, (session, _)) in waiting.iter_mut().enumerate() {
            let answer = session.until_ready();
            assert_eq!(sqlstate(&answer), None, "{change}, form {at}: {answer:?}");
        }
    }
    lab.finish(exeat);
}

//! What the server says beside its results: nothing of it tells a role what it may not read, whenever it is
//! said.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, bind, cstr, execute, frame, parse, query, sqlstate, sync};

use super::has_canary;
use crate::database::{lab_with, session};

/// `k` and `other` may be read by nobody here.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE secrets (v text);
INSERT INTO secrets VALUES ('CANARY');
CREATE TABLE held (id int, k text DEFAULT 'CANARY' UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO held (id) VALUES (1);
CREATE TABLE parents (k text PRIMARY KEY);
CREATE TABLE children (id int, k text DEFAULT 'CANARY' REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE late (id int, k text DEFAULT 'CANARY');
CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM NEW.k::int; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION late();
CREATE TABLE loud (id int, k text DEFAULT 'CANARY');
INSERT INTO loud (id) VALUES (1);
CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN
    RAISE NOTICE '%', NEW; RAISE WARNING '%', NEW; RAISE INFO '%', NEW;
    RAISE LOG '%', NEW; RAISE DEBUG '%', NEW; RAISE NOTICE USING MESSAGE = NEW.k, DETAIL = NEW.k, HINT = NEW.k;
    RAISE NOTICE 'x' USING ERRCODE = '23505', DETAIL = NEW.k, COLUMN = NEW.k, CONSTRAINT = NEW.k;
    RETURN NEW; END $$;
CREATE TRIGGER loud BEFORE INSERT OR UPDATE ON loud FOR EACH ROW EXECUTE FUNCTION loud();
CREATE TABLE angry (id int, k text DEFAULT 'CANARY');
CREATE FUNCTION angry() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION USING ERRCODE = '23514', MESSAGE = NEW.k, DETAIL = NEW.k, HINT = NEW.k,
    COLUMN = NEW.k, CONSTRAINT = NEW.k, DATATYPE = NEW.k, TABLE = NEW.k, SCHEMA = NEW.k; END $$;
CREATE TRIGGER angry BEFORE INSERT ON angry FOR EACH ROW EXECUTE FUNCTION angry();
CREATE FUNCTION checked(text) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'x %', (SELECT v FROM public.secrets) USING ERRCODE = '22023'; END $$;
CREATE FUNCTION noticed(text) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN RAISE NOTICE 'x %', (SELECT v FROM public.secrets); RETURN true; END $$;
CREATE DOMAIN strict AS text CHECK (public.checked(VALUE));
CREATE TYPE row_of AS (a strict);
CREATE DOMAIN noisy AS text CHECK (public.noticed(VALUE));
CREATE TYPE row_of_noisy AS (a noisy);
CREATE TABLE rows (id int, r row_of, n row_of_noisy);
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
          - insert: public.held(id)
          - insert: public.children(id)
          - insert: public.late(id)
          - insert: public.loud(id)
          - update: public.loud(id)
          - select: public.loud(id)
          - insert: public.angry(id)
          - insert: public.rows
          - select: public.rows(id)
          - define: pg_temp.*
          - select: pg_temp.*
          - insert: pg_temp.*
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// One after the other; by the simple protocol, or, where it begins with a `#`, the rest of it by the
/// extended one: statements between semicolons, one Sync.
const SCRIPTS: &[&[&str]] = &[
    // What is checked at the end.
    &["INSERT INTO held (id) VALUES (2)"],
    &["BEGIN", "INSERT INTO held (id) VALUES (2)", "COMMIT"],
    &[
        "BEGIN",
        "INSERT INTO held (id) VALUES (2)",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ],
    &[
        "BEGIN",
        "INSERT INTO held (id) VALUES (2)",
        "SELECT 1",
        "SAVEPOINT a",
        "COMMIT",
    ],
    &["INSERT INTO held (id) VALUES (2); SELECT 1"],
    &["#INSERT INTO held (id) VALUES (2)"],
    &["#INSERT INTO held (id) VALUES (2);SELECT 1"],
    &["#BEGIN;INSERT INTO held (id) VALUES (2);COMMIT"],
    &[
        "#BEGIN;INSERT INTO held (id) VALUES (2)",
        "#SELECT 1",
        "#COMMIT",
    ],
    &["#BEGIN;INSERT INTO held (id) VALUES (2);SET CONSTRAINTS ALL IMMEDIATE"],
    &[
        "#BEGIN;INSERT INTO held (id) VALUES (2)",
        "PREPARE TRANSACTION 'a'",
        "ROLLBACK",
    ],
    &[
        "BEGIN",
        "INSERT INTO children (id) VALUES (2)",
        "COMMIT AND CHAIN",
    ],
    &["#INSERT INTO children (id) VALUES (2);SELECT 1"],
    &["BEGIN", "INSERT INTO children (id) VALUES (2)", "END"],
    &["BEGIN", "INSERT INTO late (id) VALUES (2)", "COMMIT"],
    &["BEGIN; INSERT INTO late (id) VALUES (2); COMMIT"],
    &["#INSERT INTO late (id) VALUES (2)"],
    &[
        "BEGIN",
        "INSERT INTO late (id) VALUES (2)",
        "SET CONSTRAINTS late IMMEDIATE",
    ],
    &[
        "PREPARE p AS INSERT INTO held (id) VALUES (2)",
        "BEGIN",
        "EXECUTE p",
        "COMMIT",
    ],
    &["CREATE TEMP TABLE t (x int); INSERT INTO held (id) VALUES (2); SELECT x FROM t"],
    // What a trigger says.
    &[
        "SET client_min_messages = debug5",
        "INSERT INTO loud (id) VALUES (2)",
    ],
    &["SET client_min_messages = debug5", "UPDATE loud SET id = 1"],
    &["#UPDATE loud SET id = 1"],
    &["PREPARE p AS UPDATE loud SET id = 1", "EXECUTE p"],
    &["COPY loud (id) FROM STDIN"],
    &["INSERT INTO angry (id) VALUES (2)"],
    &["#INSERT INTO angry (id) VALUES (2)"],
    // What is said while a statement is looked at.
    &["SELECT '(b)'::row_of"],
    &["INSERT INTO rows VALUES (1, '(b)')"],
    &["#INSERT INTO rows VALUES (1, '(b)')"],
    &["SELECT id FROM rows WHERE r = '(b)'"],
    &["INSERT INTO rows (id, n) VALUES (1, '(b)')"],
    &[
        "CREATE TEMP TABLE t (x int)",
        "INSERT INTO rows VALUES (1, '(b)')",
    ],
    &[
        "CREATE TEMP TABLE t (x int)",
        "#INSERT INTO rows VALUES (1, '(b)')",
    ],
    &[
        "CREATE TEMP TABLE t (x int)",
        "#SELECT 1;INSERT INTO rows VALUES (1, '(b)')",
    ],
    &[
        "CREATE TEMP TABLE t (x int)",
        "BEGIN",
        "INSERT INTO rows VALUES (1, '(b)')",
    ],
    &[
        "CREATE TEMP TABLE t (x int)",
        "INSERT INTO rows (id, n) VALUES (1, '(b)')",
    ],
    &[
        "CREATE TEMP TABLE t (x int)",
        "#SELECT 1;INSERT INTO rows (id, n) VALUES (1, '(b)')",
    ],
    &[
        "PREPARE p AS INSERT INTO rows VALUES (1, $1)",
        "EXECUTE p('(b)')",
    ],
];

fn batch(statements: &str) -> Vec<u8> {
    let run = |sql: &str| [parse("", sql), bind("", ""), execute("")].concat();
    let mut batch: Vec<u8> = statements.split(';').flat_map(run).collect();
    batch.extend(sync());
    batch
}

fn run(session: &mut Wire, sql: &str) -> Vec<Message> {
    match sql.strip_prefix('#') {
        Some(statements) => session.send(batch(statements)),
        None => session.send(query(sql)),
    };
    if sql.starts_with("COPY") {
        session.send([frame('d', b"7\n"), frame('c', b"")].concat());
    }
    session.until_ready()
}

#[test]
fn nothing_that_the_server_says_tells_more_than_a_result_may() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut open = Vec::new();
    for script in SCRIPTS {
        let mut session = session(&exeat);
        for sql in *script {
            let answer = run(&mut session, sql);
            if has_canary(&answer) {
                open.push(format!("{script:?}"));
            }
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

/// The type of a parameter, by its name.
fn bind_of(sql: &str, of: u32, value: &str) -> Vec<u8> {
    let types = [&[0, 1][..], &of.to_be_bytes()].concat();
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let values = [&[0, 0, 0, 1][..], &length, value.as_bytes(), &[0, 0]].concat();
    [
        frame('P', &[cstr(""), cstr(sql), types].concat()),
        frame('B', &[cstr(""), cstr(""), values].concat()),
        execute(""),
        sync(),
    ]
    .concat()
}

#[test]
fn values_that_are_bound_tell_nothing_of_what_their_checks_read() {
    let (lab, database) = lab();
    lab.set_policy(&POLICY.replace(
        "- define: pg_temp.*",
        "- type: [public.strict, public.noisy, public.row_of, public.row_of_noisy]\n          - call: [public.checked]\n          - define: pg_temp.*",
    ));
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (of, value) in [("strict", "b"), ("row_of", "(b)"), ("strict[]", "{b}")] {
        let oid = database.admin(&format!("SELECT '{of}'::regtype::oid"));
        let oid = oid.stdout.trim().parse().unwrap();
        session.send(bind_of("SELECT 1 WHERE $1 IS NULL", oid, value));
        let answer = session.until_ready();
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("22023"),
            "{of}: {answer:?}"
        );
        assert!(!has_canary(&answer), "{of}: {answer:?}");
    }
    // One's own values are told.
    session.send(bind_of("SELECT $1", 23, "nonsense"));
    let answer = session.until_ready();
    let error = answer.iter().find(|message| message.kind == 'E').unwrap();
    assert!(error.field('M').unwrap().contains("nonsense"), "{answer:?}");
}

#[test]
fn the_proxys_own_statements_are_in_no_message_at_any_level() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let mut debugs = 0;
    for sql in [
        "SET client_min_messages = debug5",
        "CREATE TEMP TABLE t (x int)",
        "SELECT x FROM t",
        "#SELECT x FROM t",
        "BEGIN",
        "CREATE TEMP TABLE u (x int)",
        "SELECT x FROM u",
        "SELECT v FROM secrets",
        "ROLLBACK",
        "CREATE TEMP TABLE w (x int); INSERT INTO w VALUES (1); SELECT x FROM w",
    ] {
        let answer = run(&mut session, sql);
        let notices = answer.iter().filter(|message| message.kind == 'N');
        for notice in notices {
            let message = notice.field('M').unwrap();
            debugs += u32::from(notice.field('V').as_deref() == Some("DEBUG"));
            let own = ["set_config", "FROM pg_catalog", "exeat denied"];
            let quoted = own.iter().find(|own| message.contains(**own));
            assert_eq!(quoted, None, "{sql}: {message}");
        }
    }
    assert!(debugs > 0);
}

#[test]
fn a_statement_that_is_parsed_anew_to_describe_it_tells_nothing_of_what_its_checks_read() {
    let (lab, database) = lab();
    database
        .admin(
            "CREATE TABLE switch (n int); CREATE FUNCTION at_times(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
             IF EXISTS (SELECT FROM public.switch) THEN
             RAISE EXCEPTION 'x %', (SELECT v FROM public.secrets) USING ERRCODE = '22023'; END IF; RETURN true; END $$;
             CREATE DOMAIN at_times AS text CHECK (public.at_times(VALUE)); CREATE TYPE row_at_times AS (a at_times)",
        )
        .exits(0);
    lab.set_policy(&POLICY.replace(
        "- define: pg_temp.*",
        "- type: [public.at_times, public.row_at_times]\n          - call: [public.at_times, public.checked, public.noticed]\n          - define: pg_temp.*",
    ));
    let exeat = lab.start();
    let mut session = session(&exeat);
    let statement = "SELECT id FROM rows WHERE '(b)'::row_at_times IS NULL";
    session.send([parse("s", statement), sync()].concat());
    let answer = session.until_ready();
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    database
        .admin("INSERT INTO switch VALUES (1); ANALYZE rows")
        .exits(0);
    session.send([frame('D', &[b"S".to_vec(), cstr("s")].concat()), sync()].concat());
    let answer = session.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("22023"), "{answer:?}");
    assert!(!has_canary(&answer), "{answer:?}");
    lab.finish(exeat);
}

//! Ways past the guard that were once open, each over the wire: what is forbidden carries a canary, and no
//! byte of it may come back.

mod acted;
mod applied;
mod bound;
mod converted;
mod counted;
mod defined;
mod described;
mod guarded;
mod late;
mod maintained;
mod modified;
mod moved;
mod nested;
mod others;
mod pinned;
mod renamed;
mod told;
mod triggers;
mod unanswered;
mod unnamed;
mod unsaid;
mod wide;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, bind, execute, parse, sqlstate, sync};

use super::{lab_with, session_as};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total int, ssn text);
INSERT INTO orders VALUES (1, 10, 'CANARY');
CREATE TABLE customers (id int, email text, status text NOT NULL);
INSERT INTO customers VALUES (1, 'CANARY', 'open');
CREATE VIEW cust_v AS SELECT id, email FROM customers;
CREATE MATERIALIZED VIEW cust_m AS SELECT id, email FROM customers;
CREATE TABLE parted (id int, v text) PARTITION BY LIST (id);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted VALUES (1, 'CANARY');
CREATE FUNCTION reveal(int) RETURNS text LANGUAGE sql AS $$ SELECT 'CANARY' $$;
CREATE FUNCTION lower(int) RETURNS text LANGUAGE sql AS $$ SELECT 'CANARY' $$;
CREATE SEQUENCE seq_ok;
CREATE SEQUENCE seq_bad;
CREATE FUNCTION hide() RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN EXECUTE 'CREATE TEMP VIEW orders AS SELECT id, 1 AS total, email AS ssn FROM customers'; RETURN 1; END $$;
CREATE DOMAIN picky AS text CHECK (reveal(1) <> VALUE);
CREATE TYPE held AS (a picky, b int);
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
          - select: public.customers(id)
          - update: public.customers(status)
          - select: public.cust_v
          - select: public.cust_m
          - select: public.parted_a
          - insert: public.seq_ok
          - update: public.seq_ok
          - define: pg_temp.*
          - select: pg_temp.*
          - insert: pg_temp.*
          - call: [lower, abs, count, public.hide]
        deny:
          - select: public.customers(email)
          - select: public.parted
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn session(exeat: &Process) -> Wire {
    session_as(exeat, "narrow")
}

/// Whether what is forbidden came back, as text or as a number.
fn has_canary(answer: &[Message]) -> bool {
    let spellings: [&[u8]; 3] = [b"CANARY", b"canary", b"424242"];
    spellings.iter().any(|spelling| holds(answer, spelling))
}

/// Whether one of the messages has these bytes.
fn holds(answer: &[Message], bytes: &[u8]) -> bool {
    let has = |message: &Message| message.body.windows(bytes.len()).any(|part| part == bytes);
    answer.iter().any(has)
}

/// Scripts of simple messages; the last one must be refused, and no canary may come back.
const REFUSED: &[&[&str]] = &[
    &["SELECT x.reveal FROM abs(1) AS x"],
    &["SELECT x.lower FROM abs(1) AS x"],
    &["COPY (SELECT x.reveal FROM abs(1) x) TO STDOUT"],
    &["EXPLAIN SELECT x.reveal FROM abs(1) x"],
    &["SELECT o.to_jsonb FROM orders o"],
    &["SELECT o FROM orders o"],
    &["SELECT email FROM cust_v"],
    &["SELECT email FROM cust_m"],
    &["SELECT v FROM parted_a"],
    &["COPY parted_a TO STDOUT"],
    &["SELECT 'orders'::regclass"],
    &["SHOW app.secret"],
    // What is prepared with other types is another statement.
    &["PREPARE a(int) AS SELECT lower($1); PREPARE b(text) AS SELECT lower($1)"],
    // A temporary table that goes.
    &[
        "CREATE TEMP TABLE orders (id int, total int, ssn text)",
        "SELECT lower(ssn) FROM orders",
        "DROP TABLE pg_temp.orders",
        "SELECT lower(ssn) FROM orders",
    ],
    &[
        "CREATE TEMP TABLE orders (id int, total int, ssn text)",
        "DROP TABLE pg_temp.orders; SELECT lower(ssn) FROM orders",
    ],
    &[
        "BEGIN",
        "SAVEPOINT a",
        "CREATE TEMP TABLE orders (id int, total int, ssn text)",
        "SELECT lower(ssn) FROM orders",
        "ROLLBACK TO a",
        "SELECT lower(ssn) FROM orders",
    ],
    // A function's own temporary view.
    &[
        "SELECT public.hide()",
        "COPY (SELECT lower(ssn) FROM orders) TO STDOUT",
    ],
    // Checks of domains, however deep.
    &["SELECT '(b,1)'::held"],
    &["PREPARE d(picky) AS SELECT 1"],
    // The whole row in an error.
    &["UPDATE customers SET status = NULL"],
];

#[test]
fn no_script_brings_a_canary_back() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for script in REFUSED {
        let mut session = session(&exeat);
        let mut last = Vec::new();
        for sql in *script {
            last = session.query(sql);
            assert!(!has_canary(&last), "{script:?}");
        }
        assert!(sqlstate(&last).is_some(), "{script:?}: {last:?}");
    }
}

#[test]
fn the_verdict_on_one_sequence_serves_no_other() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (allowed, other) in [
        (
            "SELECT nextval(CAST(('seq_ok') AS regclass))",
            "SELECT nextval(CAST(('seq_bad') AS regclass))",
        ),
        ("SELECT nextval('seq_ok')", "SELECT nextval('seq_bad')"),
        ("SELECT ('seq_ok').nextval", "SELECT ('seq_bad').nextval"),
    ] {
        assert_eq!(sqlstate(&session.query(allowed)), None, "{allowed}");
        assert!(sqlstate(&session.query(other)).is_some(), "{other}");
        session.query(&other.replace("SELECT ", "SELECT  "));
    }
    let called = database.admin("SELECT is_called FROM seq_bad");
    assert_eq!(called.stdout.trim(), "f");
}

#[test]
fn a_bound_statement_is_judged_by_what_its_names_mean_when_it_is_bound() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for end in ["DROP TABLE pg_temp.orders", "DISCARD TEMP"] {
        let mut session = session(&exeat);
        session.query("CREATE TEMP TABLE orders (id int, total int, ssn text)");
        session.send(parse("a", "SELECT lower(ssn) FROM orders"));
        session.send(sync());
        assert_eq!(sqlstate(&session.until_ready()), None);
        session.query(end);
        session.send(bind("", "a"));
        session.send(execute(""));
        session.send(sync());
        let answer = session.until_ready();
        assert!(!has_canary(&answer), "{end}");
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{end}");
    }
}

#[test]
fn temporary_tables_hide_real_ones_as_in_postgresql() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for sql in [
        "CREATE TEMP TABLE customers (id int, email text)",
        "INSERT INTO customers VALUES (7, 'own')",
        "CREATE TEMP TABLE other (id int)",
        "SELECT email FROM customers",
        "SELECT id FROM other",
    ] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    let real = database.admin("SELECT count(*) FROM public.customers");
    assert_eq!(real.stdout.trim(), "1");
}

#[test]
fn names_that_are_not_there_are_told_in_postgresqls_words_with_their_place() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, code, message, position) in [
        (
            "SELECT nosuch FROM orders",
            "42703",
            "column \"nosuch\" does not exist",
            "8",
        ),
        (
            "SELECT * FROM nosuch",
            "42P01",
            "relation \"nosuch\" does not exist",
            "15",
        ),
        (
            "SELECT nosuch(1)",
            "42883",
            "function nosuch(integer) does not exist",
            "8",
        ),
        (
            "SELECT 1::nosuch",
            "42704",
            "type \"nosuch\" does not exist",
            "11",
        ),
    ] {
        let answer = session.query(sql);
        let error = answer.iter().find(|message| message.kind == 'E').unwrap();
        assert_eq!(error.field('C').as_deref(), Some(code), "{sql}");
        assert_eq!(error.field('M').as_deref(), Some(message), "{sql}");
        assert_eq!(error.field('P').as_deref(), Some(position), "{sql}");
    }
}

//! Code that runs before anything is executed: where a message is parsed (the checks of constants), and where
//! values are bound (the checks of parameters, functions that the planner folds). What it makes for the session
//! alone hides what all see, as what a statement runs does.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{
    Message, Wire, bind, cstr, describe_portal, execute, frame, kinds, parse, query, sqlstate, sync,
};

use super::{has_canary, session};
use crate::database::lab_with;

/// Where nothing may be written, as where a statement is only looked at, the checks are quiet.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE secrets (id int, v int);
INSERT INTO secrets VALUES (1, 424242);
CREATE FUNCTION hide() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  IF current_setting('transaction_read_only') = 'off' THEN
    CREATE OR REPLACE TEMP VIEW orders AS SELECT id, v AS total FROM secrets;
  END IF;
  RETURN 1; END $$;
CREATE FUNCTION hides(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN hide(); END $$;
CREATE FUNCTION folds(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN hide(); END $$;
CREATE DOMAIN wary AS text CHECK (hides(VALUE) > 0);
CREATE TYPE held AS (a wary, b int);
CREATE FUNCTION takes(held) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE holding (id int, h held, w wary);
CREATE VIEW folding AS SELECT id FROM orders WHERE folds(1) = 1;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON SCHEMA public TO app;
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
          - select: public.folding
          - insert: public.holding
          - type: [public.wary, public.held]
          - call: [abs, public.hide, public.hides, public.folds, public.takes]
        deny:
          - select: public.secrets
";

const READ: &str = "SELECT abs(total) FROM orders";
const COPY: &str = "COPY (SELECT total FROM orders) TO STDOUT";

/// Hides what it reads while it is parsed.
const ITSELF: &str = "SELECT abs(o.total) FROM (SELECT '(q,1)'::held AS h) x, orders o";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// Bind with one value, as text.
fn bind_value(portal: &str, statement: &str, value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let value = [&[0, 0, 0, 1][..], &length, value.as_bytes(), &[0, 0]].concat();
    frame('B', &[cstr(portal), cstr(statement), value].concat())
}

fn describe_statement(name: &str) -> Vec<u8> {
    frame('D', &[vec![b'S'], cstr(name)].concat())
}

fn close_portal(name: &str) -> Vec<u8> {
    frame('C', &[vec![b'P'], cstr(name)].concat())
}

fn flush() -> Vec<u8> {
    frame('H', &[])
}

/// Sends all, and reads all answers: as many as there are Syncs and Queries.
fn ask(session: &mut Wire, messages: &[Vec<u8>]) -> Vec<Message> {
    session.send(messages.concat());
    let ends = |message: &&Vec<u8>| matches!(message.first(), Some(b'S' | b'Q' | b'F'));
    let ends = messages.iter().filter(ends).count();
    (0..ends).flat_map(|_| session.until_ready()).collect()
}

/// Messages that are sent in one.
type Messages = Vec<Vec<u8>>;

/// What hides `orders`, before anything is run: each begins and ends nothing.
fn firsts() -> Vec<(&'static str, Messages)> {
    let parsed = |sql: &str| vec![parse("w", sql)];
    let bound = |sql: &str| vec![parse("w", sql), bind("w", "w")];
    let bound_to = |sql: &str| vec![parse("w", sql), bind_value("w", "w", "q")];
    vec![
        ("a parameter's check", bound_to("SELECT $1::wary IS NULL")),
        ("a function that is folded", bound("SELECT folds(1)")),
        ("a view's", bound("SELECT id FROM folding")),
        ("a constant's", bound("SELECT 'q'::wary")),
        ("a row, parsed", parsed("SELECT '(q,1)'::held")),
        ("an array, parsed", parsed("SELECT '{q}'::wary[]")),
        ("an argument, parsed", parsed("SELECT takes('(q,1)')")),
        (
            "a written row, parsed",
            parsed("INSERT INTO holding (id, h) VALUES (1, '(q,1)')"),
        ),
        (
            "a written value, bound",
            bound_to("INSERT INTO holding (id, w) VALUES (1, $1)"),
        ),
        (
            "described",
            vec![parse("w", "SELECT '(q,1)'::held"), describe_statement("w")],
        ),
        (
            "bound, described and closed",
            [
                bound("SELECT folds(1)"),
                vec![describe_portal("w"), close_portal("w")],
            ]
            .concat(),
        ),
        (
            "the unnamed ones",
            vec![parse("", "SELECT folds(1)"), bind("", "")],
        ),
        (
            "bound twice",
            [bound("SELECT folds(1)"), vec![bind("v", "w")]].concat(),
        ),
        (
            "run",
            [bound("SELECT folds(1)"), vec![execute("w")]].concat(),
        ),
    ]
}

/// What stands between that and a reading statement, and before both.
fn shapes() -> Vec<(&'static str, Messages, Messages)> {
    let r = || parse("r", READ);
    let held = || parse("c", COPY);
    vec![
        ("a message of its own", vec![], vec![sync()]),
        ("one batch", vec![], vec![]),
        ("a Flush", vec![], vec![flush()]),
        ("a block", vec![query("BEGIN")], vec![sync()]),
        ("a batch in a block", vec![query("BEGIN")], vec![]),
        (
            "a block that ends",
            vec![query("BEGIN")],
            vec![sync(), query("COMMIT")],
        ),
        ("prepared before", vec![r(), sync()], vec![sync()]),
        ("prepared before, one batch", vec![r(), sync()], vec![]),
        (
            "bound before",
            vec![query("BEGIN"), held(), bind("c", "c"), sync()],
            vec![],
        ),
    ]
}

/// What reads `orders`.
fn reads() -> Vec<(&'static str, Messages)> {
    let ends = |mut messages: Messages| {
        messages.push(sync());
        messages
    };
    vec![
        ("a Query", vec![query(READ)]),
        ("COPY", vec![query(COPY)]),
        (
            "a batch",
            ends(vec![parse("", READ), bind("", ""), execute("")]),
        ),
        ("Bind", ends(vec![bind("", "r"), execute("")])),
        ("Execute", ends(vec![execute("c")])),
        (
            "several",
            vec![query("SELECT 1; SELECT abs(total) FROM orders")],
        ),
    ]
}

#[test]
fn what_is_run_before_it_is_executed_is_seen_before_the_next_text() {
    let (lab, database) = lab();
    let exeat = lab.start();
    // While one is live no other waits for the whole catalog.
    let _live = session(&exeat);
    let (mut open, mut hidden) = (Vec::new(), 0);
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    for (index, (first, messages)) in firsts().into_iter().enumerate() {
        for (shape, before, between) in shapes() {
            let fits = |read: &str| match read {
                "Bind" => shape.starts_with("prepared"),
                "Execute" => shape == "bound before",
                _ => !shape.ends_with("before") || index < 2,
            };
            let reads = reads().into_iter().filter(|(read, _)| fits(read));
            // One of them each, another one each time.
            let (read, reading) = reads.cycle().nth(index).unwrap();
            let all = [before, messages.clone(), between, reading].concat();
            if has_canary(&ask(&mut session(&exeat), &all)) {
                open.push(format!("{first}, {shape}, {read}"));
            }
            direct.begin_anew();
            hidden += usize::from(has_canary(&ask(&mut direct, &all)));
        }
    }
    assert!(open.is_empty(), "{} open: {open:#?}", open.len());
    // The server itself shows what is hidden.
    assert!(hidden > 100, "{hidden}");
}

/// Messages of which the last one reads `orders`, which one before it, or the message itself, has hidden.
fn others() -> Vec<Messages> {
    let declared = "PREPARE z(wary) AS SELECT 1";
    vec![
        vec![query(declared), query("EXECUTE z('q')"), query(READ)],
        vec![
            query(declared),
            query("EXECUTE z('q'); SELECT abs(total) FROM orders"),
        ],
        vec![
            query("PREPARE z AS SELECT folds(1)"),
            query("EXECUTE z"),
            query(COPY),
        ],
        vec![query("PREPARE z AS SELECT '(q,1)'::held"), query(READ)],
        vec![query(
            "PREPARE z AS SELECT '(q,1)'::held; SELECT abs(total) FROM orders",
        )],
        vec![query("EXPLAIN SELECT folds(1)"), query(READ)],
        vec![query(
            "EXPLAIN SELECT folds(1); SELECT abs(total) FROM orders",
        )],
        vec![query("EXPLAIN SELECT '(q,1)'::held"), query(COPY)],
        vec![
            query("BEGIN"),
            query("DECLARE c CURSOR FOR SELECT folds(1)"),
            query(READ),
        ],
        // A parameter's check changes what its own statement means: that is parsed anew.
        vec![
            parse(
                "",
                "SELECT abs(total) FROM orders WHERE $1::wary IS NOT NULL",
            ),
            bind_value("", "", "q"),
            execute(""),
            sync(),
        ],
        vec![parse("", ITSELF), bind("", ""), execute(""), sync()],
        vec![query(ITSELF)],
        vec![query(&format!("SELECT 1; {ITSELF}"))],
        vec![query(&format!("COPY ({ITSELF}) TO STDOUT"))],
        vec![
            parse("", &format!("COPY ({ITSELF}) TO STDOUT")),
            bind("", ""),
            execute(""),
            sync(),
        ],
        vec![
            query("BEGIN"),
            query(&format!("DECLARE c CURSOR FOR {ITSELF}")),
            query("FETCH ALL FROM c"),
        ],
        vec![query(&format!("PREPARE z AS {ITSELF}")), query("EXECUTE z")],
        vec![
            query("PREPARE z(wary) AS SELECT abs(total) FROM orders WHERE $1 IS NOT NULL"),
            query("EXECUTE z('q')"),
        ],
    ]
}

#[test]
fn what_prepared_and_explained_statements_run_is_seen_too() {
    let (lab, database) = lab();
    let exeat = lab.start();
    // While one is live no other waits for the whole catalog.
    let _live = session(&exeat);
    for (index, messages) in others().iter().enumerate() {
        let answer = ask(&mut session(&exeat), messages);
        assert!(!has_canary(&answer), "{index} {answer:?}");
        // A new one each time: only the first temporary object of a session has its statements parsed anew.
        let mut direct = Wire::past_the_proxy(&database, "postgres");
        assert!(has_canary(&ask(&mut direct, messages)), "{index}");
    }
}

#[test]
fn a_statement_that_runs_code_goes_on_in_its_own_batch_as_before() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut one = session(&exeat);
    let messages = [
        parse("", "SELECT folds(1)"),
        bind("", ""),
        execute(""),
        sync(),
    ];
    let answer = ask(&mut one, &messages);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    let answer = ask(
        &mut one,
        &[parse("", "SELECT 1"), bind("", ""), execute(""), sync()],
    );
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    // One look, behind all of it.
    let log = database.log();
    assert_eq!(log.matches("SELECT 'looked'").count(), 1, "{log}");
}

/// Declares these parameters for a text, and binds one value to it.
fn bind_to(text: &str, of: u32) -> Vec<u8> {
    let types = [&[0, 1][..], &of.to_be_bytes()].concat();
    let declared = frame('P', &[cstr(""), cstr(text), types].concat());
    [declared, bind_value("", "", "x"), sync()].concat()
}

#[test]
fn a_text_without_a_statement_makes_no_values() {
    let policy = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow: [{ preset: [application] }]
";
    let schema = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE traces (v text);
CREATE FUNCTION traced(text) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.traces VALUES ($1); RETURN true; END $$;
CREATE DOMAIN traced AS text CHECK (public.traced(VALUE));
";
    let (lab, database) = lab_with(schema, policy);
    let exeat = lab.start();
    let oid = database.admin("SELECT 'traced'::regtype::oid");
    let oid = oid.stdout.trim().parse().unwrap();
    let mut session = session(&exeat);
    for text in ["", " ", ";", "-- nothing", "/* x */ ;"] {
        session.send(bind_to(text, oid));
        let answer = session.until_ready();
        assert!(sqlstate(&answer).is_some(), "{text:?}: {answer:?}");
        let traces = database.admin("SELECT count(*) FROM traces");
        assert_eq!(traces.ok(), "0", "{text:?}");
        session.send([parse("", text), bind("", ""), execute(""), sync()].concat());
        assert_eq!(kinds(&session.until_ready()), "12IZ", "{text:?}");
    }
    let records = lab.finish(exeat);
    assert!(records.denials().len() >= 5);
}

//! What our reader can't read passes where everything passes, and is answered as PostgreSQL answers it: the
//! first day of a roll-out.

use exeat_tests::wire::{Message, Wire, bind, execute, frame, kinds, parse, query, sqlstate, sync};

use super::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE notes (id int, note text);
INSERT INTO notes VALUES (1, 'one'), (2, 'two');
";

/// Everything passes in either way.
const POLICIES: [&str; 2] = [
    "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases: { shop: { as: app, mode: observe, allow: [] } }
",
    "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases: { shop: { as: app, allow: [{ rule: everything }] } }
",
];

/// A simple message; where it asks for data it gets one row.
fn run(session: &mut Wire, sql: &str) -> Vec<Message> {
    session.send(query(sql));
    let mut messages = Vec::new();
    loop {
        let message = session.message().expect("the session is open");
        if message.kind == 'G' {
            session
                .send(frame('d', b"7\tseven\n"))
                .send(frame('c', b""));
        }
        let last = message.kind == 'Z';
        messages.push(message);
        if last {
            return messages;
        }
    }
}

/// Texts that the reader does not know, and what PostgreSQL answers.
const UNREAD: &[(&str, &str)] = &[
    ("SELECT 1 AS U&\"\\0061\"", "TDCZ"),
    ("SELECT 1 AS U&\"\\0061\"; SELECT 2; SELECT 3", "TDCTDCTDCZ"),
    (
        "SELECT id FROM U&\"notes\"; UPDATE notes SET id = id; SELECT 1/0; SELECT 2",
        "TDDCCEZ",
    ),
    ("COPY U&\"notes\" FROM STDIN", "GCZ"),
    (
        "COPY U&\"notes\" TO STDOUT; COPY U&\"notes\" FROM STDIN; COPY notes FROM STDIN; SELECT 1",
        "HddcCGCGCTDCZ",
    ),
    ("BEGIN; SELECT 1 AS U&\"a\"; COMMIT", "CTDCCZ"),
];

fn without_notices(messages: &[Message]) -> String {
    kinds(messages).replace(['N', 'S'], "")
}

#[test]
fn what_can_not_be_read_is_answered_as_by_postgresql() {
    for policy in POLICIES {
        let (lab, database) = lab_with(SCHEMA, policy);
        let exeat = lab.start();
        let mut session = session(&exeat);
        for (sql, wanted) in UNREAD {
            database
                .admin("DELETE FROM notes WHERE id NOT IN (1, 2)")
                .ok();
            assert_eq!(without_notices(&run(&mut session, sql)), *wanted, "{sql}");
        }
        let prepared = [
            parse("a", "COPY U&\"notes\" FROM STDIN"),
            bind("", "a"),
            execute(""),
            frame('d', b"8\teight\n"),
            frame('c', b""),
            sync(),
        ];
        session.send(prepared.concat());
        assert_eq!(kinds(&session.until_ready()), "12GCZ");
        let selected = [
            parse("", "SELECT U&\"id\" FROM notes ORDER BY 1 LIMIT 1"),
            bind("", ""),
            execute(""),
            parse("", "SELECT 1"),
            bind("", ""),
            execute(""),
            sync(),
        ];
        session.send(selected.concat());
        assert_eq!(kinds(&session.until_ready()), "12DC12DCZ");
        assert_eq!(kinds(&session.query("SELECT 1")), "TDCZ");
        let records = lab.finish(exeat);
        assert_eq!(records.refusals(), Vec::<&str>::new());
        // One entry each, whatever was in it; the last one is read.
        let statements = records.statements("allow").len();
        assert_eq!(statements, UNREAD.len() + 4);
        let completed = records.completions();
        let of = |outcome: &str| {
            let of = completed.iter().filter(|it| it["outcome"] == outcome);
            of.count()
        };
        assert_eq!((of("completed"), of("failed")), (statements - 1, 1));
    }
}

#[test]
fn a_discard_with_a_comment_in_it_forgets_the_names() {
    let (lab, _database) = lab_with(SCHEMA, POLICIES[1]);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for _ in 0..2 {
        session.send([parse("s1", "SELECT 1"), sync()].concat());
        assert_eq!(sqlstate(&session.until_ready()), None);
        let all = session.query("DISCARD/* so */ALL");
        assert_eq!(sqlstate(&all), None);
    }
    lab.finish(exeat);
}

/// A table of one name in two schemas; the path chooses.
const PATHS: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE doubled (id int, note text);
INSERT INTO doubled VALUES (1, 'public');
CREATE SCHEMA other;
CREATE TABLE other.doubled (more int, id int, note text);
INSERT INTO other.doubled VALUES (0, 2, 'other');
";

#[test]
fn another_search_path_is_followed_and_no_table_of_the_configured_one_is_on_record() {
    for policy in POLICIES {
        for set in [
            "SET search_path TO other",
            "SELECT set_config('search_path', 'other', false)",
            "SET SCHEMA 'other'",
        ] {
            let (lab, _database) = lab_with(PATHS, policy);
            let exeat = lab.start();
            let mut session = session(&exeat);
            session.query("SELECT note FROM doubled");
            session.query(set);
            let answer = session.query("SELECT note FROM doubled");
            assert!(kinds(&answer).ends_with("TDCZ"), "{set}: {answer:?}");
            let described = [
                parse(
                    "",
                    "INSERT INTO doubled (id, note) VALUES (3, 'x') RETURNING note",
                ),
                frame('D', b"S\0"),
                bind("", ""),
                execute(""),
                sync(),
            ];
            session.send(described.concat());
            assert_eq!(kinds(&session.until_ready()), "1tT2DCZ", "{set}");
            let records = lab.finish(exeat);
            let told: Vec<String> = records
                .decisions()
                .iter()
                .map(|one| one.to_string())
                .collect();
            let public = told.iter().filter(|one| one.contains("public"));
            assert_eq!(public.count(), 1, "{set}: {told:#?}");
        }
    }
}

#[test]
fn a_column_that_another_session_adds_ends_nothing() {
    let (lab, _database) = lab_with(SCHEMA, POLICIES[0]);
    let exeat = lab.start();
    let (mut reader, mut owner) = (session(&exeat), session(&exeat));
    for column in 0..20 {
        assert_eq!(kinds(&reader.query("SELECT * FROM notes")), "TDDCZ");
        owner.query(&format!("ALTER TABLE notes ADD COLUMN c{column} int"));
        assert_eq!(kinds(&reader.query("SELECT * FROM notes")), "TDDCZ");
    }
}

#[test]
fn what_the_session_plans_by_does_not_hold_up_its_own_question() {
    let (lab, _database) = lab_with(SCHEMA, POLICIES[0]);
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("SET statement_timeout = '20s'");
    session.query("SET enable_seqscan = off; SET enable_nestloop = off; SET jit_above_cost = 0");
    session.query("CREATE SCHEMA made; CREATE TABLE made.t (id int)");
    assert_eq!(kinds(&session.query("SELECT count(*) FROM made.t")), "TDCZ");
    let jit = session.query("SHOW jit");
    assert!(
        jit.iter()
            .any(|message| message.kind == 'D' && message.body.ends_with(b"on")),
        "{jit:?}"
    );
}

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

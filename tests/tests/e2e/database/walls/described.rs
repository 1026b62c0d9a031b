//! Results are held against what was judged also where the client runs what it never has described.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wait;
use exeat_tests::wire::{
    Message, Wire, bind, cstr, describe_portal, execute, frame, kinds, parse, sqlstate, sync,
};

use super::has_canary;
use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total text, ssn text);
INSERT INTO orders VALUES (1, 'ten', 'CANARY'), (2, 'twenty', 'CANARY'), (3, 'thirty', 'CANARY');
CREATE TABLE notes (id int, note text);
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
          - select: public.orders(id, total)
          - insert: public.orders(id)
          - insert: public.notes
          - select: public.notes
          - call: [count, generate_series, lower]
";

/// What the column that may be read becomes: the one that may not.
const RENAME: &str = "\
ALTER TABLE orders RENAME total TO old; ALTER TABLE orders RENAME ssn TO total";
const BACK: &str = "\
ALTER TABLE orders RENAME total TO ssn; ALTER TABLE orders RENAME old TO total";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn execute_some(portal: &str, rows: u8) -> Vec<u8> {
    frame('E', &[cstr(portal), vec![0, 0, 0, rows]].concat())
}

/// What it is, and its messages.
type Batch = (&'static str, fn() -> Vec<u8>);

/// What a session runs behind the change, without a Describe.
const UNDESCRIBED: &[Batch] = &[
    ("a statement that has run before", || {
        [bind("", "s"), execute("")].concat()
    }),
    ("one that has not", || [bind("", "j"), execute("")].concat()),
    ("a portal in pieces", || {
        [bind("", "s"), execute_some("", 1), execute("")].concat()
    }),
    ("a named portal", || [bind("p", "j"), execute("p")].concat()),
    ("EXECUTE", || [bind("", "x"), execute("")].concat()),
    ("RETURNING", || [bind("", "i"), execute("")].concat()),
    ("a text that was judged before", || {
        let text = "SELECT total FROM orders";
        [parse("", text), bind("", ""), execute("")].concat()
    }),
    ("behind a Describe of another portal", || {
        let other = [bind("o", "n"), bind("p", "s"), describe_portal("o")].concat();
        [other, execute("p")].concat()
    }),
    ("the second of two", || {
        let fine = [bind("", "n"), execute("")].concat();
        [fine, bind("", "s"), execute("")].concat()
    }),
];

#[test]
fn what_is_not_described_is_held_against_the_verdict_all_the_same() {
    let (lab, database) = lab();
    for (what, batch) in UNDESCRIBED {
        // One that has not read yet what the last turn has left behind.
        let exeat = lab.start();
        let mut session = session(&exeat);
        wait::until_true("the proxy sees the table as it was", || {
            sqlstate(&session.query("PREPARE q AS SELECT total FROM orders")).is_none()
        });
        for (name, sql) in [
            ("s", "SELECT total FROM orders"),
            ("j", "SELECT id, total FROM orders"),
            ("x", "EXECUTE q"),
            ("n", "SELECT id FROM orders"),
            ("i", "INSERT INTO orders (id) VALUES (4) RETURNING total"),
        ] {
            session.send([parse(name, sql), sync()].concat());
            assert_eq!(kinds(&session.until_ready()), "1Z", "{sql}");
        }
        session.send([bind("", "s"), execute(""), sync()].concat());
        assert!(kinds(&session.until_ready()).starts_with("2DDD"));
        // The proxy can't see the change: its question waits for this.
        let mut holder = Wire::past_the_proxy(&database, "postgres");
        holder.query("BEGIN");
        let held = holder.query("LOCK TABLE pg_catalog.pg_policy IN ACCESS EXCLUSIVE MODE");
        assert_eq!(sqlstate(&held), None);
        database.admin(RENAME).exits(0);
        session.send([batch(), sync()].concat());
        let answer = session.until_ready();
        assert!(!has_canary(&answer), "{what}: {answer:?}");
        assert!(sqlstate(&answer).is_some(), "{what}: {answer:?}");
        holder.query("ROLLBACK");
        database.admin(BACK).exits(0);
        exeat.stop();
    }
    lab.check_log();
}

/// A random number below that, always the same ones.
fn random(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % u64::try_from(below).unwrap()).unwrap()
}

/// What may stand in a batch. The unnamed statement and portal, and one of a name, in all mixtures.
fn message(state: &mut u64) -> Vec<u8> {
    const TEXTS: [&str; 14] = [
        "SELECT id, total FROM orders",
        "SELECT id FROM orders ORDER BY id",
        "SELECT generate_series(1, 5) FROM orders",
        "SELECT 1 / (id - 2) FROM orders",
        "INSERT INTO notes VALUES (1, 'a') RETURNING id, note",
        "INSERT INTO notes VALUES (2, 'b')",
        "SELECT count(*) FROM notes",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
        "ROLLBACK TO a",
        "SELECT nosuch FROM orders",
        "",
    ];
    const NAMES: [&str; 2] = ["", "n"];
    let first = NAMES[random(state, 2)];
    let second = NAMES[random(state, 2)];
    let statement = frame('D', &[vec![b'S'], cstr(first)].concat());
    match random(state, 12) {
        0..=2 => parse(first, TEXTS[random(state, TEXTS.len())]),
        3..=4 => bind(first, second),
        5 => describe_portal(first),
        6 => statement,
        7..=9 => execute_some(first, [0, 0, 1, 2][random(state, 4)]),
        10 => frame(
            'C',
            &[vec![[b'S', b'P'][random(state, 2)]], cstr(first)].concat(),
        ),
        _ => [
            parse("", TEXTS[random(state, 6)]),
            bind("", ""),
            execute(""),
        ]
        .concat(),
    }
}

/// The same without what is the server's own: where in its source an error comes from.
fn told(answer: &[Message]) -> Vec<String> {
    let tell = |message: &Message| match message.kind {
        'E' | 'N' => format!(
            "{} {:?} {:?}",
            message.kind,
            message.field('C'),
            message.field('M')
        ),
        kind => format!("{kind} {}", String::from_utf8_lossy(&message.body)),
    };
    answer.iter().map(tell).collect()
}

/// PostgreSQL itself is the model: whatever the proxy asks beside, the client hears the same.
#[test]
fn random_batches_are_answered_as_by_postgresql() {
    let (lab, database) = lab();
    let exeat = lab.start();
    database
        .admin("CREATE DATABASE other TEMPLATE postgres")
        .exits(0);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..20 {
        let mut proxied = session(&exeat);
        let mut direct = Wire::past_the_proxy(&database, "other");
        let mut sent = Vec::new();
        for _ in 0..25 {
            let mut batch = Vec::new();
            for _ in 0..=random(&mut state, 8) {
                batch.extend(message(&mut state));
            }
            batch.extend(sync());
            sent.push(String::from_utf8_lossy(&batch).into_owned());
            let answers = [&mut proxied, &mut direct].map(|wire| {
                wire.send(&batch);
                told(&wire.until_ready())
            });
            assert_eq!(answers[0], answers[1], "{sent:#?}");
        }
        for wire in [&mut proxied, &mut direct] {
            wire.query("ROLLBACK");
        }
    }
    lab.finish(exeat);
}

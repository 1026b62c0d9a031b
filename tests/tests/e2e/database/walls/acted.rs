//! What the actions of foreign keys write: errors about these tables tell no values of theirs to a role that may not
//! read them.

use std::net::Ipv4Addr;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Wire, sqlstate};

use super::{has_canary, holds};
use crate::database::{lab_with, session_from};

/// Every key of `parents` is referenced by one other table, whose rows can't follow.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE parents (id int PRIMARY KEY, n int CHECK (n < 10));
INSERT INTO parents SELECT i, 1 FROM generate_series(1, 9) i;
CREATE TABLE checked (id int REFERENCES parents ON UPDATE CASCADE, sec text, CHECK (id < 100));
INSERT INTO checked VALUES (1, 'CANARY');
CREATE TABLE needed (id int NOT NULL REFERENCES parents ON DELETE SET NULL, sec text);
INSERT INTO needed VALUES (2, 'CANARY');
CREATE TABLE usual (id int DEFAULT 99 REFERENCES parents ON DELETE SET DEFAULT, sec text, CHECK (id < 50));
INSERT INTO usual VALUES (3, 'CANARY');
CREATE TABLE made (id int REFERENCES parents ON UPDATE CASCADE, sec text,
  g int GENERATED ALWAYS AS (CASE WHEN id > 99 THEN sec::int END) STORED);
INSERT INTO made VALUES (4, 'CANARY');
CREATE TABLE parted (id int REFERENCES parents ON UPDATE CASCADE, sec text) PARTITION BY LIST (id);
CREATE TABLE parted_5 PARTITION OF parted FOR VALUES IN (5);
CREATE TABLE parted_500 PARTITION OF parted (CHECK (id < 100)) FOR VALUES IN (500);
INSERT INTO parted VALUES (5, 'CANARY');
CREATE TABLE middle (id int PRIMARY KEY REFERENCES parents ON UPDATE CASCADE);
INSERT INTO middle VALUES (6);
CREATE TABLE far (id int REFERENCES middle ON UPDATE CASCADE, sec text, CHECK (id < 100));
INSERT INTO far VALUES (6, 'CANARY');
CREATE TABLE others (id int, sec text, PRIMARY KEY (id, sec));
INSERT INTO others VALUES (7, 'CANARY');
CREATE TABLE twice (id int REFERENCES parents ON UPDATE CASCADE, sec text, FOREIGN KEY (id, sec) REFERENCES others);
INSERT INTO twice VALUES (7, 'CANARY');
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
          - select: public.parents
          - insert: public.parents
          - update: public.parents
          - delete: public.parents
  wide:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
          - insert: public.parents
          - update: public.parents
          - delete: public.parents
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn session_as(exeat: &Process, role: &str) -> Wire {
    let last = match role {
        "narrow" => 1,
        _ => 2,
    };
    session_from(exeat, Ipv4Addr::new(127, 0, 0, last), role)
}

const WRITES: &[&str] = &[
    "UPDATE parents SET id = 500 WHERE id = 1",
    "DELETE FROM parents WHERE id = 2",
    "DELETE FROM parents WHERE id = 3",
    "UPDATE parents SET id = 500 WHERE id = 4",
    "UPDATE parents SET id = 500 WHERE id = 5",
    "UPDATE parents SET id = 500 WHERE id = 6",
    "UPDATE parents SET id = 500 WHERE id = 7",
    "INSERT INTO parents VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET id = 500",
    "WITH x AS (UPDATE parents SET id = 500 WHERE id = 1 RETURNING id) SELECT id FROM x",
    "PREPARE p AS DELETE FROM parents WHERE id = 2; EXECUTE p",
    "BEGIN; UPDATE parents SET id = 500 WHERE id = 7; COMMIT",
];

#[test]
fn errors_of_what_a_key_writes_tell_no_values() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for sql in WRITES {
        let answer = session_as(&exeat, "narrow").query(sql);
        assert!(!has_canary(&answer), "{sql}: {answer:?}");
        assert!(sqlstate(&answer).is_some(), "{sql}");
    }
}

#[test]
fn errors_of_the_statement_itself_are_told() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for (sql, told) in [
        (
            "UPDATE parents SET n = 77 WHERE id = 1",
            "Failing row contains (1, 77).",
        ),
        (
            "UPDATE parents SET id = 'seven'::text::int",
            "invalid input syntax for type integer: \"seven\"",
        ),
        (
            "UPDATE parents SET id = 2 WHERE id = 9",
            "Key (id)=(2) already exists.",
        ),
    ] {
        let answer = session_as(&exeat, "narrow").query(sql);
        assert!(holds(&answer, told.as_bytes()), "{sql}: {answer:?}");
    }
}

#[test]
fn who_may_read_what_a_key_writes_is_told_all() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for sql in WRITES {
        let answer = session_as(&exeat, "wide").query(sql);
        assert!(has_canary(&answer), "{sql}: {answer:?}");
    }
}

//! Tables whose rows are numbered by a default: what the statement leaves out is nothing of its text.

use exeat_tests::lab::counted;
use exeat_tests::wait;
use exeat_tests::wire::sqlstate;

use super::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE numbered (id bigserial PRIMARY KEY, name text, n int DEFAULT 0, meta jsonb, at timestamptz);
CREATE TABLE identified (id int GENERATED ALWAYS AS IDENTITY, name text, n int);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
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
          - preset: [application]
          - insert: public.*
          - select: public.*
";

const ASKED: &str = "exeat_dbproxy_analysis_seconds_count{outcome=\"analysed\"}";

#[test]
fn rows_of_literals_are_asked_about_once_whatever_their_values() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for table in ["numbered", "identified"] {
        let insert = |n: u32| format!("INSERT INTO {table} (name, n) VALUES ('name {n}', {n})");
        let mut inserts = |from: u32| {
            for n in from..from + 10 {
                assert_eq!(sqlstate(&session.query(&insert(n))), None);
            }
        };
        inserts(0);
        let asked = counted(&exeat, ASKED);
        inserts(10);
        assert_eq!(counted(&exeat, ASKED), asked, "{table}");
    }
    lab.finish(exeat);
}

#[test]
fn as_many_rows_as_an_orm_puts_into_one_statement_pass() {
    let (lab, database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    let row = |n: usize| format!("('name {n}', {n}, '{{\"n\": {n}}}', '2026-01-01T00:00:00Z')");
    let rows: Vec<String> = (0..10_000).map(row).collect();
    let insert = format!(
        "INSERT INTO numbered (name, n, meta, at) VALUES {}",
        rows.join(", ")
    );
    assert_eq!(sqlstate(&session.query(&insert)), None);
    let stored = database.admin("SELECT count(*), max(id) FROM numbered");
    assert_eq!(stored.stdout.trim(), "10000|10000", "{stored:?}");
    lab.finish(exeat);
}

#[test]
fn a_sequence_gives_numbers_to_who_may_insert_while_it_belongs_to_the_table() {
    let schema = format!("{SCHEMA}CREATE SEQUENCE taken; GRANT ALL ON SEQUENCE taken TO app;\n");
    let policy = POLICY.replace("insert: public.*", "insert: public.numbered");
    let policy = policy.replace("          - select: public.*\n", "");
    let (lab, database) = lab_with(&schema, &policy);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (owner, told) in [
        ("NONE", Some("42501")),
        ("public.numbered.n", None),
        ("public.identified.n", Some("42501")),
        ("public.numbered.n", None),
        ("NONE", Some("42501")),
    ] {
        let change = format!("ALTER SEQUENCE taken OWNED BY {owner}");
        database.admin(&change).exits(0);
        wait::until_true("the sequence is known to be of that table", || {
            sqlstate(&session.query("SELECT nextval('taken')")).as_deref() == told
        });
    }
    lab.finish(exeat);
}

//! A view that one session replaces through the proxy while others read through it: what it shows by now is what
//! they are judged by, however the statement was prepared.

use std::net::Ipv4Addr;

use exeat_tests::wire::{Wire, bind, execute, parse, query, sqlstate, sync};

use crate::database::{lab_with, session_as, session_from};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total text);
INSERT INTO orders VALUES (1, 'ten');
CREATE TABLE secrets (id int, total text);
INSERT INTO secrets VALUES (1, 'CANARY');
CREATE VIEW shown AS SELECT id, total FROM orders;
CREATE VIEW outer_view AS SELECT total FROM shown;
";

const POLICY: &str = "\
version: 1
roles:
  owner:
    identities: [{ source: 127.0.0.2/32 }]
    databases: { shop: { as: app, allow: [{ rule: everything }] } }
  reader:
    identities: [{ source: 127.0.0.1/32 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
        deny:
          - select: public.secrets
";

/// What a reader sends beforehand, and what it sends to read.
fn forms() -> Vec<(Vec<u8>, Vec<u8>)> {
    let run = |name: &str| [bind("", name), execute(""), sync()].concat();
    let mut forms = Vec::new();
    for view in ["shown", "outer_view"] {
        let text = format!("SELECT total FROM {view}");
        forms.push((query(""), query(&text)));
        forms.push((
            query(""),
            [parse("", &text), bind("", ""), execute(""), sync()].concat(),
        ));
        forms.push(([parse("s", &text), sync()].concat(), run("s")));
        forms.push((query(&format!("PREPARE p AS {text}")), query("EXECUTE p")));
        forms.push((
            [parse("e", "SELECT 1"), sync()].concat(),
            query(&format!("COPY ({text}) TO STDOUT")),
        ));
    }
    forms
}

/// How the view is made one over this table.
fn replacements(table: &str) -> [Vec<String>; 3] {
    let view = format!("CREATE OR REPLACE VIEW shown AS SELECT id, total FROM {table}");
    let one = vec![view.clone()];
    let block = vec!["BEGIN".to_owned(), view.clone(), "COMMIT".to_owned()];
    let message = vec![format!(
        "ALTER VIEW shown SET (security_barrier = true); {view}"
    )];
    [one, block, message]
}

#[test]
fn a_view_that_another_session_has_replaced_is_read_as_what_it_is_now() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut owner = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "owner");
    let mut readers: Vec<(Wire, Vec<u8>)> = Vec::new();
    for (before, read) in forms() {
        let mut reader = session_as(&exeat, "reader");
        reader.send(&before);
        assert_eq!(sqlstate(&reader.until_ready()), None);
        readers.push((reader, read));
    }
    for round in 0..6 {
        for (table, told) in [("secrets", Some("42501")), ("orders", None)] {
            for message in &replacements(table)[round % 3] {
                let answer = owner.query(message);
                assert_eq!(sqlstate(&answer), None, "{message}: {answer:?}");
            }
            for (number, (reader, read)) in readers.iter_mut().enumerate() {
                reader.send(&read);
                let answer = reader.until_ready();
                let context = format!("round {round}, {table}, form {number}: {answer:?}");
                assert_eq!(sqlstate(&answer).as_deref(), told, "{context}");
            }
        }
    }
    lab.finish(exeat);
}

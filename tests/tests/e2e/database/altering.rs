//! A table that one session alters through the proxy while others read all of its columns.

mod bulk;
mod replaced;

use exeat_tests::wire::{Wire, bind, describe_portal, execute, frame, kinds, parse, query, sync};

use super::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE public.wide (a int, b text);
INSERT INTO public.wide VALUES (1, 'one');
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
          - select: public.wide
          - insert: public.wide
          - define: public.wide
";

const READS: &str = "SELECT * FROM wide LIMIT 1";

/// The forms in which drivers ask, and what they get.
fn forms() -> [(Vec<u8>, &'static str); 5] {
    let described = frame('D', b"S\0");
    [
        (query(READS), "TDCZ"),
        (query("INSERT INTO wide VALUES (2) RETURNING *"), "TDCZ"),
        ([parse("", READS), described, sync()].concat(), "1tTZ"),
        (
            [
                parse("", READS),
                bind("", ""),
                describe_portal(""),
                execute(""),
                sync(),
            ]
            .concat(),
            "12TDCZ",
        ),
        (
            [parse("", READS), bind("", ""), execute(""), sync()].concat(),
            "12DCZ",
        ),
    ]
}

#[test]
fn all_of_a_table_is_read_at_once_after_another_session_has_altered_it() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut owner = session(&exeat);
    let mut readers: Vec<Wire> = forms().iter().map(|_| session(&exeat)).collect();
    let mut wrong = Vec::new();
    for round in 0..12 {
        let before = ["", "BEGIN", "SELECT 1"][round % 3];
        for (reader, (form, told)) in readers.iter_mut().zip(forms()) {
            reader.query(before);
            reader.send(&form);
            assert_eq!(kinds(&reader.until_ready()), told, "before round {round}");
            reader.query("COMMIT");
        }
        let altered = owner.query(&format!("ALTER TABLE wide ADD COLUMN c{round} int"));
        assert_eq!(kinds(&altered), "CZ", "{altered:?}");
        for (reader, (form, told)) in readers.iter_mut().zip(forms()) {
            reader.send(&form);
            let answer = reader.until_ready();
            if kinds(&answer) != told {
                wrong.push((round, told, answer));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    lab.finish(exeat);
}

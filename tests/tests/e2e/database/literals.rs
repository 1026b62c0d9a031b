//! Values of megabytes within the text of a statement: they pass, and no more than so much.

use std::time::Duration;

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Wire, bind, execute, kinds, parse, query, sqlstate, startup, sync};

use super::{lab_with, session};

const SCHEMA: &str = "\
CREATE TABLE files (id serial PRIMARY KEY, content bytea, note text, about jsonb);
CREATE TABLE hidden (note text);
CREATE ROLE app LOGIN PASSWORD 'app-password';
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
          - select: public.files
          - insert: public.files
          - call: [length, jsonb_build_object]
          - define: pg_temp.*
          - select: pg_temp.*
          - insert: pg_temp.*
";

const EVERYTHING: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow: [{ rule: everything }]
";

const MIB: usize = 1 << 20;

fn lab(policy: &str) -> (Lab, Database) {
    lab_with(SCHEMA, policy)
}

/// A statement by both protocols.
fn both(session: &mut Wire, sql: &str) -> [Option<String>; 2] {
    let simple = sqlstate(&session.query(sql));
    session.send([parse("", sql), bind("", ""), execute(""), sync()].concat());
    [simple, sqlstate(&session.until_ready())]
}

#[test]
fn values_of_megabytes_pass_in_both_protocols() {
    let (lab, database) = lab(POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    // The larger ones by two statements only: a reader without optimizations takes its time.
    for (size, some) in [(2 * MIB, 7), (15 * MIB, 1)] {
        let long = "f".repeat(size);
        let even = &long[..size & !1];
        let statements = [
            format!("INSERT INTO files (note) VALUES ('{long}')"),
            format!("/* a tag */ INSERT INTO files (note) VALUES ($${long}$$) -- and another"),
            format!("INSERT INTO files (content) VALUES ('\\x{even}')"),
            format!("INSERT INTO files (content) VALUES (bytea '\\x{even}'::bytea)"),
            format!("INSERT INTO files (about) VALUES ('{{\"a\": \"{long}\"}}')"),
            format!("INSERT INTO files (about) VALUES (jsonb_build_object('a', E'{long}'))"),
            format!("SELECT id FROM files WHERE note = '{long}ü'"),
        ];
        for sql in &statements[..some] {
            let told = both(&mut session, sql);
            assert_eq!(told, [None, None], "{size}: {}", &sql[..60]);
        }
        if some == 1 {
            continue;
        }
        let wrong = format!("INSERT INTO hidden VALUES ('{long}')");
        let told = both(&mut session, &wrong);
        assert_eq!(told, ["42501", "42501"].map(|code| Some(code.into())));
        let unknown = format!("SELECT nothing, '{long}' FROM files");
        let told = both(&mut session, &unknown);
        assert_eq!(told, ["42703", "42703"].map(|code| Some(code.into())));
    }
    let stored = "SELECT count(*), max(length(note)), max(octet_length(content)) FROM files";
    assert_eq!(
        database.admin(stored).ok(),
        format!("14|{}|{}", 15 * MIB, MIB)
    );
    // A session with definitions of its own asks over its own connection.
    let temporary = session.query("CREATE TEMP TABLE own (about jsonb)");
    assert_eq!(sqlstate(&temporary), None);
    let long = "f".repeat(2 * MIB);
    let sql = format!("INSERT INTO own VALUES ('{{\"a\": \"{long}\"}}')");
    assert_eq!(both(&mut session, &sql), [None, None]);
    lab.finish(exeat);
}

#[test]
fn a_bulk_insert_of_many_values_passes() {
    let (lab, _database) = lab(POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    let rows = vec![format!("('{}')", "x".repeat(500)); 4000].join(", ");
    let sql = format!("INSERT INTO files (note) VALUES {rows}");
    assert_eq!(both(&mut session, &sql), [None, None]);
    lab.finish(exeat);
}

#[test]
fn what_is_beyond_the_limits_is_refused_by_their_names() {
    for policy in [POLICY, EVERYTHING] {
        let (lab, _database) = lab(policy);
        let exeat = lab.start();
        let mut session = session(&exeat);
        let larger = format!("SELECT '{}'", "x".repeat(17 * MIB));
        let told = session.query(&larger);
        assert_eq!(kinds(&told), "EZ");
        let message = told[0].field('M').unwrap();
        assert!(message.contains("limits.message"), "{message}");
        assert!(!message.contains("allowed"), "{message}");
        // What is refused is not read: the session goes on behind it.
        session.send([parse("", &larger), bind("", ""), sync()].concat());
        assert_eq!(kinds(&session.until_ready()), "EZ");
        assert_eq!(sqlstate(&session.query("SELECT 1")), None);
        let structure = format!("SELECT 1 AS \"{}\"", "x".repeat(2 * MIB));
        let told = session.query(&structure);
        if policy == EVERYTHING {
            assert_eq!(sqlstate(&told), None);
        } else {
            let message = told[0].field('M').unwrap();
            assert!(message.contains("limits.text"), "{message}");
        }
        lab.finish(exeat);
    }
}

/// A client that writes all of its message before it reads anything would wait for what has come by then.
#[test]
fn a_message_that_is_refused_is_answered_when_all_of_it_was_sent() {
    let (lab, _database) = lab(POLICY);
    let exeat = lab.start();
    let patience = Duration::from_millis(500);
    let mut session = Wire::connect_within(exeat.addresses.dbproxy[1], patience);
    session.send(startup(196_608, &[("user", "app"), ("database", "shop")]));
    let mut told = || (0..60).find_map(|_| session.message()).unwrap();
    while told().kind != 'Z' {}
    let larger = format!("SELECT '{}'", "x".repeat(20 * MIB));
    for (message, rest) in [(query(&larger), Vec::new()), (parse("", &larger), sync())] {
        let (last, most) = message.split_last().unwrap();
        session.send(most);
        assert!(session.message().is_none());
        session.send([vec![*last], rest].concat());
        let mut told = || (0..60).find_map(|_| session.message()).unwrap();
        assert_eq!(kinds(&[told(), told()]), "EZ");
    }
    lab.finish(exeat);
}

/// Who announces much and sends little takes no room from others.
#[test]
fn a_message_that_does_not_come_holds_no_room() {
    let (lab, _database) = lab(POLICY);
    let exeat = lab.start();
    let mut waiting: Vec<Wire> = (0..40).map(|_| session(&exeat)).collect();
    let announced = query(&"x".repeat(15 * MIB));
    for session in &mut waiting {
        session.send(&announced[..10]);
    }
    let mut other = session(&exeat);
    let sql = format!(
        "INSERT INTO files (note) VALUES ('{}')",
        "x".repeat(2 * MIB)
    );
    assert_eq!(both(&mut other, &sql), [None, None]);
    lab.finish(exeat);
}

#[test]
fn each_text_of_a_template_is_on_record_as_it_was_sent() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    // The last one is the template of the others itself.
    for id in [3, 8, 0] {
        let sql = format!("SELECT note FROM files WHERE id = {id}");
        assert_eq!(kinds(&session.query(&sql)), "TCZ");
    }
    let records = lab.finish(exeat);
    let told = records.statements("allow");
    assert_eq!(
        told,
        [3, 8, 0].map(|id| format!("SELECT note FROM files WHERE id = {id}"))
    );
}

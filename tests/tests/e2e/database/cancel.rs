//! Whose key cancels what: the key of the session whose statement runs, and no other.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::wait;
use exeat_tests::wire::{
    Message, Wire, bind, cstr, frame, kinds, parse, query, sqlstate, sync, tls_client,
};

use super::lab;

/// A session by this version of the protocol, and its key.
fn keyed(exeat: &Process, version: u32) -> (Wire, Vec<u8>) {
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start_as(version, &[("user", "app"), ("database", "shop")], "");
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    let key = answer.into_iter().find(|message| message.kind == 'K');
    (session, key.unwrap().body)
}

/// Sends a key; the proxy has acted on it when this is through.
fn cancel(address: SocketAddr, key: &[u8]) {
    let length = u32::try_from(8 + key.len()).unwrap().to_be_bytes();
    Wire::connect(address)
        .send([&length[..], &[4, 210, 22, 46], key].concat())
        .to_end();
}

/// A statement that waits for a lock of `lock`, under way in the database.
fn block(session: &mut Wire, lock: &mut Wire, database: &Database) {
    assert_eq!(sqlstate(&lock.query("BEGIN; LOCK TABLE orders")), None);
    session.send(query("SELECT id FROM orders"));
    wait::until_true("the statement waits for its lock", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        database.admin(waiting).ok() == "1"
    });
}

fn unblock(session: &mut Wire, lock: &mut Wire) -> Vec<Message> {
    assert_eq!(sqlstate(&lock.query("COMMIT")), None);
    session.until_ready()
}

#[test]
fn only_the_key_of_the_session_whose_statement_runs_cancels_it() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let mut lock = Wire::past_the_proxy(&database, "postgres");
    let (mut session, key) = keyed(&exeat, 196_608);
    let (mut other, of_other) = keyed(&exeat, 196_608);
    let (gone, of_gone) = keyed(&exeat, 196_608);
    drop(gone);
    assert_eq!(sqlstate(&other.query("SELECT 1")), None);

    block(&mut session, &mut lock, &database);
    let changed = |at: usize| {
        let mut key = key.clone();
        key[at] ^= 1;
        key
    };
    let wrong = [
        changed(key.len() - 1),
        changed(4),
        changed(3),
        [&key[..4], &of_other[4..]].concat(),
        [&of_other[..4], &key[4..]].concat(),
        [&key[..], &[0]].concat(),
        [&key[..4], &[0; 4]].concat(),
        of_gone,
    ];
    for key in &wrong {
        cancel(address, key);
    }
    // The right key of a session whose statement has ended.
    cancel(address, &of_other);
    let answer = unblock(&mut session, &mut lock);
    assert_eq!(kinds(&answer), "TDDCZ", "{answer:?}");

    // After the end of the statement the key is as good as none: what comes next is not hit.
    cancel(address, &key);
    for _ in 0..3 {
        assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    }

    block(&mut session, &mut lock, &database);
    cancel(address, &key);
    let answer = session.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("57014"));
    assert_eq!(sqlstate(&lock.query("COMMIT")), None);
    assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    let records = lab.finish(exeat);
    let mut refusals = vec!["cancel_wrong_key"; wrong.len()];
    refusals.extend(["cancel_nothing_runs"; 2]);
    refusals.push("cancel_forwarded");
    assert_eq!(records.refusals(), refusals);
}

#[test]
fn the_long_key_of_protocol_3_2_cancels_too_and_not_by_its_first_bytes() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let mut lock = Wire::past_the_proxy(&database, "postgres");
    let (mut session, key) = keyed(&exeat, 196_610);
    assert_eq!(key.len(), 4 + 32);
    block(&mut session, &mut lock, &database);
    for length in [8, 35] {
        cancel(address, &key[..length]);
    }
    assert_eq!(kinds(&unblock(&mut session, &mut lock)), "TDDCZ");
    block(&mut session, &mut lock, &database);
    cancel(address, &key);
    assert_eq!(sqlstate(&session.until_ready()).as_deref(), Some("57014"));
    let records = lab.finish(exeat);
    assert_eq!(
        records.refusals(),
        ["cancel_wrong_key", "cancel_wrong_key", "cancel_forwarded"]
    );
}

#[test]
fn the_key_names_the_servers_own_process() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let (_first, of_first) = keyed(&exeat, 196_608);
    let (_second, of_second) = keyed(&exeat, 196_610);
    let listed = database.admin("SELECT pid FROM pg_stat_activity WHERE application_name = '' AND usename = 'app' ORDER BY backend_start");
    let pids: Vec<String> = [of_first, of_second]
        .iter()
        .map(|key| u32::from_be_bytes(key[..4].try_into().unwrap()).to_string())
        .collect();
    assert_eq!(listed.ok(), pids.join("\n"));
    lab.finish(exeat);
}

/// A write waits in the proxy until its record is durable; the server forgets a cancel that comes first, or
/// before it has read the statement.
#[test]
fn a_cancel_that_comes_with_its_statement_is_not_lost() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let (mut session, key) = keyed(&exeat, 196_608);
    let slow = "INSERT INTO payments (amount, note) SELECT 1, pg_sleep(3)::text";
    let mut codes = Vec::new();
    for _ in 0..20 {
        session.send(query(slow));
        cancel(address, &key);
        codes.push(sqlstate(&session.until_ready()));
    }
    let records = lab.finish(exeat);
    let refusals = records.refusals();
    let cancelled = |code: &&Option<String>| code.as_deref() == Some("57014");
    let lost = 20 - codes.iter().filter(cancelled).count();
    assert_eq!(lost, 0, "{codes:?} {refusals:?}");
    // Some end before they have left.
    let known = [
        "cancel_forwarded",
        "cancel_before_it_ran",
        "cancel_nothing_runs",
    ];
    assert_eq!(refusals.len(), 20);
    assert!(
        refusals.iter().all(|outcome| known.contains(outcome)),
        "{refusals:?}"
    );
}

/// What is told again must not hit what stands behind.
#[test]
fn a_cancel_hits_one_statement_of_several_that_are_on_their_way() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let mut lock = Wire::past_the_proxy(&database, "postgres");
    let (mut session, key) = keyed(&exeat, 196_608);
    block(&mut session, &mut lock, &database);
    session.send(query("SELECT id FROM orders"));
    cancel(address, &key);
    let answer = session.until_ready();
    assert_eq!(sqlstate(&answer).as_deref(), Some("57014"), "{answer:?}");
    // The second one waits for the same lock.
    wait::until_true("the second statement waits for its lock", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        database.admin(waiting).ok() == "1"
    });
    assert_eq!(kinds(&unblock(&mut session, &mut lock)), "TDDCZ");
    lab.finish(exeat);
}

/// Views that join themselves double at each step: PostgreSQL takes seconds to look into all of them.
#[test]
fn a_cancel_while_the_database_is_asked_ends_the_statement_and_frees_the_place() {
    let (lab, database) = lab();
    let mut views = "CREATE VIEW v0 AS SELECT id FROM orders".to_owned();
    for n in 1..=13 {
        write!(
            views,
            "; CREATE VIEW v{n} AS SELECT a.id FROM v{0} a, v{0} b",
            n - 1
        )
        .unwrap();
    }
    database.admin(&views).ok();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let (mut session, key) = keyed(&exeat, 196_608);
    assert_eq!(sqlstate(&session.query("SELECT 1")), None);
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'exeat analysis' \
                 AND state = 'active'";
    let mut admin = Wire::past_the_proxy(&database, "postgres");
    let slow = [
        query("SELECT id FROM v13"),
        [parse("", "SELECT id FROM v13"), bind("", ""), sync()].concat(),
    ];
    for message in slow {
        session.send(message);
        wait::until_true("the database is asked", || admin.rows(asked) == "1");
        cancel(address, &key);
        let answer = session.until_ready();
        assert_eq!(sqlstate(&answer).as_deref(), Some("57014"), "{answer:?}");
        wait::until_true("the database is no longer asked", || {
            admin.rows(asked) == "0"
        });
        assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    }
    let records = lab.finish(exeat);
    assert_eq!(records.refusals(), ["cancel_before_it_ran"; 2]);
}

#[test]
fn a_cancel_over_tls_ends_in_order() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let (_session, key) = keyed(&exeat, 196_608);
    let root = std::fs::read_to_string(lab.ca()).unwrap();
    for key in [&key[..], &[0; 8]] {
        let mut stream = TcpStream::connect(exeat.dbproxy()).unwrap();
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
        stream.read_exact(&mut [0]).unwrap();
        let client = tls_client(&root, "localhost", &[b"postgresql"]);
        let mut stream = rustls::StreamOwned::new(client, stream);
        let request = [&[0, 0, 0, 16, 4, 210, 22, 46], key].concat();
        stream.write_all(&request).unwrap();
        // An end without close_notify is an error.
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
    lab.finish(exeat);
}

#[test]
fn a_cancel_ends_a_message_that_runs_statement_by_statement() {
    let (lab, database) = super::lab_with(
        "CREATE ROLE app LOGIN PASSWORD 'app-password'; GRANT ALL ON SCHEMA public TO app;",
        "version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - define: public.*
          - insert: public.*
",
    );
    let exeat = lab.start();
    let (mut session, key) = keyed(&exeat, 196_608);
    let inserts = "INSERT INTO m VALUES (1);".repeat(400);
    session.send(frame(
        'Q',
        &cstr(&format!("CREATE TABLE m (a int);{inserts}")),
    ));
    wait::until_true("the server is in the midst of it", || {
        let inserting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO m%'";
        database.admin(inserting).ok() == "1"
    });
    cancel(exeat.addresses.dbproxy[1], &key);
    let answer = session.until_ready();
    assert_eq!(
        sqlstate(&answer).as_deref(),
        Some("57014"),
        "{:?}",
        kinds(&answer)
    );
    assert_eq!(database.admin("SELECT to_regclass('m') IS NULL").ok(), "t");
    // The next message is another one.
    assert_eq!(
        sqlstate(&session.query("CREATE TABLE n (a int); INSERT INTO n VALUES (1)")),
        None
    );
}

//! Whose key cancels what: the key of the session whose statement runs, and no other.

use std::net::SocketAddr;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::wait;
use exeat_tests::wire::{Message, Wire, cstr, frame, kinds, sqlstate};

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
    session.send(frame('Q', &cstr("SELECT id FROM orders")));
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

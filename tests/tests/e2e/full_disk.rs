//! A log that can't be written any more: nothing new passes on either plane, the process says that it is
//! not ready, and the next start finds a log that verifies.

use std::fs;

use exeat_tests::audit::text;
use exeat_tests::exeat::Process;
use exeat_tests::lab::admin;
use exeat_tests::raw::Raw;
use exeat_tests::wait;
use exeat_tests::wire::{Wire, sqlstate};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::world::{World, connect, exchange, session, tunnel, world};

/// From now on none of the process's files grows beyond `bytes`: the write fails in the middle, as it
/// does on a disk that is full.
fn fill_the_disk(exeat: &Process, bytes: u64) {
    let pid = Pid::from_raw(exeat.pid().try_into().unwrap());
    let limit = Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

fn new_session(world: &World, exeat: &Process, token: &str) -> Option<String> {
    let mut new = Wire::connect_tls(exeat.dbproxy(), &world.root());
    sqlstate(&new.start(&[("user", "app"), ("database", "shop")], token))
}

#[test]
fn a_full_disk_stops_both_planes_and_the_next_start_goes_on_with_a_log_that_verifies() {
    let world = world();
    let token = world.lab.token("app");
    let mut exeat = world.lab.start();
    let mut live = tunnel(&world, &exeat, &token);
    let (mut first, mut second) = (
        session(&world, &exeat, &token),
        session(&world, &exeat, &token),
    );
    assert_eq!(sqlstate(&first.query("SELECT id FROM orders")), None);
    // A part of the next record is written.
    fill_the_disk(&exeat, fs::metadata(world.segment()).unwrap().len() + 70);

    // The statement that meets the end of the disk: its rows never come.
    let answer = first.query("SELECT total FROM orders");
    assert!(
        !answer.iter().any(|message| message.kind == 'D'),
        "{answer:?}"
    );
    wait::until_true("the log has failed", || {
        let ready = admin(&exeat, "/readyz");
        ready.status != 0 && ready.all().contains("503")
    });
    let dialled = world.origin.connections();
    for _ in 0..3 {
        let head = connect(&world, &mut Raw::connect(exeat.gateway()), &token);
        let reason = head.header("exeat-reason");
        assert_eq!((head.status, reason), (503, Some("audit_unavailable")));
        let state = new_session(&world, &exeat, &token);
        assert_eq!(state.as_deref(), Some("58030"));
    }
    let answer = second.query("SELECT 'after the end' FROM orders");
    assert_eq!(sqlstate(&answer).as_deref(), Some("58030"));
    assert_eq!(world.origin.connections(), dialled);
    assert!(!world.database.log().contains("after the end"));
    // What was let through before, with a record, goes on; the process is there.
    exchange(&mut live).unwrap();
    assert!(exeat.ended().is_none());
    drop(live);
    exeat.stop();

    // The next start cuts the torn record off and says so.
    let exeat = world.lab.start();
    assert_eq!(new_session(&world, &exeat, &token), None);
    drop(tunnel(&world, &exeat, &token));
    let records = world.lab.finish(exeat);
    let cut = records.of_kind("log_recovered").next().unwrap();
    assert!(
        cut.pointer("/cut_bytes").unwrap().as_u64() > Some(0),
        "{cut}"
    );
    assert!(!records.hold("SELECT total"), "a half record was kept");
    assert!(records.denials().is_empty());
    assert!(
        records
            .of_kind("decision")
            .filter_map(|decided| text(decided, "/statement/sql"))
            .any(|sql| sql == "SELECT id FROM orders")
    );
}

//! Where nothing moves for too long: both planes end what they hold, and say why.

use exeat_tests::lab::counted;
use exeat_tests::wire::{query, sqlstate};
use exeat_tests::{sockets, wait};

use crate::world::{exchange, session, tunnel, world};

#[test]
fn what_is_idle_ends_and_what_works_does_not() {
    let world = world();
    world.lab.set_up(|setup| {
        setup.timeouts.push("idle: 2s".to_owned());
        setup.dbproxy_timeouts.push("idle: 2s".to_owned());
    });
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut lock = exeat_tests::wire::Wire::past_the_proxy(&world.database, "postgres");
    let mut working = session(&world, &exeat, &token);
    assert_eq!(sqlstate(&lock.query("BEGIN; LOCK TABLE orders")), None);
    working.send(query("SELECT id FROM orders"));

    let mut idle = session(&world, &exeat, &token);
    let mut tunnelled = tunnel(&world, &exeat, &token);
    let last = idle.to_end();
    assert_eq!(sqlstate(&last).as_deref(), Some("57P05"), "{last:?}");
    // Waits for the end without a byte of its own.
    let mut rest = Vec::new();
    tunnelled.read_to_end(&mut rest).ok();
    assert!(rest.is_empty());
    assert!(exchange(&mut tunnelled).is_err());

    // Whose statement takes its time is not idle.
    assert_eq!(sqlstate(&lock.query("COMMIT")), None);
    let answer = working.until_ready();
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    drop(working);
    wait::until_true("nobody is there any more", || {
        counted(&exeat, "exeat_sessions{plane=\"dbproxy\"}") == 0
    });
    let records = world.lab.finish(exeat);
    assert!(records.endings("dbproxy").contains(&("timed_out", "idle")));
    let tunnels = records.completions();
    assert!(tunnels.iter().any(|done| {
        let of = |name| done.pointer(name).and_then(serde_json::Value::as_str);
        (of("/outcome"), of("/error")) == (Some("timed_out"), Some("idle"))
    }));
}

#[test]
fn both_connections_of_a_tunnel_are_kept_alive() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let _tunnel = tunnel(&world, &exeat, &token);
    sockets::until_accepted_is_kept_alive(exeat.gateway().port());
    sockets::until_dialled_is_kept_alive(world.origin.port());
    world.lab.finish(exeat);
}

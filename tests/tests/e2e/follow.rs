//! The log followed while it grows, and searched by table, database and time.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use exeat_tests::audit::text;
use exeat_tests::exeat::exeat;
use exeat_tests::run::{Ran, run};
use exeat_tests::wait;
use exeat_tests::wire::sqlstate;
use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, session, tunnel, world};

fn search(world: &World, arguments: &[&str]) -> Ran {
    let log = world.lab.text("audit");
    let mut command = exeat(["audit", "--log", &log, "search", "--json", "--limit", "0"]);
    run(command.args(arguments))
}

/// The statements of what is found.
fn statements(ran: &Ran) -> Vec<String> {
    let records = ran.stdout.lines().map(|line| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        text(&record, "/event/decision/statement/sql").map(str::to_owned)
    });
    records.flatten().collect()
}

#[test]
fn a_followed_log_shows_what_is_made_while_it_is_followed() {
    let world = world();
    let token = world.lab.token("app");
    let exeat_run = world.lab.start();
    let mut database = session(&world, &exeat_run, &token);
    assert_eq!(sqlstate(&database.query("SELECT 1")), None);
    let log = world.lab.text("audit");
    let mut tail = exeat(["audit", "--log", &log, "tail", "-f", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut shows = |needle: &str| {
        let line = lines.by_ref().map(Result::unwrap);
        let found = line.into_iter().find(|line| line.contains(needle));
        assert!(found.is_some(), "`{needle}` was never shown");
    };
    shows("SELECT 1");
    // It follows: each of these is made after what came before was shown.
    for sql in ["SELECT 'after the start'", "SELECT 'and later still'"] {
        assert_eq!(sqlstate(&database.query(sql)), None);
        shows(sql);
    }
    kill_process(Pid::from_child(&tail), Signal::INT).unwrap();
    let status = wait::until("it ends", || tail.try_wait().unwrap());
    // As a shell expects of what an interrupt ends.
    let ended = std::os::unix::process::ExitStatusExt::signal(&status);
    assert!(ended == Some(Signal::INT.as_raw()) || status.code() == Some(130) || status.success());
    world.lab.finish(exeat_run);
}

#[test]
fn records_are_found_by_table_by_database_and_by_time() {
    let world = world();
    let token = world.lab.token("app");
    let exeat_run = world.lab.start();
    let mut database = session(&world, &exeat_run, &token);
    let orders = [
        "SELECT id FROM orders",
        "SELECT o.total FROM public.orders o",
    ];
    for sql in orders.iter().chain(&["SELECT 1"]) {
        assert_eq!(sqlstate(&database.query(sql)), None);
    }
    assert!(sqlstate(&database.query("SELECT id FROM pg_class")).is_some());
    drop((database, tunnel(&world, &exeat_run, &token)));
    world.lab.finish(exeat_run);

    for table in ["orders", "public.orders"] {
        let found = search(&world, &["--table", table]);
        assert_eq!(statements(&found), orders, "{table}");
    }
    for table in ["order", "other.orders", "shop"] {
        assert_eq!(statements(&search(&world, &["--table", table])).len(), 0);
    }
    let of_shop = search(&world, &["--database", "shop"]);
    assert_eq!(statements(&of_shop).len(), 4);
    assert!(!of_shop.stdout.contains("api.test"), "{of_shop:?}");
    search(&world, &["--database", "postgres"]).exits(1);

    // From the second statement on, and before it; the range is half open.
    let all = search(&world, &["--table", "orders"]);
    let second: serde_json::Value =
        serde_json::from_str(all.stdout.lines().nth(1).unwrap()).unwrap();
    // Its `time` is cut to the millisecond, in which the first one may be too.
    let micros = second.pointer("/at").unwrap().as_i64().unwrap() % 1_000_000;
    let seconds = text(&second, "/time").unwrap().split_once('.').unwrap().0;
    let at = &format!("{seconds}.{micros:06}Z");
    let since = search(&world, &["--table", "orders", "--since", at]);
    assert_eq!(statements(&since), orders[1..]);
    let until = search(&world, &["--table", "orders", "--until", at]);
    assert_eq!(statements(&until), orders[..1]);
    search(&world, &["--since", at, "--until", at]).exits(1);
    search(&world, &["--since", "1h", "--table", "orders"]).exits(0);
    search(&world, &["--until", "1h", "--table", "orders"]).exits(1);
    search(&world, &["--since", "yesterday-ish"]).exits(64);
}

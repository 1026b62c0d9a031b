//! SIGKILL at random moments under load: no statement that reached the database lacks its decision
//! record (mode `strict`), and the log verifies after every restart.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use exeat_tests::database::Database;
use exeat_tests::exeat::exeat;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::run::run;
use exeat_tests::wire::{Wire, sqlstate};

const KILLS: u64 = 50;
const CLIENTS: u64 = 4;

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop: { as: app, allow: [{ insert: public.marks }], audit: strict }
";

/// A number that differs from run to run, without a dependency: the low bits of the clock, mixed.
fn random(below: u64) -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    RandomState::new().build_hasher().finish() % below
}

/// Inserts one new mark after the other until told to stop or the connection ends.
fn insert(address: std::net::SocketAddr, marks: &AtomicU64, stop: &AtomicBool, sent: &AtomicU64) {
    let mut session = Wire::connect(address);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    if sqlstate(&answer).is_some() || answer.last().is_none_or(|last| last.kind != 'Z') {
        return;
    }
    while !stop.load(Ordering::Relaxed) {
        let mark = marks.fetch_add(1, Ordering::SeqCst);
        let answer = session.query(&format!("INSERT INTO marks VALUES ({mark})"));
        if answer.last().is_none_or(|last| last.kind != 'Z') {
            return;
        }
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn fifty_kills_under_load_lose_no_record_of_a_statement_that_arrived() {
    // The server's own log would be as good; the table is the effect itself.
    let database = Database::start_with(
        "CREATE TABLE marks (mark bigint PRIMARY KEY);
         CREATE ROLE app LOGIN PASSWORD 'app-password'; GRANT ALL ON marks TO app;",
        &[],
    );
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| {
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
        setup.segment = Some("1MiB");
    });
    let (marks, sent) = (AtomicU64::new(1), AtomicU64::new(0));
    for kill in 0..KILLS {
        let process = lab.start();
        verify(&lab, kill);
        let address = process.addresses.dbproxy[1];
        let stop = AtomicBool::new(false);
        let before = sent.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| insert(address, &marks, &stop, &sent));
            }
            // At a random moment of the load: after a random number of answers, then a little later still.
            let target = before + 1 + random(200);
            exeat_tests::wait::until_true("the load runs", || {
                sent.load(Ordering::Relaxed) >= target
            });
            std::thread::park_timeout(Duration::from_micros(random(3_000)));
            process.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }
    // One restart in order, so that the log ends with a checkpoint over everything.
    let records = lab.finish(lab.start());
    let decided: HashSet<u64> = records
        .statements("allow")
        .iter()
        .filter_map(|sql| mark_of(sql))
        .collect();
    let arrived: Vec<u64> = database
        .admin("SELECT mark FROM marks")
        .ok()
        .lines()
        .map(|mark| mark.parse().unwrap())
        .collect();
    assert!(
        arrived.len() > 1000,
        "{} statements arrived in all",
        arrived.len()
    );
    let without: Vec<_> = arrived
        .iter()
        .filter(|mark| !decided.contains(mark))
        .collect();
    assert!(
        without.is_empty(),
        "{} of {} have no record: {without:?}",
        without.len(),
        arrived.len()
    );
    assert!(records.of_kind("log_started").count() as u64 > KILLS);
}

/// What the restart made of what the kill left verifies.
#[track_caller]
fn verify(lab: &Lab, kill: u64) {
    let log = lab.text("audit");
    let ran = run(&exeat(["audit", "--log", &log, "verify"]));
    assert_eq!(ran.status, 0, "after {kill} kills: {ran:#?}");
}

fn mark_of(sql: &str) -> Option<u64> {
    sql.strip_prefix("INSERT INTO marks VALUES (")?
        .strip_suffix(')')?
        .parse()
        .ok()
}

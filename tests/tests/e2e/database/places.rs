//! Questions to PostgreSQL that take their time: they are in the way of who asks them, and of nobody else.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wait;
use exeat_tests::wire::{Wire, kinds, query, sqlstate};

use crate::database::{lab_with, session_from};

/// The check of a domain within a row runs while a constant is parsed.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE altered (id int);
CREATE FUNCTION slow(text) RETURNS bool LANGUAGE sql AS 'SELECT pg_sleep(4) IS NOT NULL';
CREATE DOMAIN slow_text AS text CHECK (slow(VALUE));
CREATE TYPE slow_pair AS (a slow_text, b int);
";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow: [{ select: public.orders }, { select: public.altered }, { call: [public.slow] }, { type: [public.slow_pair, public.slow_text] }]
";

const GREEDY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn session(exeat: &Process, from: Ipv4Addr) -> Wire {
    session_from(exeat, from, "app")
}

fn asked(database: &Database) -> u32 {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'exeat analysis' \
                 AND state = 'active' AND wait_event = 'PgSleep'";
    database.admin(asked).ok().parse().unwrap()
}

#[test]
fn slow_questions_of_one_identity_leave_places_for_another() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut greedy: Vec<Wire> = (0..8).map(|_| session(&exeat, GREEDY)).collect();
    let mut other = session(&exeat, OTHER);
    for (number, session) in greedy.iter_mut().enumerate() {
        // Each one is another text.
        let slow = format!("SELECT '(x{number},1)'::slow_pair AS c{number}");
        session.send(query(&slow));
    }
    wait::until_true("two of them are asked", || asked(&database) == 2);
    for number in 0..5 {
        let begun = Instant::now();
        let cold = format!("SELECT id AS c{number} FROM orders");
        assert_eq!(kinds(&other.query(&cold)), "TDCZ");
        // A slow one takes four seconds.
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        assert!(asked(&database) <= 2);
    }
    drop(greedy);
    wait::until_true("nobody is asked any more", || asked(&database) == 0);
    lab.finish(exeat);
}

#[test]
fn a_table_that_is_altered_delays_only_who_asks_for_it() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut lock = Wire::past_the_proxy(&database, "postgres");
    let locked = lock.query("BEGIN; LOCK TABLE altered IN ACCESS EXCLUSIVE MODE");
    assert_eq!(sqlstate(&locked), None);
    let mut greedy: Vec<Wire> = (0..12).map(|_| session(&exeat, GREEDY)).collect();
    let mut other = session(&exeat, OTHER);
    for (number, session) in greedy.iter_mut().enumerate() {
        let waits = format!("SELECT id AS c{number} FROM altered");
        session.send(query(&waits));
    }
    for number in 0..5 {
        let begun = Instant::now();
        let cold = format!("SELECT id AS d{number} FROM orders");
        assert_eq!(kinds(&other.query(&cold)), "TDCZ");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
    }
    assert_eq!(sqlstate(&lock.query("COMMIT")), None);
    for session in &mut greedy {
        assert_eq!(kinds(&session.until_ready()), "TCZ");
    }
    lab.finish(exeat);
}

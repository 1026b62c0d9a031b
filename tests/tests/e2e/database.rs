//! The database proxy between real clients and a real PostgreSQL: psql, psycopg, and a client that
//! says exactly what it is told.

use std::net::Ipv4Addr;

use exeat_tests::audit::text;
use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::run::{python, run, run_with};
use exeat_tests::wire::{Wire, sqlstate};

mod altering;
mod cancel;
mod cascade;
mod catalog;
mod defining;
mod impostor;
mod leaving;
mod like;
mod literals;
mod names;
mod observe;
mod opening;
mod ordinary;
mod pipeline;
mod places;
mod protocol;
mod reach;
mod scram;
mod scripts;
mod serial;
mod settings;
mod statements;
mod streams;
mod walls;

const SCHEMA: &str = "\
CREATE TABLE orders (id int PRIMARY KEY, total int, ssn text);
INSERT INTO orders VALUES (1, 10, 'secret'), (2, 20, 'secret');
CREATE TABLE payments (id serial PRIMARY KEY, amount int, note text);
CREATE ROLE app LOGIN PASSWORD 'app-password';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app;
";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ token: app }, { source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.orders(id, total)
          - select: public.payments
          - insert: public.payments
          - update: public.payments
          - delete: public.payments
          - call: [count, sum, now, generate_series, pg_sleep, repeat, lower, length]
          - statement: [listen, notify]
  other:
    identities: [{ token: other }]
";

fn lab() -> (Lab, Database) {
    let (lab, database) = lab_with(SCHEMA, POLICY);
    lab.set_up(|setup| setup.parameters = Some("plain"));
    (lab, database)
}

/// A lab in front of a database of its own, whose role `app` may do what the schema lets it.
fn lab_with(schema: &str, policy: &str) -> (Lab, Database) {
    let database = Database::start(schema);
    let lab = Lab::new(policy);
    lab.set_up(|setup| setup.database = Some(Upstream::of(&database, &[("app", "app-password")])));
    (lab, database)
}

/// A session over the listener without TLS.
fn session(exeat: &Process) -> Wire {
    session_as(exeat, "app")
}

/// The same as a user of this name.
fn session_as(exeat: &Process, user: &str) -> Wire {
    session_from(exeat, Ipv4Addr::LOCALHOST, user)
}

/// The same from this address.
fn session_from(exeat: &Process, source: Ipv4Addr, user: &str) -> Wire {
    let mut session = Wire::connect_from(source, exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", user), ("database", "shop")], "");
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    session
}

#[test]
fn psql_reads_what_it_may_and_is_told_what_it_may_not() {
    let (lab, database) = lab();
    let token = lab.token("app");
    let exeat = lab.start();
    let psql = |sql: &str| {
        run_with(
            &lab.psql(&exeat, &format!("user=app password={token}")),
            sql,
        )
    };
    assert_eq!(psql("SELECT sum(total) FROM orders").ok(), "30");
    let denied = psql("SELECT id, ssn FROM orders");
    denied
        .exits(3)
        .says("42501")
        .says("ssn")
        .says("Rule: none of roles.app.databases.shop.")
        .says("HINT")
        .says("--database shop --database-url URL --sql 'SELECT id, ssn FROM orders'");
    assert!(!denied.all().contains("secret"));
    // A text that does not fit into a line is in the record.
    psql("DROP TABLE\norders")
        .exits(3)
        .says("42501")
        .says("To see why: exeat audit --log DIR show 0");
    psql("SELEC 1").exits(3).says("42601");
    assert!(
        !database.log().contains("ssn FROM orders"),
        "a denied statement reached the database"
    );
    let records = lab.finish(exeat);
    let denial = records.denial("column_not_allowed");
    assert_eq!(
        text(denial, "/statement/sql"),
        Some("SELECT id, ssn FROM orders")
    );
    assert_eq!(
        records.statements("allow"),
        ["SELECT sum(total) FROM orders"]
    );
    let done: Vec<_> = records.completions().into_iter().collect();
    assert_eq!(
        done[0].pointer("/rows").and_then(serde_json::Value::as_u64),
        Some(1)
    );
}

#[test]
fn another_role_or_database_is_refused() {
    let (lab, database) = lab();
    let (app, other) = (lab.token("app"), lab.token("other"));
    let exeat = lab.start();
    let psql = |parameters: &str| run_with(&lab.psql(&exeat, parameters), "SELECT 1");
    psql(&format!("user=other password={other}"))
        .exits(2)
        .says("database");
    psql(&format!("user=app password={app} dbname=postgres")).exits(2);
    assert!(!database.log().contains("SELECT 1"));
    let records = lab.finish(exeat);
    assert_eq!(records.denials(), ["database_not_allowed"; 2]);
}

#[test]
fn psycopg_works_as_it_does_without_the_proxy() {
    let (lab, _database) = lab();
    let token = lab.token("app");
    let exeat = lab.start();
    let script = lab.path("client.py");
    std::fs::write(&script, include_str!("database/client.py")).unwrap();
    let mut python = python();
    python
        .arg(&script)
        .arg(lab.conninfo(&exeat, &format!("user=app password={token}")));
    run(&python).exits(0).says("all as expected");
    let records = lab.finish(exeat);
    // Bound parameters are on record, as configured.
    assert!(records.hold("from python"), "bound parameters are missing");
    assert!(records.denials().contains(&"column_not_allowed"));
}

#[test]
fn passwords_in_statements_do_not_reach_the_log() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    assert!(sqlstate(&session.query("ALTER ROLE app PASSWORD 'hunter2'")).is_some());
    assert!(sqlstate(&session.query("CREATE USER eve WITH PASSWORD 'hunter2'")).is_some());
    let records = lab.finish(exeat);
    assert_eq!(records.denials(), ["statement_not_allowed"; 2]);
    assert!(!records.hold("hunter2"), "a password is in the log");
}

//! Limits of a role: each has its reason code, and what is over it is denied, not queued.

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::origin::Origin;
use exeat_tests::raw::{Head, Raw};
use exeat_tests::wire::{Message, Wire, sqlstate};

fn lab(limits: &str) -> (Lab, Origin) {
    let lab = Lab::new("version: 1\nroles: {}\n");
    let origin = Origin::plain("plain");
    lab.name("plain.test", "127.0.0.1");
    let port = origin.port();
    lab.set_policy(&format!(
        "\
version: 1
roles:
  fn-a:
    identities: [{{ source: 127.0.0.0/8 }}]
    egress:
      allow: [{{ host: plain.test, ports: [{port}], tls: false, networks: [127.0.0.0/8] }}]
      limits: {{ {limits} }}
"
    ));
    (lab, origin)
}

fn connect(exeat: &Process, port: u16) -> (Raw, Head) {
    let mut client = Raw::connect(exeat.gateway());
    client.send(format!(
        "CONNECT plain.test:{port} HTTP/1.1\r\nHost: plain.test:{port}\r\n\r\n"
    ));
    let head = client.head();
    (client, head)
}

fn because(head: &Head) -> &str {
    head.header("proxy-status").unwrap_or_default()
}

#[test]
fn connections_over_the_rate_are_denied() {
    let (lab, origin) = lab("connects: 3/min");
    let exeat = lab.start();
    let heads: Vec<Head> = (0..5).map(|_| connect(&exeat, origin.port()).1).collect();
    let statuses: Vec<u16> = heads.iter().map(|head| head.status).collect();
    assert_eq!(statuses[..3], [200; 3], "{heads:?}");
    assert!(
        statuses[3..]
            .iter()
            .all(|status| matches!(status, 403 | 429)),
        "{statuses:?}"
    );
    assert!(
        because(&heads[4]).contains("limit_connects"),
        "{:?}",
        heads[4]
    );
    assert_eq!(lab.finish(exeat).denials(), ["limit_connects"; 2]);
}

#[test]
fn tunnels_over_the_count_are_denied_until_one_ends() {
    let (lab, origin) = lab("tunnels: 2");
    let exeat = lab.start();
    let mut open: Vec<Raw> = (0..2)
        .map(|_| connect(&exeat, origin.port()))
        .map(|(client, head)| {
            assert_eq!(head.status, 200);
            client
        })
        .collect();
    let (_, denied) = connect(&exeat, origin.port());
    assert!(because(&denied).contains("limit_tunnels"), "{denied:?}");
    open.pop();
    exeat_tests::wait::until("a place is free", || {
        (connect(&exeat, origin.port()).1.status == 200).then_some(())
    });
    let records = lab.finish(exeat);
    assert!(
        records
            .denials()
            .iter()
            .all(|reason| *reason == "limit_tunnels")
    );
}

#[test]
fn bytes_over_the_quota_end_the_tunnel_and_deny_the_next() {
    let (lab, origin) = lab("bytes: 64KiB/h");
    let exeat = lab.start();
    let (mut client, head) = connect(&exeat, origin.port());
    assert_eq!(head.status, 200);
    client.send("GET /bytes/1000000 HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n");
    let got = client.to_end();
    assert!(got.len() < 1_000_000, "{} bytes came through", got.len());
    let (_, denied) = connect(&exeat, origin.port());
    assert!(because(&denied).contains("limit_bytes"), "{denied:?}");
    let records = lab.finish(exeat);
    assert!(records.denials().contains(&"limit_bytes"));
}

/// A lab with a database whose role has these limits, and a session of it.
fn database_lab(limits: &str) -> (Lab, Database) {
    let database = Database::start(
        "CREATE TABLE n AS SELECT generate_series(1, 1000) AS id;
         CREATE ROLE app LOGIN PASSWORD 'app-password'; GRANT ALL ON n TO app;",
    );
    let lab = Lab::new(&format!(
        "\
version: 1
roles:
  app:
    identities: [{{ source: 127.0.0.0/8 }}]
    databases:
      shop:
        as: app
        allow: [{{ select: public.n }}, {{ call: [pg_sleep] }}]
        limits: {{ {limits} }}
"
    ));
    lab.set_up(|setup| setup.database = Some(Upstream::of(&database, &[("app", "app-password")])));
    (lab, database)
}

fn session(exeat: &Process) -> (Wire, Vec<Message>) {
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    (session, answer)
}

#[test]
fn sessions_over_the_count_are_denied() {
    let (lab, _database) = database_lab("sessions: 2");
    let exeat = lab.start();
    let open = [session(&exeat), session(&exeat)];
    assert!(open.iter().all(|(_, answer)| sqlstate(answer).is_none()));
    let (_, denied) = session(&exeat);
    assert_eq!(sqlstate(&denied).as_deref(), Some("53300"), "{denied:?}");
    assert_eq!(lab.finish(exeat).denials(), ["limit_sessions"]);
}

#[test]
fn statements_over_the_rate_are_denied() {
    let (lab, _database) = database_lab("statements: 3/min");
    let exeat = lab.start();
    let (mut session, _) = session(&exeat);
    let states: Vec<Option<String>> = (0..5)
        .map(|_| sqlstate(&session.query("SELECT 1")))
        .collect();
    assert_eq!(states[..3], [None, None, None]);
    assert!(states[3..].iter().all(Option::is_some), "{states:?}");
    assert_eq!(lab.finish(exeat).denials(), ["limit_statements"; 2]);
}

#[test]
fn rows_over_the_limit_end_the_answer_with_an_error() {
    let (lab, _database) = database_lab("rows: 10");
    let exeat = lab.start();
    let (mut session, _) = session(&exeat);
    assert_eq!(sqlstate(&session.query("SELECT id FROM n LIMIT 10")), None);
    let answer = session.query("SELECT id FROM n");
    assert!(
        sqlstate(&answer).is_some(),
        "{}",
        exeat_tests::wire::kinds(&answer)
    );
    assert!(answer.iter().filter(|message| message.kind == 'D').count() <= 10);
    let records = lab.finish(exeat);
    assert!(
        records.hold("limit_rows") || records.hold("limited"),
        "{records:?}"
    );
}

#[test]
fn statements_over_the_time_are_cancelled() {
    let (lab, _database) = database_lab("statement_timeout: 1s");
    let exeat = lab.start();
    let (mut session, _) = session(&exeat);
    assert_eq!(
        sqlstate(&session.query("SELECT pg_sleep(30)")).as_deref(),
        Some("57014")
    );
    assert_eq!(sqlstate(&session.query("SELECT 1")), None);
    // Nothing that a session may send lifts it.
    for sql in [
        "RESET ALL",
        "DISCARD ALL",
        "RESET statement_timeout",
        "SET statement_timeout = 0",
    ] {
        session.query(sql);
        let state = sqlstate(&session.query("SELECT pg_sleep(30)"));
        assert_eq!(state.as_deref(), Some("57014"), "after {sql}");
    }
    lab.finish(exeat);
}

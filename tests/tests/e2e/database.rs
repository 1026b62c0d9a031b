//! The database proxy between real clients and a real PostgreSQL: psql, psycopg, and a client that
//! says exactly what it is told.

use exeat_tests::audit::text;
use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::run::{python, run, run_with};
use exeat_tests::wire::{
    Wire, bind, cstr, describe_portal, execute, frame, kinds, parse, sqlstate, startup, sync,
};

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
    let database = Database::start(SCHEMA);
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| {
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
        setup.parameters = Some("plain");
    });
    (lab, database)
}

/// A session over the listener without TLS.
fn session(exeat: &Process) -> Wire {
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
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
        .says("HINT");
    assert!(!denied.all().contains("secret"));
    psql("DROP TABLE orders").exits(3).says("42501");
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
fn a_denied_statement_leaves_the_transaction_failed_on_both_sides() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("BEGIN");
    assert_eq!(
        sqlstate(&session.query("INSERT INTO payments (amount) VALUES (1)")),
        None
    );
    let denied = session.query("SELECT ssn FROM orders");
    assert_eq!(sqlstate(&denied).as_deref(), Some("42501"));
    assert_eq!(
        denied.last().map(|ready| ready.body.clone()),
        Some(b"E".to_vec())
    );
    assert_eq!(
        sqlstate(&session.query("SELECT 1")).as_deref(),
        Some("25P02")
    );
    let ended = session.query("COMMIT");
    assert!(
        String::from_utf8_lossy(&ended[0].body).starts_with("ROLLBACK"),
        "{ended:?}"
    );
    assert_eq!(
        ended.last().map(|ready| ready.body.clone()),
        Some(b"I".to_vec())
    );
    let count = session.query("SELECT count(*) FROM payments");
    assert!(
        String::from_utf8_lossy(&count[1].body).ends_with('0'),
        "{count:?}"
    );
    lab.finish(exeat);
}

#[test]
fn a_message_with_several_statements_runs_wholly_or_not_at_all() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let both = session.query("INSERT INTO payments (amount) VALUES (1); SELECT ssn FROM orders");
    assert_eq!(kinds(&both), "EZ");
    let fine =
        session.query("INSERT INTO payments (amount) VALUES (2); SELECT id FROM orders; SELECT 1");
    assert_eq!(sqlstate(&fine), None);
    assert_eq!(kinds(&fine).matches('C').count(), 3);
    let count = session.query("SELECT count(*) FROM payments");
    assert!(
        String::from_utf8_lossy(&count[1].body).ends_with('1'),
        "{count:?}"
    );
    lab.finish(exeat);
}

#[test]
fn after_a_denial_in_a_pipeline_everything_up_to_sync_is_skipped() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let pipeline = [
        parse("", "SELECT ssn FROM orders"),
        bind("", ""),
        describe_portal(""),
        execute(""),
        parse("", "INSERT INTO payments (amount) VALUES (77)"),
        bind("", ""),
        execute(""),
        sync(),
    ];
    session.send(pipeline.concat());
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), "EZ");
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"));
    assert!(!database.log().contains("(77)"));
    // What stands before the denial has run, what stands after it has not.
    let pipeline = [
        parse("", "SELECT id FROM orders"),
        bind("", ""),
        execute(""),
        parse("", "SELECT ssn FROM orders"),
        bind("", ""),
        execute(""),
        sync(),
    ];
    session.send(pipeline.concat());
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), "12DDCEZ");
    assert_eq!(sqlstate(&session.query("SELECT 1")), None);
    lab.finish(exeat);
}

#[test]
fn prepared_statements_and_portals_share_their_names_with_sql() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("PREPARE p AS SELECT id FROM orders");
    session.send([bind("", "p"), execute(""), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "2DDCZ");
    session.query("BEGIN");
    assert_eq!(
        sqlstate(&session.query("DECLARE c CURSOR FOR SELECT id FROM orders")),
        None
    );
    session.send([execute("c"), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "DDCZ");
    session.query("ROLLBACK");
    // A name that the proxy has not seen prepared is never bound.
    session.send([bind("", "unknown"), execute(""), sync()].concat());
    assert!(sqlstate(&session.until_ready()).is_some());
    assert!(sqlstate(&session.query("EXECUTE unknown")).is_some());
    lab.finish(exeat);
}

#[test]
fn types_of_parameters_are_the_servers_own_or_denied() {
    let (lab, database) = lab();
    database
        .admin("CREATE DOMAIN evil AS int CHECK (VALUE > 0);")
        .exits(0);
    let oid: u32 = database
        .admin("SELECT 'evil'::regtype::oid")
        .ok()
        .parse()
        .unwrap();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let typed = |oid: u32| {
        let sql = cstr("SELECT id FROM orders WHERE id = $1");
        frame(
            'P',
            &[cstr(""), sql, vec![0, 1], oid.to_be_bytes().to_vec()].concat(),
        )
    };
    session.send([typed(oid), sync()].concat());
    assert_eq!(sqlstate(&session.until_ready()).as_deref(), Some("42501"));
    session.send([typed(23), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "1Z");
    lab.finish(exeat);
}

#[test]
fn copy_streams_both_ways() {
    let (lab, _database) = lab();
    let token = lab.token("app");
    let exeat = lab.start();
    let psql = |sql: &str| {
        run_with(
            &lab.psql(&exeat, &format!("user=app password={token}")),
            sql,
        )
    };
    let rows: String = (0..5000)
        .map(|row| format!("{row}\tnote {row}\n"))
        .collect();
    psql(&format!(
        "COPY payments (amount, note) FROM STDIN;\n{rows}\\.\n"
    ))
    .exits(0);
    assert_eq!(
        psql("SELECT count(*), sum(amount) FROM payments").ok(),
        "5000|12497500"
    );
    let out = psql("COPY (SELECT amount, note FROM payments) TO STDOUT");
    assert_eq!(out.ok().lines().count(), 5000);
    psql("COPY orders TO STDOUT").exits(3).says("42501");
    psql("COPY orders (id) TO '/tmp/x'").exits(3).says("42601");
    let records = lab.finish(exeat);
    let rows: Vec<_> = records
        .completions()
        .into_iter()
        .filter_map(|done| done.pointer("/rows")?.as_u64())
        .collect();
    assert!(
        rows.iter().filter(|count| **count == 5000).count() >= 2,
        "{rows:?}"
    );
}

#[test]
fn large_rows_are_streamed() {
    let (lab, _database) = lab();
    let token = lab.token("app");
    let exeat = lab.start();
    let sql = "SELECT length(repeat('x', 1000)), repeat('y', 20000000) FROM generate_series(1, 3)";
    let ran = run_with(
        &lab.psql(&exeat, &format!("user=app password={token}")),
        sql,
    );
    assert_eq!(ran.ok().len(), 3 * (20_000_000 + 5) + 2);
    lab.finish(exeat);
}

#[test]
fn notifications_reach_a_listening_session() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let (mut listener, mut sender) = (session(&exeat), session(&exeat));
    assert_eq!(sqlstate(&listener.query("LISTEN news")), None);
    assert_eq!(sqlstate(&sender.query("NOTIFY news, 'hello'")), None);
    let message = listener.message().unwrap();
    assert_eq!(message.kind, 'A');
    assert!(String::from_utf8_lossy(&message.body).contains("hello"));
    lab.finish(exeat);
}

#[test]
fn cancel_works_with_the_proxys_own_key_and_with_no_other() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let mut session = Wire::connect(address);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    let key = answer
        .iter()
        .find(|message| message.kind == 'K')
        .unwrap()
        .body
        .clone();
    let cancel = |key: &[u8]| {
        let length = u32::try_from(8 + key.len()).unwrap().to_be_bytes();
        Wire::connect(address)
            .send([&length[..], &[4, 210, 22, 46], key].concat())
            .to_end();
    };
    let mut wrong = key.clone();
    *wrong.last_mut().unwrap() ^= 1;
    session.send(frame('Q', &cstr("SELECT pg_sleep(60)")));
    cancel(&wrong);
    // A cancel that arrives before its statement has started cancels nothing: ask until there is an answer.
    let answered = std::sync::atomic::AtomicBool::new(false);
    let answer = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !answered.load(std::sync::atomic::Ordering::Relaxed) {
                cancel(&key);
                exeat_tests::wait::pause();
            }
        });
        let answer = session.until_ready();
        answered.store(true, std::sync::atomic::Ordering::Relaxed);
        answer
    });
    assert_eq!(sqlstate(&answer).as_deref(), Some("57014"));
    assert_eq!(sqlstate(&session.query("SELECT 1")), None);
    lab.finish(exeat);
}

#[test]
fn parameter_status_is_passed_through() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let parameters = [
        ("user", "app"),
        ("database", "shop"),
        ("application_name", "the app"),
        ("client_encoding", "UTF8"),
    ];
    let answer = session.start(&parameters, "");
    let statuses: Vec<String> = answer
        .iter()
        .filter(|message| message.kind == 'S')
        .map(|message| String::from_utf8_lossy(&message.body).replace('\0', "="))
        .collect();
    for expected in [
        "server_version=15",
        "application_name=the app=",
        "standard_conforming_strings=on=",
    ] {
        assert!(
            statuses.iter().any(|status| status.starts_with(expected)),
            "{expected}: {statuses:?}"
        );
    }
    let changed = session.query("SET application_name = 'renamed'");
    assert!(
        changed.iter().any(|message| message.kind == 'S'),
        "{}",
        kinds(&changed)
    );
    lab.finish(exeat);
}

#[test]
fn start_up_parameters_that_change_meaning_are_refused() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for (name, value) in [
        ("options", "-c role=postgres"),
        ("options", "-crole=postgres"),
        ("options", "--role=postgres"),
        ("options", "-c search_path=evil"),
        ("role", "postgres"),
        ("search_path", "evil"),
        ("session_authorization", "postgres"),
        ("default_transaction_read_only", "off"),
        ("search_path", "public'; DROP TABLE orders; --"),
        ("replication", "database"),
        ("replication", "true"),
        ("replication", "1"),
        ("client_encoding", "SJIS"),
        ("client_encoding", "GB18030"),
        ("standard_conforming_strings", "off"),
    ] {
        let mut wire = Wire::connect(exeat.addresses.dbproxy[1]);
        let answer = wire.start(&[("user", "app"), ("database", "shop"), (name, value)], "");
        assert!(sqlstate(&answer).is_some(), "{name}={value}: {answer:?}");
    }
    assert!(!database.log().contains("|app|"), "{}", database.log());
    lab.finish(exeat);
}

#[test]
fn broken_start_up_is_refused_cleanly() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let address = exeat.addresses.dbproxy[1];
    let with_length = |length: u32, rest: &[u8]| [&length.to_be_bytes()[..], rest].concat();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("protocol 2", startup(131_072, &[("user", "app")])),
        ("protocol 4", startup(262_144, &[("user", "app")])),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("no user", startup(196_608, &[("database", "shop")])),
        (
            "two users",
            startup(
                196_608,
                &[("user", "app"), ("user", "other"), ("database", "shop")],
            ),
        ),
        (
            "two databases",
            startup(
                196_608,
                &[("user", "app"), ("database", "shop"), ("database", "x")],
            ),
        ),
        ("odd strings", with_length(18, b"\0\x03\0\0user\0app\0x\0")),
        ("no final NUL", with_length(17, b"\0\x03\0\0user\0app\0")),
        ("a length under 4", with_length(3, b"\0\x03\0\0")),
        ("a length over the cap", with_length(10_001, &[0; 9_997])),
        ("a huge length", with_length(u32::MAX, b"\0\x03\0\0")),
    ];
    for (what, bytes) in rows {
        let mut wire = Wire::connect(address);
        wire.send(&bytes);
        let answer = wire.to_end();
        assert!(
            answer.iter().all(|message| message.kind == 'E'),
            "{what}: {answer:?}"
        );
        if let Some(error) = answer.first() {
            assert!(
                matches!(
                    error.field('C').as_deref(),
                    Some("08P01" | "0A000" | "28000")
                ),
                "{what}: {error:?}"
            );
        }
    }
    lab.finish(exeat);
}

#[test]
fn tls_is_required_before_any_password_is_asked_for() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut plain = Wire::connect(exeat.dbproxy());
    plain.send(startup(196_608, &[("user", "app"), ("database", "shop")]));
    let answer = plain.to_end();
    assert_eq!(kinds(&answer), "E", "{answer:?}");
    // Bytes in the clear behind the SSLRequest must never be taken for bytes inside TLS.
    let mut eager = Wire::connect(exeat.dbproxy());
    let request = [
        &[0, 0, 0, 8, 4, 210, 22, 47][..],
        &startup(196_608, &[("user", "app")]),
    ]
    .concat();
    eager.send(request);
    let answer = eager.to_end();
    assert!(
        answer
            .iter()
            .all(|message| message.kind != 'R' && message.kind != 'Z'),
        "{answer:?}"
    );
    // GSSENC is refused with N.
    let mut gss = std::net::TcpStream::connect(exeat.dbproxy()).unwrap();
    std::io::Write::write_all(&mut gss, &[0, 0, 0, 8, 4, 210, 22, 48]).unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(&mut gss, &mut byte).unwrap();
    assert_eq!(byte, *b"N");
    lab.finish(exeat);
}

#[test]
fn direct_tls_needs_its_alpn_name() {
    let (lab, _database) = lab();
    let token = lab.token("app");
    let exeat = lab.start();
    let root = std::fs::read_to_string(lab.ca()).unwrap();
    let mut direct =
        Wire::connect_direct(exeat.dbproxy(), &root, &[b"postgresql"]).expect("direct TLS");
    assert_eq!(
        sqlstate(&direct.start(&[("user", "app"), ("database", "shop")], &token)),
        None
    );
    for alpn in [&[][..], &[&b"h2"[..]], &[&b"http/1.1"[..]]] {
        let answer = Wire::connect_direct(exeat.dbproxy(), &root, alpn)
            .map(|mut wire| wire.start(&[("user", "app"), ("database", "shop")], &token))
            .unwrap_or_default();
        assert!(!kinds(&answer).contains('Z'), "{alpn:?}: {answer:?}");
    }
    lab.finish(exeat);
}

#[test]
fn copy_messages_outside_of_copy_do_not_desynchronise() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.send([frame('d', b"1\t2\n"), frame('c', b"")].concat());
    let answer = session.query("SELECT id FROM orders");
    // PostgreSQL ignores them; closing is right too.
    assert!(
        answer.is_empty() || kinds(&answer) == "TDDCZ" || kinds(&answer).ends_with('E'),
        "{}",
        kinds(&answer)
    );
    lab.finish(exeat);
}

#[test]
fn protocol_violations_end_the_session_and_are_on_record() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for bytes in [
        frame('Q', b"SELECT 1 -- \0 UNION SELECT 2\0"),
        frame('Q', b"SELECT 1"),
        frame('?', b""),
        [b'Q', 0, 0, 0, 3].to_vec(),
        [b'Q', 0x7f, 0xff, 0xff, 0xff].to_vec(),
        frame('P', b"x"),
        startup(196_608, &[("user", "app"), ("database", "shop")]),
    ] {
        let mut session = session(&exeat);
        session.send(&bytes);
        let answer = session.to_end();
        assert!(!kinds(&answer).contains('D'), "{bytes:?}: {answer:?}");
        if let Some(state) = sqlstate(&answer) {
            assert!(
                matches!(state.as_str(), "08P01" | "42601" | "22021" | "54000"),
                "{bytes:?}: {state}"
            );
        }
    }
    let records = lab.finish(exeat);
    assert!(records.of_kind("refused").count() >= 5, "{records:?}");
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

//! Connections of the proxy's own: kept alive, gone when nobody needs them, back when the database is.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::wire::{Wire, kinds, sqlstate};
use exeat_tests::{sockets, wait};

use super::{POLICY, SCHEMA, lab, session};

#[test]
fn both_connections_of_a_session_are_kept_alive() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let (proxy, server) = (exeat.addresses.dbproxy[1].port(), database.port());
    let _session = session(&exeat);
    sockets::until_accepted_is_kept_alive(proxy);
    sockets::until_dialled_is_kept_alive(server);
    lab.finish(exeat);
}

#[test]
fn sessions_that_start_at_once_on_a_cold_database_all_succeed() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut session = session(&exeat);
                assert_eq!(kinds(&session.query("SELECT * FROM payments")), "TCZ");
            });
        }
    });
    lab.finish(exeat);
}

/// Carries connections on this listener to the database.
fn carry(listener: TcpListener, port: u16) {
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            to.shutdown(Shutdown::Write).ok();
        });
    };
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            pump(client.try_clone().unwrap(), server.try_clone().unwrap());
            pump(server, client);
        }
    });
}

#[test]
fn a_database_that_was_down_is_back_without_a_restart() {
    let database = Database::start(SCHEMA);
    let lab = Lab::new(POLICY);
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut upstream = Upstream::of(&database, &[("app", "app-password")]);
    upstream.port = port;
    lab.set_up(|setup| setup.database = Some(upstream));
    let exeat = lab.start();
    for _ in 0..3 {
        let mut wire = Wire::connect(exeat.addresses.dbproxy[1]);
        let answer = wire.start(&[("user", "app"), ("database", "shop")], "");
        assert_eq!(sqlstate(&answer).as_deref(), Some("08006"), "{answer:?}");
    }
    carry(
        TcpListener::bind(("127.0.0.1", port)).unwrap(),
        database.port(),
    );
    let mut session = session(&exeat);
    assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    drop(session);
    lab.finish(exeat);
}

#[test]
fn a_session_waits_for_a_catalog_that_can_not_be_read_at_once() {
    let database = Database::start(&format!(
        "{SCHEMA} CREATE ROLE cat LOGIN PASSWORD 'cat-password' CONNECTION LIMIT 0;"
    ));
    let lab = Lab::new(POLICY);
    let mut upstream = Upstream::of(
        &database,
        &[("app", "app-password"), ("cat", "cat-password")],
    );
    upstream.catalog_user = Some("cat".to_owned());
    lab.set_up(|setup| setup.database = Some(upstream));
    let exeat = lab.start();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let mut session = session(&exeat);
            kinds(&session.query("SELECT * FROM payments"))
        });
        wait::until_true("the catalog was refused", || {
            database
                .log()
                .contains("too many connections for role \"cat\"")
        });
        database
            .admin("ALTER ROLE cat CONNECTION LIMIT -1")
            .exits(0);
        assert_eq!(waiting.join().unwrap(), "TCZ");
    });
    lab.finish(exeat);
}

#[test]
fn a_database_that_no_session_uses_can_be_dropped() {
    let (lab, database) = lab();
    database.admin("CREATE DATABASE warehouse").exits(0);
    database
        .admin_in("warehouse", &SCHEMA.replace("CREATE ROLE", "-- "))
        .exits(0);
    let path = lab.configuration();
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace("database: postgres\n", "database: warehouse\n");
    std::fs::write(&path, text).unwrap();
    let exeat = Process::start(&path, &lab.path(""));
    let mut session = session(&exeat);
    assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    drop(session);
    // The server itself waits five seconds for connections to go.
    database.admin("DROP DATABASE warehouse").exits(0);
    lab.finish(exeat);
}

//! From the first byte to the session: encryption, the start-up packet, its parameters, cancel requests.

use std::net::SocketAddr;

use exeat_tests::lab::counted;
use exeat_tests::raw::{Raw, client_hello};
use exeat_tests::wire::{Wire, kinds, sqlstate, startup};

use super::lab;

/// Where to, what is sent in turns, the answers to all but the last, and the code on record.
type Row<'a> = (SocketAddr, Vec<&'a [u8]>, &'a [u8], &'a str);

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

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
fn requests_before_the_startup_are_answered_once_and_keep_nothing() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let (tls, plain) = (exeat.dbproxy(), exeat.addresses.dbproxy[1]);
    let packet = startup(196_608, &[("user", "app"), ("database", "shop")]);
    let stuffed = [&SSL_REQUEST[..], &packet].concat();
    let twice = [&SSL_REQUEST[..], &SSL_REQUEST[..]].concat();
    let hello = [&SSL_REQUEST[..], &client_hello(&[])].concat();
    let oversize = [&10_001_u32.to_be_bytes()[..], &[0; 64]].concat();
    let rows: Vec<Row<'_>> = vec![
        // Asked in turns: each once.
        (
            plain,
            vec![&GSS_REQUEST, &SSL_REQUEST, &GSS_REQUEST],
            b"NN",
            "unexpected_type",
        ),
        (
            plain,
            vec![&SSL_REQUEST, &GSS_REQUEST, &SSL_REQUEST],
            b"NN",
            "unexpected_type",
        ),
        (
            tls,
            vec![&GSS_REQUEST, &SSL_REQUEST, &GSS_REQUEST],
            b"NS",
            "tls_handshake",
        ),
        (
            plain,
            vec![&GSS_REQUEST, &GSS_REQUEST],
            b"N",
            "unexpected_type",
        ),
        // In one piece: what follows the request would be taken for what comes inside TLS (CVE-2021-23214).
        (tls, vec![&stuffed], b"", "early_data"),
        (tls, vec![&twice], b"", "early_data"),
        (tls, vec![&hello], b"", "early_data"),
        (plain, vec![&stuffed], b"", "early_data"),
        (plain, vec![&oversize], b"", "length_too_large"),
        (plain, vec![&[0, 0, 0, 3]], b"", "length_too_small"),
        (
            plain,
            vec![&[0, 0, 0, 12, 4, 210, 22, 47, 0, 0, 0, 0]],
            b"",
            "malformed",
        ),
    ];
    for (number, (address, pieces, answers, code)) in rows.iter().enumerate() {
        let mut client = Raw::connect(*address);
        let mut answered = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            client.send(piece);
            if at + 1 < pieces.len() {
                answered.extend(client.exactly(1));
            }
        }
        let said = client.to_end();
        assert_eq!(answered, &answers[..answered.len()], "row {number}, {code}");
        let state = String::from_utf8_lossy(&said).contains("C08P01");
        assert_eq!(
            said.first() == Some(&b'E'),
            state,
            "row {number}, {code}: {said:?}"
        );
    }
    assert!(!database.log().contains("|app|"), "a database was reached");
    let records = lab.finish(exeat);
    let codes: Vec<&str> = rows.iter().map(|(.., code)| *code).collect();
    let told = codes.into_iter().filter(|code| *code != "tls_handshake");
    assert_eq!(records.refusals(), told.collect::<Vec<_>>());
    assert!(
        records.endings("dbproxy").is_empty(),
        "nobody asked for a session"
    );
}

#[test]
fn a_cancel_with_a_key_that_is_nobodys_is_closed_in_silence() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let keys: [&[u8]; 4] = [
        &[0, 0, 0, 1, 0, 0, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4],
        &[0; 36],
        &[0xff; 260],
    ];
    for key in keys {
        let length = u32::try_from(8 + key.len()).unwrap().to_be_bytes();
        let mut client = Raw::connect(exeat.addresses.dbproxy[1]);
        client.send([&length[..], &[4, 210, 22, 46], key].concat());
        assert!(client.to_end().is_empty());
    }
    let wrong = "exeat_dbproxy_cancels_total{outcome=\"cancel_wrong_key\"}";
    assert_eq!(counted(&exeat, wrong), 4);
    // A cancel is counted once, and by its own counter.
    let refused = "exeat_dbproxy_refused_total{code=\"cancel_wrong_key\"}";
    assert_eq!(counted(&exeat, refused), 0);
    assert_eq!(lab.finish(exeat).refusals(), ["cancel_wrong_key"; 4]);
}

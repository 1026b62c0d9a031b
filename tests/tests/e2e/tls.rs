//! What is inside a tunnel: the ClientHello must be there, whole, for the name that was allowed, and
//! nothing reaches the origin before that is known.

use std::io::Write as _;

use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::origin::Origin;
use exeat_tests::raw::{Raw, client_hello, encrypted_client_hello, record, server_name};
use exeat_tests::run::run;
use exeat_tests::wait;
use exeat_tests::wire::tls_client;

use crate::gateway;

/// Opens a tunnel to `api.test`, sends these bytes in it, and gives what comes back.
fn inside(exeat: &Process, token: &str, port: u16, bytes: &[&[u8]]) -> Vec<u8> {
    let mut client = Raw::connect(exeat.gateway());
    client.send(format!(
        "CONNECT api.test:{port} HTTP/1.1\r\nHost: api.test:{port}\r\nProxy-Authorization: Bearer {token}\r\n\r\n"
    ));
    let head = client.head();
    assert_eq!(head.status, 200, "{head:?}");
    for part in bytes {
        client.send(part);
    }
    client.to_end()
}

fn lab() -> (Lab, Origin) {
    let (lab, origin) = gateway::lab();
    lab.set_up(|setup| setup.timeouts.push("client_hello: 3s".to_owned()));
    (lab, origin)
}

/// Each row: what is sent inside, and the reason code that it must be closed for.
#[test]
fn what_is_no_client_hello_for_the_authority_never_reaches_the_origin() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let hello = |name: &[u8]| client_hello(&[server_name(&[name])]);
    let (mut two_names, mut no_name) = (
        client_hello(&[server_name(&[b"api.test", b"evil.test"])]),
        client_hello(&[]),
    );
    let two_extensions = client_hello(&[server_name(&[b"api.test"]), server_name(&[b"api.test"])]);
    let hidden = client_hello(&[server_name(&[b"api.test"]), encrypted_client_hello()]);
    let mut cut = hello(b"api.test");
    cut.truncate(40);
    let rows: &[(&str, Vec<u8>)] = &[
        ("sni_mismatch", hello(b"evil.test")),
        ("sni_mismatch", hello(b"api.test.evil.test")),
        ("sni_mismatch", hello(b"sub.api.test")),
        ("sni_missing", std::mem::take(&mut no_name)),
        ("encrypted_client_hello", hidden),
        ("not_tls", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        (
            "not_tls",
            b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n".to_vec(),
        ),
        ("not_tls", b"EHLO api.test\r\n".to_vec()),
        ("tls_malformed", two_extensions),
        ("tls_malformed", std::mem::take(&mut two_names)),
        ("tls_malformed", hello(b"api\0.test")),
        ("tls_malformed", hello("\u{e4}pi.test".as_bytes())),
        ("tls_malformed", hello(b"")),
        ("tls_malformed", record(22, &[])),
        (
            "tls_malformed",
            [record(22, &[1, 0, 0, 200]), record(21, &[2, 40])].concat(),
        ),
        ("tls_timeout", cut),
        ("tls_timeout", Vec::new()),
    ];
    for (reason, bytes) in rows {
        let answer = inside(&exeat, &token, origin.port(), &[bytes]);
        // A TLS alert or nothing; never a byte of the origin's.
        assert!(answer.is_empty() || answer[0] == 21, "{reason}: {answer:?}");
    }
    assert_eq!(origin.bytes(), 0);
    let records = lab.finish(exeat);
    let expected: Vec<&str> = rows.iter().map(|(reason, _)| *reason).collect();
    assert_eq!(records.denials(), expected);
}

#[test]
fn an_address_as_server_name_is_denied() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    inside(
        &exeat,
        &token,
        origin.port(),
        &[&client_hello(&[server_name(&[b"127.0.0.1"])])],
    );
    assert_eq!(origin.bytes(), 0);
    let records = lab.finish(exeat);
    assert_eq!(records.denials().len(), 1);
    assert!(
        matches!(records.denials()[0], "sni_mismatch" | "tls_malformed"),
        "{:?}",
        records.denials()
    );
}

#[test]
fn a_client_hello_in_single_bytes_and_several_records_is_put_together() {
    let (lab, origin) = lab();
    lab.set_up(|setup| setup.timeouts = vec!["client_hello: 20s".to_owned()]);
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let root = std::fs::read_to_string(lab.ca()).unwrap();
    let mut session = tls_client(&root, "API.test", &[]);
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    // The handshake message over three records, every byte a segment of its own.
    let body = &hello[5..];
    let (first, rest) = body.split_at(3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let bytes = [record(22, first), record(22, second), record(22, third)].concat();
    let mut client = Raw::connect(exeat.gateway());
    let port = origin.port();
    client.send(format!(
        "CONNECT api.test:{port} HTTP/1.1\r\nHost: api.test:{port}\r\nProxy-Authorization: Bearer {token}\r\n\r\n"
    ));
    assert_eq!(client.head().status, 200);
    for byte in bytes {
        client.send([byte]);
    }
    let mut stream = client.into_stream();
    while session.is_handshaking() {
        session.complete_io(&mut stream).unwrap();
    }
    let mut stream = rustls::StreamOwned::new(session, stream);
    stream
        .write_all(b"GET /late HTTP/1.1\r\nHost: api.test\r\n\r\n")
        .unwrap();
    wait::until_true("the request arrives", || {
        origin.seen().iter().any(|seen| seen.target == "/late")
    });
    drop(stream);
    lab.finish(exeat);
}

#[test]
fn bytes_that_come_before_the_answer_are_kept_back_and_then_forwarded_once() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let port = origin.port();
    let root = std::fs::read_to_string(lab.ca()).unwrap();
    let mut session = tls_client(&root, "api.test", &[]);
    let mut hello = Vec::new();
    session.write_tls(&mut hello).unwrap();
    let mut client = Raw::connect(exeat.gateway());
    let head = format!(
        "CONNECT api.test:{port} HTTP/1.1\r\nHost: api.test:{port}\r\nProxy-Authorization: Bearer {token}\r\n\r\n"
    );
    client.send([head.as_bytes(), &hello].concat());
    assert_eq!(client.head().status, 200);
    let mut stream = client.into_stream();
    while session.is_handshaking() {
        session.complete_io(&mut stream).unwrap();
    }
    drop(stream);
    lab.finish(exeat);
}

#[test]
fn early_bytes_of_a_denied_request_go_nowhere() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let port = origin.port();
    let hello = client_hello(&[server_name(&[b"evil.test"])]);
    for authority in [format!("evil.test:{port}"), format!("api.test:{port}")] {
        let head = format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Bearer {token}\r\n\r\n"
        );
        let mut client = Raw::connect(exeat.gateway());
        client.send([head.as_bytes(), &hello].concat());
        client.to_end();
    }
    assert_eq!(origin.bytes(), 0);
    let records = lab.finish(exeat);
    assert_eq!(records.denials(), ["host_not_allowed", "sni_mismatch"]);
}

#[test]
fn another_name_inside_is_closed_with_curl_too() {
    let (lab, origin) = lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let mut curl = lab.curl(&exeat, "fn-a", &token);
    curl.args([
        "-k",
        "--connect-to",
        &format!("evil.test:443:api.test:{}", origin.port()),
    ]);
    curl.arg("https://evil.test/");
    run(&curl).exits(35);
    assert_eq!(origin.seen().len(), 0);
    lab.finish(exeat).denial("sni_mismatch");
}

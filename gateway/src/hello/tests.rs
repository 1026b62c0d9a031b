use std::sync::Arc;

use super::{HelloReader, MAX_HELLO, Progress};
use exeat_policy::TlsFinding;
use proptest::prelude::*;
use rustls::client::EchGreaseConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

fn read(bytes: &[u8]) -> Progress {
    HelloReader::default().read(bytes)
}

fn found(bytes: &[u8]) -> TlsFinding {
    match read(bytes) {
        Progress::Found(finding) => finding,
        Progress::More => panic!("undecided"),
    }
}

fn named(name: &str) -> TlsFinding {
    TlsFinding::ServerName(name.into())
}

/// The flight of a real client.
fn flight(config: ClientConfig, name: &str) -> Vec<u8> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn plain() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

fn vector(bytes: &[u8]) -> Vec<u8> {
    [
        &u16::try_from(bytes.len()).unwrap().to_be_bytes()[..],
        bytes,
    ]
    .concat()
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(data)].concat()
}

fn entry(kind: u8, name: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(name)].concat()
}

fn sni(name: &[u8]) -> Vec<u8> {
    extension(0, &vector(&entry(0, name)))
}

/// A handshake message with this body behind its fixed part.
fn message(extensions: &[u8]) -> Vec<u8> {
    let fixed = [&[3, 3][..], &[7; 32], &[0], &vector(&[0x13, 0x01]), &[1, 0]].concat();
    let body = [&fixed[..], extensions].concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1][..], &length[1..], &body].concat()
}

fn record(payload: &[u8]) -> Vec<u8> {
    [&[22, 3, 1][..], &vector(payload)].concat()
}

fn hello(extensions: &[&[u8]]) -> Vec<u8> {
    record(&message(&vector(&extensions.concat())))
}

#[test]
fn reads_the_hello_of_a_real_client() {
    let bytes = flight(plain(), "api.example.com");
    assert!(
        bytes.len() > 1200,
        "an ML-KEM key share is in it: {}",
        bytes.len()
    );
    assert_eq!(found(&bytes), named("api.example.com"));
    let ip = flight(plain(), "192.0.2.1");
    assert_eq!(found(&ip), TlsFinding::NoServerName);
}

#[test]
fn every_split_gives_the_same_finding() {
    let bytes = flight(plain(), "api.example.com");
    for split in 0..bytes.len() {
        let mut reader = HelloReader::default();
        assert_eq!(reader.read(&bytes[..split]), Progress::More, "{split}");
        assert_eq!(
            reader.read(&bytes),
            Progress::Found(named("api.example.com")),
            "{split}"
        );
    }
    let mut reader = HelloReader::default();
    for end in 0..bytes.len() {
        assert_eq!(reader.read(&bytes[..end]), Progress::More, "{end}");
    }
}

#[test]
fn reassembles_over_records() {
    let whole = flight(plain(), "api.example.com");
    let message = &whole[5..];
    for size in [1, 2, 3, 4, 5, 100, 1000] {
        let split: Vec<u8> = message.chunks(size).flat_map(record).collect();
        assert_eq!(found(&split), named("api.example.com"), "{size}");
    }
}

#[test]
fn what_follows_the_hello_is_not_looked_at() {
    let mut bytes = flight(plain(), "api.example.com");
    bytes.extend_from_slice(&[20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 9, 9]);
    assert_eq!(found(&bytes), named("api.example.com"));
}

#[test]
fn encrypted_client_hello_is_found_grease_included() {
    let hpke = aws_lc_rs::hpke::ALL_SUPPORTED_SUITES[0];
    let (public, _) = hpke.generate_key_pair().unwrap();
    let grease = EchGreaseConfig::new(hpke, public);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_ech(rustls::client::EchMode::Grease(grease))
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let bytes = flight(config, "api.example.com");
    assert_eq!(found(&bytes), TlsFinding::EncryptedClientHello);
    for kind in [0xfe0d, 0xfd00, 0xffce] {
        let bytes = hello(&[&sni(b"api.example.com"), &extension(kind, b"")]);
        assert_eq!(found(&bytes), TlsFinding::EncryptedClientHello, "{kind:x}");
    }
}

#[test]
fn server_names_are_canonical_or_no_names() {
    let long = "a".repeat(250);
    let table: &[(&[u8], TlsFinding)] = &[
        (b"API.Example.COM", named("api.example.com")),
        (b"api.example.com.", named("api.example.com.")),
        (b"xn--bcher-kva.example", named("xn--bcher-kva.example")),
        (b"", TlsFinding::Malformed),
        (b".", TlsFinding::Malformed),
        (b"api..example.com", TlsFinding::Malformed),
        (b"api.example.com\0", TlsFinding::Malformed),
        (b"api.example.com\0.evil.test", TlsFinding::Malformed),
        ("bücher.example".as_bytes(), TlsFinding::Malformed),
        (b"\xff\xfe", TlsFinding::Malformed),
        (b"127.0.0.1", TlsFinding::Malformed),
        (b"::1", TlsFinding::Malformed),
        (b"[::1]", TlsFinding::Malformed),
        (b"0x7f.1", TlsFinding::Malformed),
        (b"api.example.com:443", TlsFinding::Malformed),
        (b"*.example.com", TlsFinding::Malformed),
        (b"api.example.com ", TlsFinding::Malformed),
        (long.as_bytes(), TlsFinding::Malformed),
    ];
    for (name, finding) in table {
        assert_eq!(&found(&hello(&[&sni(name)])), finding, "{name:?}");
    }
}

#[test]
fn a_hello_says_one_thing_once() {
    let name = sni(b"api.example.com");
    let two = [entry(0, b"api.example.com"), entry(0, b"evil.test")].concat();
    let inner = vector(&entry(0, b"api.example.com"));
    let table: &[(&str, Vec<u8>)] = &[
        ("two extensions", hello(&[&name, &name])),
        (
            "two different extensions",
            hello(&[&name, &sni(b"evil.test")]),
        ),
        (
            "another extension twice",
            hello(&[&name, &extension(16, b""), &extension(16, b"")]),
        ),
        ("two names", hello(&[&extension(0, &vector(&two))])),
        ("an empty list", hello(&[&extension(0, &vector(b""))])),
        ("an empty extension", hello(&[&extension(0, b"")])),
        (
            "another type of name",
            hello(&[&extension(0, &vector(&entry(1, b"api.example.com")))]),
        ),
        (
            "bytes behind the list",
            hello(&[&extension(0, &[&inner[..], b"x"].concat())]),
        ),
        (
            "a length too long",
            hello(&[&extension(0, &[0xff, 0xff, 0, 0, 1, b'a'])]),
        ),
        (
            "bytes behind the extensions",
            record(&message(&[vector(&name), vec![0]].concat())),
        ),
        ("extensions cut short", record(&message(&[0, 9, 0, 0]))),
    ];
    for (what, bytes) in table {
        assert_eq!(found(bytes), TlsFinding::Malformed, "{what}");
    }
    assert_eq!(found(&hello(&[])), TlsFinding::NoServerName);
    assert_eq!(found(&record(&message(b""))), TlsFinding::NoServerName);
}

#[test]
fn records_are_well_formed_from_the_first() {
    let good = hello(&[&sni(b"api.example.com")]);
    let payload = &good[5..];
    let table: &[(&str, Vec<u8>, TlsFinding)] = &[
        (
            "zero length first",
            [&record(b"")[..], &good].concat(),
            TlsFinding::Malformed,
        ),
        (
            "zero length between",
            [
                &record(&payload[..9])[..],
                &record(b""),
                &record(&payload[9..]),
            ]
            .concat(),
            TlsFinding::Malformed,
        ),
        (
            "alert first",
            vec![21, 3, 1, 0, 2, 1, 0],
            TlsFinding::Malformed,
        ),
        (
            "change cipher spec first",
            vec![20, 3, 3, 0, 1, 1],
            TlsFinding::Malformed,
        ),
        (
            "application data first",
            vec![23, 3, 3, 0, 1, 1],
            TlsFinding::Malformed,
        ),
        (
            "alert between",
            [
                &record(&payload[..9])[..],
                &[21, 3, 1, 0, 2, 1, 0],
                &record(&payload[9..]),
            ]
            .concat(),
            TlsFinding::Malformed,
        ),
        (
            "a record too long",
            vec![22, 3, 1, 0x40, 1],
            TlsFinding::Malformed,
        ),
        (
            "another handshake message",
            record(&[2, 0, 0, 1, 0]),
            TlsFinding::Malformed,
        ),
        (
            "two messages in a record",
            record(&[payload, &[1, 0, 0, 0]].concat()),
            TlsFinding::Malformed,
        ),
        (
            "a record that goes on",
            [
                &[22, 3, 1][..],
                &vector(&[payload, b"xyz"].concat())[..payload.len() + 3],
            ]
            .concat(),
            TlsFinding::Malformed,
        ),
        ("ssl 2", vec![0x80, 0x2e, 1, 3, 1], TlsFinding::Malformed),
        (
            "ssh",
            b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
            TlsFinding::NotTls,
        ),
        ("http", b"GET / HTTP/1.1\r\n".to_vec(), TlsFinding::NotTls),
        ("smtp", b"EHLO a.test\r\n".to_vec(), TlsFinding::NotTls),
        ("dtls", vec![22, 0xfe, 0xfd, 0, 0], TlsFinding::NotTls),
        ("high bit", vec![0x80, 0x2e, 2], TlsFinding::NotTls),
        (
            "postgres",
            vec![0, 0, 0, 8, 4, 210, 22, 47],
            TlsFinding::NotTls,
        ),
    ];
    for (what, bytes, finding) in table {
        assert_eq!(&found(bytes), finding, "{what}");
    }
}

#[test]
fn size_is_capped_before_it_is_awaited() {
    let length = u32::try_from(MAX_HELLO).unwrap().to_be_bytes();
    assert_eq!(
        found(&record(&[1, length[1], length[2], length[3]])),
        TlsFinding::Malformed
    );
    let padding = vec![0; 60_000];
    let large = message(&vector(
        &[sni(b"api.example.com"), extension(21, &padding)].concat(),
    ));
    let bytes: Vec<u8> = large.chunks(16_000).flat_map(record).collect();
    assert_eq!(found(&bytes), named("api.example.com"));
}

#[test]
fn other_fields_are_checked() {
    let good = message(&vector(&sni(b"api.example.com")));
    assert_eq!(found(&record(&good)), named("api.example.com"));
    // Version, session id length, cipher suites length, compression length.
    for (at, value) in [(4, 2), (38, 33), (40, 1), (40, 0), (43, 0)] {
        let mut bytes = good.clone();
        bytes[at] = value;
        assert_eq!(
            found(&record(&bytes)),
            TlsFinding::Malformed,
            "{at} {value}"
        );
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read(&[&[22, 3, 1, 1, 0][..], &bytes].concat());
        let _ = read(&record(&message(&bytes)));
    }

    #[test]
    fn a_damaged_hello_reads_the_same_whole_and_split(at in 0usize..200, value: u8, split in 0usize..200) {
        let mut bytes = hello(&[&extension(10, b"\0\x02\0\x1d"), &sni(b"api.example.com"), &extension(16, b"\0\x03\x02h2")]);
        let at = at % bytes.len();
        bytes[at] = value;
        let whole = read(&bytes);
        let mut reader = HelloReader::default();
        let first = reader.read(&bytes[..split.min(bytes.len())]);
        let split = if first == Progress::More { reader.read(&bytes) } else { first };
        prop_assert_eq!(whole, split);
    }
}

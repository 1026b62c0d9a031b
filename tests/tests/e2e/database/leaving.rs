//! The last words of a client: what it sent before it left is finished, answered and on record.

use exeat_tests::exeat::Process;
use exeat_tests::raw::Raw;
use exeat_tests::wire::{bind, execute, frame, parse, query, startup, sync};

use super::lab;

/// A session that is ready.
fn ready(exeat: &Process) -> Raw {
    let mut client = Raw::connect(exeat.addresses.dbproxy[1]);
    client.send(startup(196_608, &[("user", "app"), ("database", "shop")]));
    let mut answer = Vec::new();
    while !answer.ends_with(b"Z\0\0\0\x05I") {
        let next = client.exactly(1);
        assert!(!next.is_empty(), "no session: {answer:?}");
        answer.extend(next);
    }
    client
}

/// The kinds of the messages in these bytes.
fn kinds(bytes: &[u8]) -> String {
    let (mut kinds, mut rest) = (String::new(), bytes);
    while let [kind, a, b, c, d, ..] = rest {
        kinds.push(char::from(*kind));
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        rest = &rest[(1 + length).min(rest.len())..];
    }
    kinds
}

fn batch(sql: &str) -> Vec<u8> {
    [parse("", sql), bind("", ""), execute(""), sync()].concat()
}

const WRITE: &str = "INSERT INTO payments (amount) VALUES (7)";
const SLOW: &str = "SELECT pg_sleep(0.3)";

#[test]
fn what_came_before_the_end_is_answered() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (query("SELECT id FROM orders"), "TDDCZ"),
        (query(SLOW), "TDCZ"),
        (query(WRITE), "CZ"),
        (query("SELECT ssn FROM orders"), "EZ"),
        (batch("SELECT id FROM orders"), "12DDCZ"),
        (batch(WRITE), "12CZ"),
        (
            [query(SLOW), query(WRITE), batch(SLOW)].concat(),
            "TDCZCZ12DCZ",
        ),
        (
            [
                query("COPY payments (amount) FROM STDIN"),
                frame('d', b"7\n"),
                frame('c', b""),
            ]
            .concat(),
            "GCZ",
        ),
        // What is left of a message that never becomes whole is nothing.
        (
            [query(SLOW), vec![b'Q', 0, 0, 0, 99, b'S']].concat(),
            "TDCZ",
        ),
    ];
    let terminate = frame('X', b"");
    for (sent, expected) in &rows {
        let mut client = ready(&exeat);
        client.send([&sent[..], &terminate].concat());
        // Not where Terminate would be a part of the message.
        if !sent.ends_with(&[99, b'S']) {
            let answer = client.to_end();
            assert_eq!(&kinds(&answer), expected, "Terminate: {answer:?}");
        }
        let mut client = ready(&exeat);
        client.send(sent).finish();
        let answer = client.to_end();
        assert_eq!(&kinds(&answer), expected, "half closed: {answer:?}");
    }
    let count = database.admin("SELECT count(*) FROM payments");
    assert_eq!(count.ok(), "8");
    let records = lab.finish(exeat);
    let unfinished = records
        .completions()
        .into_iter()
        .filter(|done| {
            done.pointer("/outcome")
                .and_then(|outcome| outcome.as_str())
                == Some("unknown")
        })
        .count();
    assert_eq!(unfinished, 0);
}

#[test]
fn a_batch_or_a_copy_that_never_ends_ends_with_its_client() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let open = [parse("", WRITE), bind("", ""), execute("")].concat();
    let copy = [
        query("COPY payments (amount) FROM STDIN"),
        frame('d', b"7\n"),
    ]
    .concat();
    for sent in [open, copy] {
        let mut client = ready(&exeat);
        client.send(sent).finish();
        assert!(!kinds(&client.to_end()).contains('Z'));
    }
    let count = database.admin("SELECT count(*) FROM payments");
    assert_eq!(count.ok(), "0");
    lab.finish(exeat);
}

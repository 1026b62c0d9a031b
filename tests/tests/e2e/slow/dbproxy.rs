//! The database proxy's port.

use std::time::Instant;

use exeat_tests::raw::{Raw, client_hello};
use exeat_tests::run::run_with;
use exeat_tests::wait;
use exeat_tests::wire::startup;

use super::{are_left, lab, refused};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

#[test]
fn a_database_client_that_stops_anywhere_is_left_at_the_deadline() {
    let (lab, database) = lab(None);
    let exeat = lab.start();
    let (tls, plain) = (exeat.dbproxy(), exeat.addresses.dbproxy[1]);
    let hello = client_hello(&[]);
    let packet = startup(196_608, &[("user", "app"), ("database", "shop")]);
    let alice = startup(196_608, &[("user", "alice"), ("database", "shop")]);
    let since = Instant::now();
    // What a client sends in one piece before it falls silent, what it reads meanwhile, and whether it
    // has asked for a session by then, which is on record.
    let steps: Vec<(&str, bool, Vec<u8>, bool)> = vec![
        ("nothing", false, Vec::new(), false),
        ("half a length", false, vec![0, 0], false),
        ("half a startup", false, packet[..20].to_vec(), false),
        (
            "half a password",
            false,
            [packet.clone(), vec![b'p', 0, 0, 0, 99, b'x']].concat(),
            true,
        ),
        ("no password", false, packet, true),
        ("no answer to SASL", false, alice, true),
        ("no TLS behind GSSENC", true, GSS_REQUEST.to_vec(), false),
        (
            "no TLS behind SSLRequest",
            true,
            SSL_REQUEST.to_vec(),
            false,
        ),
        ("half a direct hello", true, hello[..30].to_vec(), false),
        ("half a record's head", true, hello[..3].to_vec(), false),
        (
            "half a cancel",
            false,
            vec![0, 0, 0, 16, 4, 210, 22, 46, 1],
            false,
        ),
    ];
    let mut clients: Vec<(&str, Raw)> = Vec::new();
    for (what, over_tls, bytes, _) in &steps {
        let mut client = Raw::connect(if *over_tls { tls } else { plain });
        client.send(bytes);
        clients.push((what, client));
    }
    let mut stalled = Raw::connect(tls);
    stalled.send(SSL_REQUEST);
    assert_eq!(stalled.exactly(1), b"S");
    clients.push(("half a hello", stalled));
    clients.last_mut().unwrap().1.send(&hello[..30]);
    for (number, said) in are_left(clients, since).into_iter().enumerate() {
        // A question at most, never an answer.
        assert!(
            matches!(said.first(), None | Some(b'R' | b'S' | b'N')),
            "{number}: {said:?}"
        );
    }
    wait::until("each is counted", || {
        let all = u64::try_from(steps.len()).unwrap() + 1;
        (refused(&exeat, "dbproxy", "handshake_timeout") == all).then_some(())
    });
    let ready = "user=alice password='correct horse'";
    assert_eq!(run_with(&lab.psql(&exeat, ready), "SELECT 1").ok(), "1");
    assert_eq!(database.log().matches("SELECT 1").count(), 1);
    let records = lab.finish(exeat);
    let asked = steps.iter().filter(|(_, _, _, asked)| *asked).count();
    let endings = records.endings("dbproxy");
    let left = endings
        .iter()
        .filter(|end| **end == ("timed_out", "handshake_timeout"));
    assert_eq!(left.count(), asked, "{endings:?}");
    assert_eq!(endings.len(), asked + 1);
}

//! The gateway's port.

use std::time::Instant;

use exeat_tests::raw::{Raw, client_hello};
use exeat_tests::wait;

use super::{are_left, lab, refused};

/// What a client does, whether to the TLS port, what it sends, the status that it is told, and how its
/// session ends.
type Step = (
    &'static str,
    bool,
    Vec<u8>,
    &'static str,
    (&'static str, &'static str),
);

#[test]
fn a_gateway_client_that_stops_anywhere_is_left_at_the_deadline() {
    let (lab, _database) = lab(None);
    let exeat = lab.start();
    let (plain, tls) = (exeat.gateway(), exeat.addresses.gateway[1]);
    let hello = client_hello(&[]);
    let denied = "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n";
    let since = Instant::now();
    let steps: Vec<Step> = vec![
        (
            "nothing",
            false,
            Vec::new(),
            "",
            ("timed_out", "handshake_timeout"),
        ),
        (
            "half a line",
            false,
            b"CONN".to_vec(),
            "408",
            ("completed", ""),
        ),
        (
            "half a head",
            false,
            denied.as_bytes()[..40].to_vec(),
            "408",
            ("completed", ""),
        ),
        // Whoever has not shown who they are may not stay for as long as others.
        (
            "nothing after a 407",
            false,
            denied.into(),
            "407",
            ("timed_out", "handshake_timeout"),
        ),
        (
            "no hello",
            true,
            Vec::new(),
            "",
            ("timed_out", "tls_timeout"),
        ),
        (
            "half a hello",
            true,
            hello[..30].to_vec(),
            "",
            ("timed_out", "tls_timeout"),
        ),
        (
            "no TLS",
            true,
            denied.into(),
            "",
            ("failed", "tls_handshake"),
        ),
    ];
    let mut clients: Vec<(&str, Raw)> = Vec::new();
    for (what, over_tls, bytes, _, _) in &steps {
        let mut client = Raw::connect(if *over_tls { tls } else { plain });
        client.send(bytes);
        clients.push((what, client));
    }
    for (said, (what, _, _, status, _)) in are_left(clients, since).iter().zip(&steps) {
        let said = String::from_utf8_lossy(said);
        let told = said.strip_prefix("HTTP/1.1 ").unwrap_or_default();
        assert!(
            told.starts_with(status) && (told.is_empty() == status.is_empty()),
            "{what}: {said}"
        );
    }
    for (code, count) in [
        ("handshake_timeout", 2),
        ("request_timeout", 2),
        ("tls_timeout", 2),
        ("tls_handshake", 1),
    ] {
        wait::until(code, || {
            (refused(&exeat, "gateway", code) == count).then_some(())
        });
    }
    let records = lab.finish(exeat);
    let mut endings = records.endings("gateway");
    let mut expected: Vec<_> = steps.iter().map(|(_, _, _, _, end)| *end).collect();
    endings.sort_unstable();
    expected.sort_unstable();
    assert_eq!(endings, expected);
    assert_eq!(records.refusals(), ["request_timeout"; 2]);
}

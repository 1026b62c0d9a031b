//! What a server says before the client is in, without a password in play.

use exeat_tests::impostor::{
    Impostor, Peer, Script, authentication, error, parameter, ready_to_begin, row,
};
use exeat_tests::wire::frame;

use super::{Row, lab, nobody_logs_in, says, serves};

/// NegotiateProtocolVersion.
fn negotiation() -> Vec<u8> {
    frame('v', &[0, 3, 0, 0, 0, 0, 0, 0])
}

/// A login up to and without its last message, and then this.
fn almost(then: Vec<u8>) -> Box<Script> {
    let whole = [authentication(0, b""), ready_to_begin()].concat();
    says([&whole[..whole.len() - 6], &then].concat())
}

fn honest(peer: &mut Peer) -> Option<()> {
    let startup = peer.welcome()?;
    serves(peer, &startup)
}

#[test]
fn a_login_that_breaks_the_protocol_ends_in_a_clear_error() {
    let pinned = [
        parameter("client_encoding", "UTF8"),
        parameter("standard_conforming_strings", "on"),
    ];
    let keyless = [authentication(0, b""), pinned.concat(), frame('Z', b"I")].concat();
    let endless = [authentication(0, b""), parameter("a", "b").repeat(10_000)].concat();
    let changed = [parameter("client_encoding", "SJIS"), frame('Z', b"I")].concat();
    let violations = vec![
        // Lengths: below themselves, negative, over any cap.
        says(vec![b'R', 0, 0, 0, 3]),
        says(vec![b'R', 0xff, 0xff, 0xff, 0xff]),
        says(vec![b'R', 0x80, 0, 0, 0]),
        says(vec![b'R', 0x3f, 0xff, 0xff, 0xff]),
        says(vec![b'R', 0, 0x20, 0, 0]),
        says(authentication(5, b"no")),
        says(frame('R', b"\0")),
        says(frame('?', b"")),
        // Nobody asked for anything but 3.0.
        says(negotiation()),
        says(frame('Z', b"I")),
        says(row("1")),
        almost(negotiation()),
        almost(row("1")),
        almost(authentication(3, b"")),
        almost(frame('Z', b"T")),
        almost(frame('Z', b"II")),
        almost(frame('S', b"no end")),
        almost(frame('K', b"\0\0\0\x01")),
        // Nothing to cancel by; settings without an end.
        says(keyless),
        says(endless),
    ];
    let violations = violations.into_iter();
    let mut rows: Vec<Row> = violations
        .map(|script| ("08006", "upstream_violation", script))
        .collect();
    rows.extend::<[Row; 9]>([
        ("08006", "upstream_io", Box::new(|_| None)),
        (
            "08006",
            "upstream_io",
            Box::new(|peer| peer.packet().map(drop)),
        ),
        (
            "08006",
            "upstream_io",
            Box::new(|peer| {
                peer.packet()?;
                peer.send(&authentication(0, b"")[..7]);
                None
            }),
        ),
        // Statements would mean something else; what was said last counts.
        ("08006", "upstream_not_pinned", almost(changed)),
        ("08004", "upstream_refused", says(error("FATAL", "28P01"))),
        ("53300", "upstream_refused", says(error("FATAL", "53300"))),
        ("57P03", "upstream_refused", says(error("FATAL", "57P03"))),
        ("08004", "upstream_refused", almost(error("FATAL", "42501"))),
        ("08004", "upstream_refused", says(frame('E', b""))),
    ]);
    let server = Impostor::start();
    let lab = lab(&server, "", None);
    let silent: &[&[u8]] = &[b"", &[b'R', 0, 0, 0], &[b'R', 0, 0, 0, 9, 0]];
    nobody_logs_in(&lab, &server, rows, silent, Box::new(honest));
}

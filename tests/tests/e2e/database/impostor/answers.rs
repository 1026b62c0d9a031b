//! What a server says after the login, out of turn, of an unknown type, or of an impossible length.

use exeat_tests::exeat::Process;
use exeat_tests::impostor::{Impostor, authentication, description, error, parameter, row};
use exeat_tests::lab::admin;
use exeat_tests::wire::{
    Message, bind, describe_portal, execute, frame, kinds, parse, query, sqlstate, sync,
};

use super::{lab, start};

/// The SQLSTATE of the last error that the client gets, the error on record, and what the server does.
type Row = (&'static str, &'static str, Move);

/// What the server does once the client has logged in.
enum Move {
    /// Says this without having been asked.
    Unasked(Vec<u8>),
    /// Says this where `SELECT 1` should be answered, and goes on to listen.
    Instead(Vec<u8>),
    /// The same, and closes.
    Leaves(Vec<u8>),
}

use Move::{Instead, Leaves, Unasked};

/// A login, the client's question, the server's move, and what the client hears to the end.
#[track_caller]
fn converse(server: &Impostor, exeat: &Process, question: &[u8], does: Move) -> Vec<Message> {
    server.set(move |peer| {
        let startup = peer.welcome()?;
        if peer.catalog(&startup) {
            return None;
        }
        let (Unasked(bytes) | Instead(bytes) | Leaves(bytes)) = &does;
        if !matches!(does, Unasked(_)) {
            peer.message()?;
        }
        peer.send(bytes);
        if !matches!(does, Leaves(_)) {
            peer.stall();
        }
        None
    });
    let (mut wire, login) = start(exeat);
    assert_eq!(sqlstate(&login), None, "{login:?}");
    wire.send(question).to_end()
}

#[test]
fn an_answer_that_nobody_asked_for_ends_the_session() {
    const TRUST: &str = "08P01";
    const TYPE: &str = "server_violation";
    const TURN: &str = "desynchronised";
    let ready = || frame('Z', b"I");
    let done = || frame('C', b"SELECT 1\0");
    let rows: Vec<Row> = vec![
        (TRUST, TURN, Unasked(row("1"))),
        (TRUST, TURN, Unasked(ready())),
        (TRUST, TURN, Unasked(description())),
        (TRUST, TURN, Unasked(done())),
        (TRUST, TURN, Unasked(frame('I', b""))),
        (TRUST, TURN, Unasked(frame('1', b""))),
        (TRUST, TURN, Unasked(frame('G', b"\0\0\0"))),
        (TRUST, TURN, Unasked(frame('H', b"\0\0\0"))),
        (TRUST, TURN, Unasked(error("ERROR", "42501"))),
        // Asks the client for its password.
        (TRUST, TYPE, Unasked(authentication(3, b""))),
        (TRUST, TYPE, Unasked(authentication(0, b""))),
        (TRUST, TYPE, Unasked(frame('K', &[0, 0, 0, 7, 1, 2, 3, 4]))),
        (TRUST, TYPE, Unasked(frame('v', &[0, 3, 0, 0, 0, 0, 0, 0]))),
        (TRUST, TYPE, Unasked(frame('W', b"\0\0\0"))),
        (TRUST, TYPE, Unasked(frame('V', b"\0\0\0\0"))),
        (TRUST, TYPE, Unasked(frame('?', b""))),
        (TRUST, TYPE, Unasked(vec![b'D', 0, 0, 0, 3])),
        (TRUST, TYPE, Unasked(vec![b'D', 0xff, 0xff, 0xff, 0xff])),
        (TRUST, TYPE, Unasked(vec![b'S', 0, 0x20, 0, 0])),
        (TRUST, TYPE, Unasked(frame('S', b"no end"))),
        (
            "57P01",
            "pinned_setting_changed",
            Unasked(parameter("client_encoding", "SJIS")),
        ),
        (
            "57P01",
            "pinned_setting_changed",
            Unasked(parameter("standard_conforming_strings", "off")),
        ),
        (
            "57P01",
            "pinned_setting_changed",
            Unasked(parameter("search_path", "evil")),
        ),
        (
            "57P01",
            "pinned_setting_changed",
            Unasked(parameter("is_superuser", "on")),
        ),
        // Its own last words arrive as they are, and are the last, whether it leaves or not.
        ("57P01", "server_closed", Unasked(error("FATAL", "57P01"))),
        (
            "57P02",
            "server_closed",
            Instead([error("FATAL", "57P02"), row("1")].concat()),
        ),
        // More or less than one statement has.
        (
            TRUST,
            TURN,
            Instead([description(), row("1"), done(), done()].concat()),
        ),
        (
            TRUST,
            TURN,
            Instead([description(), row("1"), ready()].concat()),
        ),
        (TRUST, TURN, Instead(ready())),
        (TRUST, TURN, Instead(frame('I', b""))),
        (TRUST, TURN, Instead(frame('s', b""))),
        (TRUST, TURN, Instead(frame('2', b""))),
        (TRUST, TURN, Instead(frame('n', b""))),
        (TRUST, TURN, Instead(frame('G', b"\0\0\0"))),
        (
            TRUST,
            TURN,
            Instead([description(), row("1"), done(), ready(), ready()].concat()),
        ),
        (
            TRUST,
            TURN,
            Instead([error("ERROR", "22012"), done(), ready()].concat()),
        ),
        (
            TRUST,
            TYPE,
            Instead([description(), frame('Z', b"?")].concat()),
        ),
        (
            TRUST,
            TYPE,
            Instead([description(), vec![b'D', 0x40, 0, 0, 0]].concat()),
        ),
        (
            TRUST,
            TYPE,
            Instead([description(), done(), vec![b'Z', 0x3f, 0xff, 0xff, 0xff]].concat()),
        ),
        // Gone before, between and within the messages of an answer.
        ("08006", "server_closed", Leaves(Vec::new())),
        (
            "08006",
            "server_closed",
            Leaves([description(), row("1")].concat()),
        ),
        (
            "08006",
            "server_closed",
            Leaves([description(), row("1"), b"D\0\0".to_vec()].concat()),
        ),
        (
            "",
            "server_closed",
            Leaves([description(), row("within a row")[..9].to_vec()].concat()),
        ),
    ];
    let server = Impostor::start();
    let lab = lab(&server, "", None);
    let exeat = lab.start();
    let mut expected = Vec::new();
    for (number, (state, kind, does)) in rows.into_iter().enumerate() {
        let asked = !matches!(does, Unasked(_));
        let question = if asked { query("SELECT 1") } else { Vec::new() };
        let answer = converse(&server, &exeat, &question, does);
        let last = answer.last().filter(|last| last.kind == 'E');
        let said = |field| last.and_then(|last| last.field(field)).unwrap_or_default();
        assert_eq!(said('C'), state, "row {number}, {kind}: {}", kinds(&answer));
        let severity = if state.is_empty() { "" } else { "FATAL" };
        assert_eq!(said('V'), severity, "row {number}, {kind}");
        expected.push(("failed", kind, asked));
    }
    assert_eq!(admin(&exeat, "/healthz").ok(), "ok");
    let records = lab.finish(exeat);
    let endings: Vec<_> = expected
        .iter()
        .map(|(outcome, kind, _)| (*outcome, *kind))
        .collect();
    assert_eq!(records.endings("dbproxy"), endings);
    // Each statement has its completion: unknown, but for three that the server said were done and one
    // that it said had failed before it broke off.
    let statements = expected.iter().filter(|(_, _, asked)| *asked).count();
    assert_eq!(records.statements("allow").len(), statements);
    let done = records.completions();
    let count = |outcome: &str| {
        done.iter()
            .filter(|done| done["outcome"] == outcome)
            .count()
    };
    assert_eq!((count("completed"), count("failed")), (3, 1));
    assert_eq!(count("unknown"), statements - 4);
}

#[test]
fn an_answer_out_of_a_pipelines_order_ends_the_session() {
    let pipeline = [
        parse("", "SELECT 1"),
        bind("", ""),
        describe_portal(""),
        execute(""),
        sync(),
    ]
    .concat();
    let part = |kind: char| match kind {
        'T' => description(),
        'D' => row("1"),
        'C' => frame('C', b"SELECT 1\0"),
        'E' => error("ERROR", "22012"),
        'Z' => frame('Z', b"I"),
        'G' => frame('G', b"\0\0\0"),
        't' => frame('t', b"\0\0"),
        other => frame(other, b""),
    };
    // The honest answer is 12TDCZ.
    let orders = [
        "2", "3", "D", "T", "C", "Z", "t", "11", "1D", "1Z", "1T", "12D", "12C", "12Z", "12t",
        "121", "12TZ", "12TDZ", "12TG", "12TI", "12TDT", "12TDC2", "12TDCC", "12TDCD", "12TDCZZ",
        "12TEC", "12TED", "EC", "E1", "EZZ", "1EZ1",
    ];
    let server = Impostor::start();
    let lab = lab(&server, "", None);
    let exeat = lab.start();
    for order in orders {
        let bytes: Vec<u8> = order.chars().flat_map(part).collect();
        let answer = converse(&server, &exeat, &pipeline, Instead(bytes));
        let last = answer.last().and_then(|last| last.field('C'));
        assert_eq!(
            last.as_deref(),
            Some("08P01"),
            "{order}: {}",
            kinds(&answer)
        );
    }
    let records = lab.finish(exeat);
    assert_eq!(
        records.endings("dbproxy"),
        vec![("failed", "desynchronised"); orders.len()]
    );
    let decided = records.statements("allow").len();
    assert!(decided > orders.len() / 2, "{decided}");
    assert_eq!(
        records.completions().len(),
        decided,
        "a statement has no completion"
    );
}

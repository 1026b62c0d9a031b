//! What flows: COPY, large rows, notifications, and messages that are none.

use exeat_tests::run::run_with;
use exeat_tests::wire::{frame, kinds, sqlstate, startup};

use super::{lab, session};

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

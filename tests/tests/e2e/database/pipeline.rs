//! Messages in orders that drivers rarely send and PostgreSQL takes: the answers are its own, in its
//! order, and each statement is judged.

use exeat_tests::exeat::Process;
use exeat_tests::wire::{
    bind, describe_portal, execute, frame, kinds, parse, query, sqlstate, sync,
};

use super::{POLICY, lab, session};

const READ: &str = "SELECT id FROM orders WHERE id = 1";

#[test]
fn a_copy_and_a_select_in_one_message_run_one_after_the_other() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let both = "COPY payments (amount, note) FROM STDIN; SELECT id FROM orders";
    session.send(query(both));
    assert_eq!(session.message().unwrap().kind, 'G');
    session.send([frame('d', b"1\ta\n2\tb\n"), frame('c', b"")].concat());
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), "CTDDCZ", "{answer:?}");
    // What is denied behind the COPY stops it before its first row is asked for.
    let answer = session.query("COPY payments (amount) FROM STDIN; SELECT ssn FROM orders");
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"));
    assert_eq!(kinds(&session.query(READ)), "TDCZ");
    let count = database.admin("SELECT count(*) FROM payments");
    assert_eq!(count.ok(), "2");
    let records = lab.finish(exeat);
    assert_eq!(records.statements("allow").len(), 3);
    assert_eq!(records.denials(), ["column_not_allowed"]);
}

#[test]
fn what_a_statement_means_stays_what_it_meant_when_it_was_parsed() {
    let (lab, database) = lab();
    database
        .admin("CREATE SCHEMA evil; CREATE TABLE evil.orders (id int); GRANT USAGE ON SCHEMA evil TO app; GRANT ALL ON evil.orders TO app")
        .exits(0);
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.send([parse("s", READ), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "1Z");
    for set in [
        "SET search_path TO evil",
        "SET LOCAL search_path = evil, public",
        "SELECT set_config('search_path', 'evil', false)",
    ] {
        let answer = session.query(set);
        let state = sqlstate(&answer);
        assert!(
            matches!(state.as_deref(), Some("42501" | "42601")),
            "{set}: {answer:?}"
        );
        session.send([bind("", "s"), execute(""), sync()].concat());
        assert_eq!(kinds(&session.until_ready()), "2DCZ", "after {set}");
    }
    lab.finish(exeat);
}

#[test]
fn a_query_may_come_inside_of_a_pipeline_that_has_no_sync() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let batch = [parse("", READ), bind("", ""), execute("")].concat();
    session.send([&batch[..], &query("SELECT id FROM orders")].concat());
    assert_eq!(kinds(&session.until_ready()), "12DCTDDCZ");
    // Denied: what came before it in the pipeline is answered first.
    session.send([&batch[..], &query("SELECT ssn FROM orders")].concat());
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), "12DCEZ", "{answer:?}");
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"));
    session.send([&batch[..], &sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "12DCZ");
    lab.finish(exeat);
}

/// The resident memory of the process, in KiB.
fn resident(exeat: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", exeat.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn thousands_of_messages_without_a_sync_are_answered_in_order_and_cost_little() {
    const COUNT: usize = 2000;
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    assert_eq!(kinds(&session.query(READ)), "TDCZ");
    let before = resident(&exeat);
    let mut batch = Vec::new();
    for number in 0..COUNT {
        batch.extend(parse("", &format!("SELECT {number}")));
        batch.extend(bind("", ""));
        batch.extend(execute(""));
    }
    batch.extend(sync());
    session.send(&batch);
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), format!("{}Z", "12DC".repeat(COUNT)));
    let rows = answer.iter().filter(|message| message.kind == 'D');
    let numbers: Vec<_> = rows
        .map(|row| String::from_utf8_lossy(&row.body[6..]).into_owned())
        .collect();
    let expected: Vec<_> = (0..COUNT).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
    let grown = resident(&exeat).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for {COUNT} statements");
    let records = lab.finish(exeat);
    assert_eq!(records.statements("allow").len(), COUNT + 1);
}

#[test]
fn a_masked_column_is_refused_in_whichever_format_it_is_asked_for() {
    let (lab, _database) = lab();
    let masked = POLICY.replace(
        "        allow:\n          - select: public.orders(id, total)",
        "        mask: { public.orders.ssn: last4 }\n        allow:\n          - select: public.orders(id, total, ssn)",
    );
    lab.set_policy(&masked);
    let exeat = lab.start();
    let mut session = session(&exeat);
    let asks = |sql: &str, format: u8| {
        // Bind with one result format for all columns.
        let binds = frame('B', &[0, 0, 0, 0, 0, 0, 0, 1, 0, format]);
        [
            parse("", sql),
            binds,
            describe_portal(""),
            execute(""),
            sync(),
        ]
        .concat()
    };
    for format in [0, 1] {
        session.send(asks("SELECT id, ssn FROM orders", format));
        let answer = session.until_ready();
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{answer:?}");
        assert!(
            !answer.iter().any(|message| message.kind == 'D'),
            "{answer:?}"
        );
        session.send(asks(READ, format));
        let answer = session.until_ready();
        let row = answer.iter().find(|message| message.kind == 'D').unwrap();
        let value: &[u8] = if format == 1 { &[0, 0, 0, 1] } else { b"1" };
        assert!(row.body.ends_with(value), "{row:?}");
    }
    let records = lab.finish(exeat);
    assert_eq!(records.denials(), ["column_masked"; 2]);
}

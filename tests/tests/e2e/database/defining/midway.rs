//! What comes while a message runs statement by statement: data, cancels, the end of either side. All of it
//! is as in the one message that the client has sent, and so is the record.

use exeat_tests::audit::{Records, text};
use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::wait;
use exeat_tests::wire::{Message, Wire, bind, execute, frame, kinds, parse, query, sqlstate, sync};

use super::{POLICY, RESET, lab, session, told};

/// Sends a message and, for each COPY that asks, the next of these.
fn copied(session: &mut Wire, sql: &str, data: &[&[u8]]) -> Vec<Message> {
    let mut data = data.iter();
    session.send(query(sql));
    let mut messages = Vec::new();
    while let Some(message) = session.message() {
        if message.kind == 'G' {
            session.send(data.next().unwrap());
        }
        let ready = message.kind == 'Z';
        messages.push(message);
        if ready {
            break;
        }
    }
    messages
}

fn data(rows: &[&str], end: Vec<u8>) -> Vec<u8> {
    let rows = rows.iter().map(|row| frame('d', row.as_bytes()));
    rows.chain([end]).collect::<Vec<_>>().concat()
}

/// What came of the statements that ran, in order.
fn outcomes(records: &Records) -> Vec<String> {
    let of = |completion: &&serde_json::Value| text(completion, "/outcome").map(str::to_owned);
    records.completions().iter().filter_map(of).collect()
}

#[test]
fn data_that_is_copied_into_what_the_message_makes_goes_where_it_is_meant() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let good = data(&["1\n", "2\n3\n"], frame('c', b""));
    let more = data(&["4\n"], frame('c', b""));
    let bad = data(&["1\n", "x\n"], frame('c', b""));
    let given_up = data(&["1\n"], frame('f', b"no more\0"));
    let empty = data(&[], frame('c', b""));
    let between = "CREATE TABLE own.m (id int); COPY own.m FROM STDIN; SELECT count(*) FROM own.m";
    let last = "CREATE TABLE own.m (id int); SELECT * FROM own.m; COPY own.m FROM STDIN";
    let twice = "CREATE TABLE own.m (id int); COPY own.m FROM STDIN; COPY own.m (id) FROM STDIN; \
                 SELECT sum(id) FROM own.m";
    let out = "CREATE TABLE own.m (id int); COPY own.m FROM STDIN; COPY own.m TO STDOUT";
    let ended =
        "BEGIN; CREATE TABLE own.m (id int); COPY own.m FROM STDIN; COMMIT; SELECT 1 FROM own.m";
    let mut wrong = Vec::new();
    for (sql, parts) in [
        (between, vec![&good[..]]),
        (between, vec![&bad]),
        (between, vec![&given_up]),
        (between, vec![&empty]),
        (last, vec![&good]),
        (last, vec![&bad]),
        (twice, vec![&good, &more]),
        (twice, vec![&good, &bad]),
        (twice, vec![&good, &given_up]),
        (out, vec![&good]),
        (ended, vec![&good]),
    ] {
        let mut answers = Vec::new();
        for proxied in [false, true] {
            database.admin(RESET);
            let mut one = match proxied {
                false => Wire::past_the_proxy(&database, "postgres"),
                true => session(&exeat),
            };
            let mut all = told(&copied(&mut one, sql, &parts));
            all.extend(told(&one.query("SELECT * FROM own.m")));
            answers.push(all);
        }
        if answers[0] != answers[1] {
            wrong.push(format!("{sql}\n{answers:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lab.finish(exeat);
}

const SLOW: &str = "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); \
    SELECT pg_sleep(60) FROM own.m; SELECT 2 FROM own.m";

const SLEEPS: &str = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' \
    AND pid <> pg_backend_pid() AND usename = 'app'";

fn wait_for_the_slow_one(database: &Database) {
    wait::until_true("the slow statement runs", || {
        database.admin(&format!("SELECT count(*) {SLEEPS}")).ok() == "1"
    });
}

fn keyed(exeat: &Process) -> (Wire, Vec<u8>) {
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    let key = answer.into_iter().find(|message| message.kind == 'K');
    (session, key.unwrap().body)
}

#[test]
fn a_cancel_ends_the_whole_message() {
    let (lab, database) = lab();
    let exeat = lab.start();
    database.admin(RESET);
    for block in [false, true] {
        let (mut session, key) = keyed(&exeat);
        if block {
            assert_eq!(sqlstate(&session.query("BEGIN")), None);
        }
        session.send(query(SLOW));
        wait_for_the_slow_one(&database);
        Wire::connect(exeat.addresses.dbproxy[1])
            .send([&[0, 0, 0, 16, 4, 210, 22, 46], &key[..]].concat())
            .to_end();
        let answer = session.until_ready();
        assert_eq!(kinds(&answer).replace('T', ""), "CCEZ", "{answer:?}");
        assert_eq!(sqlstate(&answer).as_deref(), Some("57014"));
        assert_eq!(answer.last().unwrap().body, if block { b"E" } else { b"I" });
        if block {
            assert_eq!(sqlstate(&session.query("ROLLBACK")), None);
        }
        // Nothing of it stays, and the session goes on.
        let gone = session.query("SELECT * FROM own.m");
        assert_eq!(sqlstate(&gone).as_deref(), Some("42P01"), "{gone:?}");
    }
    let records = lab.finish(exeat);
    let ended = outcomes(&records);
    let cancelled = ended.iter().filter(|outcome| *outcome == "cancelled");
    assert_eq!(cancelled.count(), 2, "{ended:?}");
    let statements = records.statements("allow");
    assert!(
        !statements.contains(&"SELECT 2 FROM own.m"),
        "{statements:?}"
    );
}

#[test]
fn a_server_that_ends_midway_ends_the_session_in_its_own_words() {
    let (lab, database) = lab();
    let exeat = lab.start();
    database.admin(RESET);
    let mut session = session(&exeat);
    session.send(query(SLOW));
    wait_for_the_slow_one(&database);
    database
        .admin(&format!("SELECT pg_terminate_backend(pid) {SLEEPS}"))
        .exits(0);
    let answer = session.to_end();
    assert_eq!(kinds(&answer).replace('T', ""), "CCE", "{answer:?}");
    assert_eq!(sqlstate(&answer).as_deref(), Some("57P01"));
    let there = database.admin("SELECT count(*) FROM pg_class WHERE relname = 'm'");
    assert_eq!(there.stdout.trim(), "0");
    let records = lab.finish(exeat);
    assert_eq!(outcomes(&records), ["completed", "completed", "unknown"]);
}

#[test]
fn rows_are_counted_statement_by_statement() {
    let (lab, database) = lab();
    lab.set_policy(&POLICY.replace(
        "        allow:\n",
        "        limits: { rows: 3 }\n        allow:\n",
    ));
    let exeat = lab.start();
    database.admin(RESET);
    let mut one = session(&exeat);
    let fill = "CREATE TABLE own.m (id int); INSERT INTO own.m SELECT generate_series(1, 5)";
    for (sql, rows) in [
        (format!("{fill}; SELECT id FROM own.m; SELECT 2"), 3),
        (
            format!("{fill}; SELECT id FROM own.m WHERE id < 4; SELECT id FROM own.m"),
            6,
        ),
        (format!("{fill}; COPY own.m TO STDOUT; SELECT 2"), 0),
    ] {
        let answer = one.query(&sql);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("53400"),
            "{sql}: {answer:?}"
        );
        assert_eq!(kinds(&answer).matches('D').count(), rows, "{answer:?}");
        assert_eq!(answer.last().unwrap().body, b"I");
        // It has failed: nothing of it stays.
        let gone = one.query("SELECT * FROM own.m");
        assert_eq!(sqlstate(&gone).as_deref(), Some("42P01"), "{sql}: {gone:?}");
    }
    let records = lab.finish(exeat);
    let ended = outcomes(&records);
    let limited = ended.iter().filter(|outcome| *outcome == "limited");
    assert_eq!(limited.count(), 3, "{ended:?}");
}

#[test]
fn a_message_runs_to_its_end_when_its_client_leaves() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let message = "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); \
                   INSERT INTO own.m SELECT id + 1 FROM own.m";
    for goodbye in [frame('X', b""), Vec::new()] {
        database.admin(RESET);
        let mut session = session(&exeat);
        session.send([query(message), goodbye].concat());
        drop(session);
        wait::until_true("the message has run", || {
            let rows = database.admin("SELECT id FROM own.m ORDER BY id");
            rows.stdout.split_whitespace().collect::<Vec<_>>() == ["1", "2"]
        });
    }
    let records = lab.finish(exeat);
    assert_eq!(outcomes(&records), ["completed"; 6]);
}

#[test]
fn a_pipeline_makes_and_uses_before_its_sync() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let run = |sql: &str| [parse("", sql), bind("", ""), execute("")].concat();
    let make = run("CREATE TABLE own.m (id int)");
    let fill = run("INSERT INTO own.m VALUES (1), (2)");
    let read = run("SELECT id FROM own.m ORDER BY id");
    let temporary = run("CREATE TEMP TABLE orders (id int, total int, ssn text)");
    let own = run("SELECT ssn FROM orders");
    let wrong = run("SELECT 1 / 0");
    let drop_it = run("DROP TABLE own.m");
    let mut differ = Vec::new();
    for parts in [
        vec![&make, &fill, &read],
        vec![&make, &fill, &wrong, &read],
        vec![&make, &read, &drop_it, &read],
        vec![&temporary, &own],
        vec![&make, &make, &read],
    ] {
        let bytes = [
            parts.into_iter().cloned().collect::<Vec<_>>().concat(),
            sync(),
        ]
        .concat();
        let mut answers = Vec::new();
        for proxied in [false, true] {
            database.admin(RESET);
            let mut one = match proxied {
                false => Wire::past_the_proxy(&database, "postgres"),
                true => session(&exeat),
            };
            one.send(&bytes);
            let mut all = told(&one.until_ready());
            all.extend(told(&one.query("SELECT * FROM own.m")));
            answers.push(all);
        }
        if answers[0] != answers[1] {
            differ.push(format!("{answers:#?}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    lab.finish(exeat);
}

#[test]
fn many_rows_go_into_what_the_session_has_made() {
    let (lab, database) = lab();
    let exeat = lab.start();
    database.admin(RESET).exits(0);
    let rows: Vec<String> = (0..20_000)
        .map(|row| format!("({row}, 'name {row}', '{{\"k\": [{row}]}}')"))
        .collect();
    let rows = rows.join(", ");
    let numbers: Vec<String> = (0..20_000).map(|row| row.to_string()).collect();
    let numbers = numbers.join(", ");
    let mut session = session(&exeat);
    let made = format!(
        "CREATE TABLE own.bulk (a int, b text, c jsonb); INSERT INTO own.bulk VALUES {rows}"
    );
    let answer = session.query(&made);
    assert_eq!(
        kinds(&answer),
        "CCZ",
        "{:?}",
        answer.first().and_then(|error| error.field('M'))
    );
    let again = session.query(&format!("INSERT INTO own.bulk VALUES {rows}"));
    assert_eq!(kinds(&again), "CZ");
    let counted = format!("SELECT count(*) FROM own.bulk WHERE a IN ({numbers})");
    for _ in 0..2 {
        assert_eq!(kinds(&session.query(&counted)), "TDCZ");
        session.query("CREATE TEMP TABLE IF NOT EXISTS mine (id int)");
    }
    let batch = [parse("", &counted), bind("", ""), execute(""), sync()];
    session.send(batch.concat());
    assert_eq!(kinds(&session.until_ready()), "12DCZ");
    // An error says where it is in the text that was sent.
    let wrong = format!("SELECT a FROM own.bulk WHERE a IN ({numbers}) AND nope = 1");
    let answer = session.query(&wrong);
    let position = wrong.find("nope").unwrap() + 1;
    let error = answer.iter().find(|message| message.kind == 'E').unwrap();
    let wanted = format!("P{position}\0");
    assert!(
        error
            .body
            .windows(wanted.len())
            .any(|part| part == wanted.as_bytes()),
        "{error:?}"
    );
}

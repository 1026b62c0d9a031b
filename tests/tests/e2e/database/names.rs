//! Names of statements and portals: the protocol's and SQL's are the same ones, and what a name means is
//! what was judged under it.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{
    Message, Wire, bind, cstr, describe_portal, execute, frame, kinds, parse, sqlstate, sync,
};

use super::{POLICY, lab, session};

const READ: &str = "SELECT id FROM orders ORDER BY id";

fn flush() -> Vec<u8> {
    frame('H', &[])
}

/// Sends a batch with its Sync; the kinds of the answers, or the SQLSTATE of the error.
fn batch(session: &mut Wire, parts: &[Vec<u8>]) -> String {
    session.send([parts.concat(), sync()].concat());
    said(&session.until_ready())
}

fn said(answer: &[Message]) -> String {
    sqlstate(answer).unwrap_or_else(|| kinds(answer))
}

fn ask(session: &mut Wire, sql: &str) -> String {
    said(&session.query(sql))
}

#[test]
fn sql_and_protocol_name_the_same_statements_and_portals() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    // A statement of the protocol, used and forgotten by SQL.
    assert_eq!(batch(&mut session, &[parse("s", READ)]), "1Z");
    assert_eq!(ask(&mut session, "EXECUTE s"), "TDDCZ");
    assert_eq!(ask(&mut session, "EXECUTE \"s\""), "TDDCZ");
    assert_eq!(ask(&mut session, "PREPARE s AS SELECT 1"), "42P05");
    let by_protocol = [parse("", "EXECUTE s"), bind("", ""), execute("")];
    assert_eq!(batch(&mut session, &by_protocol), "12DDCZ");
    let deallocate = [parse("", "DEALLOCATE s"), bind("", ""), execute("")];
    assert_eq!(batch(&mut session, &deallocate), "12CZ");
    assert_eq!(batch(&mut session, &[bind("", "s"), execute("")]), "26000");
    // A statement of SQL, used by the protocol.
    assert_eq!(
        ask(&mut session, "PREPARE s AS SELECT id FROM orders"),
        "CZ"
    );
    assert_eq!(batch(&mut session, &[parse("s", READ)]), "42P05");
    let used = [frame('D', &cstr("Ss")), bind("", "s"), execute("")];
    assert_eq!(batch(&mut session, &used), "tT2DDCZ");
    assert_eq!(batch(&mut session, &[frame('C', &cstr("Ss"))]), "3Z");
    assert_eq!(ask(&mut session, "EXECUTE s"), "26000");
    // A portal of the protocol, read and closed by SQL.
    assert_eq!(ask(&mut session, "BEGIN"), "CZ");
    assert_eq!(
        batch(&mut session, &[parse("", READ), bind("p", "")]),
        "12Z"
    );
    assert_eq!(ask(&mut session, "FETCH 1 FROM p"), "TDCZ");
    assert_eq!(batch(&mut session, &[execute("p")]), "DCZ");
    assert_eq!(ask(&mut session, "CLOSE p"), "CZ");
    // A cursor of SQL, read by the protocol.
    assert_eq!(
        ask(&mut session, &format!("DECLARE p CURSOR FOR {READ}")),
        "CZ"
    );
    assert_eq!(
        batch(&mut session, &[describe_portal("p"), execute("p")]),
        "TDDCZ"
    );
    assert_eq!(ask(&mut session, "DISCARD ALL"), "25001");
    assert_eq!(ask(&mut session, "ROLLBACK"), "CZ");
    assert_eq!(batch(&mut session, &[parse("s", READ)]), "1Z");
    assert_eq!(ask(&mut session, "DISCARD ALL"), "CZ");
    assert_eq!(batch(&mut session, &[bind("", "s")]), "26000");
    lab.finish(exeat);
}

#[test]
fn errors_name_what_the_client_named() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.send([parse("mine", "SELECT $1::int"), bind("", "mine"), sync()].concat());
    let answer = session.until_ready();
    let error = answer.iter().find(|message| message.kind == 'E').unwrap();
    assert_eq!(
        error.field('M').unwrap(),
        "bind message supplies 0 parameters, but prepared statement \"mine\" requires 1"
    );
    let answer = session.query("EXECUTE mine");
    let error = answer.iter().find(|message| message.kind == 'E').unwrap();
    assert!(error.field('M').unwrap().contains("\"mine\""), "{error:?}");
    lab.finish(exeat);
}

#[test]
fn names_as_the_proxy_gives_them_are_not_for_sql() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    assert_eq!(batch(&mut session, &[parse("s", READ)]), "1Z");
    assert_eq!(ask(&mut session, "PREPARE exeat_1 AS SELECT 1"), "42939");
    assert_eq!(ask(&mut session, "EXECUTE exeat_1"), "26000");
    assert_eq!(ask(&mut session, "DEALLOCATE exeat_1"), "26000");
    assert_eq!(ask(&mut session, "BEGIN"), "CZ");
    assert_eq!(ask(&mut session, "FETCH ALL FROM exeat_2"), "34000");
    assert_eq!(ask(&mut session, "ROLLBACK"), "CZ");
    // To the protocol it is a name like another.
    let named = [
        parse("exeat_1", "SELECT 1"),
        bind("", "exeat_1"),
        execute(""),
    ];
    assert_eq!(batch(&mut session, &named), "12DCZ");
    assert_eq!(batch(&mut session, &[bind("", "s"), execute("")]), "2DDCZ");
    lab.finish(exeat);
}

#[test]
fn what_was_judged_runs_although_its_name_was_defined_again_and_that_failed_late() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let mut blocker = Wire::past_the_proxy(&database, "postgres");
    blocker.query("BEGIN; LOCK TABLE orders");
    let first = parse("s", "DELETE FROM payments");
    // Its analysis waits for the lock, so that its failure comes after all the rest was sent.
    let second = parse("s", "SELECT total FROM orders");
    session.send([first, flush(), second, sync()].concat());
    session.send([bind("", "s"), execute(""), sync()].concat());
    assert_eq!(session.message().unwrap().kind, '1');
    blocker.query("COMMIT");
    assert_eq!(said(&session.until_ready()), "42P05");
    assert_eq!(kinds(&session.until_ready()), "2CZ");
    let records = lab.finish(exeat);
    assert_eq!(records.statements("allow"), ["DELETE FROM payments"]);
}

#[test]
fn a_batch_that_fails_in_its_middle_leaves_a_session_that_works() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let many = |rows: &[&str]| {
        let mut all = vec![parse("", "INSERT INTO payments (id, amount) VALUES (7, 1)")];
        for _ in rows {
            all.extend([bind("", ""), execute("")]);
        }
        all
    };
    assert_eq!(batch(&mut session, &many(&["", "", ""])), "23505");
    assert_eq!(
        batch(&mut session, &[parse("", READ), bind("", ""), execute("")]),
        "12DDCZ"
    );
    let twice = [
        parse("", "SELECT 1 / 0"),
        bind("", ""),
        execute(""),
        parse("", READ),
        bind("", ""),
        execute(""),
    ];
    assert_eq!(batch(&mut session, &twice), "22012");
    assert_eq!(batch(&mut session, &[bind("", ""), execute("")]), "22012");
    lab.finish(exeat);
}

fn with(lab: &Lab, database: &Database, sql: &str, rules: &str) {
    database.admin(sql).exits(0);
    let allowed = "          - select: public.payments\n";
    lab.set_policy(&POLICY.replace(allowed, &format!("{allowed}{rules}")));
}

#[test]
fn a_cursor_that_a_function_opened_is_read_like_any_other() {
    let (lab, database) = lab();
    let functions = "\
CREATE FUNCTION opened() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE c refcursor; BEGIN OPEN c FOR SELECT total FROM public.orders; RETURN c; END $$;
CREATE FUNCTION named() RETURNS refcursor LANGUAGE plpgsql AS $$
DECLARE c refcursor := 'mine'; BEGIN OPEN c FOR SELECT total FROM public.orders; RETURN c; END $$;";
    with(
        &lab,
        &database,
        functions,
        "          - call: [public.opened, public.named]\n",
    );
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (call, cursor) in [("opened", "<unnamed portal 1>"), ("named", "mine")] {
        assert_eq!(ask(&mut session, "BEGIN"), "CZ");
        assert_eq!(ask(&mut session, &format!("SELECT {call}()")), "TDCZ");
        let fetch = format!("FETCH ALL IN \"{cursor}\"");
        assert_eq!(ask(&mut session, &fetch), "TDDCZ");
        let by_protocol = [parse("", &fetch), bind("", ""), execute("")];
        assert_eq!(batch(&mut session, &by_protocol), "12CZ");
        assert_eq!(ask(&mut session, &format!("CLOSE \"{cursor}\"")), "CZ");
        assert_eq!(ask(&mut session, &fetch), "34000");
        assert_eq!(ask(&mut session, "ROLLBACK"), "CZ");
    }
    let records = lab.finish(exeat);
    let said = "FETCH ALL IN \"mine\" /* a cursor that this session did not declare */";
    assert!(records.statements("allow").contains(&said));
}

#[test]
fn a_batch_uses_what_it_has_just_defined() {
    let (lab, database) = lab();
    with(
        &lab,
        &database,
        "GRANT CREATE ON SCHEMA public TO app; CREATE TABLE slow (id int)",
        "          - define: public.*\n          - select: public.made\n          - insert: public.made\n",
    );
    let exeat = lab.start();
    let mut session = session(&exeat);
    let run = |sql: &str| [parse("", sql), bind("", ""), execute("")].concat();
    let parts = [
        run("CREATE TABLE made (a int)"),
        run("INSERT INTO made VALUES (1)"),
        run("SELECT a FROM made"),
        run("ALTER TABLE made ADD COLUMN b int"),
        run("SELECT b FROM made"),
    ];
    assert_eq!(batch(&mut session, &parts), "12C12C12DC12C12DCZ");
    assert_eq!(ask(&mut session, "SELECT a, b FROM made"), "TDCZ");
    // In a transaction block, and taken back with it.
    assert_eq!(ask(&mut session, "BEGIN"), "CZ");
    let parts = [
        run("ALTER TABLE made ADD COLUMN c int"),
        run("SELECT c FROM made"),
    ];
    assert_eq!(batch(&mut session, &parts), "12C12DCZ");
    assert_eq!(ask(&mut session, "ROLLBACK"), "CZ");
    assert_ne!(ask(&mut session, "SELECT c FROM made"), "TDCZ");
    // What fails in between fails the batch, as without the proxy.
    let parts = [run("CREATE TABLE made (a int)"), run("SELECT a FROM made")];
    assert_eq!(batch(&mut session, &parts), "42P07");
    assert_eq!(batch(&mut session, &[run(READ)]), "12DDCZ");
    lab.finish(exeat);
}

#[test]
fn what_works_with_names_is_not_run_through_another_name() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    assert_eq!(ask(&mut session, "PREPARE x AS SELECT 1"), "CZ");
    for (inner, sql) in [
        ("DEALLOCATE x", "EXECUTE s"),
        ("PREPARE x AS DELETE FROM payments", "EXECUTE s"),
        ("EXECUTE x", "EXECUTE s"),
        ("DECLARE c CURSOR FOR SELECT 1", "EXECUTE s"),
    ] {
        let close = frame('C', &cstr("Ss"));
        assert_eq!(batch(&mut session, &[close, parse("s", inner)]), "31Z");
        assert_eq!(ask(&mut session, sql), "0A000", "{inner}");
    }
    assert_eq!(ask(&mut session, "EXECUTE x"), "TDCZ");
    lab.finish(exeat);
}

#[test]
fn syntax_errors_are_postgresqls_own() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, message, position) in [
        ("SELEC 1", "syntax error at or near \"SELEC\"", Some("1")),
        ("SELECT 1 FROM", "syntax error at end of input", Some("14")),
        (
            "SELECT 'é', 1 1",
            "syntax error at or near \"1\"",
            Some("15"),
        ),
        (
            "SELECT 'open",
            "unterminated quoted string at or near \"'open\"",
            Some("8"),
        ),
    ] {
        let answer = session.query(sql);
        let error = answer.iter().find(|message| message.kind == 'E').unwrap();
        assert_eq!(error.field('C').as_deref(), Some("42601"), "{sql}");
        assert_eq!(error.field('M').as_deref(), Some(message), "{sql}");
        assert_eq!(error.field('P').as_deref(), position, "{sql}");
    }
    assert_eq!(ask(&mut session, READ), "TDDCZ");
    lab.finish(exeat);
}

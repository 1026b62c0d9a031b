//! Settings that leave everything as it is, and what the server says of those in the start-up packet.

use exeat_tests::exeat::Process;
use exeat_tests::wire::{Message, Wire, kinds, sqlstate};

use super::{POLICY, lab, session};

/// A start-up with these parameters beside the usual two.
fn started(exeat: &Process, parameters: &[(&str, &str)]) -> (Wire, Vec<Message>) {
    let mut all = vec![("user", "app"), ("database", "shop")];
    all.extend_from_slice(parameters);
    let mut wire = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = wire.start(&all, "");
    (wire, answer)
}

/// The last value that the server reported for a parameter.
fn reported(answer: &[Message], name: &str) -> Option<String> {
    let statuses = answer.iter().filter(|message| message.kind == 'S');
    let mut values = statuses.filter_map(|message| {
        let text = String::from_utf8_lossy(&message.body).into_owned();
        let (known, value) = text.split_once('\0')?;
        (known == name).then(|| value.trim_end_matches('\0').to_owned())
    });
    values.next_back()
}

#[test]
fn what_the_server_refuses_in_start_up_is_told_in_its_own_words() {
    let (lab, _database) = lab();
    lab.set_policy(&POLICY.replace(
        "        allow:\n",
        "        allow:\n          - set: [statement_timeout, nosuch, log_statement]\n",
    ));
    let exeat = lab.start();
    for (parameters, code, message) in [
        (
            &[("TimeZone", "Nowhere/Land")][..],
            "22023",
            "invalid value for parameter \"TimeZone\": \"Nowhere/Land\"",
        ),
        (
            &[("statement_timeout", "abc")],
            "22023",
            "invalid value for parameter \"statement_timeout\": \"abc\"",
        ),
        (
            &[("options", "-c statement_timeout=-5")],
            "22023",
            "-5 ms is outside the valid range for parameter \"statement_timeout\" (0 .. 2147483647)",
        ),
        (
            &[("nosuch", "1")],
            "42704",
            "unrecognized configuration parameter \"nosuch\"",
        ),
        (
            &[("log_statement", "none")],
            "42501",
            "permission denied to set parameter \"log_statement\"",
        ),
        (
            &[("options", "-c statement_timeout")],
            "42601",
            "-c statement_timeout requires a value",
        ),
        // What means something to the protocol is no setting, in whatever letters it comes.
        (
            &[("USER", "postgres")],
            "42704",
            "unrecognized configuration parameter \"USER\"",
        ),
        (
            &[("options", "-c replication=database")],
            "42704",
            "unrecognized configuration parameter \"replication\"",
        ),
    ] {
        let (_, answer) = started(&exeat, parameters);
        let error = answer.last().unwrap();
        assert_eq!(error.kind, 'E', "{parameters:?}: {answer:?}");
        assert_eq!(error.field('C').as_deref(), Some(code), "{parameters:?}");
        assert_eq!(error.field('M').as_deref(), Some(message));
        assert_eq!(error.field('S').as_deref(), Some("FATAL"));
    }
    lab.finish(exeat);
}

#[test]
fn a_start_up_parameter_that_comes_twice_counts_as_the_last_one() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let twice = [("application_name", "a"), ("Application_Name", "b")];
    let (_, answer) = started(&exeat, &twice);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    assert_eq!(reported(&answer, "application_name").as_deref(), Some("b"));
    // What `options` says counts before what the packet says, as in PostgreSQL.
    let both = [
        ("application_name", "packet"),
        ("options", "-c application_name=options"),
    ];
    let (_, answer) = started(&exeat, &both);
    assert_eq!(
        reported(&answer, "application_name").as_deref(),
        Some("packet")
    );
    lab.finish(exeat);
}

#[test]
fn start_up_parameters_that_change_nothing_pass() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for (name, value) in [
        ("search_path", "public"),
        ("search_path", "\"public\""),
        ("options", "-c search_path=public"),
        ("options", "-csearch_path=public -c TimeZone=UTC"),
        ("client_encoding", "utf-8"),
        ("client_encoding", "UNICODE"),
        ("client_encoding", "'utf8'"),
        ("role", "none"),
        ("role", "app"),
        ("session_authorization", "app"),
        ("standard_conforming_strings", "on"),
    ] {
        let (mut wire, answer) = started(&exeat, &[(name, value)]);
        assert_eq!(sqlstate(&answer), None, "{name}={value}: {answer:?}");
        assert_eq!(
            reported(&answer, "client_encoding").as_deref(),
            Some("UTF8")
        );
        assert_eq!(kinds(&wire.query("SELECT id FROM orders")), "TDDCZ");
    }
    for (name, value) in [
        ("search_path", "Public"),
        ("search_path", "public, evil"),
        ("options", "-c search_path=public -c search_path=evil"),
        ("role", "postgres"),
        ("role", "APP"),
        ("session_authorization", "postgres"),
    ] {
        let (_, answer) = started(&exeat, &[(name, value)]);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{name}={value}"
        );
    }
    lab.finish(exeat);
}

#[test]
fn statements_that_change_nothing_need_no_rule() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for sql in [
        "RESET ROLE",
        "SET ROLE NONE",
        "SET LOCAL ROLE 'none'",
        "RESET SESSION AUTHORIZATION",
        "RESET search_path",
        "SET search_path TO DEFAULT",
        "SET search_path TO public",
        "SET search_path = \"public\"",
        "SET SCHEMA 'public'",
        "SELECT set_config('search_path', 'public', false)",
        "SET client_encoding TO 'UNICODE'",
        "SET client_encoding TO 'unicode'",
        "SET client_encoding = 'utf-8'",
        "RESET client_encoding",
        "SET standard_conforming_strings = on",
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
        assert_eq!(kinds(&session.query("SELECT id FROM orders")), "TDDCZ");
    }
    for sql in [
        "SET ROLE app",
        "SET ROLE 'NONE'",
        "SET search_path = 'PUBLIC'",
        "SET search_path = 'public, public'",
        "SET search_path = public, pg_temp",
        "SET client_encoding TO 'SQL_ASCII'",
        "SET standard_conforming_strings = off",
        "SET row_security = off",
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
    }
    lab.finish(exeat);
}

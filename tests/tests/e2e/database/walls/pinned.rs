//! Code that the role may run changes how the session understands names, strings and rights: nothing is judged
//! by what no longer holds. And what such code holds is in no error, whether it has a context or not.

use exeat_tests::wire::{Message, Wire, bind, execute, parse, query, sqlstate, sync};

use super::has_canary;
use crate::database::{lab_with, session_as};
use exeat_tests::wait;

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE SCHEMA evil;
CREATE TABLE evil.lookup (v text); INSERT INTO evil.lookup VALUES ('CANARY');
CREATE TABLE public.lookup (v text); INSERT INTO public.lookup VALUES ('fine');
CREATE TABLE public.orders (id int, ssn text); INSERT INTO public.orders VALUES (1, 'CANARY');
CREATE TABLE public.secrets (v text); INSERT INTO public.secrets VALUES ('CANARY');
CREATE FUNCTION public.set_any(text, text, bool) RETURNS text LANGUAGE sql AS 'SELECT set_config($1, $2, $3)';
CREATE TABLE public.noted (id int);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql
  AS 'BEGIN PERFORM set_config(''search_path'', ''evil'', false); RETURN NEW; END';
CREATE TRIGGER note BEFORE INSERT ON public.noted FOR EACH ROW EXECUTE FUNCTION public.note();
CREATE FUNCTION public.inlined() RETURNS SETOF int STABLE LANGUAGE sql AS 'SELECT v::int FROM public.secrets';
CREATE FUNCTION public.named() RETURNS SETOF regclass STABLE LANGUAGE sql AS 'SELECT v::regclass FROM public.secrets';
CREATE TABLE public.late (k text DEFAULT 'CANARY' UNIQUE DEFERRABLE INITIALLY DEFERRED, id int);
INSERT INTO public.late (id) VALUES (1);
CREATE FUNCTION public.later() RETURNS int LANGUAGE plpgsql
  AS 'BEGIN INSERT INTO public.late (id) VALUES (2); RETURN 1; END';
CREATE FUNCTION public.copied() RETURNS int LANGUAGE plpgsql
  AS $$ BEGIN CREATE TEMP TABLE into_it (id int); COPY into_it FROM PROGRAM 'echo CANARY'; RETURN 1; END $$;
";

const POLICY: &str = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.lookup
          - insert: public.noted
          - call: [public.set_any, public.inlined, public.named, public.copied, public.later, lower]
        deny: [{ select: 'public.orders(ssn)' }]
";

/// What comes back of these messages, as long as the session lasts.
fn answers(session: &mut Wire, messages: impl IntoIterator<Item = Vec<u8>>) -> Vec<Message> {
    let mut all: Vec<Message> = Vec::new();
    for message in messages {
        session.send(message);
        let answer = session.until_ready();
        let ended = answer.last().is_none_or(|last| last.kind != 'Z');
        all.extend(answer);
        if ended {
            break;
        }
    }
    all
}

/// What changes the session, each with what would then be something else.
const CHANGES: &[(&str, &str)] = &[
    (
        "SELECT set_any('search_path', 'evil, public', false)",
        "SELECT lower(v) FROM lookup",
    ),
    (
        "SELECT set_any('search_path', 'evil', true)",
        "SELECT lower(v) FROM lookup",
    ),
    (
        "INSERT INTO noted VALUES (1)",
        "SELECT lower(v) FROM lookup",
    ),
    ("INSERT INTO noted VALUES (1)", "COPY lookup TO STDOUT"),
    (
        "SELECT set_any('standard_conforming_strings', 'off', false)",
        r"SELECT '\', ' UNION SELECT ssn FROM orders --'",
    ),
    (
        "SELECT set_any('standard_conforming_strings', 'off', true)",
        r"SELECT '\', ' UNION SELECT ssn FROM orders --'",
    ),
    (
        "SELECT set_any('client_encoding', 'GBK', false)",
        "SELECT E'\u{e9}\u{3042}\\' UNION SELECT ssn FROM orders --' AS x",
    ),
    (
        "SELECT set_any('role', 'pg_monitor', false)",
        "SELECT lower(v) FROM lookup",
    ),
];

#[test]
fn code_that_changes_how_names_and_strings_are_read_ends_the_session() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    for (change, then) in CHANGES {
        let both = format!("{change}; {then}");
        let block = [
            parse("", "BEGIN"),
            bind("", ""),
            execute(""),
            parse("", change),
            bind("", ""),
            execute(""),
            parse("", then),
            bind("", ""),
            execute(""),
            sync(),
        ];
        let prepared = [
            parse("before", then),
            parse("", change),
            bind("", ""),
            execute(""),
            bind("", "before"),
            execute(""),
            sync(),
        ];
        for batch in [&block[..], &block[3..], &prepared[..]] {
            let mut session = session_as(&exeat, "narrow");
            let again = [parse("", then), bind("", ""), execute(""), sync()].concat();
            let answer = answers(&mut session, [batch.concat(), again]);
            assert!(!has_canary(&answer), "{change}, then {then}: {answer:?}");
        }
        for messages in [&[*change, *then][..], &["BEGIN", change, then], &[&both]] {
            let mut session = session_as(&exeat, "narrow");
            let queries = messages.iter().map(|sql| query(sql));
            let answer = answers(&mut session, queries);
            assert!(!has_canary(&answer), "{messages:?}: {answer:?}");
        }
    }
    lab.finish(exeat);
}

#[test]
fn errors_without_a_context_tell_nothing_that_code_holds() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = session_as(&exeat, "narrow");
    for (sql, code) in [
        ("SELECT * FROM inlined()", "22P02"),
        ("SELECT (SELECT inlined())", "22P02"),
        ("SELECT * FROM named()", "42P01"),
        ("SELECT copied()", "22P02"),
        ("SELECT later()", "23505"),
        ("SELECT later(); SELECT 1", "23505"),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), Some(code), "{sql}");
        assert!(!has_canary(&answer), "{sql}: {answer:?}");
    }
    // What is wrong with the client's own words is told in full.
    let own = session.query("SELECT inlined() + 'words'::int");
    let message = own.iter().find_map(|message| message.field('M')).unwrap();
    assert!(message.contains("words"), "{message}");
    lab.finish(exeat);
}

/// What it is, what the session begins with, and its statements.
type Loose = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
);

/// What makes a session that may do everything another than those that rules are for.
const LOOSE: &[Loose] = &[
    ("a path", &[], &["SET search_path TO evil"]),
    (
        "a path, by code",
        &[],
        &["SELECT set_any('search_path', 'evil', false)", "SELECT 1"],
    ),
    (
        "a path, by a computed name",
        &[],
        &[
            "SELECT set_config('search' || '_path', 'evil', false)",
            "SELECT 1",
        ],
    ),
    (
        "a path, by the view of settings",
        &[],
        &[
            "UPDATE pg_settings SET setting = 'evil' WHERE name LIKE 'search%'",
            "SELECT 1",
        ],
    ),
    (
        "a path, at its start",
        &[("options", "-c search_path=evil")],
        &[],
    ),
    (
        "how strings are read",
        &[],
        &["SET standard_conforming_strings = off"],
    ),
    (
        "how strings are read, at its start",
        &[("standard_conforming_strings", "off")],
        &[],
    ),
    ("what bytes mean", &[], &["SET client_encoding = 'SJIS'"]),
    ("who asks", &[], &["SET ROLE app"]),
    (
        "what a cursor gives",
        &[],
        &[
            "BEGIN; DECLARE c CURSOR FOR SELECT v FROM public.lookup",
            "SELECT reopened()",
            "SELECT 1",
        ],
    ),
    (
        "what a cursor gives that code has just opened",
        &[],
        &["BEGIN", "SELECT opened()"],
    ),
];

#[test]
fn a_session_that_has_become_another_ends_when_its_role_may_no_more_do_everything() {
    let cursor = "CREATE FUNCTION public.reopened() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE 'CLOSE c'; EXECUTE 'DECLARE c CURSOR FOR SELECT v FROM public.secrets'; RETURN 1; END $$;
        CREATE FUNCTION public.opened() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE 'DECLARE c CURSOR FOR SELECT v FROM public.secrets'; RETURN 1; END $$;";
    let observe = POLICY.replace(
        "        as: app\n",
        "        as: app\n        mode: observe\n",
    );
    let observe = observe.replace("        deny: [{ select: 'public.orders(ssn)' }]\n", "");
    let (lab, _database) = lab_with(&[SCHEMA, cursor].concat(), &observe);
    let exeat = lab.start();
    let begin = |(what, parameters, statements): &Loose| {
        let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
        let begun = [&[("user", "narrow"), ("database", "shop")], *parameters].concat();
        assert_eq!(sqlstate(&session.start(&begun, "")), None, "{what}");
        for statement in *statements {
            let answer = session.query(statement);
            assert_eq!(sqlstate(&answer), None, "{what}: {statement}");
        }
        session
    };
    let mut sessions: Vec<(&str, Wire)> = LOOSE.iter().map(|one| (one.0, begin(one))).collect();
    lab.set_policy(POLICY);
    let mut other = session_as(&exeat, "narrow");
    wait::until_true("the other policy holds", || {
        sqlstate(&other.query("SELECT v FROM public.secrets")).as_deref() == Some("42501")
    });
    for (what, session) in &mut sessions {
        session.send(query("SELECT v FROM lookup; FETCH ALL FROM c"));
        let answer = session.to_end();
        assert!(!has_canary(&answer), "{what}: {answer:?}");
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("57P01"),
            "{what}: {answer:?}"
        );
    }
    lab.finish(exeat);
}

#[test]
fn a_session_is_none_other_for_words_that_are_no_setting() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let begun = [
        ("user", "narrow"),
        ("database", "shop"),
        ("application_name", "a test of search_path"),
    ];
    assert_eq!(sqlstate(&session.start(&begun, "")), None);
    for _ in 0..2 {
        assert_eq!(sqlstate(&session.query("SELECT 1")), None);
    }
    lab.finish(exeat);
}

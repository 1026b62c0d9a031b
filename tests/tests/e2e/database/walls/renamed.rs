//! Code that gives a name of the session's to something else: what was judged under a name is what runs.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, bind, execute, parse, query, sqlstate, sync};

use super::{has_canary, session};
use crate::database::lab_with;

const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE secrets (id int, v text);
INSERT INTO secrets VALUES (1, 'CANARY');
CREATE FUNCTION swap(name text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE 'DEALLOCATE ' || name;
  EXECUTE 'PREPARE ' || name || ' AS SELECT v || '''' FROM public.secrets';
  RETURN 1; END $$;
CREATE FUNCTION swap_and_fail(name text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  PERFORM swap(name); RAISE EXCEPTION 'failed'; END $$;
CREATE FUNCTION folds(name text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RETURN swap(name); END $$;
CREATE FUNCTION forget(name text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE 'DEALLOCATE ' || name; RETURN 1; END $$;
CREATE FUNCTION reopen(name text) RETURNS int LANGUAGE plpgsql AS $$ DECLARE c refcursor := name; BEGIN
  CLOSE c; OPEN c FOR SELECT v || '' FROM public.secrets; RETURN 1; END $$;
CREATE FUNCTION swaps(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN swap('p'); END $$;
CREATE DOMAIN wary AS text CHECK (swaps(VALUE) > 0);
CREATE TYPE held AS (a wary, b int);
CREATE FUNCTION harmless() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
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
          - define: pg_temp.*
          - type: [public.wary, public.held]
          - call: [public.swaps, public.swap, public.swap_and_fail, public.folds, public.forget, public.reopen, public.harmless]
        deny:
          - select: public.secrets
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// Messages that are sent in one.
type Messages = Vec<Vec<u8>>;

/// Sends the messages, each group when the one before it is answered; all answers.
fn ask(session: &mut Wire, groups: &[Messages]) -> Vec<Message> {
    let mut answers = Vec::new();
    for messages in groups {
        session.send(messages.concat());
        answers.extend(session.until_ready());
    }
    answers
}

/// Scripts of groups of messages, and the code of the last error; of those without one the session ends.
fn scripts() -> Vec<(Vec<Messages>, Option<&'static str>)> {
    let one = |sql: &str| vec![query(sql)];
    let held = || one("PREPARE p AS SELECT 'x'::text");
    let parsed = || vec![parse("s", "SELECT 'x'::text"), sync()];
    let declared = || one("DECLARE c CURSOR WITH HOLD FOR SELECT 'x'::text");
    let run = || vec![bind("", "s"), execute(""), sync()];
    let opened = || vec![parse("s", "SELECT 'x'::text"), bind("q", "s"), sync()];
    vec![
        // Asked over the session's own connection, the check runs although the statement is denied.
        (
            vec![
                one("CREATE TEMP TABLE mine (id int)"),
                held(),
                one("SELECT '(q,1)'::held, v FROM secrets"),
                one("EXECUTE p"),
            ],
            Some("26000"),
        ),
        (
            vec![held(), one("SELECT swap('p')"), one("EXECUTE p")],
            Some("26000"),
        ),
        (
            vec![held(), one("SELECT swap('p'); EXECUTE p")],
            Some("26000"),
        ),
        (
            vec![held(), one("SELECT forget('p')"), one("EXECUTE p")],
            Some("26000"),
        ),
        (
            vec![held(), one("SELECT swap_and_fail('p')"), one("EXECUTE p")],
            Some("26000"),
        ),
        (
            vec![
                held(),
                one("BEGIN"),
                one("SELECT swap('p')"),
                one("EXECUTE p"),
            ],
            Some("26000"),
        ),
        (
            vec![
                held(),
                vec![parse("", "SELECT folds('p')"), bind("", ""), sync()],
                one("EXECUTE p"),
            ],
            Some("26000"),
        ),
        (
            vec![
                held(),
                vec![
                    parse("", "SELECT swap('p')"),
                    bind("", ""),
                    execute(""),
                    bind("", "p"),
                    execute(""),
                    sync(),
                ],
            ],
            Some("26000"),
        ),
        (
            vec![
                declared(),
                one("SELECT reopen('c')"),
                one("FETCH ALL FROM c"),
            ],
            Some("34000"),
        ),
        (vec![parsed(), one("SELECT swap('exeat_1')"), run()], None),
        (
            vec![parsed(), one("SELECT swap_and_fail('exeat_1')"), run()],
            None,
        ),
        (
            vec![parsed(), one("SELECT swap('exeat_1')"), one("EXECUTE s")],
            None,
        ),
        (
            vec![
                one("BEGIN"),
                opened(),
                one("SELECT reopen('exeat_2')"),
                vec![execute("q"), sync()],
            ],
            None,
        ),
        (
            vec![
                one("BEGIN"),
                opened(),
                one("SELECT reopen('exeat_2')"),
                one("FETCH ALL FROM q"),
            ],
            None,
        ),
    ]
}

#[test]
fn what_code_puts_in_the_place_of_a_name_is_not_run() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for (index, (script, expected)) in scripts().iter().enumerate() {
        let answer = ask(&mut session(&exeat), script);
        assert!(!has_canary(&answer), "{index} {answer:?}");
        let code = answer.iter().rev().find(|message| message.kind == 'E');
        let code = code.and_then(|message| message.field('C'));
        assert_eq!(
            code.as_deref(),
            expected.or(Some("57P01")),
            "{index} {answer:?}"
        );
    }
}

#[test]
fn names_that_code_leaves_alone_go_on() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for sql in [
        "/* one */ PREPARE p AS SELECT 'größe'::text -- end",
        "SELECT 1; PREPARE many AS SELECT 'x'::text; SELECT 2",
        "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT 'x'::text",
    ] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    let parsed = [
        parse("s", "SELECT 'x'::text"),
        parse("e", "EXECUTE s"),
        sync(),
    ];
    let answer = ask(&mut session, &[parsed.to_vec()]);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    assert_eq!(sqlstate(&session.query("BEGIN")), None);
    let bound = [bind("q", "s"), bind("r", "e"), bind("t", "p"), sync()];
    let answer = ask(&mut session, &[bound.to_vec()]);
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    for sql in [
        "SELECT harmless()",
        "EXECUTE p",
        "EXECUTE many",
        "EXECUTE s",
        "FETCH NEXT FROM c",
        "FETCH ALL FROM q",
        "SELECT harmless()",
        "FETCH ALL FROM c",
    ] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    for portal in ["r", "t"] {
        let answer = ask(&mut session, &[vec![execute(portal), sync()]]);
        assert_eq!(sqlstate(&answer), None, "{portal} {answer:?}");
    }
}

//! The SQL cases: what is allowed answers as the database answers, what is denied never gets there,
//! and the table is honest: past the proxy, what is denied leaks or acts.

mod table;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::wire::{
    Message, Wire, bind, describe_portal, execute, frame, kinds, parse, sqlstate, sync,
};
use table::{ALLOWED, DENIED, Past};

/// The schema of the cases.
const FIXTURE: &str = include_str!("sql/fixture.sql");

#[test]
fn every_denied_row_leaks_or_acts_past_the_proxy() {
    let database = Database::start(FIXTURE);
    let mut wrong = Vec::new();
    for (id, sql, past) in DENIED {
        let mut session = Wire::past_the_proxy(&database, "postgres");
        let alone = matches!(past, Past::RunsAlone);
        if !alone {
            session.query("BEGIN");
        }
        let answer = session.query(sql);
        let error = sqlstate(&answer);
        let honest = match past {
            Past::Leaks(text) => holds(&answer, text),
            Past::Runs | Past::RunsAlone => error.is_none(),
            Past::Refused(why) => error.is_some() && !why.is_empty(),
        };
        if !honest {
            let said = answer
                .iter()
                .find(|message| message.kind == 'E')
                .and_then(|message| message.field('M'));
            wrong.push(format!("{id}: {sql}: {past:?}, but {said:?}"));
        }
        if !alone {
            session.query("ROLLBACK");
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_allowed_row_runs_without_the_proxy() {
    let database = Database::start(FIXTURE);
    let mut session = Wire::past_the_proxy(&database, "postgres");
    for (id, sql) in ALLOWED {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{id}: {sql}");
    }
}

#[test]
fn no_two_rows_have_the_same_name() {
    let mut names: Vec<&str> = ALLOWED
        .iter()
        .map(|(id, _)| *id)
        .chain(DENIED.iter().map(|(id, ..)| *id))
        .collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// What the role `analyst` may do. The database role behind it is a superuser: see the fixture.
const POLICY: &str = "\
version: 1
roles:
  analyst:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.orders(id, total)
          - select: public.lines
          - select: public.places(home)
          - call: [count, sum, min, max, avg, abs, round, coalesce, nullif, lower, upper, rank, row_number, now]
";

/// The proxy before the fixture's database, with a session of `analyst`.
struct Proxied {
    session: Wire,
    exeat: Process,
    lab: Lab,
    database: Database,
}

fn proxied() -> Proxied {
    proxied_by(POLICY)
}

fn proxied_by(policy: &str) -> Proxied {
    let database = Database::start(FIXTURE);
    let lab = Lab::new(policy);
    lab.set_up(|setup| setup.database = Some(Upstream::of(&database, &[("app", "app-password")])));
    let exeat = lab.start();
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", "analyst"), ("database", "shop")], "");
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    Proxied {
        session,
        exeat,
        lab,
        database,
    }
}

/// A statement by the simple or the extended protocol.
fn ask(session: &mut Wire, sql: &str, extended: bool) -> Vec<Message> {
    if !extended {
        return session.query(sql);
    }
    session.send(
        [
            parse("", sql),
            bind("", ""),
            describe_portal(""),
            execute(""),
            sync(),
        ]
        .concat(),
    );
    session.until_ready()
}

/// The statements of the policy's database role in the server's log from this byte on.
fn forwarded(database: &Database, from: usize) -> Vec<String> {
    let log = database.log();
    log[from..]
        .lines()
        .filter(|line| line.starts_with("postgres|app|"))
        // The proxy's own reading of the catalog.
        .filter(|line| !line.starts_with("postgres|app|exeat catalog|"))
        .filter(|line| line.contains("statement: ") || line.contains("execute "))
        .map(str::to_owned)
        .collect()
}

const SENTINEL: &str = "SELECT count(*) FROM public.orders";

fn deny_every_row(extended: bool) {
    let Proxied {
        mut session,
        exeat,
        lab,
        database,
    } = proxied();
    let mut wrong = Vec::new();
    for (id, sql, _) in DENIED {
        let from = database.log().len();
        let answer = ask(&mut session, sql, extended);
        let state = sqlstate(&answer);
        // What is not there is told in PostgreSQL's words.
        let denied = matches!(
            state.as_deref(),
            Some("42501" | "42601" | "42883" | "42P01")
        );
        let bare = !answer
            .iter()
            .any(|message| matches!(message.kind, 'D' | 'd' | 'H' | 'G' | 'C'));
        // The session goes on, and the only statement that arrives is the one after the denial.
        let after = session.query(SENTINEL);
        let arrived = forwarded(&database, from);
        let alone = arrived.len() == 1 && arrived[0].contains(SENTINEL);
        if !denied || !bare || !alone || sqlstate(&after).is_some() {
            let said = answer
                .iter()
                .find(|message| message.kind == 'E')
                .and_then(|message| message.field('M'));
            wrong.push(format!(
                "{id}: {sql}: {state:?} {said:?}, arrived: {arrived:?}"
            ));
        }
    }
    let records = lab.finish(exeat);
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        DENIED.len(),
        wrong.join("\n")
    );
    assert_eq!(records.denials().len(), DENIED.len());
}

#[test]
fn every_denied_row_is_denied_by_the_proxy_and_never_arrives() {
    deny_every_row(false);
}

#[test]
fn every_denied_row_is_denied_by_the_extended_protocol_too() {
    deny_every_row(true);
}

fn allow_every_row(extended: bool) {
    let Proxied {
        mut session,
        exeat,
        lab,
        database,
    } = proxied();
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let mut wrong = Vec::new();
    for (id, sql) in ALLOWED {
        let (through, past) = (
            ask(&mut session, sql, extended),
            ask(&mut direct, sql, extended),
        );
        // The search path is pinned to another order, which only this statement shows.
        let same = if sql.starts_with("SHOW search_path") {
            kinds(&through) == kinds(&past)
        } else {
            through == past
        };
        if !same {
            let said = through
                .iter()
                .find(|message| message.kind == 'E')
                .and_then(|message| message.field('M'));
            wrong.push(format!(
                "{id}: {sql}: {} {said:?}, not {}",
                kinds(&through),
                kinds(&past)
            ));
        }
    }
    lab.finish(exeat);
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        ALLOWED.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_allowed_row_answers_as_without_the_proxy() {
    allow_every_row(false);
}

#[test]
fn every_allowed_row_answers_the_same_by_the_extended_protocol() {
    allow_every_row(true);
}

#[test]
fn what_is_defined_without_a_schema_is_where_the_guard_says() {
    let policy = POLICY.replace(
        "          - call:",
        "          - define: public.*\n          - call: [current_schema]\n          - call:",
    );
    let Proxied {
        mut session,
        exeat,
        lab,
        database,
    } = proxied_by(&policy);
    for sql in [
        "CREATE TABLE made (id serial PRIMARY KEY, name varchar(10))",
        "CREATE VIEW seen AS SELECT id FROM orders",
    ] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    let made = database.admin(
        "SELECT 'public.made'::regclass, 'public.made_id_seq'::regclass, 'public.seen'::regclass",
    );
    made.exits(0);
    let schema = session.query("SELECT current_schema()");
    assert!(holds(&schema, "public"), "{schema:?}");
    // A temporary table needs a rule of its own; what is PostgreSQL's own stays where it is.
    let temporary = session.query("CREATE TEMP TABLE orders (id bigint, total numeric)");
    assert_eq!(sqlstate(&temporary).as_deref(), Some("42501"));
    session.query("CREATE TABLE pg_class (id int)");
    assert!(holds(&session.query("SELECT total FROM orders"), "20.5"));
    let own = session.query("SELECT relname FROM pg_class LIMIT 1");
    assert_eq!(sqlstate(&own).as_deref(), Some("42501"));
    lab.finish(exeat);
}

/// What pools send before they give a connection to somebody else, each in one message.
const RESETS: &[(&str, &str)] = &[
    (
        "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
        "TDCCCCZ",
    ),
    (
        "RESET ALL;CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP",
        "CCCTDCCCZ",
    ),
    ("DISCARD ALL", "CZ"),
];

#[test]
fn a_pools_reset_passes_and_undoes_nothing_that_is_pinned() {
    let Proxied {
        mut session,
        exeat,
        lab,
        database: _database,
    } = proxied_by(&format!("{POLICY}          - preset: [introspection]\n"));
    let pinned = |session: &mut Wire| {
        [
            "SHOW search_path",
            "SHOW standard_conforming_strings",
            "SHOW session_authorization",
            "SHOW role",
            "SHOW client_encoding",
        ]
        .map(|sql| session.query(sql))
    };
    let before = pinned(&mut session);
    for (sql, expected) in RESETS {
        for set in [
            "SET application_name = 'x'",
            "SET standard_conforming_strings = on",
            "PREPARE p AS SELECT 1",
        ] {
            session.query(set);
        }
        let answer = session.query(sql);
        let kinds: String = kinds(&answer).chars().filter(|kind| *kind != 'S').collect();
        assert_eq!(kinds, *expected, "{sql}: {answer:?}");
        assert_eq!(pinned(&mut session), before, "{sql}");
        session.query("DEALLOCATE ALL");
    }
    // One statement in such a message that is not allowed, and none of them runs.
    let hostile = "SELECT pg_advisory_unlock_all(); CLOSE ALL; TABLE public.secrets";
    assert_eq!(sqlstate(&session.query(hostile)).as_deref(), Some("42501"));
    lab.finish(exeat);
}

#[test]
fn transactions_and_parameters_pass() {
    let Proxied {
        mut session,
        exeat,
        lab,
        database: _database,
    } = proxied();
    for sql in [
        "BEGIN",
        "SELECT id FROM public.orders",
        "SAVEPOINT a",
        "ROLLBACK TO a",
        "COMMIT",
    ] {
        assert_eq!(sqlstate(&session.query(sql)), None, "{sql}");
    }
    // A21: two parameters, one of them an array.
    let sql = "SELECT id FROM public.orders WHERE total = $1 AND id = ANY($2::bigint[])";
    let values: Vec<u8> = [&b"\0\0\0\x0210"[..], &b"\0\0\0\x03{1}"[..]].concat();
    let bound = frame(
        'B',
        &[&b"\0\0\0\0\0\x02"[..], &values, &b"\0\0"[..]].concat(),
    );
    session.send([parse("", sql), bound, execute(""), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "12DCZ");
    lab.finish(exeat);
}

#[test]
fn text_beyond_the_caps_is_refused_in_bounded_time() {
    let Proxied {
        mut session,
        exeat,
        lab,
        database: _database,
    } = proxied();
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    let subselects = format!("SELECT {}1{}", "(SELECT ".repeat(2_000), ")".repeat(2_000));
    let long = format!(
        "SELECT id FROM public.orders WHERE {}",
        vec!["id = 1"; 100_000].join(" OR ")
    );
    for sql in [deep, subselects, long] {
        let started = std::time::Instant::now();
        assert_eq!(
            sqlstate(&session.query(&sql)).as_deref(),
            Some("42601"),
            "{}",
            &sql[..60]
        );
        assert!(started.elapsed() < std::time::Duration::from_secs(15));
    }
    assert_eq!(sqlstate(&session.query("SELECT ((((1))))")), None);
    lab.finish(exeat);
}

/// Whether rows, copied data or errors hold `text`.
fn holds(answer: &[Message], text: &str) -> bool {
    answer
        .iter()
        .filter(|message| matches!(message.kind, 'D' | 'd' | 'E'))
        .any(|message| String::from_utf8_lossy(&message.body).contains(text))
}

//! What runs without being named: the functions of defaults, domain checks and casts that a statement
//! reaches. A role that may not call them runs none, however the statement gets there.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, frame, query, sqlstate};

use super::{has_canary, session};
use crate::database::lab_with;

/// Each run of `reveal` or `mood_int` leaves a row in `trace`.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE trace (what text);
CREATE FUNCTION reveal(int) RETURNS text LANGUAGE sql VOLATILE AS
  $$ INSERT INTO trace VALUES ('reveal'); SELECT 'CANARY' $$;
CREATE DOMAIN picky AS text CHECK (reveal(1) <> VALUE);
CREATE DOMAIN picky2 AS picky;
CREATE TYPE held AS (a picky, b int);
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE FUNCTION mood_int(mood) RETURNS int LANGUAGE sql VOLATILE AS
  $$ INSERT INTO trace VALUES ('mood_int'); SELECT 1 $$;
CREATE CAST (mood AS int) WITH FUNCTION mood_int(mood) AS IMPLICIT;
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE sql VOLATILE AS
  $$ INSERT INTO trace VALUES ('mood_json'); SELECT '1'::json $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE defs (id int, note text DEFAULT reveal(1));
CREATE TABLE plain (id int, note text DEFAULT 'none', at timestamptz DEFAULT now());
CREATE TABLE counted (id int GENERATED ALWAYS AS IDENTITY, note text, twice text GENERATED ALWAYS AS (note || note) STORED);
CREATE TABLE used (id int, p picky);
CREATE TABLE filled (id int, p picky DEFAULT 'b');
CREATE TABLE moods (id int, m mood);
INSERT INTO moods VALUES (1, 'ok');
CREATE TABLE secret (id int);
CREATE FUNCTION speak() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'CANARY %', NEW USING ERRCODE = '23505'; END $$;
CREATE TABLE spoken (id int, note text DEFAULT 'CANARY');
CREATE TRIGGER speaks BEFORE INSERT ON spoken FOR EACH ROW EXECUTE FUNCTION speak();
CREATE SCHEMA staging;
CREATE SEQUENCE traced;
CREATE FUNCTION quiet(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM nextval('public.traced'); RETURN 'x'; END $$;
CREATE DOMAIN quiet AS text CHECK (quiet(VALUE) <> '');
CREATE DOMAIN quiet2 AS quiet;
CREATE DOMAIN pickies AS picky[];
CREATE TYPE span AS RANGE (subtype = picky);
CREATE TYPE spans AS (a span);
CREATE DOMAIN spanned AS span;
CREATE TABLE spanning (id int, s span, m spans);
CREATE TABLE made (id int, note text, q text GENERATED ALWAYS AS (quiet(note)) STORED);
CREATE TABLE cast_made (id int, note text, q text GENERATED ALWAYS AS (note::quiet2::text) STORED);
CREATE TABLE checked (id int, note text CHECK (quiet(note) <> ''));
CREATE TABLE all_checked (id int, note text, CHECK (quiet(note) <> '' AND id > 0));
CREATE TABLE whole (id int, note text) PARTITION BY LIST (id);
CREATE TABLE whole_1 PARTITION OF whole (CHECK (quiet(note) <> '')) FOR VALUES IN (1);
CREATE VIEW checked_v AS SELECT id, note FROM checked;
CREATE TABLE plain_checked (id int CHECK (abs(id) > 0), note text CHECK (lower(note) = note),
  low text GENERATED ALWAYS AS (lower(note)) STORED);
INSERT INTO plain_checked VALUES (1, 'a');
CREATE TABLE tagged (id int, tags picky[], quiets quiet[]);
CREATE FUNCTION made_mood() RETURNS mood LANGUAGE sql AS $$ SELECT 'ok'::mood $$;
CREATE PROCEDURE takes_picky(p picky) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE takes_held(h held[]) LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE PROCEDURE takes_int(i int) LANGUAGE plpgsql AS $$ BEGIN END $$;
SELECT setval('traced', 1, false);
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
          - select: public.orders(id, total)
          - select: public.moods
          - select: public.tagged
          - select: public.plain
          - insert: public.defs
          - insert: public.plain
          - insert: public.counted
          - insert: public.used
          - insert: public.filled
          - insert: public.spoken(id)
          - insert: public.spanning
          - insert: public.made
          - insert: public.cast_made
          - insert: public.checked
          - insert: public.all_checked
          - insert: public.whole
          - insert: public.checked_v
          - insert: public.plain_checked
          - update: public.made
          - update: public.cast_made
          - update: public.checked
          - update: public.all_checked
          - update: public.whole
          - update: public.checked_v
          - update: public.plain_checked
          - select: public.made
          - select: public.cast_made
          - select: public.checked
          - select: public.all_checked
          - select: public.whole
          - select: public.checked_v
          - select: public.plain_checked
          - define: pg_temp.*
          - select: pg_temp.*
          - insert: pg_temp.*
          - define: staging.*
          - select: staging.*
          - insert: staging.*
          - type: [public.mood, public.picky, public.picky2, public.held, public.span, public.spans, public.spanned, public.quiet, public.pickies, public.span_multirange]
          - call: [lower, abs, count, jsonb_to_recordset, jsonb_populate_record, to_json, row_to_json, json_agg, public.made_mood, public.takes_picky, public.takes_held, public.takes_int]
          - call: [to_jsonb, json_to_record, json_to_recordset, json_populate_recordset, json_build_object, jsonb_build_array, array_to_json, json_object_agg, jsonb_agg]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// A simple message; where it asks for data, it gets one row.
fn run(session: &mut Wire, sql: &str) -> Vec<Message> {
    session.send(query(sql));
    let mut messages = Vec::new();
    while let Some(message) = session.message() {
        if message.kind == 'G' {
            // The format of all, and how many columns there are.
            let row: &[u8] = match (message.body.get(2), sql.contains("(p)")) {
                (Some(1), true) => b"b\n",
                (Some(1), false) => b"1\n",
                _ => b"1\tb\n",
            };
            session.send(frame('d', row)).send(frame('c', b""));
        }
        let ready = message.kind == 'Z';
        messages.push(message);
        if ready {
            break;
        }
    }
    messages
}

/// The last one must be refused, and nothing may have run.
const REFUSED: &[&[&str]] = &[
    // Said plainly.
    &["SELECT reveal(1)"],
    &["INSERT INTO defs (id) VALUES (1)"],
    &["INSERT INTO used VALUES (1, 'b')"],
    &["INSERT INTO filled (id) VALUES (1)"],
    // COPY runs the same.
    &["COPY defs (id) FROM STDIN"],
    &["COPY used FROM STDIN"],
    &["CALL takes_picky('b')"],
    &["CALL takes_held(NULL)"],
    &["CALL takes_int(length(CAST('b' AS picky)))"],
    // Whether the server has the option or not.
    &["COPY defs FROM STDIN WITH (DEFAULT '\\D')"],
    &["COPY defs (id, note) FROM STDIN (default 'x', format csv)"],
    &["COPY filled (id) FROM STDIN"],
    &["COPY used (p) FROM STDIN"],
    &["COPY plain (id) FROM STDIN WHERE reveal(id) <> ''"],
    &["COPY moods (id) FROM STDIN WHERE m = 1"],
    // Definitions.
    &["CREATE TEMP TABLE a (x picky DEFAULT 'b')"],
    &[
        "CREATE TEMP TABLE a (x text)",
        "ALTER TABLE a ALTER x TYPE picky",
    ],
    &[
        "CREATE TEMP TABLE a (x text)",
        "ALTER TABLE pg_temp.a ADD COLUMN d picky DEFAULT 'b'",
    ],
    &["CREATE TEMP TABLE a (x held DEFAULT '(b,1)')"],
    &["CREATE TEMP TABLE a (x picky2[] DEFAULT '{b}')"],
    &[
        "CREATE TABLE staging.a (x text)",
        "ALTER TABLE staging.a ADD COLUMN q int DEFAULT 'ok'::mood",
    ],
    &[
        "CREATE TEMP TABLE a (x mood)",
        "ALTER TABLE pg_temp.a ALTER x TYPE int USING x",
    ],
    &[
        "CREATE TABLE staging.p (x int) PARTITION BY LIST (x)",
        "CREATE TABLE staging.p1 PARTITION OF staging.p FOR VALUES IN ('ok'::mood)",
    ],
    &[
        "CREATE TEMP TABLE a (x mood)",
        "CREATE INDEX ON pg_temp.a ((x::int))",
    ],
    &["CREATE TEMP TABLE a (x int CHECK (x > 'ok'::mood))"],
    // Constants.
    &["SELECT '(b,1)'::held"],
    &["SELECT '{\"(b,1)\"}'::held[]"],
    &["SELECT held '(b,1)'"],
    &["SELECT '(1,b)'::used"],
    &["SELECT x::text FROM CAST('{b}' AS public.picky2[]) AS x"],
    &[
        "CREATE TEMP TABLE a (x int)",
        "SELECT 1 FROM secret WHERE '(b,1)'::held IS NULL",
    ],
    // What JSON is made into, and what is made into JSON.
    &["SELECT * FROM jsonb_to_recordset('[{\"a\":\"b\"}]') AS x (a picky)"],
    &["SELECT * FROM jsonb_populate_record(NULL::held, '{\"a\":\"b\"}')"],
    &["SELECT * FROM jsonb_populate_record(NULL::picky2, '{\"a\":\"b\"}')"],
    &["SELECT to_json('ok'::mood)"],
    &["SELECT row_to_json(t) FROM moods t"],
    &["SELECT json_agg(t) FROM moods t"],
    &["SELECT json_agg(m) FROM moods"],
    &["SELECT jsonb_agg(t) FROM moods t"],
    &["SELECT to_jsonb('ok'::mood)"],
    &["SELECT row_to_json(ROW('ok'::mood, 1))"],
    &["SELECT json_build_object('a', m) FROM moods"],
    &["SELECT jsonb_build_array(m) FROM moods"],
    &["SELECT array_to_json(ARRAY['ok'::mood])"],
    &["SELECT json_object_agg('a', m) FROM moods"],
    &["SELECT * FROM json_to_record('{\"a\":\"(b,1)\"}') AS x (a held)"],
    &["SELECT * FROM json_populate_recordset(NULL::held, '[{\"a\":\"b\"}]')"],
    &["SELECT (jsonb_populate_record(NULL::used, '{\"p\":\"b\"}')).p"],
    // Ranges.
    &["SELECT '[b,c)'::span"],
    &["SELECT '{[b,c)}'::span_multirange"],
    &["SELECT '{\"[b,c)\"}'::span[]"],
    &["SELECT '(\"[b,c)\")'::spans"],
    &["SELECT '[b,c)'::spanned"],
    &["SELECT span('b', 'c')"],
    &["SELECT '{b}'::pickies"],
    &["INSERT INTO spanning VALUES (1, '[b,c)')"],
    &["INSERT INTO spanning (s) VALUES ('[b,c)')"],
    &["INSERT INTO spanning (m) VALUES ('(\"[b,c)\")')"],
    &["COPY spanning (s) FROM STDIN"],
    // What a row that is written is checked by, and made of.
    &["INSERT INTO made (id) VALUES (1)"],
    &["UPDATE made SET id = 1"],
    &["INSERT INTO cast_made (id) VALUES (1)"],
    &["INSERT INTO checked (id) VALUES (1)"],
    &["UPDATE checked SET note = 'a'"],
    &["INSERT INTO all_checked (id) SELECT id FROM orders"],
    &["INSERT INTO whole VALUES (1, 'a')"],
    &["INSERT INTO checked_v VALUES (1, 'a')"],
    &["COPY checked (id) FROM STDIN"],
    &["COPY made (id) FROM STDIN"],
    &["PREPARE q AS INSERT INTO checked (id) VALUES ($1)"],
    &["EXPLAIN ANALYZE INSERT INTO checked (id) VALUES (1)"],
    &["WITH x AS (INSERT INTO checked (id) VALUES (1) RETURNING id) SELECT id FROM x"],
    &[
        "BEGIN",
        "CREATE TABLE staging.a (x int CHECK (quiet(x::text) <> ''))",
    ],
    // What is bound and given to what was prepared.
    &["PREPARE d (picky) AS SELECT 1"],
    &["PREPARE d (picky2) AS SELECT 1"],
    &["PREPARE d (held) AS SELECT 1"],
    &["PREPARE d (picky[]) AS SELECT 1"],
    &["PREPARE d (held[]) AS SELECT $1"],
    &["PREPARE d (span) AS SELECT 1"],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "EXECUTE e ('ok'::mood)",
    ],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "EXECUTE e ('ok'::mood::int)",
    ],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "EXECUTE e (CAST('ok' AS mood))",
    ],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "EXECUTE e (public.made_mood())",
    ],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "EXECUTE e (made_mood())",
    ],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "EXPLAIN EXECUTE e ('ok'::mood)",
    ],
    &["PREPARE e AS SELECT abs($1)", "EXECUTE e (mood 'ok')"],
    &[
        "PREPARE e (int) AS SELECT abs($1)",
        "CREATE TEMP TABLE a AS EXECUTE e ('ok'::mood)",
    ],
];

#[test]
fn nothing_runs_without_being_named() {
    let (lab, database) = lab();
    let exeat = lab.start();
    // While one is live no other waits for the whole catalog.
    let _live = session(&exeat);
    let mut admin = Wire::past_the_proxy(&database, "postgres");
    let mut open = Vec::new();
    for script in REFUSED {
        let mut session = session(&exeat);
        let mut last = Vec::new();
        for sql in *script {
            last = run(&mut session, sql);
        }
        // What an argument of EXECUTE becomes is not asked about: not supported.
        if !matches!(sqlstate(&last).as_deref(), Some("42501" | "42601")) {
            open.push(format!("{script:?}: {:?}", sqlstate(&last)));
        }
        admin.rows("DROP TABLE IF EXISTS staging.a, staging.p");
        let ran = admin.rows("DELETE FROM trace RETURNING what");
        if !ran.is_empty() {
            open.push(format!("{script:?} ran {ran}"));
        }
        if admin.rows("SELECT is_called FROM traced") != "f" {
            open.push(format!("{script:?} ran quiet"));
            admin.rows("SELECT setval('traced', 1, false)");
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

/// What is looked at runs the check of a domain, where no name tells so: it leaves nothing behind, and the
/// block that it is in goes on.
const LOOKED_AT: &[&[&str]] = &[
    &["SELECT id FROM tagged WHERE tags = '{b}'"],
    &[
        "CREATE TEMP TABLE a (x int)",
        "SELECT id FROM tagged WHERE tags = '{b}'",
    ],
    &[
        "CREATE TEMP TABLE a (x int)",
        "SELECT id FROM tagged, secret WHERE quiets = '{b}'",
    ],
    &[
        "BEGIN",
        "CREATE TEMP TABLE a (x int)",
        "SELECT id FROM tagged WHERE quiets = '{b}'",
    ],
    &[
        "CREATE TEMP TABLE a (x int)",
        "BEGIN",
        "SAVEPOINT s",
        "INSERT INTO a VALUES (1)",
        "SELECT id FROM tagged WHERE tags = '{b}'",
        "ROLLBACK TO s",
        "INSERT INTO a VALUES (1)",
        "SELECT x FROM a WHERE x = 1",
        "COMMIT",
    ],
];

#[test]
fn what_is_looked_at_leaves_nothing_behind() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut admin = Wire::past_the_proxy(&database, "postgres");
    for script in LOOKED_AT {
        let mut session = session(&exeat);
        for sql in *script {
            let answer = run(&mut session, sql);
            let refused = sqlstate(&answer).is_some();
            assert_eq!(
                refused,
                sql.contains("tagged"),
                "{script:?}: {sql}: {answer:?}"
            );
        }
        let ran = admin
            .rows("SELECT what FROM trace UNION ALL SELECT 'quiet' FROM traced WHERE is_called");
        assert_eq!(ran, "", "{script:?}");
    }
}

/// What an ordinary program sends goes on as before.
const PASSES: &[&[&str]] = &[
    &["CALL takes_int(1)"],
    &["COPY plain (id) FROM STDIN"],
    &["COPY plain (id) FROM STDIN WHERE id > 0"],
    &["COPY counted (id) FROM STDIN"],
    &["COPY moods TO STDOUT"],
    &["SELECT to_json(id) FROM orders"],
    &["CREATE TEMP TABLE a (x mood, y picky)", "SELECT x FROM a"],
    &[
        "CREATE TEMP TABLE a (x int DEFAULT 1)",
        "ALTER TABLE a ADD COLUMN y text DEFAULT 'b'",
    ],
    &["DROP TABLE IF EXISTS staging.a"],
    &["INSERT INTO plain_checked (id, note) VALUES (2, 'b')"],
    &["UPDATE plain_checked SET note = 'c'"],
    &["COPY plain_checked (id) FROM STDIN"],
    &["SELECT id FROM checked FOR UPDATE"],
    &["UPDATE plain_checked SET id = 3 WHERE id IN (SELECT id FROM checked)"],
    &[
        "PREPARE e (int, text) AS SELECT abs($1), lower($2)",
        "EXECUTE e (1 + 1, lower('A'))",
    ],
];

#[test]
fn what_runs_nothing_of_others_passes() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for script in PASSES {
        let mut session = session(&exeat);
        for sql in *script {
            let answer = run(&mut session, sql);
            assert_eq!(sqlstate(&answer), None, "{script:?}: {answer:?}");
        }
    }
}

#[test]
fn a_column_that_copy_does_not_find_is_told_in_postgresqls_words() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let answer = run(&mut session, "COPY plain (nosuch) FROM STDIN");
    let error = answer.iter().find(|message| message.kind == 'E').unwrap();
    assert_eq!(error.field('C').as_deref(), Some("42703"));
    assert_eq!(error.field('P'), None);
}

#[test]
fn a_trigger_tells_nothing_under_the_code_of_a_constraint() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let answer = run(&mut session, "INSERT INTO spoken (id) VALUES (1)");
    assert_eq!(sqlstate(&answer).as_deref(), Some("23505"));
    assert!(!has_canary(&answer), "{answer:?}");
}

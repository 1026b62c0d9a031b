//! What ordinary programs send beside the statements on their tables: answered as PostgreSQL answers it.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, kinds, parse, sqlstate, sync};

use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE public.orders (id int PRIMARY KEY, total int);
CREATE TABLE public.looked (id int);
CREATE SCHEMA own;
CREATE SCHEMA others;
CREATE SEQUENCE others.numbers;
";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - preset: [application]
          - select: public.*
          - insert: public.orders
          - truncate: public.orders
          - select: own.*
          - insert: own.*
          - define: own.*
          - define: pg_temp.*
          - statement: [maintain, create function]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// Code, message, detail, hint and position of an error.
fn error(answer: &[Message]) -> Vec<Option<String>> {
    let error = answer.iter().find(|message| message.kind == 'E');
    let field = |letter| error.and_then(|error| error.field(letter));
    ['C', 'M', 'D', 'H', 'P'].map(field).to_vec()
}

#[test]
fn what_does_not_exist_is_told_in_postgresqls_words() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let mut session = session(&exeat);
    for sql in [
        "COPY nosuch FROM STDIN",
        "COPY nosuch TO STDOUT",
        "COPY public.nosuch TO STDOUT",
        "COPY orders (nosuch) FROM STDIN",
        "TRUNCATE nosuch",
        "TRUNCATE orders, nosuch",
        "ANALYZE nosuch",
        "VACUUM nosuch",
        "REINDEX TABLE nosuch",
        "CLUSTER nosuch",
        "REFRESH MATERIALIZED VIEW nosuch",
        "DROP TABLE own.nosuch",
    ] {
        let expected = error(&direct.query(sql));
        assert!(expected[0].is_some(), "{sql}");
        assert_eq!(error(&session.query(sql)), expected, "{sql}");
    }
    assert_eq!(
        kinds(&session.query("DROP TABLE IF EXISTS own.nosuch")),
        "NCZ"
    );
    lab.finish(exeat);
}

#[test]
fn definitions_use_the_sequences_of_who_makes_them() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, said) in [
        ("CREATE SEQUENCE own.numbers", None),
        (
            "CREATE TABLE own.t (id int DEFAULT nextval('own.numbers'), other int)",
            None,
        ),
        (
            "ALTER TABLE ONLY own.t ALTER COLUMN other SET DEFAULT nextval('own.numbers'::regclass)",
            None,
        ),
        ("INSERT INTO own.t DEFAULT VALUES", None),
        (
            "ALTER TABLE own.t ALTER COLUMN other SET DEFAULT nextval('others.numbers')",
            Some("42501"),
        ),
        (
            "ALTER TABLE own.t ALTER COLUMN other SET DEFAULT nextval('own.' || 'numbers')",
            Some("42501"),
        ),
        (
            "ALTER TABLE own.t ALTER COLUMN other SET DEFAULT nextval('own.numbers') + nextval('others.numbers')",
            Some("42501"),
        ),
        // What is temporary and runs code is made with a rule, and goes away without one.
        (
            "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            None,
        ),
        ("DROP FUNCTION IF EXISTS pg_temp.f()", None),
    ] {
        assert_eq!(sqlstate(&session.query(sql)).as_deref(), said, "{sql}");
    }
    lab.finish(exeat);
}

#[test]
fn reading_locks_and_shows_what_it_may_read() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let answer = session.query(
        "SELECT pg_catalog.current_setting(s.name) FROM pg_catalog.pg_settings s WHERE s.name = 'work_mem'",
    );
    assert_eq!(kinds(&answer), "TDCZ", "{answer:?}");
    for sql in [
        "SELECT current_setting(o.name) FROM (SELECT 'app.secret' AS name) o",
        "SELECT current_setting(s.name) FROM pg_catalog.pg_settings s (x, name)",
    ] {
        assert_eq!(
            sqlstate(&session.query(sql)).as_deref(),
            Some("42501"),
            "{sql}"
        );
    }
    for (sql, said) in [
        ("BEGIN", None),
        ("LOCK TABLE public.looked IN ACCESS SHARE MODE", None),
        ("LOCK TABLE public.looked IN ROW SHARE MODE", Some("42501")),
        ("ROLLBACK", None),
        ("SELECT 1 AS größe, E'a'\n'b', X'1f'\n'2e'", None),
        ("CREATE TABLE own.größe (länge int)", None),
        ("INSERT INTO own.größe (länge) VALUES (1)", None),
        ("SELECT länge FROM own.größe", None),
        ("DROP TABLE own.größe", None),
        ("SELECT srvname FROM pg_catalog.pg_foreign_server", None),
        (
            "SELECT srvoptions FROM pg_catalog.pg_foreign_server",
            Some("42501"),
        ),
        ("SELECT * FROM pg_catalog.pg_user_mappings", Some("42501")),
        ("SHOW search_path", None),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), said, "{sql} {answer:?}");
    }
    let shown = session.query("SHOW search_path");
    let row = shown.iter().find(|message| message.kind == 'D').unwrap();
    assert!(row.body.ends_with(b"\0\0\0\x06public"), "{row:?}");
    lab.finish(exeat);
}

#[test]
fn indexes_are_named_by_definitions_and_maintenance() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, said) in [
        ("CREATE TABLE own.ix (a int PRIMARY KEY, b int)", None),
        ("CREATE INDEX ix_b ON own.ix (b)", None),
        ("REINDEX INDEX own.ix_pkey", None),
        ("REINDEX INDEX CONCURRENTLY own.ix_b", None),
        ("CLUSTER own.ix USING ix_pkey", None),
        ("CLUSTER own.ix", None),
        ("ALTER INDEX own.ix_b RENAME TO ix_c", None),
        ("COMMENT ON INDEX own.ix_c IS 'c'", None),
        ("DROP INDEX own.ix_c", None),
        ("DROP INDEX IF EXISTS own.ix_c", None),
        ("REINDEX INDEX own.ix_c", Some("42P01")),
        ("REINDEX INDEX public.orders_pkey", Some("42501")),
        ("DROP INDEX public.orders_pkey", Some("42501")),
        ("SELECT a FROM own.ix_pkey", Some("42809")),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), said, "{sql}: {answer:?}");
    }
    lab.finish(exeat);
}

#[test]
fn what_the_preset_lists_passes() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, said) in [
        // The session has drawn no number yet.
        ("SELECT lastval()", Some("55000")),
        ("CREATE TABLE own.serials (id serial, a int)", None),
        ("INSERT INTO own.serials (a) VALUES (1)", None),
        ("SELECT lastval()", None),
        ("SELECT lastval(), currval('others.numbers')", Some("42501")),
        (
            "SELECT currval(('others.' || 'numbers')::regclass)",
            Some("42501"),
        ),
        ("SELECT rolname, rolsuper FROM pg_roles", None),
        ("SELECT usename, usesuper FROM pg_catalog.pg_user", None),
        ("SELECT rolconfig FROM pg_roles", Some("42501")),
        ("SELECT * FROM pg_roles", Some("42501")),
        ("SELECT useconfig FROM pg_user", Some("42501")),
        ("SELECT r FROM pg_roles r", Some("42501")),
        ("SELECT rolconfig FROM pg_authid", Some("42703")),
        ("SELECT rolname FROM pg_authid", Some("42501")),
        ("SELECT attname, xmin FROM pg_attribute", None),
        ("SELECT attmissingval FROM pg_attribute", Some("42501")),
        ("SELECT a FROM pg_attribute a", Some("42501")),
        ("SELECT attfdwoptions FROM pg_attribute", Some("42501")),
        ("SELECT ftserver FROM pg_foreign_table", None),
        ("SELECT ftoptions FROM pg_foreign_table", Some("42501")),
        (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'",
            None,
        ),
        ("SELECT query FROM pg_stat_activity", Some("42501")),
        ("SELECT transactionid FROM pg_locks", None),
        ("SELECT relation FROM pg_locks", Some("42501")),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ", None),
        ("SELECT pg_export_snapshot()", None),
        ("COMMIT", None),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ", None),
        ("SET TRANSACTION SNAPSHOT 'nosuch'", Some("22023")),
        ("ROLLBACK", None),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), said, "{sql}: {answer:?}");
    }
    lab.finish(exeat);
}

#[test]
fn functions_that_nothing_has_are_told_in_postgresqls_words_to_who_defines_there() {
    let (lab, database) = lab();
    lab.set_policy(&POLICY.replace(
        "define: own.*",
        "define: own.*\n          - define: public.*",
    ));
    let exeat = lab.start();
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let mut session = session(&exeat);
    for sql in [
        "CALL nope()",
        "CALL own.nope(1)",
        "CREATE TABLE own.d (a int DEFAULT nope())",
        "ALTER TABLE orders ALTER total SET DEFAULT nope(1)",
        "DROP FUNCTION nope()",
        "DROP INDEX nope",
        "DROP TYPE nope",
        "DROP SEQUENCE nope",
        "DROP VIEW nope",
    ] {
        let expected = error(&direct.query(sql));
        assert!(expected[0].is_some(), "{sql}");
        assert_eq!(error(&session.query(sql)), expected, "{sql}");
    }
    for sql in [
        "DROP FUNCTION IF EXISTS nope()",
        "DROP INDEX IF EXISTS nope",
        "DROP TYPE IF EXISTS nope",
        "DROP SEQUENCE IF EXISTS nope",
        "DROP VIEW IF EXISTS nope",
        "DROP MATERIALIZED VIEW IF EXISTS nope",
    ] {
        assert_eq!(kinds(&session.query(sql)), "NCZ", "{sql}");
    }
    lab.finish(exeat);
}

#[test]
fn who_locks_a_view_locks_what_it_reads() {
    let (lab, database) = lab();
    database.admin(
        "CREATE TABLE public.hidden (id int); CREATE VIEW public.shown AS SELECT id FROM hidden",
    );
    lab.set_policy(&POLICY.replace(
        "statement: [maintain, create function]",
        "statement: [lock]\n          - update: public.shown\n        deny:\n          - select: public.hidden",
    ));
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("BEGIN");
    for sql in [
        "LOCK TABLE shown IN ACCESS SHARE MODE",
        "LOCK TABLE shown",
        "LOCK TABLE orders, shown IN ROW SHARE MODE",
    ] {
        assert_eq!(
            sqlstate(&session.query(sql)).as_deref(),
            Some("42501"),
            "{sql}"
        );
        session.query("ROLLBACK");
        session.query("BEGIN");
    }
    let answer = session.query("LOCK TABLE orders IN ACCESS SHARE MODE");
    assert_eq!(sqlstate(&answer), None);
    lab.finish(exeat);
}

#[test]
fn psql_completes_the_names_that_the_session_itself_has_made() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let mut session = session(&exeat);
    let statements = [
        "BEGIN",
        "LISTEN news",
        "COMMIT",
        "BEGIN",
        "DECLARE mycur CURSOR FOR SELECT 1",
        "PREPARE mine AS SELECT 1",
        "SELECT pg_catalog.quote_ident(name) FROM pg_catalog.pg_cursors \
         WHERE substring(pg_catalog.quote_ident(name),1,0)='' LIMIT 1000",
        "SELECT pg_catalog.quote_ident(name) FROM pg_catalog.pg_prepared_statements \
         WHERE substring(pg_catalog.quote_ident(name),1,2)='mi' LIMIT 1000",
        "SELECT pg_catalog.quote_ident(channel) FROM pg_catalog.pg_listening_channels() AS channel \
         WHERE substring(pg_catalog.quote_ident(channel),1,0)='' LIMIT 1000",
        "FETCH mycur",
        "SELECT name, statement, is_holdable FROM pg_cursors",
        "SELECT name, statement, parameter_types, from_sql FROM pg_prepared_statements",
        "COMMIT",
        // Nothing of the proxy's own is left behind by a look at what the session has made.
        "CREATE TEMP TABLE made (id int)",
        "SELECT abs(1)",
        "SELECT name FROM pg_prepared_statements",
    ];
    for sql in statements {
        let expected = direct.query(sql);
        assert_eq!(sqlstate(&expected), None, "{sql}");
        let answer = session.query(sql);
        let rows = |answer: &[Message]| -> Vec<Vec<u8>> {
            let rows = answer.iter().filter(|message| message.kind == 'D');
            rows.map(|message| message.body.clone()).collect()
        };
        assert_eq!(kinds(&answer), kinds(&expected), "{sql}: {answer:?}");
        assert_eq!(rows(&answer), rows(&expected), "{sql}");
    }
    lab.finish(exeat);
}

#[test]
fn names_of_the_protocol_are_listed_as_the_server_has_them_and_used_as_the_client_has_them() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.send([parse("s1", "SELECT 7"), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "1Z");
    let listed = session.rows("SELECT name, statement, from_sql FROM pg_prepared_statements");
    let (listed, rest) = listed.split_once('|').unwrap();
    assert!(listed.starts_with("exeat_"), "{listed}");
    assert_eq!(rest, "SELECT 7|f");
    // It is no name that a client can use, and whoever tries goes on.
    for verb in ["EXECUTE", "DEALLOCATE"] {
        let answer = session.query(&format!("{verb} {listed}"));
        assert_eq!(sqlstate(&answer).as_deref(), Some("26000"), "{answer:?}");
    }
    assert_eq!(session.rows("EXECUTE s1"), "7");
    assert_eq!(kinds(&session.query("DEALLOCATE s1")), "CZ");
    let left = session.rows("SELECT count(*) FROM pg_prepared_statements");
    assert_eq!(left, "0");
    lab.finish(exeat);
}

#[test]
fn who_may_make_collations_and_operators_in_a_schema_may_drop_them() {
    let (lab, database) = lab();
    database
        .admin(
            "CREATE OPERATOR own.=== (leftarg = int, rightarg = int, function = int4eq);
             CREATE OPERATOR others.=== (leftarg = int, rightarg = int, function = int4eq);
             CREATE COLLATION others.co FROM \"C\"",
        )
        .exits(0);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, said) in [
        ("CREATE COLLATION own.co FROM \"C\"", None),
        ("ALTER COLLATION own.co RENAME TO ca", None),
        ("COMMENT ON COLLATION own.ca IS 'a'", None),
        ("DROP COLLATION own.ca", None),
        ("DROP COLLATION IF EXISTS own.ca", None),
        ("DROP COLLATION others.co", Some("42501")),
        ("COMMENT ON COLLATION others.co IS 'a'", Some("42501")),
        ("ALTER COLLATION others.co RENAME TO ca", Some("42501")),
        ("CREATE COLLATION public.co FROM \"C\"", Some("42501")),
        ("COMMENT ON OPERATOR own.=== (int, int) IS 'a'", None),
        ("DROP OPERATOR own.=== (int, int)", None),
        ("DROP OPERATOR others.=== (int, int)", Some("42501")),
        (
            "ALTER OPERATOR others.=== (int, int) OWNER TO app",
            Some("42501"),
        ),
        ("DROP OPERATOR pg_catalog.+ (int, int)", Some("42501")),
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), said, "{sql}: {answer:?}");
    }
    lab.finish(exeat);
}

use super::*;
use crate::{Context, read};

fn of(sql: &str) -> Said {
    read(sql, &Context::default())[0].said
}

#[test]
fn a_statement_says_what_it_is_to_a_transaction() {
    use Transaction::{Begins, Chains, Ends, RollsBackTo, Saves, Unclear};
    for (sql, transaction) in [
        ("BEGIN", Some(Begins)),
        ("/* c */ start transaction read only", Some(Begins)),
        ("COMMIT", Some(Ends)),
        ("END WORK", Some(Ends)),
        ("ROLLBACK/**/TRANSACTION", Some(Ends)),
        ("abort and no chain", Some(Ends)),
        ("COMMIT AND CHAIN", Some(Chains)),
        ("ROLLBACK WORK AND CHAIN", Some(Chains)),
        ("ROLLBACK TO s", Some(RollsBackTo)),
        (
            "ROLLBACK TRANSACTION TO SAVEPOINT \"and\"",
            Some(RollsBackTo),
        ),
        ("SAVEPOINT s", Some(Saves)),
        ("RELEASE s", Some(Saves)),
        ("PREPARE TRANSACTION 'x'", Some(Unclear)),
        ("COMMIT TO s", Some(Unclear)),
        ("COMMIT s", Some(Unclear)),
        ("COMMIT PREPARED 'x'", None),
        ("ROLLBACK PREPARED 'x'", None),
        ("PREPARE p AS SELECT 1", None),
        ("SELECT 1 AS commit", None),
        ("\"commit\"", None),
        ("", None),
    ] {
        assert_eq!(of(sql).transaction, transaction, "{sql}");
    }
}

#[test]
fn only_discard_all_forgets_names() {
    for (sql, all) in [
        ("DISCARD ALL", true),
        ("discard/**/all", true),
        ("DISCARD -- x\n ALL", true),
        ("DISCARD PLANS", false),
        ("DISCARD \"all\"", false),
        ("SELECT 'discard all'", false),
    ] {
        assert_eq!(of(sql).discards_all, all, "{sql}");
    }
}

#[test]
fn a_change_gives_rows_where_it_returns_some() {
    for (sql, gives) in [
        ("SELECT 1", true),
        ("INSERT INTO t VALUES (1)", false),
        ("/* returning */ INSERT INTO t VALUES ('returning')", false),
        ("insert into t values (1) returning a", true),
        ("UPDATE t SET a = 1", false),
        ("DELETE FROM t RETURNING *", true),
        ("WITH x AS (SELECT 1) DELETE FROM t", true),
        (
            "MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE",
            true,
        ),
        ("SHOW a", true),
        ("SELECT $a", true),
    ] {
        assert_eq!(of(sql).gives_rows, gives, "{sql}");
    }
}

#[test]
fn a_definition_is_told_by_its_names_where_it_reaches_no_further() {
    for (sql, told) in [
        ("CREATE TABLE a (id int)", true),
        ("create temp table a (id int)", true),
        ("create unique index on a (id)", true),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
            true,
        ),
        ("ALTER TABLE a ADD COLUMN b int", true),
        ("alter table only a rename to b", true),
        ("/* c */ CREATE TABLE a (id int)", true),
        ("ALTER TABLE a ADD COLUMN b text DEFAULT 'cascade'", true),
        ("ALTER TABLE a DROP COLUMN b Cascade", false),
        (
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
            false,
        ),
        ("ALTER TYPE t ADD ATTRIBUTE a int", false),
        ("ALTER SCHEMA a RENAME TO b", false),
        ("CREATE EXTENSION hstore", false),
        ("CREATE SCHEMA a", false),
        ("DROP TABLE a", true),
        ("DROP INDEX a, b", true),
        ("DROP MATERIALIZED VIEW a", true),
        ("DROP TABLE a CASCADE", false),
        ("DROP TYPE a", true),
        ("DROP FUNCTION a()", true),
        ("DROP FUNCTION a() CASCADE", false),
        ("DROP TRIGGER IF EXISTS a ON b", true),
        (
            "CREATE TRIGGER a BEFORE INSERT ON b EXECUTE FUNCTION f()",
            true,
        ),
        (
            "CREATE CONSTRAINT TRIGGER a AFTER INSERT ON b EXECUTE FUNCTION f()",
            true,
        ),
        ("CREATE POLICY a ON b", true),
        ("CREATE TYPE a AS ENUM ('x')", true),
        ("CREATE TYPE a AS (b int)", true),
        ("CREATE TYPE a AS RANGE (subtype = int)", false),
        ("CREATE TYPE a (input = f, output = g)", false),
        ("CREATE DOMAIN a AS int", true),
        ("CREATE RULE a AS ON INSERT TO b DO NOTHING", false),
        ("CREATE CAST (a AS b) WITHOUT FUNCTION", false),
        ("ALTER FUNCTION a() OWNER TO b", true),
        ("ALTER SCHEMA a OWNER TO b", true),
        ("ALTER TYPE a RENAME ATTRIBUTE owner TO b", false),
        ("ALTER TYPE a RENAME TO b", false),
        ("ALTER TYPE a ADD VALUE 'x'", true),
        ("ALTER TYPE a ADD ATTRIBUTE value int", false),
        ("ALTER VIEW a RENAME TO b", true),
        ("ALTER FUNCTION a() RENAME TO b", false),
        ("DROP SCHEMA a", false),
        ("DROP EXTENSION a", false),
        ("DROP OWNED BY a", false),
        ("COMMENT ON TABLE a IS 'x'", true),
        ("GRANT SELECT ON a TO b", true),
        ("REVOKE ALL ON a FROM b CASCADE", true),
        ("CREATE ROLE a", true),
        ("ALTER USER a PASSWORD 'x'", true),
        ("CREATE DATABASE a", true),
        ("SELECT 1 INTO a", false),
        ("", false),
    ] {
        assert_eq!(of(sql).told_by_names, told, "{sql}");
    }
}

#[test]
fn a_definition_makes_values_where_its_words_say_so() {
    for (sql, makes) in [
        ("CREATE TABLE a (x mood)", false),
        ("CREATE TABLE a (x int DEFAULT('ok'::mood))", true),
        ("create table a (check(x > 1))", true),
        (
            "CREATE TABLE b PARTITION OF a FOR VALUES IN ('ok'::mood)",
            true,
        ),
        ("CREATE TABLE defaults (x mood)", false),
        ("CREATE TABLE a (x mood) /* default */", false),
        ("CREATE TYPE a AS (x mood)", false),
        ("CREATE INDEX ON a ((x::int))", true),
        ("ALTER TABLE a ALTER x TYPE int", true),
        ("DROP TABLE a", false),
        ("COMMENT ON TABLE a IS 'default'", false),
        ("no statement", true),
    ] {
        assert_eq!(of(sql).makes_values, makes, "{sql}");
    }
}

#[test]
fn what_nobody_has_read_says_nothing_that_lets_more_happen() {
    assert_eq!(of("SELECT 'x"), Said::UNREAD);
}

#[test]
fn identifiers_are_told_only_where_nothing_can_hide_one() {
    let told = |text: &str| identifiers(text).map(|words| words.join(" "));
    assert_eq!(
        told("ALTER TABLE t DROP Col_1 CASCADE").as_deref(),
        Some("alter cascade col_1 drop t table")
    );
    assert_eq!(
        told("ALTER TABLE t /* \"x\" */ ALTER a SET DEFAULT 'b'").as_deref(),
        Some("a alter default set t table")
    );
    for sql in [
        "ALTER TABLE t DROP \"a b\" CASCADE",
        "ALTER TABLE t DROP U&\"a\" CASCADE",
        "ALTER TABLE t DROP ä CASCADE",
        &format!("ALTER TABLE t DROP {}", "a".repeat(64)),
        "ALTER TABLE t DROP 'a",
    ] {
        assert_eq!(told(sql), None, "{sql}");
    }
}

#[test]
fn strings_and_parameters_are_constants_wherever_they_stand() {
    for (sql, has) in [
        ("SELECT 'a'", true),
        ("SELECT N'a'", true),
        ("SELECT E'a'", true),
        ("SELECT B'1', 1", true),
        ("SELECT $$a$$", true),
        ("SELECT $a$a$a$", true),
        ("SELECT $1", true),
        ("SELECT date'2000-01-01'", true),
        ("PREPARE p AS SELECT 'a'", true),
        ("EXPLAIN SELECT a FROM t WHERE b = 'a'", true),
        ("COPY t FROM STDIN (DELIMITER ',')", true),
        ("SELECT 1, 1.5, a FROM t", false),
        ("SELECT a /* 'a' $1 */ FROM t -- 'b'", false),
        ("SELECT \"it's $1\" FROM t", false),
        ("SELECT a$1 FROM t", false),
    ] {
        assert_eq!(of(sql).has_constants, has, "{sql}");
    }
}

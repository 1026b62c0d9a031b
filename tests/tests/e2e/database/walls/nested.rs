//! What compares, and what plans run: functions of operator classes, indexes and constraints that no statement
//! names. A role that may not call them compares nothing by them, and what they leave behind is looked for.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{bind, execute, parse, sqlstate, sync};

use super::{has_canary, session};
use crate::database::lab_with;

/// `leak` leaves its mark in `traced`, and hides the table `orders`.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, status text);
INSERT INTO orders VALUES (1, 'open');
CREATE TABLE secrets (v text);
INSERT INTO secrets VALUES ('CANARY');
CREATE SEQUENCE traced;
CREATE FUNCTION leak() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  PERFORM nextval('public.traced');
  EXECUTE 'CREATE OR REPLACE TEMP VIEW orders AS SELECT 1 AS id, v AS status FROM public.secrets';
  RETURN 1; END $$;
CREATE TYPE comp AS (a int, b text);
CREATE FUNCTION comp_cmp(comp, comp) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM leak(); RETURN ($1).a - ($2).a; END $$;
CREATE FUNCTION comp_eq(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM leak(); RETURN ($1).a = ($2).a; END $$;
CREATE FUNCTION comp_lt(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN PERFORM leak(); RETURN ($1).a < ($2).a; END $$;
CREATE FUNCTION comp_gt(comp, comp) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).a > ($2).a $$;
CREATE FUNCTION comp_le(comp, comp) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).a <= ($2).a $$;
CREATE FUNCTION comp_ge(comp, comp) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT ($1).a >= ($2).a $$;
CREATE FUNCTION comp_hash(comp) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM leak(); RETURN 1; END $$;
CREATE OPERATOR = (FUNCTION = comp_eq, LEFTARG = comp, RIGHTARG = comp, COMMUTATOR = =, HASHES, MERGES);
CREATE OPERATOR < (FUNCTION = comp_lt, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR > (FUNCTION = comp_gt, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR <= (FUNCTION = comp_le, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR >= (FUNCTION = comp_ge, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR CLASS comp_ops DEFAULT FOR TYPE comp USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
  OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 comp_cmp(comp, comp);
CREATE OPERATOR CLASS comp_hash_ops DEFAULT FOR TYPE comp USING hash AS OPERATOR 1 =, FUNCTION 1 comp_hash(comp);
CREATE FUNCTION my_cmp(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
  PERFORM leak(); RETURN CASE WHEN $1 < $2 THEN -1 WHEN $1 = $2 THEN 0 ELSE 1 END; END $$;
CREATE OPERATOR CLASS my_int_ops FOR TYPE int4 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
  OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 my_cmp(int, int);
CREATE TYPE myr AS RANGE (SUBTYPE = int4, SUBTYPE_OPCLASS = my_int_ops);
CREATE TABLE ct (id int, c comp, ca comp[], r myr, m myr[], n int[]);
INSERT INTO ct VALUES (1, (1, 'x'), ARRAY[(1, 'x')::comp, (2, 'y')::comp], '[1,5)', ARRAY['[1,2)'::myr], '{1}'),
  (2, (2, 'x'), ARRAY[(1, 'x')::comp], '[2,5)', NULL, '{2}');
CREATE TABLE hashed (id int, ca comp[]);
CREATE INDEX ON hashed (ca);
CREATE VIEW sorted AS SELECT id FROM ct ORDER BY ca;
CREATE FUNCTION imm(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM leak(); RETURN 1; END $$;
CREATE TABLE partly (id int, note text);
CREATE INDEX ON partly (id) WHERE imm(1) = 1;
CREATE TABLE checks (id int, note text, CHECK (imm(2) = 1 OR id > 0));
CREATE TABLE shaped (id int, note text);
CREATE INDEX ON shaped ((id + imm(3)));
CREATE TABLE known (id int, note text);
CREATE STATISTICS known_s ON (id + imm(4)), note FROM known;
CREATE TABLE wholes (id int, note text) PARTITION BY LIST (id);
CREATE TABLE wholes_1 PARTITION OF wholes (CHECK (imm(5) = 1 OR id > 0)) FOR VALUES IN (1);
CREATE VIEW partly_v AS SELECT id FROM partly;
INSERT INTO partly VALUES (1, 'a');
INSERT INTO checks VALUES (1, 'a');
CREATE FUNCTION checked(text) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN PERFORM leak(); RETURN true; END $$;
CREATE DOMAIN strict AS text CHECK (checked(VALUE));
CREATE TYPE strict_row AS (a strict, b int);
CREATE TABLE used (id int, note text, s strict, c strict_row);
CREATE FUNCTION takes(strict_row) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
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
          - preset: [application]
          - select: public.orders
          - select: public.ct
          - select: public.sorted
          - select: public.hashed
          - insert: public.hashed
          - select: public.partly
          - select: public.partly_v
          - insert: public.partly
          - update: public.partly
          - select: public.checks
          - select: public.shaped
          - insert: public.shaped
          - select: public.known
          - select: public.wholes
          - select: public.used
          - insert: public.used
          - define: pg_temp.*
          - operator: [public.*]
          - call: [public.takes]
          - type: [public.*]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

fn has_run(database: &Database) -> bool {
    let ran = database.admin("SELECT is_called FROM traced");
    database.admin("SELECT setval('traced', 1, false)");
    ran.stdout.trim() == "t"
}

/// Each compares by functions that nothing in it names, or makes a value by them.
const COMPARE: &[&str] = &[
    "SELECT id FROM ct WHERE ca = ca",
    "SELECT id FROM ct WHERE ca < ca",
    "SELECT id FROM ct WHERE ct = ct",
    "SELECT id FROM ct WHERE ROW(ca) < ROW(ca)",
    "SELECT id FROM ct WHERE ca @> ca",
    "SELECT id FROM ct WHERE ca && ca",
    "SELECT id FROM ct WHERE ca IN (SELECT ca FROM ct)",
    "SELECT id FROM ct WHERE ca IS DISTINCT FROM ca",
    "SELECT NULLIF(ca, ca) FROM ct",
    "SELECT CASE ca WHEN ca THEN 1 END FROM ct",
    "SELECT GREATEST(ca, ca) FROM ct",
    "SELECT LEAST(ct, ct) FROM ct",
    "SELECT DISTINCT ca FROM ct",
    "SELECT DISTINCT ON (ca) id FROM ct",
    "SELECT id FROM ct ORDER BY ca",
    "SELECT count(*) FROM ct GROUP BY ca",
    "SELECT count(*) FROM ct GROUP BY ct",
    "SELECT ca FROM ct UNION SELECT ca FROM ct",
    "SELECT ca FROM ct INTERSECT SELECT ca FROM ct",
    "SELECT ca FROM ct EXCEPT SELECT ca FROM ct",
    "WITH RECURSIVE x AS (SELECT ca FROM ct UNION SELECT ca FROM x) SELECT ca FROM x",
    "SELECT 1 FROM ct a JOIN ct b USING (ca)",
    "SELECT 1 FROM ct a NATURAL JOIN (SELECT ca FROM ct) b",
    "SELECT rank() OVER (ORDER BY ca) FROM ct",
    "SELECT row_number() OVER (PARTITION BY ca) FROM ct",
    "SELECT count(DISTINCT ca) FROM ct",
    "SELECT min(ca) FROM ct",
    "SELECT array_agg(id ORDER BY ca) FROM ct",
    "SELECT mode() WITHIN GROUP (ORDER BY ca) FROM ct",
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ca) FROM ct",
    "SELECT array_position(ca, c) FROM ct",
    "SELECT array_positions(ca, c) FROM ct",
    "SELECT array_remove(ca, c) FROM ct",
    "SELECT array_replace(ca, c, c) FROM ct",
    "SELECT width_bucket(c, ca) FROM ct",
    "SELECT id FROM ct WHERE ROW(c, 1)::record = ROW(c, 1)::record",
    "SELECT id FROM ct WHERE r = r",
    "SELECT id FROM ct WHERE r @> 3",
    "SELECT id FROM ct WHERE r && r",
    "SELECT r FROM ct ORDER BY r",
    "SELECT DISTINCT r FROM ct",
    "SELECT DISTINCT m FROM ct",
    "SELECT range_merge(r, r) FROM ct",
    "SELECT range_agg(r) FROM ct",
    "SELECT r * r FROM ct",
    "SELECT '[1,3)'::myr",
    "SELECT '{[1,3)}'::myr_multirange",
    "SELECT * FROM jsonb_to_record('{\"r\":\"[1,3)\"}') AS x (r myr)",
    "PREPARE p AS SELECT DISTINCT ca FROM ct",
    "EXPLAIN ANALYZE SELECT DISTINCT ca FROM ct",
    "DECLARE x CURSOR WITH HOLD FOR SELECT DISTINCT ca FROM ct",
    "COPY (SELECT DISTINCT ca FROM ct) TO STDOUT",
];

#[test]
fn nothing_is_compared_by_functions_that_may_not_be_called() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut open = Vec::new();
    for sql in COMPARE {
        let mut session = session(&exeat);
        let answer = session.query(sql);
        if sqlstate(&answer).as_deref() != Some("42501") {
            open.push(format!("{sql}: {:?}", sqlstate(&answer)));
        }
        if has_run(&database) {
            open.push(format!("{sql} ran"));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
    lab.finish(exeat);
}

#[test]
fn what_compares_nothing_of_others_needs_no_rule() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for sql in [
        "SELECT ca, r, m, c FROM ct",
        "SELECT ct FROM ct WHERE id = 1",
        "SELECT ca FROM ct ORDER BY id",
        "SELECT ca[1], (c).a FROM ct WHERE (c).a = 1",
        "SELECT id FROM orders WHERE status = '{1}'",
        "SELECT ca FROM ct UNION ALL SELECT ca FROM ct",
        "SELECT s, c FROM used",
        "SELECT id FROM used WHERE note = 'x (y)'",
        "COPY ct TO STDOUT",
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
    }
    lab.finish(exeat);
}

#[test]
fn who_may_call_what_compares_compares() {
    let (lab, database) = lab();
    lab.set_policy(&POLICY.replace("call: [public.takes]", "call: [public.*]"));
    let exeat = lab.start();
    // What is run where a constant is only looked at may write nothing.
    let looked_at = |sql: &str| sql.contains("CURSOR") || sql.contains("::my");
    for sql in COMPARE.iter().filter(|sql| !looked_at(sql)) {
        let mut session = session(&exeat);
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
        // What it has left behind is looked for.
        let answer = session.query("SELECT lower(status) FROM orders");
        assert!(!has_canary(&answer), "{sql}: {answer:?}");
    }
    assert!(has_run(&database));
    lab.finish(exeat);
}

/// Each reads or writes what runs `imm`, and nothing says so.
const PLANNED: &[&str] = &[
    "SELECT id FROM partly",
    "EXPLAIN SELECT id FROM partly",
    "SELECT id FROM partly_v",
    "SELECT count(*) FROM partly",
    "SELECT id FROM checks WHERE id > 100",
    "SELECT id FROM shaped WHERE id > 100",
    "SELECT note FROM known WHERE note = 'a'",
    "SELECT id FROM wholes WHERE id > 100",
    "SELECT 1 FROM orders, partly",
    "SELECT id FROM sorted",
    "INSERT INTO hashed VALUES (1, NULL)",
    "SELECT ca FROM ct, LATERAL (SELECT ct.ca AS b LIMIT 1) l",
];

#[test]
fn what_plans_run_is_looked_after_and_denied_by_deny_rules() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for sql in PLANNED {
        let extended = |sql: &str| [parse("", sql), bind("", ""), execute(""), sync()].concat();
        for batch in [false, true] {
            let mut session = session(&exeat);
            let answer = match batch {
                true => session.send(extended(sql)).until_ready(),
                false => session.query(sql),
            };
            assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
            for next in [
                "COPY (SELECT status FROM orders) TO STDOUT",
                "SELECT lower(status) FROM orders",
            ] {
                let answer = session.query(next);
                assert!(!has_canary(&answer), "{sql}: {next}: {answer:?}");
            }
            let both = format!("{sql}; COPY (SELECT status FROM orders) TO STDOUT");
            let answer = super::session(&exeat).query(&both);
            assert!(!has_canary(&answer), "{both}: {answer:?}");
        }
    }
    lab.finish(exeat);
}

#[test]
fn deny_rules_hold_for_what_plans_run() {
    let (lab, database) = lab();
    lab.set_policy(&format!(
        "{POLICY}        deny:\n          - call: [public.imm, public.comp_cmp]\n"
    ));
    let exeat = lab.start();
    for sql in PLANNED {
        let mut session = session(&exeat);
        let answer = session.query(sql);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{sql}: {answer:?}"
        );
        assert!(!has_run(&database), "{sql}");
    }
    lab.finish(exeat);
}

/// What an index, its predicate or a constraint calls when a row is written needs its rule, as a default does.
#[test]
fn writing_needs_a_rule_for_what_an_index_calls() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for sql in [
        "INSERT INTO partly VALUES (2, 'b')",
        "UPDATE partly SET note = 'b'",
        "INSERT INTO shaped VALUES (2, 'b')",
        "COPY shaped FROM STDIN",
    ] {
        let mut session = session(&exeat);
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
        assert!(!has_run(&database), "{sql}");
    }
    lab.finish(exeat);
}

/// A string becomes a row by what it stands beside.
#[test]
fn no_check_runs_for_a_string_that_becomes_a_row_where_it_stands() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for sql in [
        "SELECT takes('(q,1)')",
        "SELECT takes($$(q,1)$$)",
        "SELECT takes(E'\\x28q,1)')",
        "SELECT id FROM used WHERE c = ' (q,1)'",
        "SELECT id FROM used WHERE c IN ('(q,1)')",
        "SELECT COALESCE(c, '(q,1)') FROM used",
        "SELECT CASE WHEN true THEN c ELSE '(q,1)' END FROM used",
        "SELECT c FROM used UNION ALL SELECT '(q,1)'",
        "SELECT ARRAY[c, '(q,1)'] FROM used",
        "SELECT array_append(ARRAY[c], '(q,1)') FROM used",
        "SELECT id FROM used WHERE used = '(1,a,b,)'",
    ] {
        for own in [false, true] {
            let mut session = session(&exeat);
            if own {
                session.query("CREATE TEMP TABLE tt (a int)");
            }
            let answer = session.query(sql);
            assert_eq!(
                sqlstate(&answer).as_deref(),
                Some("42501"),
                "{sql}: {answer:?}"
            );
            let both = [parse("", "SELECT 1"), bind("", ""), execute("")].concat();
            let next = [parse("", sql), bind("", ""), execute(""), sync()].concat();
            let answer = session.send([both, next].concat()).until_ready();
            assert!(sqlstate(&answer).is_some(), "{sql}: {answer:?}");
            assert!(!has_run(&database), "{sql}");
        }
    }
    lab.finish(exeat);
}

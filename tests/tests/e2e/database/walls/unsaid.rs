//! Code that runs where neither the text nor PostgreSQL's tree says so: for columns that are left out, for
//! operators and operator classes of indexes and partitions, for the keys of other tables. What it makes for the
//! session alone hides what all see, and deny rules hold for it.

use std::net::Ipv4Addr;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Wire, bind, execute, parse, sqlstate, sync};

use super::has_canary;
use crate::database::{lab_with, session_as, session_from};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE secrets (id int, v int);
INSERT INTO secrets VALUES (1, 424242);
CREATE FUNCTION hide() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  IF current_setting('transaction_read_only') = 'off' AND session_user = 'app' THEN
    CREATE OR REPLACE TEMP VIEW orders AS SELECT id, v AS total FROM public.secrets;
  END IF;
  RETURN 1; END $$;
CREATE FUNCTION hides(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN true; END $$;
CREATE FUNCTION pair(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN true; END $$;
CREATE FUNCTION cmp(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN btint4cmp($1, $2); END $$;
CREATE OPERATOR @%@ (FUNCTION = pair, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR CLASS ints FOR TYPE int USING btree AS FUNCTION 1 cmp(int, int), OPERATOR 1 <, OPERATOR 2 <=,
  OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE DOMAIN wary AS text CHECK (hides(VALUE));
CREATE TABLE left_out (id int, w wary);
CREATE VIEW left_v AS SELECT id, w FROM left_out;
CREATE TABLE left_whole (id int, w wary) PARTITION BY LIST (id);
CREATE TABLE left_part PARTITION OF left_whole DEFAULT;
CREATE TABLE predicated (id int);
CREATE INDEX ON predicated (id) WHERE 1 @%@ 2;
CREATE TABLE classed (id int);
INSERT INTO classed SELECT generate_series(1, 5000);
CREATE INDEX ON classed (id ints);
ANALYZE classed;
CREATE TABLE ranged (id int) PARTITION BY RANGE (id ints);
CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (0) TO (10);
CREATE TABLE ranged_2 PARTITION OF ranged FOR VALUES FROM (10) TO (20);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE INDEX ON parent (id) WHERE hides('x');
CREATE TABLE child (id int REFERENCES parent);
CREATE TABLE late (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE plain (id int PRIMARY KEY);
CREATE TABLE watching (id int REFERENCES plain);
CREATE INDEX ON watching (id) WHERE 1 @%@ 2;
INSERT INTO plain SELECT generate_series(1, 100);
CREATE FUNCTION hides_at(text, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN true; END $$;
CREATE OPERATOR ~@~ (FUNCTION = hides_at, LEFTARG = text, RIGHTARG = int);
CREATE DOMAIN by_operator AS text CHECK (VALUE OPERATOR(public.~@~) 1);
CREATE TABLE by_operators (id int, d by_operator);
CREATE TABLE generates (id int, g bool GENERATED ALWAYS AS (id::text OPERATOR(public.~@~) 1) STORED);
CREATE TYPE comp AS (a int, b text);
CREATE FUNCTION comp_cmp(comp, comp) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN ($1).a - ($2).a; END $$;
CREATE FUNCTION comp_eq(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN ($1).a = ($2).a; END $$;
CREATE FUNCTION comp_lt(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1).a < ($2).a; END $$;
CREATE FUNCTION comp_le(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1).a <= ($2).a; END $$;
CREATE FUNCTION comp_gt(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1).a > ($2).a; END $$;
CREATE FUNCTION comp_ge(comp, comp) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1).a >= ($2).a; END $$;
CREATE OPERATOR @= (FUNCTION = comp_eq, LEFTARG = comp, RIGHTARG = comp, COMMUTATOR = @=);
CREATE OPERATOR @< (FUNCTION = comp_lt, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR @<= (FUNCTION = comp_le, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR @> (FUNCTION = comp_gt, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR @>= (FUNCTION = comp_ge, LEFTARG = comp, RIGHTARG = comp);
CREATE OPERATOR CLASS comps DEFAULT FOR TYPE comp USING btree AS FUNCTION 1 comp_cmp(comp, comp), OPERATOR 1 @<,
  OPERATOR 2 @<=, OPERATOR 3 @=, OPERATOR 4 @>=, OPERATOR 5 @>;
CREATE DOMAIN by_rows AS int CHECK (ARRAY[ROW(VALUE, 'x')::comp] <> ARRAY[ROW(7, 'x')::comp]);
CREATE TABLE rows_domain (id int, d by_rows);
CREATE TABLE rows_checked (id int CHECK (ARRAY[ROW(id, 'x')::comp] <> ARRAY[ROW(7, 'x')::comp]));
CREATE TABLE rows_predicated (id int);
CREATE INDEX ON rows_predicated (id) WHERE ARRAY[ROW(1, 'x')::comp] <> ARRAY[ROW(7, 'x')::comp];
CREATE TABLE rows_indexed (id int);
CREATE INDEX ON rows_indexed ((ARRAY[ROW(id, 'x')::comp]));
INSERT INTO rows_indexed SELECT generate_series(1, 3);
CREATE TABLE rows_generated (id int, x bool GENERATED ALWAYS AS (ARRAY[ROW(id, 'x')::comp] <> ARRAY[ROW(7, 'x')::comp]) STORED);
CREATE TYPE loose AS (a int);
CREATE FUNCTION loose_eq(loose, loose) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1).a = ($2).a; END $$;
CREATE FUNCTION loose_lt(loose, loose) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN ($1).a < ($2).a; END $$;
CREATE FUNCTION loose_cmp(loose, loose) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN ($1).a - ($2).a; END $$;
CREATE OPERATOR =/ (FUNCTION = loose_eq, LEFTARG = loose, RIGHTARG = loose, COMMUTATOR = =/, MERGES, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR </ (FUNCTION = loose_lt, LEFTARG = loose, RIGHTARG = loose, RESTRICT = scalarltsel);
CREATE OPERATOR <=/ (FUNCTION = loose_lt, LEFTARG = loose, RIGHTARG = loose, RESTRICT = scalarlesel);
CREATE OPERATOR FAMILY looses USING btree;
ALTER OPERATOR FAMILY looses USING btree ADD OPERATOR 1 </ (loose, loose), OPERATOR 2 <=/ (loose, loose), OPERATOR 3 =/ (loose, loose),
  FUNCTION 1 (loose, loose) loose_cmp(loose, loose);
CREATE TABLE loose_a (id int, x loose);
INSERT INTO loose_a SELECT i, ROW(i)::loose FROM generate_series(1, 300) i;
CREATE TABLE loose_b (id int, x loose);
INSERT INTO loose_b SELECT i, ROW(i)::loose FROM generate_series(1, 300) i;
ANALYZE loose_a, loose_b;
CREATE DOMAIN late_default AS int DEFAULT hide();
CREATE TABLE chosen (id int PRIMARY KEY);
INSERT INTO chosen SELECT generate_series(1, 100);
CREATE TABLE choosing (id int, chosen late_default REFERENCES chosen ON DELETE SET DEFAULT);
INSERT INTO choosing SELECT i, i FROM generate_series(2, 100) i;
CREATE TABLE one (id int, t text);
INSERT INTO one VALUES (1, 'x');
CREATE VIEW makes AS SELECT id, t::wary AS d FROM one;
CREATE VIEW makes_many AS SELECT id, ('{' || t || '}')::wary[] AS d FROM one;
CREATE VIEW checks AS SELECT id, t FROM one WHERE t::wary IS NOT NULL WITH CHECK OPTION;
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN '1'; END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE moods (id int, m mood);
INSERT INTO moods VALUES (1, 'ok');
CREATE VIEW tells AS SELECT id, to_json(m) AS j FROM moods;
CREATE VIEW tells_all AS SELECT id, row_to_json(o) AS j FROM moods o;
CREATE TYPE word AS ENUM ('ok', 'bad');
CREATE FUNCTION word_text(word) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN '1'; END $$;
CREATE CAST (word AS text) WITH FUNCTION word_text(word);
CREATE TABLE words (id int, w word);
INSERT INTO words VALUES (1, 'ok');
CREATE VIEW spells AS SELECT id, 'a' || w AS s FROM words;
CREATE FUNCTION heard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE hears (id int);
CREATE TRIGGER t AFTER INSERT ON hears FOR EACH ROW WHEN (hides('x')) EXECUTE FUNCTION heard();
CREATE TABLE hears_whole (id int) PARTITION BY LIST (id);
CREATE TABLE hears_part PARTITION OF hears_whole DEFAULT;
CREATE TRIGGER t AFTER INSERT ON hears_part FOR EACH ROW WHEN (NEW.id @%@ 2) EXECUTE FUNCTION heard();
CREATE PROCEDURE argues(a bool DEFAULT hides('x')) LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE takes(a wary) LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE takes_many(a by_operator[]) LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION argued(a bool DEFAULT hides('x')) RETURNS int LANGUAGE sql AS 'SELECT 1';
";

const POLICY: &str = "\
version: 1
roles:
  code:
    identities: [{ source: 127.0.0.1/32 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
          - insert: public.*
          - delete: public.*
          - call: [public.*, abs]
          - operator: [public.*]
          - type: [public.*]
          - define: pg_temp.*
          - preset: [builtins]
        deny:
          - select: public.secrets
  denied:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
          - insert: public.*
          - delete: public.*
          - call: [public.*, abs]
          - operator: [public.*]
          - type: [public.*]
          - define: pg_temp.*
          - preset: [builtins]
        deny:
          - call: [public.hides, public.pair, public.cmp, public.hides_at, public.comp_cmp, public.comp_eq,
              public.mood_json, public.word_text, public.loose_lt, public.circle_from, public.text_past]
";

/// Each of them runs `hide`.
const RUN: &[&str] = &[
    "INSERT INTO left_out (id) VALUES (1)",
    "INSERT INTO left_out DEFAULT VALUES",
    "INSERT INTO left_out SELECT 1",
    "INSERT INTO left_v (id) VALUES (1)",
    "INSERT INTO left_whole (id) VALUES (1)",
    "SELECT id FROM predicated",
    "SELECT count(*) FROM predicated p, plain WHERE p.id = plain.id",
    "SELECT id FROM classed WHERE id = 5",
    "SELECT id FROM ranged WHERE id = 5",
    "INSERT INTO child VALUES (1)",
    "INSERT INTO late VALUES (1)",
    "DELETE FROM plain WHERE id = {}",
    "INSERT INTO by_operators VALUES (1, 'x')",
    "INSERT INTO by_operators (id) VALUES (1)",
    "SELECT 'x'::by_operator",
    "INSERT INTO generates (id) VALUES (1)",
    "SELECT 1::by_rows",
    "INSERT INTO rows_domain VALUES (1, 1)",
    "INSERT INTO rows_checked VALUES (1)",
    "SELECT id FROM rows_predicated",
    "INSERT INTO rows_indexed VALUES (2)",
    "INSERT INTO rows_generated VALUES (1)",
    "DELETE FROM chosen WHERE id = 1 + {}",
    "SELECT * FROM makes",
    "SELECT * FROM makes_many",
    "SELECT id FROM checks",
    "INSERT INTO checks VALUES (1, 'y')",
    "SELECT * FROM tells",
    "SELECT * FROM tells_all",
    "SELECT to_json(m) FROM moods",
    "SELECT 'a' || w FROM words",
    "SELECT quote_literal(w) FROM words",
    "SELECT * FROM spells",
    "SELECT argued()",
    "INSERT INTO hears VALUES (1)",
    "INSERT INTO hears_whole VALUES (1)",
    "CALL argues()",
    "CALL takes('x')",
    "CALL takes_many('{x}')",
    "CREATE TEMP TABLE made AS SELECT id FROM predicated",
    "SELECT count(*) FROM loose_a a JOIN loose_b b ON a.x OPERATOR(public.=/) b.x",
];

/// What the planner runs in the place of PostgreSQL's own operators. Where there is any, every statement may.
const SWAPPED: &str = "\
CREATE FUNCTION box_cmp(box, box) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN 0; END $$;
CREATE OPERATOR CLASS boxes FOR TYPE box USING btree AS FUNCTION 1 box_cmp(box, box), OPERATOR 1 <, OPERATOR 2 <=,
  OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE TABLE boxed (id int, b box);
INSERT INTO boxed VALUES (1, '(1,1),(0,0)'), (2, '(2,2),(0,0)');
CREATE VIEW boxes_v AS SELECT id FROM boxed ORDER BY b USING <;
CREATE DOMAIN small AS box CHECK (ROW(VALUE, 1) < ROW('(9,9),(0,0)'::box, 2));
CREATE FUNCTION apart(anyarray, anyarray) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN true; END $$;
CREATE OPERATOR !&& (FUNCTION = apart, LEFTARG = anyarray, RIGHTARG = anyarray, NEGATOR = OPERATOR(pg_catalog.&&));
CREATE TABLE lists (id int, a int[]);
INSERT INTO lists VALUES (1, '{2}');
CREATE VIEW lists_v AS SELECT id FROM lists WHERE NOT (a && '{1}');
CREATE DOMAIN without_one AS int[] CHECK (NOT (VALUE && '{1}'));
";

const RUN_SWAPPED: &[&str] = &[
    "SELECT b FROM boxed ORDER BY b USING <",
    "SELECT array_agg(id ORDER BY b USING <) FROM boxed",
    "SELECT id FROM boxed WHERE ROW(b, 1) < ROW('(9,9),(0,0)'::box, 2)",
    "SELECT * FROM boxes_v",
    "SELECT '(1,1),(0,0)'::small",
    "SELECT id FROM lists WHERE NOT (a && '{1}')",
    "SELECT * FROM lists_v",
    "SELECT '{2}'::without_one",
];

/// Other operators of a family in which PostgreSQL's own stand, and what denies one of these: by them it is proved
/// that an index, a constraint or a part of a table serves.
const PROVED: &str = "\
CREATE FUNCTION circle_from(circle, circle) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN true; END $$;
CREATE OPERATOR >=^ (FUNCTION = circle_from, LEFTARG = circle, RIGHTARG = circle);
CREATE OPERATOR FAMILY circles USING btree;
ALTER OPERATOR FAMILY circles USING btree ADD OPERATOR 1 < (circle, circle), OPERATOR 4 >=^ (circle, circle);
CREATE TABLE circled (id int, c circle);
CREATE INDEX ON circled (id) WHERE c < '<(0,0),30>';
";

const RUN_PROVED: &[&str] = &[
    "SELECT id FROM circled WHERE c < '<(0,0),5>' AND id < 5",
    "EXPLAIN SELECT id FROM circled WHERE c < '<(0,0),5>' AND id < 5",
    "SELECT 1 FROM one, circled WHERE c < '<(0,0),5>' AND circled.id = one.id",
];

/// The same where PostgreSQL's own have families of its own, but none with both.
const PROVED_APART: &str = "\
CREATE FUNCTION text_past(text, text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN true; END $$;
CREATE OPERATOR >^ (FUNCTION = text_past, LEFTARG = text, RIGHTARG = text);
CREATE OPERATOR FAMILY texts USING btree;
ALTER OPERATOR FAMILY texts USING btree ADD OPERATOR 1 < (text, text), OPERATOR 2 ~<=~ (text, text), OPERATOR 5 >^ (text, text);
CREATE TABLE texted (id int, t text);
CREATE INDEX ON texted (id) WHERE t < 'x';
";

const RUN_PROVED_APART: &[&str] = &["SELECT id FROM texted WHERE t ~<=~ 'c' AND id < 5"];

const READ: &str = "SELECT abs(total) FROM orders";

fn lab(more: &str) -> (Lab, Database) {
    let (lab, database) = lab_with(&[SCHEMA, more].concat(), POLICY);
    // What the owner's own writing runs is over.
    database.admin("INSERT INTO parent VALUES (1)").exits(0);
    (lab, database)
}

fn session(exeat: &Process) -> Wire {
    session_as(exeat, "code")
}

#[test]
fn what_runs_unsaid_is_seen_before_the_next_text() {
    hides_nothing("", RUN);
}

#[test]
fn what_is_planned_in_the_place_of_an_operator_is_seen_before_the_next_text() {
    hides_nothing(SWAPPED, RUN_SWAPPED);
}

#[test]
fn what_proves_that_an_index_serves_is_seen_before_the_next_text() {
    hides_nothing(PROVED, RUN_PROVED);
    hides_nothing(PROVED_APART, RUN_PROVED_APART);
}

fn hides_nothing(more: &str, statements: &[&str]) {
    let (lab, database) = lab(more);
    let exeat = lab.start();
    // While one is live no other waits for the whole catalog.
    let _live = session(&exeat);
    let mut direct = Wire::past_the_proxy(&database, "postgres");
    let mut removed = 0;
    for statement in statements {
        let mut next = || {
            removed += 1;
            statement.replace("{}", &removed.to_string())
        };
        // The server itself shows what is hidden, else nothing would be tried.
        direct.begin_anew();
        direct.rows("SET SESSION AUTHORIZATION app");
        let ran = direct.query(&next());
        let shown = direct.query(READ);
        assert!(has_canary(&shown), "{statement}: {ran:?} {shown:?}");

        let mut own = session(&exeat);
        let first = own.query(&next());
        assert!(!has_canary(&first), "{statement}");
        assert!(!has_canary(&own.query(READ)), "{statement}, then");

        let mut one = session(&exeat);
        let answer = one.query(&format!("{}; {READ}", next()));
        assert!(!has_canary(&answer), "{statement}, in one message");
        assert!(!has_canary(&one.query(READ)), "{statement}, behind it");

        let mut batch = session(&exeat);
        let text = next();
        let both = [&*text, READ].map(|sql| [parse("", sql), bind("", ""), execute("")].concat());
        batch.send([both.concat(), sync()].concat());
        let answer = batch.until_ready();
        assert!(!has_canary(&answer), "{statement}, in one batch");
    }
}

#[test]
fn deny_rules_hold_for_what_runs_unsaid() {
    denies("", RUN);
}

#[test]
fn deny_rules_hold_for_what_proves_that_an_index_serves() {
    denies(PROVED, RUN_PROVED);
    denies(PROVED_APART, RUN_PROVED_APART);
}

fn denies(more: &str, statements: &[&str]) {
    let (lab, _database) = lab(more);
    let exeat = lab.start();
    let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "denied");
    for statement in statements {
        // Keys of others are checked as their owner.
        if ["INSERT INTO child", "INSERT INTO late", "DELETE"]
            .iter()
            .any(|of| statement.starts_with(of))
        {
            continue;
        }
        let answer = session.query(statement);
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{statement}");
    }
}

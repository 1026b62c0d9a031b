//! What a session asks about its own definitions says the same as what is asked about everything.

use std::collections::BTreeSet;

use exeat_dbproxy::fuzzing::{catalog_questions, catalog_rows};
use exeat_tests::database::Database;

/// One of each thing that a row can be about, of somebody's own and of an extension.
const SCHEMA: &str = "\
CREATE EXTENSION citext; CREATE EXTENSION hstore;
CREATE SCHEMA own;
CREATE FUNCTION own.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION own.is(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION own.diff(int, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
CREATE FUNCTION own.trig() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION own.event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE OPERATOR own.### (FUNCTION = own.diff, LEFTARG = int, RIGHTARG = int);
CREATE TYPE own.mood AS ENUM ('ok', 'bad');
CREATE DOMAIN own.picky AS text CHECK (own.is(VALUE)) CHECK (VALUE <> '');
CREATE DOMAIN own.pickier AS own.picky;
CREATE TYPE own.pair AS (a own.picky, b int);
CREATE TYPE own.span AS RANGE (subtype = int, subtype_diff = own.diff);
CREATE FUNCTION own.mood_int(own.mood) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION own.poly(anyelement, own.mood[]) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION own.is2(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION own.cmp(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION own.moods(own.mood, own.mood) RETURNS bool LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR own.@@@ (FUNCTION = own.is2, LEFTARG = int, RIGHTARG = int);
CREATE OPERATOR own.### (FUNCTION = own.moods, LEFTARG = own.mood, RIGHTARG = own.mood);
CREATE CAST (own.mood AS int) WITH FUNCTION own.mood_int(own.mood);
CREATE TABLE own.base (id int PRIMARY KEY, note text DEFAULT own.f(1)::text, c citext UNIQUE, h hstore,
  twice int GENERATED ALWAYS AS (own.f(2)) STORED, plain int GENERATED ALWAYS AS (1 + 1) STORED);
CREATE TABLE own.serials (id serial, other int GENERATED ALWAYS AS IDENTITY);
CREATE SEQUENCE own.free;
CREATE TABLE own.refers (id int REFERENCES own.base ON DELETE CASCADE, p own.picky CHECK (own.is(p)),
  s own.span, m own.mood, q own.pair CHECK ((q).b > 0), c citext CHECK (c <> 'x'),
  CONSTRAINT domained CHECK (note::own.picky <> ''), note text);
CREATE TABLE own.kept (id int REFERENCES own.base);
CREATE TABLE own.sets (id int REFERENCES own.base ON UPDATE SET NULL);
CREATE INDEX ON own.refers (own.f(id)); CREATE INDEX ON own.refers (id) WHERE own.is(note);
CREATE OPERATOR CLASS own.ints FOR TYPE int USING btree AS FUNCTION 1 own.cmp(int, int), OPERATOR 1 <, OPERATOR 2 <=,
  OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >;
CREATE INDEX ON own.kept (id own.ints); CREATE TABLE own.ranged (id int) PARTITION BY RANGE (id own.ints);
CREATE INDEX ON own.kept (id); CREATE INDEX ON own.kept (id) WHERE 1 OPERATOR(own.@@@) 2;
CREATE TABLE own.whole (id int, note text) PARTITION BY LIST (own.f(id));
CREATE TABLE own.part PARTITION OF own.whole FOR VALUES IN (1);
CREATE TABLE own.child (more int) INHERITS (own.base);
CREATE VIEW own.v AS SELECT id, note FROM own.base WHERE own.is(note);
CREATE VIEW own.vv AS SELECT v.id FROM own.v JOIN own.kept USING (id);
CREATE MATERIALIZED VIEW own.mat AS SELECT id FROM own.whole;
CREATE RULE ruled AS ON INSERT TO own.kept DO ALSO NOTIFY kept;
CREATE TRIGGER triggered BEFORE INSERT ON own.sets FOR EACH ROW EXECUTE FUNCTION own.trig();
CREATE TRIGGER off BEFORE INSERT ON own.serials FOR EACH ROW EXECUTE FUNCTION own.trig();
ALTER TABLE own.serials DISABLE TRIGGER off;
ALTER TABLE own.base ENABLE ROW LEVEL SECURITY;
CREATE POLICY guarded ON own.base USING (own.is(note));
CREATE POLICY plain ON own.refers USING (note <> '');
CREATE EVENT TRIGGER seen ON ddl_command_start EXECUTE FUNCTION own.event();
CREATE FUNCTION own.at(text, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR own.~@~ (FUNCTION = own.at, LEFTARG = text, RIGHTARG = int);
CREATE DOMAIN own.by_operator AS text CHECK (VALUE OPERATOR(own.~@~) 1);
CREATE DOMAIN own.by_type AS text CHECK (ROW(VALUE, 1)::own.pair IS NOT NULL);
CREATE DOMAIN own.filled AS int DEFAULT own.f(1);
CREATE DOMAIN own.filled_too AS text DEFAULT 'ok'::own.mood::text;
CREATE TABLE own.defaulted (m text DEFAULT 'ok'::own.mood::text, g bool GENERATED ALWAYS AS ('x' OPERATOR(own.~@~) 1) STORED);
CREATE FUNCTION own.argued(a int DEFAULT own.f(1)) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE own.adds(int) (SFUNC = own.cmp, STYPE = int);
CREATE MATERIALIZED VIEW own.rows AS SELECT to_jsonb(k) AS j, k.id FROM own.kept k;
ALTER TABLE own.serials ADD COLUMN gone int; ALTER TABLE own.serials DROP COLUMN gone;
";

/// What the rows say about objects that are not PostgreSQL's own, without what only one of them has: what
/// CREATE TYPE makes is asked about as a whole.
fn told(rows: &[Vec<String>]) -> BTreeSet<Vec<String>> {
    let is_range = |oid: &String| {
        rows.iter()
            .any(|row| row[0] == "t" && row[1] == *oid && row[5] == "r")
    };
    let about = |row: &&Vec<String>| {
        let own = |oid: &str| oid == "0" || oid.parse::<u32>().unwrap() >= 16384;
        "raftoidwqvhgpyzbsj".contains(row[0].as_str()) && own(&row[1])
    };
    let plain = |row: &Vec<String>| {
        let mut row = row.clone();
        if row[0] == "a" {
            row[5].clear();
        }
        row
    };
    rows.iter()
        .filter(|row| row.len() == 7 && row[0] != "x")
        .filter(about)
        .filter(|row| row[0] != "d" || !is_range(&row[1]))
        .map(plain)
        .collect()
}

#[test]
fn what_a_session_asks_of_its_own_is_what_all_are_told() {
    let database = Database::start("");
    database.admin(SCHEMA).exits(0);
    let rows = |question: &str| -> Vec<Vec<String>> {
        // Fields and rows by bytes that no name has.
        let text = format!(
            "COPY (SELECT * FROM ({question}) q (a, b, c, d, e, f, g)) TO STDOUT (DELIMITER E'\\x01', NULL '')"
        );
        let ran = database.admin(&text);
        let lines = ran.stdout.lines();
        lines
            .map(|line| line.split('\u{1}').map(str::to_owned).collect())
            .collect()
    };
    let [whole, own] = catalog_questions();
    let (whole, own) = (told(&rows(&whole)), told(&catalog_rows(&rows(&own))));
    for kind in "raftoidwqvhgpyzbsj".chars() {
        let of_kind = |row: &&Vec<String>| row[0] == kind.to_string();
        assert!(whole.iter().any(|row| of_kind(&row)), "no row of {kind}");
    }
    let missing: Vec<_> = whole.difference(&own).collect();
    let more: Vec<_> = own.difference(&whole).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "missing {missing:#?}, more {more:#?}"
    );
}

//! Code that runs where neither the text nor PostgreSQL's tree says so: for columns that are left out, for
//! operators and operator classes of indexes and partitions, for the keys of other tables. What it makes for the
//! session alone hides what all see, and deny rules hold for it.

use std::net::Ipv4Addr;

use exeat_tests::database::{Database, psql};
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::run::run_with;
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
        deny:
          - call: [public.hides, public.pair, public.cmp]
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
];

const READ: &str = "SELECT abs(total) FROM orders";

fn lab() -> (Lab, Database) {
    let (lab, database) = lab_with(SCHEMA, POLICY);
    // What the owner's own writing runs is over.
    database.admin("INSERT INTO parent VALUES (1)").exits(0);
    (lab, database)
}

fn session(exeat: &Process) -> Wire {
    session_as(exeat, "code")
}

#[test]
fn what_runs_unsaid_is_seen_before_the_next_text() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut removed = 0;
    for statement in RUN {
        let mut next = || {
            removed += 1;
            statement.replace("{}", &removed.to_string())
        };
        // The server itself shows what is hidden, else nothing would be tried.
        let mut direct = psql();
        direct
            .args(["-h", "127.0.0.1", "-p", &database.port().to_string()])
            .args(["-U", "app", "-d", "postgres"])
            .env("PGPASSWORD", "app-password");
        let shown = run_with(&direct, &format!("{}; {READ};", next()));
        assert!(shown.stdout.contains("424242"), "{statement}: {shown:?}");

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
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "denied");
    for statement in RUN {
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

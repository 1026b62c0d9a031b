//! Rules go by names: who may define things gives nothing a name by which it could be read that may not be read.

use exeat_tests::wire::sqlstate;

use super::has_canary;
use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE SCHEMA closed;
CREATE TABLE secrets (id int, v text);
INSERT INTO secrets VALUES (1, 'CANARY');
CREATE TABLE mixed (id int, note text, spare text, secret text);
INSERT INTO mixed VALUES (1, 'note', 'spare', 'CANARY');
CREATE TABLE parent (id int, v text);
CREATE TABLE child () INHERITS (parent);
INSERT INTO child VALUES (1, 'CANARY');
CREATE TABLE listed (id int, note text, rest text);
INSERT INTO listed VALUES (1, 'note', 'CANARY');
CREATE SEQUENCE counted START 424242;
SELECT nextval('counted');
CREATE FUNCTION hush() RETURNS text LANGUAGE sql AS $$ SELECT 'CANARY'::text $$;
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
          - define: public.*
          - define: closed.*
          - select: public.secrets_too
          - select: public.mixed
          - select: public.mixed_too
          - select: public.parent
          - select: public.child
          - select: public.listed(id, note)
          - select: public.counted_too
          - statement: [alter schema]
        deny:
          - select: public.secrets
          - select: public.mixed(secret)
          - select: public.child(v)
          - select: public.counted
          - call: [public.hush]
";

#[test]
fn nothing_gets_a_name_by_which_it_could_be_read() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (define, read) in [
        (
            "ALTER TABLE secrets RENAME TO secrets_too",
            "SELECT * FROM secrets_too",
        ),
        (
            "ALTER TABLE mixed RENAME TO mixed_too",
            "SELECT * FROM mixed_too",
        ),
        (
            "ALTER TABLE mixed RENAME note TO old; ALTER TABLE mixed RENAME COLUMN secret TO note",
            "SELECT note FROM mixed",
        ),
        (
            "ALTER TABLE mixed DROP COLUMN note; ALTER TABLE mixed RENAME \"secret\" TO note",
            "SELECT note FROM mixed",
        ),
        (
            "ALTER TABLE mixed ALTER note TYPE text USING secret",
            "SELECT note FROM mixed",
        ),
        (
            "ALTER TABLE mixed ALTER note TYPE text USING (mixed).secret",
            "SELECT note FROM mixed",
        ),
        (
            "ALTER TABLE mixed ALTER note TYPE text USING mixed::text",
            "SELECT note FROM mixed",
        ),
        (
            "ALTER TABLE mixed ADD made text GENERATED ALWAYS AS (upper(secret)) STORED",
            "SELECT made FROM mixed",
        ),
        ("ALTER TABLE parent RENAME v TO w", "SELECT w FROM child"),
        (
            "ALTER TABLE listed DROP COLUMN note; ALTER TABLE listed RENAME rest TO note",
            "SELECT note FROM listed",
        ),
        (
            "ALTER SEQUENCE counted RENAME TO counted_too",
            "SELECT last_value FROM counted_too",
        ),
        ("ALTER FUNCTION hush() RENAME TO loud", "SELECT loud()"),
        (
            "ALTER FUNCTION hush() SET SCHEMA closed",
            "SELECT closed.hush()",
        ),
        ("ALTER SCHEMA public RENAME TO other", "SELECT 1"),
    ] {
        session.query("BEGIN");
        let defined = session.query(define);
        let read = session.query(read);
        assert_eq!(
            sqlstate(&defined).as_deref(),
            Some("42501"),
            "{define}: {defined:?}"
        );
        assert!(!has_canary(&read), "{define}: {read:?}");
        session.query("ROLLBACK");
    }
    lab.finish(exeat);
}

#[test]
fn what_nobody_reads_by_its_new_name_is_renamed() {
    let (lab, _database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut session = session(&exeat);
    for define in [
        "ALTER TABLE secrets RENAME TO hidden",
        "ALTER TABLE hidden RENAME v TO w",
        "ALTER TABLE hidden SET SCHEMA closed",
        "ALTER TABLE mixed RENAME note TO remark",
        "ALTER TABLE mixed ALTER secret TYPE varchar USING secret || ''",
        "ALTER TABLE mixed ALTER spare TYPE text USING remark",
        "ALTER TABLE mixed ADD made text GENERATED ALWAYS AS (spare) STORED",
        "ALTER TABLE mixed ADD CONSTRAINT c CHECK (secret <> ''); ALTER TABLE mixed RENAME CONSTRAINT c TO d",
        "ALTER TABLE listed RENAME rest TO others",
        "CREATE INDEX i ON mixed (secret); ALTER INDEX i RENAME TO j",
        "CREATE FUNCTION own() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION own() RENAME TO mine",
    ] {
        let defined = session.query(define);
        assert_eq!(sqlstate(&defined), None, "{define}: {defined:?}");
    }
    lab.finish(exeat);
}

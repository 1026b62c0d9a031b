//! Functions of somebody's own behind base types: what reads the modifiers of a type runs while a text is looked at,
//! what sends its values as bytes where they go out as such.

use std::net::Ipv4Addr;

use exeat_tests::database::{Database, psql};
use exeat_tests::lab::Lab;
use exeat_tests::run::run_with;
use exeat_tests::wire::{bind, cstr, execute, frame, parse, query, sqlstate, sync};

use super::has_canary;
use crate::database::{lab_with, session_as, session_from};

/// `hide` puts something else in the place of `orders`; for others than `app` it does nothing.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE secrets (id int, v int);
INSERT INTO secrets VALUES (1, 424242);
CREATE FUNCTION hide() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  IF session_user = 'app' AND current_setting('transaction_read_only') = 'off' THEN
    CREATE OR REPLACE TEMP VIEW orders AS SELECT id, v AS total FROM public.secrets;
  END IF;
  RETURN 1; END $$;
CREATE FUNCTION reads(cstring[]) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.hide(); END $$;
CREATE TYPE shape;
CREATE FUNCTION shape_in(cstring) RETURNS shape LANGUAGE internal STRICT IMMUTABLE AS 'textin';
CREATE FUNCTION shape_out(shape) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
CREATE TYPE shape (INPUT = shape_in, OUTPUT = shape_out, TYPMOD_IN = reads);
CREATE TABLE shapes (id int, x shape);
INSERT INTO shapes VALUES (1, 'a');
CREATE TYPE parcel;
CREATE FUNCTION parcel_in(cstring) RETURNS parcel LANGUAGE internal STRICT IMMUTABLE AS 'textin';
CREATE FUNCTION parcel_out(parcel) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'textout';
CREATE TYPE parcel (INPUT = parcel_in, OUTPUT = parcel_out);
CREATE FUNCTION sends(parcel) RETURNS bytea LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.hide(); RETURN 'a'; END $$;
ALTER TYPE parcel SET (SEND = sends);
CREATE TABLE parcels (id int, x parcel);
INSERT INTO parcels VALUES (1, 'a');
CREATE FUNCTION signed(shape) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE names AS (a regtype);
CREATE DOMAIN a_name AS regtype;
CREATE TABLE named (id int, c names, d a_name, r regtype, ra regtype[], p regprocedure);
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
          - call: [public.*, abs, to_regtype, to_regprocedure, has_type_privilege]
          - type: [public.*]
          - define: public.signed
          - define: pg_temp.*
          - preset: [builtins]
        deny:
          - select: public.secrets
  narrow:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
          - insert: public.*
          - call: [public.signed, abs, to_regtype, to_regprocedure, has_type_privilege]
          - type: [public.*]
          - define: public.signed
          - define: pg_temp.*
          - preset: [builtins]
        deny:
          - call: [public.sends]
";

/// Each of them runs `reads` while it is parsed, or where it is run.
const READ_MODIFIERS: &[&str] = &[
    "SELECT 'x'::shape(3)",
    "SELECT CAST(NULL AS public.\"shape\" (3))",
    "SELECT shape(3) 'x'",
    "SELECT x::shape(3) FROM shapes",
    "SELECT NULL::shape(3)[]",
    "SELECT NULL::_shape(3)",
    "SELECT x FROM json_to_record('{\"x\":\"a\"}') AS r (x shape(3))",
    "PREPARE p (shape(3)) AS SELECT 1",
    "PREPARE p AS SELECT 'x'::shape(3)",
    "EXPLAIN SELECT 'x'::shape(3)",
    "COPY (SELECT 'x'::shape(3)) TO STDOUT",
    "CREATE TEMP TABLE made (x shape(3))",
    "CREATE TEMP TABLE made AS SELECT 'x'::shape(3) AS x",
    "SELECT 'shape(3)'::regtype",
    "SELECT 'shape'\n'(3)'::regtype",
    "SELECT E'sh\\x61pe(3)'::regtype",
    "SELECT ('sha' || id || 'pe(3)')::regtype FROM (SELECT '' AS id) o",
    "SELECT to_regtype('sh' || 'ape(3)')",
    "SELECT to_regprocedure('signed(sh' || 'ape(3))')",
    "SELECT 'signed(shape(3))'::regprocedure",
    "SELECT has_type_privilege('shape(3)', 'usage')",
    "COMMENT ON FUNCTION signed(shape(3)) IS 'a'",
    // Within a row, an array and JSON, where a string has escapes of its own.
    r#"SELECT '("sh\ape(3)")'::names"#,
    r#"SELECT '("sh\ape(3)")'::public.names"#,
    r#"INSERT INTO named (c) VALUES ('("sh\ape(3)")')"#,
    r#"INSERT INTO named (ra) VALUES ('{sh\ape(3)}')"#,
    r#"SELECT json_populate_record(NULL::names, '{"a":"sh\u0061pe(3)"}')"#,
    r#"SELECT json_populate_record(NULL::named, '{"r":"sh\u0061pe(3)"}')"#,
    r#"SELECT jsonb_populate_recordset(NULL::named, '[{"c":{"a":"sh\u0061pe(3)"}}]')"#,
];

/// A text, the type of its parameter (0 where none is said), and a value for which `reads` runs when it is bound, or
/// where the statement runs.
const BOUND: &[(&str, u32, &str)] = &[
    ("SELECT 1", 2206, "shape(3)"),
    ("SELECT 1", 2211, "{shape(3)}"),
    ("SELECT 1", 2202, "signed(shape(3))"),
    ("BEGIN", 2206, "shape(3)"),
    ("SELECT $1", 2206, "shape(3)"),
    ("INSERT INTO named (c) VALUES ($1)", 0, r#"("shape(3)")"#),
    ("INSERT INTO named (d) VALUES ($1)", 0, "shape(3)"),
    ("INSERT INTO named (ra) VALUES ($1)", 0, "{shape(3)}"),
    (
        "SELECT json_populate_record(NULL::names, $1)",
        0,
        r#"{"a":"shape(3)"}"#,
    ),
];

fn bound((sql, of, value): (&str, u32, &str)) -> Vec<u8> {
    let types = match of {
        0 => vec![0, 0],
        of => [&[0, 1][..], &of.to_be_bytes()].concat(),
    };
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    let parse = [cstr(""), cstr(sql), types].concat();
    let bind = [
        cstr(""),
        cstr(""),
        vec![0, 0, 0, 1],
        length.to_vec(),
        value.into(),
        vec![0, 0],
    ];
    [frame('P', &parse), frame('B', &bind.concat()), execute("")].concat()
}

const READ: &str = "SELECT abs(total) FROM orders";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// What the server itself says.
fn direct(database: &Database, sql: &str) -> String {
    let mut direct = psql();
    direct
        .args(["-h", "127.0.0.1", "-p", &database.port().to_string()])
        .args(["-U", "app", "-d", "postgres"])
        .env("PGPASSWORD", "app-password");
    run_with(&direct, sql).stdout
}

#[test]
fn what_reads_modifiers_is_seen_before_the_next_text() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for statement in READ_MODIFIERS {
        // The server itself shows what is hidden, else nothing would be tried.
        let shown = direct(&database, &format!("{statement}; {READ};"));
        assert!(shown.contains("424242"), "{statement}: {shown}");

        let mut own = session_as(&exeat, "code");
        let answer = own.query(statement);
        let state = sqlstate(&answer);
        // What it reads itself may be something else by then: it is sent otherwise.
        let reads = statement.contains("FROM shapes");
        let refused = if reads { Some("42601") } else { None };
        assert_eq!(state.as_deref(), refused, "{statement}: {answer:?}");
        assert!(!has_canary(&own.query(READ)), "{statement}, then");

        let mut one = session_as(&exeat, "code");
        let answer = one.query(&format!("{statement}; {READ}"));
        assert!(!has_canary(&answer), "{statement}, in one message");

        let mut batch = session_as(&exeat, "code");
        let both =
            [*statement, READ].map(|sql| [parse("", sql), bind("", ""), execute("")].concat());
        let answer = batch.send([both.concat(), sync()].concat()).until_ready();
        assert!(!has_canary(&answer), "{statement}, in one batch");
    }
}

#[test]
fn who_may_not_call_what_reads_modifiers_says_none() {
    let (lab, database) = lab();
    // Where it ran at all, on whichever connection, this would be what is told.
    database
        .admin(
            "CREATE OR REPLACE FUNCTION reads(cstring[]) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
               $$ BEGIN RAISE 'ran'; END $$",
        )
        .exits(0);
    let exeat = lab.start();
    let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
    for statement in READ_MODIFIERS {
        // That two strings are a name is known when it is put together.
        if statement.contains("'\n'") || statement.contains("||") {
            continue;
        }
        for extended in [false, true] {
            let answer = match extended {
                true => {
                    let asked = [parse("", statement), bind("", ""), execute(""), sync()];
                    session.send(asked.concat()).until_ready()
                }
                false => session.query(statement),
            };
            assert_eq!(
                sqlstate(&answer).as_deref(),
                Some("42501"),
                "{statement}: {answer:?}"
            );
        }
    }
    for fine in [
        "SELECT x FROM shapes",
        "SELECT x::shape FROM shapes",
        "INSERT INTO shapes VALUES (2, 'b')",
        "SELECT id::varchar(3) FROM shapes",
        "SELECT 'a'::shape",
    ] {
        let answer = session.query(fine);
        assert_eq!(sqlstate(&answer), None, "{fine}: {answer:?}");
    }
}

#[test]
fn what_names_of_types_are_put_together_needs_the_same_rule() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
    for statement in READ_MODIFIERS
        .iter()
        .filter(|sql| sql.contains("||") || sql.contains('\n'))
    {
        let answer = session.query(statement);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{statement}: {answer:?}"
        );
    }
}

#[test]
fn names_of_types_that_come_with_values_count_too() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for value in BOUND {
        let mut own = session_as(&exeat, "code");
        let answer = own.send([bound(*value), sync()].concat()).until_ready();
        assert_eq!(sqlstate(&answer), None, "{value:?}: {answer:?}");
        assert!(!has_canary(&own.query(READ)), "{value:?}, then");

        let mut batch = session_as(&exeat, "code");
        let read = [parse("", READ), bind("", ""), execute("")].concat();
        let answer = batch
            .send([bound(*value), read, sync()].concat())
            .until_ready();
        assert!(!has_canary(&answer), "{value:?}, in one batch");

        let mut narrow = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
        let answer = narrow.send([bound(*value), sync()].concat()).until_ready();
        let state = sqlstate(&answer);
        assert_eq!(state.as_deref(), Some("42501"), "{value:?}: {answer:?}");
    }
    for (columns, row) in [
        ("r", "shape(3)"),
        ("d", "shape(3)"),
        ("c", r#"("shape(3)")"#),
        ("ra", "{shape(3)}"),
        ("p", "signed(shape(3))"),
    ] {
        let sql = format!("COPY named ({columns}) FROM STDIN");
        let mut own = session_as(&exeat, "code");
        let data = frame('d', format!("{row}\n").as_bytes());
        let copied = [query(&sql), data, frame('c', b"")].concat();
        let answer = own.send(copied).until_ready();
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
        assert!(!has_canary(&own.query(READ)), "{sql}, then");
        let mut narrow = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
        let answer = narrow.query(&sql);
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
    }
    for sql in [
        "PREPARE p (regtype) AS SELECT 1",
        "PREPARE p (\"regtype\"[]) AS SELECT 1",
        "PREPARE p (a_name) AS SELECT 1",
        "PREPARE p (public.names) AS SELECT 1",
    ] {
        let mut narrow = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
        let answer = narrow.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
    }
    let mut narrow = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
    for fine in ["SELECT c, d, r FROM named", "PREPARE p (int) AS SELECT $1"] {
        assert_eq!(sqlstate(&narrow.query(fine)), None, "{fine}");
    }
}

#[test]
fn what_sends_values_as_bytes_is_seen_and_denied() {
    let (lab, database) = lab();
    let copied = "COPY parcels (x) TO '/dev/null' (FORMAT binary)";
    let shown = direct(&database, &format!("{copied}; {READ};"));
    assert!(shown.contains("424242"), "{shown}");
    let exeat = lab.start();
    for statement in [
        "COPY parcels TO STDOUT (FORMAT binary)",
        "COPY (SELECT x FROM parcels) TO STDOUT (FORMAT binary)",
        "COPY (SELECT p FROM parcels p) TO STDOUT (FORMAT binary)",
        "COPY (SELECT ARRAY[x] FROM parcels) TO STDOUT (FORMAT binary)",
    ] {
        let mut own = session_as(&exeat, "code");
        let answer = own.query(statement);
        assert_eq!(sqlstate(&answer), None, "{statement}: {answer:?}");
        assert!(!has_canary(&own.query(READ)), "{statement}, then");

        let mut denied = session_from(&exeat, Ipv4Addr::new(127, 0, 0, 2), "narrow");
        let answer = denied.query(statement);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{statement}: {answer:?}"
        );
    }
}

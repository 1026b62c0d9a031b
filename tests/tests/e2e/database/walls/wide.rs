//! Statements that reach more than they name: what is denied of one of the tables that they are for, is denied.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{bind, execute, parse, sqlstate, sync};

use crate::database::{lab_with, session_as};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE ROLE other;
CREATE SCHEMA shut;
CREATE TABLE shut.locked (id int CONSTRAINT positive CHECK (id > 0), v text, w text);
CREATE SEQUENCE shut.locked_seq OWNED BY shut.locked.id;
CREATE STATISTICS shut.locked_stats ON v, w FROM shut.locked;
CREATE INDEX locked_idx ON shut.locked (id);
CREATE FUNCTION shut.moved() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER moves BEFORE INSERT ON shut.locked FOR EACH ROW EXECUTE FUNCTION shut.moved();
CREATE RULE ruled AS ON DELETE TO shut.locked DO ALSO NOTIFY gone;
CREATE POLICY guards ON shut.locked USING (true);
CREATE SCHEMA coded;
CREATE FUNCTION coded.fixed() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA open;
CREATE TABLE open.t (id int, v text, w text);
CREATE SEQUENCE open.t_seq OWNED BY open.t.id;
CREATE STATISTICS open.t_stats ON v, w FROM open.t;
CREATE STATISTICS open.u_stats ON id, w FROM open.t;
CREATE FUNCTION open.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE secrets (id int, v text);
CREATE PUBLICATION known;
";

const POLICY: &str = "\
version: 1
roles:
  every:
    identities: [{ source: 127.0.0.1/32 }]
    databases:
      shop:
        as: app
        allow: [{ rule: everything }]
        deny:
          - define: shut.locked
          - define: coded.fixed
          - select: public.secrets
";

/// Each reaches `shut.locked`, its rows, or `coded.fixed`.
const DENIED: &[&str] = &[
    "GRANT SELECT ON ALL TABLES IN SCHEMA shut TO other",
    "GRANT SELECT ON ALL TABLES IN SCHEMA open, shut TO other",
    "REVOKE SELECT ON ALL TABLES IN SCHEMA shut FROM other",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA shut TO other",
    "GRANT USAGE ON SEQUENCE shut.locked_seq TO other",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA coded TO other",
    "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA coded TO other",
    "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA coded FROM other",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO other",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA shut GRANT SELECT ON TABLES TO other",
    "CREATE PUBLICATION p FOR ALL TABLES",
    "CREATE PUBLICATION p FOR TABLES IN SCHEMA shut",
    "CREATE PUBLICATION p FOR TABLES IN SCHEMA public",
    "CREATE PUBLICATION p FOR TABLE open.t, public.secrets",
    "ALTER PUBLICATION known ADD TABLE public.secrets",
    "ALTER PUBLICATION known SET TABLES IN SCHEMA public",
    "ALTER STATISTICS shut.locked_stats SET STATISTICS 7",
    "ALTER STATISTICS shut.locked_stats RENAME TO other",
    "DROP STATISTICS shut.locked_stats",
    "DROP STATISTICS open.u_stats, shut.locked_stats",
    "COMMENT ON STATISTICS shut.locked_stats IS 'mine'",
    "ALTER SEQUENCE shut.locked_seq INCREMENT 7",
    "ALTER SEQUENCE shut.locked_seq RENAME TO other",
    "DROP SEQUENCE shut.locked_seq",
    "COMMENT ON SEQUENCE shut.locked_seq IS 'mine'",
    "ALTER SCHEMA shut RENAME TO other",
    "REASSIGN OWNED BY app TO other",
    "DROP OWNED BY other",
    "ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default",
    "COMMENT ON COLUMN shut.locked.v IS 'mine'",
    "COMMENT ON CONSTRAINT positive ON shut.locked IS 'mine'",
    "COMMENT ON TRIGGER moves ON shut.locked IS 'mine'",
    "COMMENT ON RULE ruled ON shut.locked IS 'mine'",
    "COMMENT ON POLICY guards ON shut.locked IS 'mine'",
    "COMMENT ON INDEX shut.locked_idx IS 'mine'",
];

/// The same, as no transaction block takes it.
const DENIED_ALONE: &[&str] = &[
    "REINDEX SCHEMA shut",
    "REINDEX DATABASE postgres",
    "VACUUM",
    "VACUUM (ANALYZE)",
    "ANALYZE",
    "CLUSTER",
];

/// Each reaches neither.
const FINE: &[&str] = &[
    "GRANT SELECT ON ALL TABLES IN SCHEMA open TO other",
    "REVOKE SELECT ON ALL TABLES IN SCHEMA open FROM other",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA open TO other",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA coded TO other",
    "GRANT SELECT ON ALL TABLES IN SCHEMA coded TO other",
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA shut TO other",
    "GRANT USAGE ON SCHEMA shut TO other",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA open GRANT SELECT ON TABLES TO other",
    "CREATE PUBLICATION q FOR TABLE open.t",
    "ALTER PUBLICATION known ADD TABLE open.t",
    "DROP PUBLICATION q",
    "ALTER STATISTICS open.t_stats SET STATISTICS 7",
    "COMMENT ON STATISTICS open.t_stats IS 'mine'",
    "DROP STATISTICS open.t_stats",
    "ALTER SEQUENCE open.t_seq INCREMENT 7",
    "DROP SEQUENCE open.t_seq",
    "REINDEX SCHEMA open",
    "VACUUM open.t",
    "ANALYZE open.t",
];

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

#[test]
fn deny_rules_hold_for_what_a_statement_reaches_by_its_kind() {
    let (lab, database) = lab();
    let version = database.admin("SHOW server_version_num").stdout;
    // Schemas in publications are of PostgreSQL 15.
    let is_of_15 = version.trim().parse::<u32>().unwrap() >= 150_000;
    let is_known =
        |sql: &&&str| is_of_15 || !(sql.contains("PUBLICATION") && sql.contains("SCHEMA"));
    let statements = || DENIED.iter().chain(DENIED_ALONE).filter(is_known);
    // The server itself does each, before anybody else locks what it locks.
    for sql in statements() {
        if DENIED_ALONE.contains(sql) {
            database.admin(sql).exits(0);
        } else {
            database.admin(&format!("BEGIN; {sql}; ROLLBACK")).exits(0);
        }
    }
    let exeat = lab.start();
    let mut session = session_as(&exeat, "every");
    let mut open = Vec::new();
    for sql in statements() {
        let answer = session.query(sql);
        if sqlstate(&answer).as_deref() != Some("42501") {
            open.push(format!("{sql}: {:?}", sqlstate(&answer)));
        }
        session.send([parse("", sql), bind("", ""), execute(""), sync()].concat());
        let answer = session.until_ready();
        if sqlstate(&answer).as_deref() != Some("42501") {
            open.push(format!("extended: {sql}: {:?}", sqlstate(&answer)));
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn what_reaches_nothing_that_is_denied_needs_nothing_more() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session_as(&exeat, "every");
    for sql in FINE {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
    }
}

#[test]
fn without_deny_rules_what_a_statement_reaches_by_its_kind_is_no_matter() {
    let (lab, _database) = lab();
    let rules = "allow:\n          - define: shut.*\n          - select: public.*\n          - statement: \
                 [create publication, alter default privileges, maintain, drop statistics]\n";
    let allowed = POLICY.find("allow:").unwrap();
    lab.set_policy(&format!("{}{rules}", &POLICY[..allowed]));
    let exeat = lab.start();
    let mut session = session_as(&exeat, "every");
    for sql in [
        "GRANT SELECT ON ALL TABLES IN SCHEMA shut TO other",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO other",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "ALTER SEQUENCE shut.locked_seq INCREMENT 7",
        "DROP STATISTICS shut.locked_stats",
        "VACUUM",
        "ANALYZE",
    ] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}: {answer:?}");
    }
}

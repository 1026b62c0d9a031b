//! Each kind of difference is found, in the direction that it has, and `grants` mends what SQL can mend.

use super::Wall;

const SCHEMA: &str = r#"
CREATE TABLE orders (id serial PRIMARY KEY, total int, ssn text);
CREATE TABLE payments (id int, amount int);
CREATE VIEW totals AS SELECT id, total FROM orders;
CREATE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE SCHEMA hidden; CREATE TABLE hidden.secrets (id int); CREATE SCHEMA staging; CREATE TABLE staging.events (id int);
CREATE TYPE mood AS ENUM ('well');
CREATE ROLE app LOGIN; CREATE ROLE readers; GRANT SELECT ON payments TO readers;
CREATE FOREIGN DATA WRAPPER other; CREATE SERVER elsewhere FOREIGN DATA WRAPPER other;
SELECT lo_create(4711);
SET allow_system_table_mods = on; CREATE TABLE information_schema.planted (v text); RESET allow_system_table_mods;
"#;

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ token: app }]
    databases:
      shop:
        as: app
        allow:
          - select: public.orders(id, total)
          - insert: public.orders(total)
          - select: public.totals
          - select: staging.*
          - call: [public.double, lower, pg_notify]
          - type: [public.mood]
        limits: { statement_timeout: 5s }
";

/// What is done past the policy; the direction and kind that must be told, of which role, in which words.
const PLANTED: &[(&str, &str, &str, &str, &str)] = &[
    (
        "DO $$ BEGIN EXECUTE format('GRANT SELECT ON %s TO app', (SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'orders')); END $$",
        "beyond",
        "system_catalog",
        "app",
        "SELECT on pg_toast.pg_toast_",
    ),
    (
        "GRANT SELECT ON information_schema.planted TO PUBLIC",
        "beyond",
        "system_catalog",
        "app",
        "SELECT on information_schema.planted",
    ),
    (
        "GRANT SELECT ON payments TO app",
        "beyond",
        "table",
        "app",
        "SELECT on public.payments",
    ),
    (
        "GRANT SELECT ON orders TO app",
        "beyond",
        "table",
        "app",
        "SELECT on public.orders",
    ),
    (
        "GRANT SELECT (ssn) ON orders TO app",
        "beyond",
        "column",
        "app",
        "SELECT on public.orders(ssn)",
    ),
    (
        "GRANT UPDATE (total) ON orders TO app",
        "beyond",
        "column",
        "app",
        "UPDATE on public.orders(total)",
    ),
    (
        "GRANT DELETE ON orders TO app",
        "beyond",
        "table",
        "app",
        "DELETE on public.orders",
    ),
    (
        "GRANT TRUNCATE ON orders TO app",
        "beyond",
        "table",
        "app",
        "TRUNCATE",
    ),
    (
        "GRANT REFERENCES (id), TRIGGER ON orders TO app",
        "beyond",
        "table",
        "app",
        "TRIGGER on public.orders",
    ),
    (
        "GRANT SELECT ON payments TO PUBLIC",
        "beyond",
        "table",
        "app",
        "as everybody",
    ),
    (
        "GRANT SELECT (ssn) ON orders TO PUBLIC",
        "beyond",
        "column",
        "app",
        "as everybody",
    ),
    (
        "GRANT USAGE ON SCHEMA hidden TO app",
        "beyond",
        "schema",
        "app",
        "USAGE on schema hidden",
    ),
    (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "beyond",
        "schema",
        "app",
        "CREATE on schema public",
    ),
    (
        "GRANT TEMPORARY ON DATABASE postgres TO PUBLIC",
        "beyond",
        "database",
        "app",
        "TEMPORARY",
    ),
    (
        "GRANT CREATE ON DATABASE postgres TO app",
        "beyond",
        "database",
        "app",
        "CREATE on the database",
    ),
    (
        "GRANT readers TO app",
        "beyond",
        "membership",
        "app",
        "member of readers",
    ),
    (
        "GRANT pg_read_all_data TO app",
        "beyond",
        "membership",
        "app",
        "pg_read_all_data",
    ),
    (
        "ALTER ROLE app CREATEDB",
        "beyond",
        "attribute",
        "app",
        "CREATEDB",
    ),
    (
        "ALTER ROLE app CREATEROLE",
        "beyond",
        "attribute",
        "app",
        "CREATEROLE",
    ),
    (
        "ALTER ROLE app BYPASSRLS",
        "beyond",
        "attribute",
        "app",
        "BYPASSRLS",
    ),
    (
        "ALTER ROLE app REPLICATION",
        "beyond",
        "attribute",
        "app",
        "REPLICATION",
    ),
    (
        "CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION fresh TO PUBLIC",
        "beyond",
        "function",
        "PUBLIC",
        "public.fresh()",
    ),
    (
        "CREATE FUNCTION strong() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION strong TO app",
        "beyond",
        "security_definer",
        "app",
        "public.strong()",
    ),
    (
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app",
        "beyond",
        "builtin_function",
        "app",
        "pg_read_file(text)",
    ),
    (
        "GRANT EXECUTE ON FUNCTION query_to_xml TO PUBLIC",
        "beyond",
        "builtin_function",
        "app",
        "query_to_xml",
    ),
    (
        "GRANT SELECT ON pg_authid TO app",
        "beyond",
        "system_catalog",
        "app",
        "pg_catalog.pg_authid",
    ),
    (
        "GRANT UPDATE ON SEQUENCE orders_id_seq TO app",
        "beyond",
        "sequence",
        "app",
        "UPDATE on sequence",
    ),
    (
        "GRANT SELECT (id) ON orders TO app WITH GRANT OPTION",
        "beyond",
        "grant_option",
        "app",
        "pass on SELECT",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app",
        "beyond",
        "default_privileges",
        "app",
        "SELECT on tables that postgres creates later in schema public",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "beyond",
        "default_privileges",
        "app",
        "SELECT on tables that postgres creates later",
    ),
    (
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        "beyond",
        "default_privileges",
        "PUBLIC",
        "functions that postgres creates later",
    ),
    (
        "GRANT USAGE ON FOREIGN SERVER elsewhere TO app",
        "beyond",
        "other",
        "app",
        "elsewhere",
    ),
    (
        "GRANT SELECT ON LARGE OBJECT 4711 TO app",
        "beyond",
        "other",
        "app",
        "large object 4711",
    ),
    (
        "GRANT SET ON PARAMETER session_preload_libraries TO app",
        "beyond",
        "other",
        "app",
        "session_preload_libraries",
    ),
    (
        "GRANT SELECT ON payments TO readers WITH GRANT OPTION; SET ROLE readers; GRANT SELECT ON payments TO app; RESET ROLE",
        "beyond",
        "table",
        "app",
        "SELECT on public.payments",
    ),
    (
        "REVOKE SELECT (total) ON orders FROM app",
        "short",
        "column",
        "app",
        "no SELECT on public.orders(total)",
    ),
    (
        "REVOKE SELECT ON totals FROM app",
        "short",
        "table",
        "app",
        "no SELECT on public.totals",
    ),
    (
        "REVOKE USAGE ON SCHEMA staging FROM app",
        "short",
        "schema",
        "app",
        "no USAGE on schema staging",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION double FROM app",
        "short",
        "function",
        "app",
        "no EXECUTE on function public.double(int4)",
    ),
    (
        "REVOKE EXECUTE ON FUNCTION lower(text) FROM PUBLIC",
        "short",
        "builtin_function",
        "app",
        "pg_catalog.lower(text)",
    ),
    (
        "REVOKE USAGE ON SEQUENCE orders_id_seq FROM app",
        "short",
        "sequence",
        "app",
        "no USAGE on sequence public.orders_id_seq",
    ),
    (
        "REVOKE USAGE ON TYPE mood FROM PUBLIC",
        "short",
        "type",
        "app",
        "no USAGE on type public.mood",
    ),
    (
        "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
        "short",
        "database",
        "app",
        "no CONNECT on the database",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA staging REVOKE SELECT ON TABLES FROM app",
        "short",
        "default_privileges",
        "app",
        "no SELECT on tables that postgres creates later in schema staging",
    ),
    (
        "ALTER ROLE app IN DATABASE postgres SET statement_timeout = '1h'",
        "short",
        "setting",
        "app",
        "statement_timeout is not set to 5000ms",
    ),
    (
        "ALTER ROLE app IN DATABASE postgres RESET search_path",
        "short",
        "setting",
        "app",
        "search_path",
    ),
    (
        "ALTER ROLE app NOLOGIN",
        "short",
        "attribute",
        "app",
        "NOLOGIN",
    ),
];

/// What SQL of ours does not undo, and what does.
const BY_HAND: &[(&str, &str, &str, &str)] = &[
    (
        "ALTER TABLE payments OWNER TO app",
        "ownership",
        "public.payments",
        "ALTER TABLE payments OWNER TO postgres",
    ),
    (
        "ALTER FUNCTION double OWNER TO app",
        "ownership",
        "public.double",
        "ALTER FUNCTION double OWNER TO postgres",
    ),
    (
        "ALTER SCHEMA hidden OWNER TO app",
        "ownership",
        "schema hidden",
        "ALTER SCHEMA hidden OWNER TO postgres",
    ),
    (
        "ALTER ROLE app SUPERUSER",
        "attribute",
        "SUPERUSER",
        "ALTER ROLE app NOSUPERUSER",
    ),
];

/// How many groups the planted ones are dealt into: in none does one hide another.
const GROUPS: usize = 9;

#[test]
fn drift_finds_every_planted_difference_and_grants_mends_it() {
    let wall = Wall::new(SCHEMA, POLICY);
    wall.apply();
    let mut wrong = Vec::new();
    for group in 0..GROUPS {
        let dealt = || PLANTED.iter().skip(group).step_by(GROUPS);
        let planted = || dealt().filter(|(sql, ..)| wall.knows(sql));
        for (sql, ..) in planted() {
            wall.database.admin(sql).exits(0);
        }
        let drift = wall.drift();
        for (sql, direction, kind, role, what) in planted() {
            let found = drift.iter().any(|[of, is, whose, says]| {
                of == direction && is == kind && whose == role && says.contains(what)
            });
            if !found {
                wrong.push(format!("{sql}: {drift:#?}"));
            }
        }
        let applied = wall.command(&["grants", "--apply", "--yes"]);
        if applied.status != 0 {
            wrong.push(format!("group {group} is not mended: {applied:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let left = wall.drift();
    assert!(
        left.iter().all(|[direction, ..]| direction == "told"),
        "{left:#?}"
    );
}

#[test]
fn a_role_that_is_missing_is_told_and_made() {
    let wall = Wall::new(SCHEMA, POLICY);
    wall.database.admin("DROP ROLE app").exits(0);
    let drift = wall.drift();
    let found = drift.iter().any(|it| it[..3] == ["short", "role", "app"]);
    assert!(found, "{drift:#?}");
    wall.apply();
    assert!(
        wall.drift()
            .iter()
            .all(|[direction, ..]| direction == "told")
    );
}

#[test]
fn what_grants_does_not_mend_is_told_and_left_alone() {
    let wall = Wall::new(SCHEMA, POLICY);
    wall.apply();
    for (sql, kind, what, undo) in BY_HAND {
        wall.database.admin(sql).exits(0);
        let drift = wall.drift();
        let found = drift.iter().any(|[direction, is, role, says]| {
            direction == "beyond" && is == kind && role == "app" && says.contains(what)
        });
        assert!(found, "{sql}: {drift:#?}");
        wall.command(&["grants"]).says(what).says("by hand");
        wall.database.admin(undo).exits(0);
        wall.apply();
    }
}

#[test]
fn a_shared_database_role_has_the_union_and_is_told() {
    let shared = POLICY.to_owned()
        + "  other:\n    identities: [{ token: other }]\n    databases:\n      shop: { as: app, allow: [{ delete: public.payments }] }\n";
    let wall = Wall::new(SCHEMA, &shared);
    wall.apply();
    let statements = [
        "DELETE FROM payments",
        "SELECT total FROM orders",
        "SELECT * FROM payments",
    ];
    assert_eq!(
        wall.as_role("app", &statements.map(str::to_owned)),
        ["00000", "00000", "42501"]
    );
    let drift = wall.drift();
    let told = drift.iter().any(|[direction, kind, _, what]| {
        direction == "told" && kind == "shared_role" && what.contains("app, other")
    });
    assert!(told, "{drift:#?}");
}

#[test]
fn roles_that_are_only_reported_are_named_and_keep_what_everybody_had() {
    let reported = POLICY.to_owned()
        + "  watched:\n    identities: [{ token: watched }]\n    databases:\n      shop: { as: watched, mode: report, allow: [] }\n";
    let wall = Wall::new(&format!("{SCHEMA} CREATE ROLE watched LOGIN;"), &reported);
    wall.command(&["grants"])
        .says("watched: not judged, because policy role watched refuses nothing");
    wall.apply();
    let statements = [
        "SELECT double(1)",
        "SELECT pg_sleep(0)",
        "CREATE TEMP TABLE mine (id int)",
    ];
    assert_eq!(
        wall.as_role("watched", &statements.map(str::to_owned)),
        ["00000"; 3]
    );
    assert_eq!(wall.as_role("app", &[statements[1].to_owned()]), ["42501"]);
    assert!(wall.drift().iter().all(|[_, _, role, _]| role != "watched"));
}

#[test]
fn a_database_that_can_not_be_asked_is_no_answer() {
    let wall = Wall::new(SCHEMA, POLICY);
    let url = format!(
        "postgresql://admin:wrong@127.0.0.1:{}/postgres",
        wall.database.port()
    );
    let policy = wall.policy();
    let ran = exeat_tests::exeat::run_exeat([
        "policy",
        "drift",
        "--database",
        "shop",
        "--database-url",
        &url,
        "--policy",
        policy.to_str().unwrap(),
    ]);
    ran.exits(69).says("28P01");
    assert!(!ran.all().contains("wrong"), "{ran:#?}");
}

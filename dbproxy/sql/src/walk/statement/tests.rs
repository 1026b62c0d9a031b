use std::sync::Arc;

use exeat_policy::{Access, Columns, Confirmation, Facts, Subject, Verb};

use crate::{Catalog, Context, Relation, RelationKind, Statement, read};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    for (schema, name) in [
        ("public", "t"),
        ("public", "pg_mine"),
        ("pg_catalog", "pg_class"),
    ] {
        catalog.add_relation(Relation {
            schema: schema.into(),
            name: name.into(),
            kind: RelationKind::Table,
            columns: vec!["a".into(), "b".into()],
        });
    }
    catalog.add_function("pg_catalog", "set_config");
    catalog.add_operator("public", "<=>");
    catalog.add_type("public", "mood");
    catalog
}

fn one(sql: &str, asks: bool) -> Statement {
    let catalog = catalog();
    let context = Context {
        catalog: Some(&catalog),
        asks,
        ..Context::default()
    };
    let mut statements = read(sql, &context);
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0)
}

fn facts(sql: &str, asks: bool) -> Arc<Facts> {
    match one(sql, asks).subject {
        Subject::Readable(facts) => facts,
        Subject::Unreadable(unreadable) => panic!("{sql}: {unreadable:?}"),
    }
}

fn columns(facts: &Facts) -> Vec<&str> {
    let names = facts
        .relations
        .iter()
        .filter_map(|access| match &access.columns {
            Columns::Named(names) => Some(names.iter().map(|name| &**name)),
            Columns::All => None,
        });
    names.flatten().collect()
}

#[test]
fn keywords_are_no_columns() {
    for sql in [
        "SELECT a IS UNKNOWN FROM t",
        "SELECT a IS NOT UNKNOWN FROM t",
        "SELECT a IS DOCUMENT FROM t",
        "SELECT a IS NOT DOCUMENT FROM t",
        "SELECT a IS NORMALIZED, a IS NFC NORMALIZED, a IS NOT NFKD NORMALIZED FROM t",
        "SELECT normalize(a), normalize(a, NFC), normalize(a, nfkd) FROM t",
        "SELECT trim(both from a), trim(leading 'x' from a), trim(a, 'x'), trim(from a) FROM t",
        "SELECT extract(epoch FROM a), extract(foo FROM a), extract('x' FROM a) FROM t",
        "SELECT a END FROM t",
        "SELECT a, 1_000, 0x1F, 0o17, 0b1 FROM t",
        "SELECT a = ANY (VALUES (1), (2)) FROM t",
        "SELECT a FROM ROWS FROM (generate_series(1, 2), f(3)) x(c, d), t",
        "COPY (SELECT a FROM t) TO STDOUT (FORMAT csv, FORCE_QUOTE *)",
        "COPY (SELECT a FROM t) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE (a), NULL 'x')",
    ] {
        for asks in [false, true] {
            assert_eq!(columns(&facts(sql, asks)), ["a"], "{sql}");
        }
        if !sql.contains("VALUES") {
            let confirmation = facts(sql, false).confirmation;
            assert_eq!(confirmation, Confirmation::Confirmed, "{sql}");
        }
    }
    // Where they are none, they are columns.
    for sql in [
        "SELECT unknown FROM t",
        "SELECT a IS DISTINCT FROM unknown FROM t",
        "SELECT a IS NOT DISTINCT FROM document FROM t",
        "SELECT f(a, nfc) FROM t",
        "SELECT normalize(nfc, NFC) FROM t",
        "SELECT pg_catalog.normalize(a, nfc) FROM t",
        "SELECT unknown IS NULL FROM t",
    ] {
        assert!(
            matches!(one(sql, false).subject, Subject::Unreadable(_)),
            "{sql}"
        );
    }
}

#[test]
fn what_is_temporary_is_in_the_temporary_schema() {
    for sql in [
        "CREATE TEMP TABLE t (a int)",
        "CREATE TEMPORARY TABLE IF NOT EXISTS t (a int)",
        "CREATE LOCAL TEMP TABLE t (a int)",
        "CREATE GLOBAL TEMPORARY TABLE t (a int)",
        "CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1 a",
        "CREATE TABLE pg_temp.t (a int)",
        "CREATE TEMP TABLE pg_temp.t (a int)",
        "SELECT 1 a INTO TEMP t",
        "SELECT 1 a INTO TEMPORARY TABLE t UNION SELECT 2",
        "SELECT 1 a INTO LOCAL TEMP t",
        "SELECT 1 a INTO pg_temp.t",
        "CREATE TEMP VIEW t AS SELECT 1",
        "CREATE OR REPLACE TEMPORARY VIEW t AS SELECT 1",
        "CREATE TEMP RECURSIVE VIEW t (a) AS SELECT 1",
        "CREATE TEMP SEQUENCE t",
        "DROP TABLE pg_temp.t",
        "EXPLAIN CREATE TEMP TABLE t AS SELECT 1",
    ] {
        for asks in [false, true] {
            let f = facts(sql, asks);
            let defined: Vec<_> = f
                .relations
                .iter()
                .filter(|access| access.access == Access::Define)
                .map(|access| access.relation.to_string())
                .collect();
            assert_eq!(defined, ["pg_temp.t"], "{sql}");
        }
    }
    // What it refers to is where it ever was.
    let f = facts("CREATE TEMP TABLE x (LIKE t, b int)", false);
    let names: Vec<_> = f
        .relations
        .iter()
        .map(|access| access.relation.to_string())
        .collect();
    assert_eq!(names, ["pg_temp.x", "public.t"]);
    let accesses: Vec<_> = f.relations.iter().map(|access| access.access).collect();
    assert_eq!(accesses, [Access::Define, Access::Select]);
    let f = facts("SELECT 1 a INTO UNLOGGED x", false);
    assert_eq!(f.relations[0].relation.to_string(), "public.x");
}

#[test]
fn names_of_ones_own_may_begin_like_the_systems() {
    for (sql, expected) in [
        ("SELECT a FROM pg_mine", "public.pg_mine"),
        ("SELECT a FROM pg_class", "pg_catalog.pg_class"),
        ("CREATE TABLE pg_new (a int)", "public.pg_new"),
        ("CREATE VIEW pg_new AS SELECT 1", "public.pg_new"),
        ("DROP TABLE pg_mine", "public.pg_mine"),
    ] {
        assert_eq!(
            facts(sql, false).relations[0].relation.to_string(),
            expected,
            "{sql}"
        );
    }
}

#[test]
fn operators_and_types_are_named_by_the_schema_that_has_them() {
    let f = facts("SELECT a <=> b, a <#> b, a <<-> b, a @>> b FROM t", false);
    let operators: Vec<_> = f.operators.iter().map(ToString::to_string).collect();
    assert_eq!(operators, ["<#>", "<<->", "@>>", "public.<=>"]);
    let f = facts("SELECT a::mood FROM t", false);
    assert_eq!(f.types[0].to_string(), "public.mood");
}

#[test]
fn what_cascades_says_so() {
    for (sql, cascades) in [
        ("DROP TABLE t CASCADE", true),
        ("DROP SCHEMA s CASCADE", true),
        ("DROP TYPE ty CASCADE", true),
        ("DROP OWNED BY x CASCADE", true),
        ("ALTER TABLE t DROP COLUMN a CASCADE", true),
        ("ALTER TABLE t DROP CONSTRAINT c CASCADE", true),
        ("ALTER TYPE ty DROP ATTRIBUTE a CASCADE", true),
        ("ALTER DOMAIN d DROP CONSTRAINT c CASCADE", true),
        ("REVOKE SELECT ON t FROM x CASCADE", true),
        ("TRUNCATE t CASCADE", true),
        ("TRUNCATE t RESTART IDENTITY CASCADE", true),
        ("TRUNCATE t", false),
        ("DROP TABLE t RESTRICT", false),
        (
            "CREATE TABLE x (a int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE)",
            false,
        ),
        (
            "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES t (a) ON DELETE CASCADE",
            false,
        ),
        ("SELECT 1", false),
    ] {
        let statement = one(sql, true);
        assert!(
            matches!(statement.subject, Subject::Readable(_)),
            "{statement:?}"
        );
        assert_eq!(statement.cascades, cascades, "{sql}");
    }
    // Nobody is there to say what it reaches.
    assert!(matches!(
        one("TRUNCATE t CASCADE", false).subject,
        Subject::Unreadable(_)
    ));
}

#[test]
fn do_is_code_that_nobody_reads() {
    for sql in [
        "DO $$ BEGIN DELETE FROM t; END $$",
        "DO LANGUAGE plpgsql 'begin null; end'",
        "DO $x$ BEGIN END $x$ LANGUAGE plpython3u",
    ] {
        let f = facts(sql, false);
        assert_eq!((f.verb, &*f.label), (Verb::Do, "do"), "{sql}");
        assert!(f.relations.is_empty() && f.functions.is_empty());
        assert_eq!(f.confirmation, Confirmation::Confirmed);
    }
}

#[test]
fn settings_have_the_value_that_postgresql_shows() {
    for (sql, name, value) in [
        ("RESET ROLE", "role", None),
        ("SET ROLE NONE", "role", None),
        ("SET LOCAL ROLE NONE", "role", None),
        ("SET role TO none", "role", None),
        ("SELECT set_config('role', 'none', false)", "role", None),
        ("SET ROLE x", "role", Some("x")),
        ("SET ROLE \"None\"", "role", Some("None")),
        (
            "SET SESSION AUTHORIZATION DEFAULT",
            "session_authorization",
            None,
        ),
        (
            "SET LOCAL SESSION AUTHORIZATION DEFAULT",
            "session_authorization",
            None,
        ),
        (
            "SET SESSION AUTHORIZATION 'default'",
            "session_authorization",
            Some("default"),
        ),
        ("SET search_path TO app", "search_path", Some("app")),
        (
            "SET search_path = \"public\", 'x', pg_catalog",
            "search_path",
            Some("public, x, pg_catalog"),
        ),
        (
            "SET search_path TO \"Foo Bar\", \"$user\"",
            "search_path",
            Some("\"Foo Bar\", \"$user\""),
        ),
        ("SET search_path = 'a, b'", "search_path", Some("\"a, b\"")),
        ("SET search_path = ''", "search_path", Some("\"\"")),
        ("SET SCHEMA 'A'", "search_path", Some("\"A\"")),
        (
            "SELECT set_config('search_path', 'a, b', false)",
            "search_path",
            Some("a, b"),
        ),
        (
            "SET client_encoding TO 'UNICODE'",
            "client_encoding",
            Some("UNICODE"),
        ),
        ("SET DateStyle TO ISO, MDY", "datestyle", Some("iso, mdy")),
        (
            "SELECT set_config('a.b'::text, 'c'::text, false::bool)",
            "a.b",
            Some("c"),
        ),
        (
            "SELECT set_config('work_mem', NULL, false)",
            "work_mem",
            None,
        ),
    ] {
        let f = facts(sql, false);
        let found: Vec<_> = f
            .settings
            .iter()
            .map(|s| (&*s.name, s.value.as_deref()))
            .collect();
        assert_eq!(found, [(name, value)], "{sql}");
        assert!(f.functions.is_empty(), "{sql}: {f:?}");
    }
}

#[test]
fn what_pools_and_tools_send_first_is_read() {
    for sql in [
        "SET SESSION AUTHORIZATION DEFAULT;RESET ALL;CLOSE ALL;UNLISTEN *;SELECT pg_advisory_unlock_all();DISCARD SEQUENCES;DISCARD TEMP",
        "SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8';",
    ] {
        for statement in read(sql, &Context::default()) {
            let Subject::Readable(facts) = &statement.subject else {
                panic!("{statement:?}");
            };
            assert_eq!(facts.confirmation, Confirmation::Confirmed, "{facts:?}");
        }
    }
}

#[test]
fn indexes_are_relations() {
    for (sql, access, expected) in [
        ("REINDEX INDEX i", Access::Maintain, &["public.i"][..]),
        ("REINDEX INDEX CONCURRENTLY s.i", Access::Maintain, &["s.i"]),
        (
            "CLUSTER t USING i",
            Access::Maintain,
            &["public.i", "public.t"],
        ),
        ("DROP INDEX i, s.j", Access::Define, &["public.i", "s.j"]),
        (
            "ALTER INDEX i RENAME TO j",
            Access::Define,
            &["public.i", "public.j"],
        ),
        // Beside its table, where that is named.
        ("CREATE INDEX i ON s.t (a)", Access::Define, &["s.i", "s.t"]),
        ("CLUSTER s.t USING i", Access::Maintain, &["s.i", "s.t"]),
        (
            "ALTER TABLE s.t CLUSTER ON i",
            Access::Define,
            &["s.i", "s.t"],
        ),
        (
            "ALTER INDEX s.i RENAME TO j",
            Access::Define,
            &["s.i", "s.j"],
        ),
        (
            "ALTER INDEX s.i ATTACH PARTITION j",
            Access::Define,
            &["public.j", "s.i"],
        ),
    ] {
        let Subject::Readable(f) = &read(sql, &Context::default())[0].subject else {
            panic!("{sql}");
        };
        let names: Vec<_> = f
            .relations
            .iter()
            .map(|one| one.relation.to_string())
            .collect();
        assert_eq!(names, expected, "{sql}");
        assert!(f.relations.iter().all(|one| one.access == access), "{sql}");
    }
}

#[test]
fn a_lock_that_reading_takes_needs_no_more_than_reading() {
    for (sql, access) in [
        ("lock table t in access share mode", Access::Select),
        ("lock t in access share mode nowait", Access::Select),
        ("lock only t in row share mode", Access::Lock),
        ("lock t in share mode", Access::Lock),
        ("lock t in access exclusive mode", Access::Lock),
        ("lock t", Access::Lock),
    ] {
        let facts = facts(sql, true);
        assert_eq!(facts.verb, Verb::Lock, "{sql}");
        let touched: Vec<_> = facts.relations.iter().map(|one| one.access).collect();
        assert_eq!(touched, [access], "{sql}");
    }
}

#[test]
fn a_parameter_that_pg_settings_shows_may_be_read_by_its_name_there() {
    let computed = |sql: &str| {
        facts(sql, true)
            .settings
            .iter()
            .any(|setting| &*setting.name == "*")
    };
    for sql in [
        "select current_setting(s.name) from pg_catalog.pg_settings s",
        "select pg_catalog.current_setting(s.name) from pg_catalog.pg_settings s where s.name ~ 'x' order by 1",
        "select current_setting(pg_settings.name, true) from pg_catalog.pg_settings",
    ] {
        assert!(!computed(sql), "{sql}");
    }
    for sql in [
        // Somebody's own, or perhaps so.
        "select current_setting(s.name) from pg_settings s",
        "select current_setting(s.name) from public.pg_settings s",
        "select current_setting(t.a) from t",
        // Another column, also by that name.
        "select current_setting(s.setting) from pg_catalog.pg_settings s",
        "select current_setting(s.name) from pg_catalog.pg_settings s (x, name)",
        "select current_setting(s.name) from (select setting as name from pg_catalog.pg_settings) s",
        "select current_setting(name) from pg_catalog.pg_settings",
        "select current_setting(s.name || '') from pg_catalog.pg_settings s",
        // Of which level it is depends on where it stands.
        "select (select current_setting(s.name) from pg_catalog.pg_settings s limit 1) from t s",
        "select 1 from t s where exists (select 1 from pg_catalog.pg_settings s, (select current_setting(s.name)) x)",
    ] {
        assert!(computed(sql), "{sql}");
    }
}

#[test]
fn what_is_renamed_stays_in_its_schema_and_what_is_moved_is_made_in_the_other() {
    for (sql, expected) in [
        ("ALTER TABLE t RENAME TO u", &["public.t", "public.u"][..]),
        ("ALTER TABLE s.t RENAME TO u", &["s.t", "s.u"]),
        (
            "ALTER TABLE IF EXISTS ONLY s.t RENAME TO u",
            &["s.t", "s.u"],
        ),
        ("ALTER VIEW s.v RENAME TO w", &["s.v", "s.w"]),
        ("ALTER MATERIALIZED VIEW s.v RENAME TO w", &["s.v", "s.w"]),
        ("ALTER SEQUENCE s.q RENAME TO r", &["s.q", "s.r"]),
        ("ALTER TYPE s.y RENAME TO z", &["s.y", "s.z"]),
        ("ALTER DOMAIN s.y RENAME TO z", &["s.y", "s.z"]),
        ("ALTER FUNCTION s.f(int) RENAME TO g", &["s.f", "s.g"]),
        ("ALTER TABLE s.t SET SCHEMA o", &["o.*", "o.t", "s.t"]),
        ("ALTER VIEW s.v SET SCHEMA o", &["o.*", "o.v", "s.v"]),
        ("ALTER SEQUENCE s.q SET SCHEMA o", &["o.*", "o.q", "s.q"]),
        ("ALTER TYPE s.y SET SCHEMA o", &["o.*", "o.y", "s.y"]),
        (
            "ALTER FUNCTION s.f(int) SET SCHEMA o",
            &["o.*", "o.f", "s.f"],
        ),
        ("ALTER TABLE s.t RENAME COLUMN a TO b", &["s.t"]),
    ] {
        let facts = facts(sql, true);
        let mut names: Vec<_> = facts
            .relations
            .iter()
            .filter(|one| one.access == Access::Define)
            .map(|one| one.relation.to_string())
            .collect();
        names.sort();
        assert_eq!(names, expected, "{sql}");
    }
}

#[test]
fn what_makes_a_thing_and_what_changes_it_or_drops_it_define_the_same() {
    for [creates, changes @ ..] in [
        [
            "CREATE COLLATION s.x FROM \"C\"",
            "ALTER COLLATION s.x REFRESH VERSION",
            "COMMENT ON COLLATION s.x IS 'a'",
            "DROP COLLATION IF EXISTS s.x",
        ],
        [
            "CREATE COLLATION x (locale = 'C')",
            "ALTER COLLATION x OWNER TO CURRENT_USER",
            "COMMENT ON COLLATION x IS NULL",
            "DROP COLLATION x RESTRICT",
        ],
        [
            "CREATE CONVERSION s.x FOR 'UTF8' TO 'LATIN1' FROM pg_catalog.utf8_to_iso8859_1",
            "ALTER CONVERSION s.x OWNER TO CURRENT_USER",
            "COMMENT ON CONVERSION s.x IS 'a'",
            "DROP CONVERSION s.x",
        ],
        [
            "CREATE DOMAIN s.x AS int",
            "ALTER DOMAIN s.x SET NOT NULL",
            "COMMENT ON DOMAIN s.x IS 'a'",
            "DROP DOMAIN s.x",
        ],
        [
            "CREATE TYPE s.x AS ENUM ('a')",
            "ALTER TYPE s.x ADD VALUE 'b'",
            "COMMENT ON TYPE s.x IS 'a'",
            "DROP TYPE s.x",
        ],
        [
            "CREATE AGGREGATE s.x (int) (sfunc = int4pl, stype = int)",
            "ALTER AGGREGATE s.x (int) OWNER TO CURRENT_USER",
            "COMMENT ON AGGREGATE s.x (int) IS 'a'",
            "DROP AGGREGATE s.x (int)",
        ],
        [
            "CREATE FUNCTION s.x (int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER FUNCTION s.x (int) STRICT",
            "COMMENT ON FUNCTION s.x (int) IS 'a'",
            "DROP FUNCTION s.x (int)",
        ],
        [
            "CREATE OPERATOR s.=== (leftarg = int, rightarg = int, function = int4eq)",
            "ALTER OPERATOR s.=== (int, int) OWNER TO CURRENT_USER",
            "COMMENT ON OPERATOR s.=== (int, int) IS 'a'",
            "DROP OPERATOR s.=== (int, int)",
        ],
        [
            "CREATE OPERATOR FAMILY s.x USING btree",
            "ALTER OPERATOR FAMILY s.x USING btree OWNER TO CURRENT_USER",
            "COMMENT ON OPERATOR FAMILY s.x USING btree IS 'a'",
            "DROP OPERATOR FAMILY s.x USING btree",
        ],
        [
            "CREATE OPERATOR CLASS s.x FOR TYPE int USING btree AS FUNCTION 1 btint4cmp(int, int)",
            "ALTER OPERATOR CLASS s.x USING btree OWNER TO CURRENT_USER",
            "COMMENT ON OPERATOR CLASS s.x USING btree IS 'a'",
            "DROP OPERATOR CLASS s.x USING btree",
        ],
        [
            "CREATE TEXT SEARCH CONFIGURATION s.x (copy = english)",
            "ALTER TEXT SEARCH CONFIGURATION s.x OWNER TO CURRENT_USER",
            "COMMENT ON TEXT SEARCH CONFIGURATION s.x IS 'a'",
            "DROP TEXT SEARCH CONFIGURATION s.x",
        ],
        [
            "CREATE TEXT SEARCH DICTIONARY s.x (template = simple)",
            "ALTER TEXT SEARCH DICTIONARY s.x OWNER TO CURRENT_USER",
            "COMMENT ON TEXT SEARCH DICTIONARY s.x IS 'a'",
            "DROP TEXT SEARCH DICTIONARY s.x",
        ],
        [
            "CREATE STATISTICS s.x ON a, b FROM t",
            "ALTER STATISTICS s.x SET STATISTICS 10",
            "COMMENT ON STATISTICS s.x IS 'a'",
            "DROP STATISTICS s.x",
        ],
    ] {
        let defined = |sql: &str| -> Vec<String> {
            let facts = facts(sql, true);
            let defines = facts.relations.iter();
            let defines = defines.filter(|access| access.access == Access::Define);
            defines.map(|access| access.relation.to_string()).collect()
        };
        let made = defined(creates);
        for sql in changes {
            let named = defined(sql);
            let same = named.iter().all(|name| made.contains(name));
            assert!(same && !named.is_empty(), "{sql}: {named:?}, {made:?}");
        }
    }
}

//! The second wall without a database: rows in, SQL and differences out.

use std::sync::Arc;

use exeat_policy::{PolicySet, Source, load};

use super::*;

fn policy(rules: &str) -> PolicySet {
    let text = format!(
        "version: 1\nroles:\n  r:\n    identities: [{{ token: r }}]\n    databases:\n      shop:\n        as: app\n        {rules}\n"
    );
    load(&[Source {
        name: "p".to_owned(),
        text,
    }])
    .unwrap()
}

const SERVER: &str = r#"{"server": {"version": 150000, "database": "shop", "owner": "boss", "superuser": true,
    "acl": [["", "CONNECT", false, "boss"]], "can": [["app", ["CONNECT"]]]}}"#;
const ROLE: &str = r#"{"role": {"name": "app", "superuser": false, "login": true, "bypass_rls": false, "create_db": false,
    "create_role": false, "replication": false, "settings": null, "member_of": null}}"#;
const SCHEMA: &str = r#"{"schema": {"name": "public", "owner": "boss", "acl": [["", "USAGE", false, "boss"]], "can": [["app", ["USAGE"]]]}}"#;
/// Functions that are made later are nobody's.
const LATER: &str = r#"{"default": {"owner": "boss", "schema": null, "kind": "f", "acl": null}}"#;

fn table(name: &str, columns: &str, acl: &str, can: &str) -> String {
    let name = serde_json::to_string(name).unwrap();
    format!(
        r#"{{"relation": {{"id": 1, "schema": "public", "name": {name}, "kind": "r", "owner": "boss", "acl": {acl},
            "columns": {columns}, "column_acl": null, "can": [["app", {can}]], "can_columns": null}}}}"#
    )
}

fn compared(rules: &str, rows: &[&str]) -> Comparison {
    let mut listing = Listing::default();
    for row in [SERVER, ROLE, SCHEMA, LATER].iter().chain(rows) {
        listing.add(row).unwrap();
    }
    comparison(&policy(rules), "shop", &listing, &[])
}

fn statements(comparison: &Comparison) -> Vec<&str> {
    let steps = comparison.steps.iter();
    steps.map(|step| step.sql.as_str()).collect()
}

#[test]
fn rules_become_privileges_on_tables_and_columns() {
    let none = table("orders", r#"["id", "total", "ssn"]"#, "null", "null");
    for (rules, sql) in [
        (
            "allow: [{ select: public.orders }]",
            r#"SELECT ON TABLE "public"."orders""#,
        ),
        (
            "allow: [{ select: 'public.orders(total, id)' }]",
            r#"SELECT ("id", "total") ON TABLE "public"."orders""#,
        ),
        (
            "allow: [{ select: public.* }, { delete: public.orders }]",
            r#"SELECT, DELETE ON TABLE "public"."orders""#,
        ),
        (
            "allow: [{ select: public.orders }]\n        deny: [{ select: 'public.orders(ssn)' }]",
            r#"SELECT ("id", "total") ON TABLE "public"."orders""#,
        ),
        (
            "allow: [{ select: public.orders }]\n        mask: { public.orders.ssn: hash }",
            r#"SELECT ("id", "total") ON TABLE "public"."orders""#,
        ),
        (
            "allow: [{ insert: public.orders }]\n        mask: { public.orders.ssn: hash }",
            r#"INSERT ON TABLE "public"."orders""#,
        ),
    ] {
        let found = compared(rules, &[&none]);
        let wanted = format!("GRANT {sql} TO \"app\"");
        assert!(
            statements(&found).contains(&wanted.as_str()),
            "{rules}: {:#?}",
            found.steps
        );
        assert!(!found.is_equal());
    }
    assert_eq!(
        statements(&compared("allow: []", &[&none])),
        [r#"REVOKE USAGE ON SCHEMA "public" FROM PUBLIC"#]
    );
}

#[test]
fn a_privilege_that_is_taken_from_a_table_is_given_back_to_its_columns() {
    let all = table(
        "orders",
        r#"["id", "ssn"]"#,
        r#"[["app", "SELECT", false, "boss"]]"#,
        r#"["SELECT"]"#,
    );
    let found = compared("allow: [{ select: 'public.orders(id)' }]", &[&all]);
    assert_eq!(
        statements(&found),
        [
            r#"REVOKE SELECT ON TABLE "public"."orders" FROM "app" CASCADE"#,
            r#"GRANT SELECT ("id") ON TABLE "public"."orders" TO "app""#,
        ]
    );
    let told: Vec<_> = found
        .differences
        .iter()
        .map(|it| (it.direction, it.kind))
        .collect();
    assert_eq!(told, [(Direction::Beyond, Kind::Table)]);
}

#[test]
fn names_are_quoted_wherever_they_come_from() {
    let evil = table(
        "o\"; DROP TABLE x; --",
        r#"["c\"; --", "S"]"#,
        "null",
        "null",
    );
    let found = compared(
        "allow: [{ select: 'public.\"o\"\"; DROP TABLE x; --\"(\"c\"\"; --\")' }]",
        &[&evil],
    );
    assert_eq!(
        statements(&found),
        [r#"GRANT SELECT ("c""; --") ON TABLE "public"."o""; DROP TABLE x; --" TO "app""#]
    );
    assert_eq!(quote::literal("a'b"), "'a''b'");
    assert_eq!(quote::literal("a\\'b"), " E'a\\\\''b'");
    assert_eq!(quote::comment("a\nDROP"), "a DROP");
}

#[test]
fn what_is_equal_needs_nothing() {
    let granted = table(
        "orders",
        r#"["id"]"#,
        r#"[["app", "SELECT", false, "boss"]]"#,
        r#"["SELECT"]"#,
    );
    let found = compared("allow: [{ select: public.orders }]", &[&granted]);
    assert!(found.is_equal() && !found.has_sql(), "{found:#?}");
}

#[test]
fn a_view_onto_what_is_withheld_is_withheld() {
    let view = r#"{"relation": {"id": 2, "schema": "public", "name": "v", "kind": "v", "owner": "boss", "acl": null,
        "columns": ["a"], "column_acl": null, "can": null, "can_columns": null}}"#;
    let base = table("orders", r#"["id", "ssn"]"#, "null", "null");
    for (column, wanted) in [("id", true), ("ssn", false)] {
        let reads = format!(
            r#"{{"reads": {{"relation": 2, "of": 1, "columns": ["{column}"], "whole": false}}}}"#
        );
        let found = compared(
            "allow: [{ select: public.v }]\n        deny: [{ select: 'public.orders(ssn)' }]",
            &[&base, view, &reads],
        );
        let grants = statements(&found).contains(&r#"GRANT SELECT ON TABLE "public"."v" TO "app""#);
        assert_eq!(grants, wanted, "{column}: {found:#?}");
    }
}

#[test]
fn a_view_onto_a_part_or_child_of_what_is_withheld_is_withheld() {
    let named = |id: u32, name: &str, kind: &str| {
        format!(
            r#"{{"relation": {{"id": {id}, "schema": "public", "name": "{name}", "kind": "{kind}", "owner": "boss",
                "acl": null, "columns": ["id", "who"], "column_acl": null, "can": null, "can_columns": null}}}}"#
        )
    };
    let kin = r#"{"kin": {"relation": 2, "of": 1}}"#;
    for (kind, of, denied, column) in [
        ("v", 2, "events", "who"),
        ("m", 2, "events", "who"),
        ("m", 1, "events_1", "who"),
        ("v", 2, "events", "id"),
    ] {
        let reads = format!(
            r#"{{"reads": {{"relation": 3, "of": {of}, "columns": ["{column}"], "whole": false}}}}"#
        );
        let found = compared(
            &format!(
                "allow: [{{ select: public.seen }}]\n        deny: [{{ select: 'public.{denied}(who)' }}]"
            ),
            &[
                &named(1, "events", "p"),
                &named(2, "events_1", "r"),
                &named(3, "seen", kind),
                kin,
                &reads,
            ],
        );
        let grant = r#"GRANT SELECT ON TABLE "public"."seen" TO "app""#;
        let given = statements(&found).contains(&grant);
        assert_eq!(given, column == "id", "{kind} of {of}: {found:#?}");
    }
}

#[test]
fn a_deny_rule_on_a_partition_holds_for_the_whole_table() {
    let parent = table("events", r#"["id", "who"]"#, "null", "null");
    let child = parent
        .replace("\"id\": 1", "\"id\": 2")
        .replace("\"events\"", "\"events_1\"");
    let kin = r#"{"kin": {"relation": 2, "of": 1}}"#;
    let found = compared(
        "allow: [{ select: public.events }]\n        deny: [{ select: 'public.events_1(who)' }]",
        &[&parent, &child, kin],
    );
    assert_eq!(
        statements(&found),
        [r#"GRANT SELECT ("id") ON TABLE "public"."events" TO "app""#]
    );
}

#[test]
fn inserting_takes_the_sequences_of_the_columns() {
    let base = table("orders", r#"["id"]"#, "null", "null");
    let sequence = r#"{"relation": {"id": 3, "schema": "public", "name": "s", "kind": "S", "owner": "boss", "acl": null,
        "columns": null, "column_acl": null, "can": null, "can_columns": null}}"#;
    let takes = r#"{"takes": {"relation": 1, "sequence": 3}}"#;
    for (rules, wanted) in [("insert", true), ("select", false)] {
        let found = compared(
            &format!("allow: [{{ {rules}: public.orders }}]"),
            &[&base, sequence, takes],
        );
        let grants =
            statements(&found).contains(&r#"GRANT USAGE ON SEQUENCE "public"."s" TO "app""#);
        assert_eq!(grants, wanted, "{rules}");
    }
}

#[test]
fn who_else_than_the_owner_gave_something_takes_it_back() {
    let passed = table(
        "orders",
        r#"["id"]"#,
        r#"[["app", "SELECT", false, "some\"body"]]"#,
        r#"["SELECT"]"#,
    );
    let found = compared("allow: []", &[&passed]);
    let wanted = r#"SET LOCAL ROLE "some""body"; REVOKE SELECT ON TABLE "public"."orders" FROM "app" CASCADE; RESET ROLE"#;
    assert!(statements(&found).contains(&wanted), "{:#?}", found.steps);
}

#[test]
fn a_row_that_is_not_understood_is_an_error() {
    for row in [
        "{}",
        "",
        r#"{"other_thing": {}}"#,
        r#"{"server": {"version": 150000}}"#,
        r#"{"schema": {"name": "public", "owner": "boss", "acl": [["", "FLY", false, "boss"]], "can": null}}"#,
    ] {
        assert!(Listing::default().add(row).is_err(), "{row}");
    }
}

#[test]
fn settings_are_compared_by_what_they_mean() {
    let role =
        |settings: &str| ROLE.replace("\"settings\": null", &format!("\"settings\": {settings}"));
    let limits = policy("allow: []\n        limits: { statement_timeout: 5s }");
    for (settings, equal) in [
        ("null", false),
        (
            r#"[[true, "statement_timeout=5s"], [false, "search_path=public, \"My \"\"x\""]]"#,
            true,
        ),
        (
            r#"[[false, "statement_timeout=5000"], [true, "search_path=\"public\",\"My \"\"x\""]]"#,
            true,
        ),
        (
            r#"[[false, "statement_timeout=5000"], [true, "search_path=PUBLIC ,\"My \"\"x\""]]"#,
            true,
        ),
        (
            r#"[[true, "statement_timeout=1h"], [false, "search_path=public, \"My \"\"x\""]]"#,
            false,
        ),
        (
            r#"[[true, "statement_timeout=1h"], [false, "statement_timeout=5s"], [true, "search_path=public, \"My \"\"x\""]]"#,
            false,
        ),
        (
            r#"[[true, "statement_timeout=5s"], [true, "search_path=public"]]"#,
            false,
        ),
    ] {
        let mut listing = Listing::default();
        for row in [SERVER, &role(settings), LATER] {
            listing.add(row).unwrap();
        }
        let path: [Arc<str>; 2] = ["public".into(), "My \"x".into()];
        let found = comparison(&limits, "shop", &listing, &path);
        assert_eq!(found.is_equal(), equal, "{settings}: {found:#?}");
        assert_eq!(found.has_sql(), !equal);
    }
}

#[test]
fn a_superuser_is_told_and_left_alone() {
    let mut listing = Listing::default();
    let role = ROLE.replace("\"superuser\": false", "\"superuser\": true");
    for row in [SERVER, &role, SCHEMA, LATER] {
        listing.add(row).unwrap();
    }
    let found = comparison(
        &policy("allow: [{ select: public.* }]"),
        "shop",
        &listing,
        &[],
    );
    assert_eq!(found.differences.len(), 1);
    assert!(!found.is_equal() && !found.has_sql());
    assert!(
        found
            .told()
            .iter()
            .any(|told| told.contains("SUPERUSER") && told.contains("by hand"))
    );
}

#[test]
fn default_privileges_of_large_objects_are_told_and_those_of_an_unknown_kind_are_an_error() {
    let later = |kind: &str| {
        format!(
            r#"{{"default": {{"owner": "boss", "schema": null, "kind": "{kind}", "acl": [["app", "SELECT", false, "boss"]]}}}}"#
        )
    };
    let found = compared("allow: [{ select: public.orders }]", &[&later("L")]);
    let told = found.differences.iter().map(ToString::to_string);
    let told: Vec<String> = told.collect();
    assert!(
        told.iter()
            .any(|told| told.contains("large objects that boss creates later")),
        "{told:#?}"
    );
    let revoke =
        "ALTER DEFAULT PRIVILEGES FOR ROLE \"boss\" REVOKE SELECT ON LARGE OBJECTS FROM \"app\"";
    assert!(statements(&found).contains(&revoke), "{found:#?}");
    assert!(Listing::default().add(&later("?")).is_err());
}

//! Which parameters a statement may set.

use super::*;

#[test]
fn harmless_settings_need_no_rule() {
    let policy = policy(ANALYST);
    for (name, value) in [
        ("application_name", Some("x")),
        ("timezone", Some("UTC")),
        ("extra_float_digits", Some("3")),
        ("datestyle", Some("ISO")),
        ("intervalstyle", Some("iso_8601")),
        ("client_min_messages", Some("warning")),
        ("bytea_output", Some("hex")),
        ("client_encoding", Some("UTF8")),
        ("client_encoding", Some("utf-8")),
        ("client_encoding", Some("UNICODE")),
        ("transaction_isolation", Some("serializable")),
        ("transaction_read_only", Some("on")),
        ("default_transaction_read_only", Some("ON")),
        ("transaction_deferrable", Some("on")),
        ("standard_conforming_strings", Some("on")),
        ("Standard_Conforming_Strings", Some("ON")),
        ("standard_conforming_strings", Some("1")),
        ("standard_conforming_strings", None),
        ("application_name", None),
        ("all", None),
        // What changes nothing, and what hides more: pools and pg_dump send it.
        ("role", None),
        ("role", Some("none")),
        ("ROLE", Some("none")),
        ("session_authorization", None),
        ("search_path", None),
        ("array_nulls", Some("on")),
        ("transform_null_equals", Some("off")),
        ("xmloption", Some("CONTENT")),
        ("default_table_access_method", Some("heap")),
        ("session_replication_role", Some("origin")),
        ("client_encoding", None),
        ("session_replication_role", None),
    ] {
        allowed(&run(&policy, set(name, value)), SHOP);
    }
}

#[test]
fn other_settings_need_one() {
    let policy = policy(ANALYST);
    for (name, value) in [
        ("default_transaction_read_only", Some("off")),
        ("transaction_read_only", Some("off")),
        ("transaction_read_only", Some("false")),
        ("statement_timeout", Some("0")),
        ("statement_timeout", None),
        ("idle_in_transaction_session_timeout", Some("0")),
        ("lock_timeout", Some("0")),
        ("work_mem", Some("100GB")),
        ("app.user_id", Some("42")),
        ("plan_cache_mode", Some("auto")),
        ("jit", Some("off")),
        ("enable_seqscan", Some("off")),
        ("unknown", None),
        ("row_security", Some("off")),
    ] {
        denied(
            &run(&policy, set(name, value)),
            Reason::SettingNotAllowed,
            Basis::Default,
        );
    }
    let granted = grants("allow:\n  - set: [work_mem, app.user_id]");
    allowed(&run(&granted, set("work_mem", Some("64MB"))), SHOP_0);
    allowed(&run(&granted, set("app.user_id", Some("42"))), SHOP_0);
    denied(
        &run(&granted, set("app.user", Some("42"))),
        Reason::SettingNotAllowed,
        Basis::Default,
    );
}

#[test]
fn pinned_settings_stay_even_in_report_mode() {
    for policy in [policy(ANALYST), grants("mode: report\nallow: []")] {
        for (name, value) in [
            ("role", Some("postgres")),
            ("ROLE", Some("postgres")),
            ("Search_Path", Some("evil")),
            ("role", Some("none, x")),
            ("role", Some("NONE")),
            ("session_authorization", Some("postgres")),
            ("session_authorization", Some("default")),
            ("search_path", Some("evil")),
            ("standard_conforming_strings", Some("off")),
            ("standard_conforming_strings", Some("o")),
            ("standard_conforming_strings", Some("false")),
            ("standard_conforming_strings", Some("0")),
            ("standard_conforming_strings", Some("")),
            ("standard_conforming_strings", Some("on, off")),
            ("standard_conforming_strings", Some("$1")),
            ("backslash_quote", Some("on")),
            ("escape_string_warning", Some("off")),
            ("client_encoding", Some("SJIS")),
            ("client_encoding", Some("GB18030")),
            ("client_encoding", Some("utf16")),
            ("array_nulls", Some("off")),
            ("transform_null_equals", Some("on")),
            ("xmloption", Some("document")),
            ("default_table_access_method", Some("columnar")),
            ("session_preload_libraries", Some("x")),
            ("local_preload_libraries", Some("x")),
            ("dynamic_library_path", Some("/tmp")),
            ("session_replication_role", Some("replica")),
            ("all", Some("x")),
        ] {
            denied(
                &run(&policy, set(name, value)),
                Reason::SettingNotAllowed,
                Basis::Floor,
            );
        }
        // The settings of any statement count, not only of SET.
        let begin = Facts {
            verb: Verb::Transaction,
            ..set("role", Some("postgres"))
        };
        denied(
            &run(&policy, begin),
            Reason::SettingNotAllowed,
            Basis::Floor,
        );
    }
}

#[test]
fn a_prefix_opens_its_parameters_and_no_others() {
    let policy = grants("allow:\n  - set: [myapp.*]\ndeny:\n  - set: [myapp.admin]");
    for (name, opened) in [
        ("myapp.tenant", true),
        ("myapp.a.b", true),
        ("myapp", false),
        ("myapps.tenant", false),
        ("other.tenant", false),
        ("jit", false),
    ] {
        let decision = run(&policy, set(name, Some("1")));
        assert_eq!(decision.effect == Effect::Allow, opened, "{name}");
    }
    denied(
        &run(&policy, set("myapp.admin", Some("1"))),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    let denying = grants("allow:\n  - set: [myapp.x, jit]\ndeny:\n  - set: [other.*]");
    denied(
        &run(&denying, set("other.x", None)),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    allowed(&run(&denying, set("myapp.x", None)), SHOP_0);
}

#[test]
fn a_statement_timeout_stays_within_the_limit_whatever_the_rules_say() {
    let limited = |rules: &str| grants(&format!("limits: {{ statement_timeout: 5s }}\n{rules}"));
    let set = |value| set("statement_timeout", value);
    for rules in [
        "allow:\n  - set: [statement_timeout]",
        "allow:\n  - preset: [application]",
        "allow:\n  - rule: everything",
        "mode: report\nallow: []",
        "mode: observe\nallow: []",
    ] {
        let policy = limited(rules);
        for value in [
            "0", "5001", "6s", "1min", "1h", "1d", "$1", "0x10", "-1", "", "1us",
        ] {
            denied(
                &run(&policy, set(Some(value))),
                Reason::SettingNotAllowed,
                Basis::Limit,
            );
        }
        for value in [Some("1"), Some("5000"), Some("5s"), Some("250ms"), None] {
            assert_eq!(run(&policy, set(value)).effect, Effect::Allow, "{value:?}");
        }
    }
    let free = grants("allow:\n  - preset: [application]");
    allowed(&run(&free, set(Some("0"))), SHOP_0);
}

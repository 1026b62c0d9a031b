//! Settings, floors, definitions, presets, masks, report mode and audit modes of statements.

use super::*;
use crate::{AuditMode, Unreadable, UnreadableKind};

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
        ("application_name", None),
        ("all", None),
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
            ("role", Some("none")),
            ("role", None),
            ("session_authorization", Some("postgres")),
            ("session_authorization", None),
            ("search_path", Some("evil")),
            ("search_path", None),
            ("standard_conforming_strings", Some("off")),
            ("standard_conforming_strings", Some("on")),
            ("backslash_quote", Some("on")),
            ("escape_string_warning", Some("off")),
            ("client_encoding", Some("SJIS")),
            ("client_encoding", Some("GB18030")),
            ("client_encoding", Some("utf16")),
            ("row_security", Some("off")),
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
fn ways_around_the_reading_stay_shut_even_in_report_mode() {
    let policy = grants("mode: report\nallow: []");
    for function in [
        "set_config",
        "pg_catalog.set_config",
        "query_to_xml",
        "table_to_xml",
        "ts_stat",
        "database_to_xml",
    ] {
        denied(
            &run(&policy, call(&[function])),
            Reason::FunctionNotAllowed,
            Basis::Floor,
        );
    }
    denied(
        &run(
            &policy,
            touch(
                Verb::Update,
                Access::Update,
                "pg_catalog.pg_settings",
                Some(&["setting"]),
            ),
        ),
        Reason::RelationNotAllowed,
        Basis::Floor,
    );
    denied(
        &run(
            &policy,
            touch(Verb::Delete, Access::Delete, "pg_catalog.pg_class", None),
        ),
        Reason::RelationNotAllowed,
        Basis::Floor,
    );
}

#[test]
fn what_can_not_be_read_is_denied_even_in_report_mode() {
    for policy in [policy(ANALYST), grants("mode: report\nallow: []")] {
        for kind in [
            UnreadableKind::TooLarge,
            UnreadableKind::Encoding,
            UnreadableKind::Syntax,
            UnreadableKind::Unsupported,
            UnreadableKind::Disagreement,
            UnreadableKind::Unresolved,
        ] {
            let subject = Subject::Unreadable(Arc::new(Unreadable {
                kind,
                detail: "why".into(),
                offset: Some(3),
            }));
            let Request::Statement(request) = statement_request(facts(Verb::Select)) else {
                panic!()
            };
            let decision = evaluate(
                &policy,
                &Request::Statement(StatementRequest { subject, ..request }),
            );
            denied(&decision, Reason::Unreadable, Basis::Floor);
            assert_eq!(decision.detail.as_deref(), Some("why"));
        }
    }
}

#[test]
fn only_granted_definitions_may_stay_unconfirmed() {
    let policy = grants("allow:\n  - define: app.*\n  - select: app.*\n  - insert: app.*");
    let unconfirmed = |facts| Facts {
        confirmation: Confirmation::Unconfirmed,
        ..facts
    };
    allowed(
        &run(
            &policy,
            unconfirmed(touch(Verb::Define, Access::Define, "app.t", None)),
        ),
        SHOP_0,
    );
    denied(
        &run(
            &policy,
            unconfirmed(touch(Verb::Define, Access::Define, "public.t", None)),
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    denied(
        &run(&policy, unconfirmed(select("app.t", None))),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(
            &policy,
            unconfirmed(touch(Verb::Insert, Access::Insert, "app.t", None)),
        ),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(&policy, unconfirmed(facts(Verb::Select))),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(&policy, unconfirmed(facts(Verb::Show))),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(
            &policy,
            unconfirmed(touch(Verb::Explain, Access::Define, "app.t", None)),
        ),
        Reason::Unconfirmed,
        Basis::Default,
    );
}

#[test]
fn what_lives_in_no_schema_is_granted_by_its_statement() {
    let extension = || Facts {
        label: "create extension".into(),
        ..touch(Verb::Define, Access::Define, "dblink", None)
    };
    denied(
        &run(&grants("allow:\n  - define: public.*"), extension()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &grants("allow:\n  - statement: [create extension]"),
            extension(),
        ),
        SHOP_0,
    );
    denied(
        &run(&grants("allow:\n  - statement: [create role]"), extension()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    let vacuum = || touch(Verb::Maintain, Access::Maintain, "vacuum", None);
    denied(
        &run(&grants("allow:\n  - define: public.*"), vacuum()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(&grants("allow:\n  - statement: [maintain]"), vacuum()),
        SHOP_0,
    );
    let one = || touch(Verb::Maintain, Access::Maintain, "public.t", None);
    denied(
        &run(&grants("allow:\n  - statement: [maintain]"), one()),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &grants("allow:\n  - statement: [maintain]\n  - define: public.t"),
            one(),
        ),
        SHOP_0,
    );
}

#[test]
fn statements_around_a_statement_need_no_rule() {
    let policy = policy(ANALYST);
    for verb in [
        Verb::Transaction,
        Verb::Show,
        Verb::Explain,
        Verb::Prepare,
        Verb::Execute,
        Verb::Deallocate,
        Verb::Declare,
        Verb::Fetch,
        Verb::Close,
        Verb::Discard,
        Verb::Empty,
        Verb::Set,
        Verb::CopyOut,
    ] {
        allowed(&run(&policy, facts(verb)), SHOP);
        denied(
            &run(
                &policy,
                touch(verb, Access::Select, "public.orders", Some(&["ssn"])),
            ),
            Reason::ColumnNotAllowed,
            Basis::Default,
        );
        denied(
            &run(&policy, touch(verb, Access::Delete, "public.orders", None)),
            Reason::RelationNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn masked_columns_can_not_be_read() {
    let policy = grants(
        "allow:\n  - select: public.customers\n  - update: public.customers\nmask: { public.customers.email: email }",
    );
    allowed(
        &run(&policy, select("public.customers", Some(&["id"]))),
        SHOP_0,
    );
    let decision = run(&policy, select("public.customers", Some(&["email", "id"])));
    denied(&decision, Reason::ColumnMasked, Basis::Default);
    assert_eq!(decision.detail.as_deref(), Some("public.customers.email"));
    denied(
        &run(&policy, select("public.customers", None)),
        Reason::ColumnMasked,
        Basis::Default,
    );
    allowed(
        &run(
            &policy,
            touch(
                Verb::Update,
                Access::Update,
                "public.customers",
                Some(&["email"]),
            ),
        ),
        "roles.analyst.databases.shop.allow[1]",
    );
}

#[test]
fn report_mode_allows_what_the_rules_deny() {
    let policy = grants(
        "mode: report\nallow:\n  - select: public.orders(id)\ndeny:\n  - select: public.secrets",
    );
    for (facts, reason) in [
        (select("public.orders", None), Reason::ColumnNotAllowed),
        (select("public.other", None), Reason::RelationNotAllowed),
        (select("public.secrets", None), Reason::DeniedByRule),
        (call(&["evil.f"]), Reason::FunctionNotAllowed),
        (facts(Verb::Notify), Reason::StatementNotAllowed),
        (set("work_mem", Some("1GB")), Reason::SettingNotAllowed),
    ] {
        let decision = run(&policy, facts);
        assert_eq!(
            (decision.effect, decision.reason, decision.basis),
            (Effect::Allow, reason, Basis::Report),
            "{decision:?}"
        );
    }
}

#[test]
fn presets_allow_their_lists() {
    let policy = grants("allow:\n  - preset: [builtins, introspection]");
    for function in [
        "count",
        "coalesce",
        "pg_catalog.now",
        "extract",
        "jsonb_build_object",
        "pg_get_viewdef",
        "current_setting",
        "gen_random_uuid",
    ] {
        allowed(&run(&policy, call(&[function])), SHOP_0);
    }
    for function in [
        "public.count",
        "set_config",
        "pg_sleep",
        "nextval",
        "pg_read_file",
        "lo_get",
        "ts_rewrite",
        "xpath",
        "pg_advisory_lock",
    ] {
        assert_eq!(
            run(&policy, call(&[function])).effect,
            Effect::Deny,
            "{function}"
        );
    }
    allowed(&run(&policy, select("pg_catalog.pg_class", None)), SHOP_0);
    allowed(
        &run(&policy, select("information_schema.columns", None)),
        SHOP_0,
    );
    for relation in [
        "pg_catalog.pg_authid",
        "pg_catalog.pg_statistic",
        "pg_catalog.pg_stat_activity",
        "public.pg_class",
        "pg_class",
    ] {
        denied(
            &run(&policy, select(relation, None)),
            Reason::RelationNotAllowed,
            Basis::Default,
        );
    }
    denied(
        &run(
            &policy,
            touch(Verb::Update, Access::Update, "pg_catalog.pg_class", None),
        ),
        Reason::RelationNotAllowed,
        Basis::Floor,
    );
    let builtins = grants("allow:\n  - preset: [builtins]");
    denied(
        &run(&builtins, select("pg_catalog.pg_class", None)),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
}

#[test]
fn writes_are_strict_and_reads_released_unless_the_database_says_otherwise() {
    let policy =
        grants("allow:\n  - select: public.t\n  - insert: public.t\n  - call: [nextval, lower]");
    let mode = |facts| run(&policy, facts).obligations.audit;
    assert_eq!(mode(select("public.t", None)), AuditMode::Release);
    assert_eq!(mode(facts(Verb::Show)), AuditMode::Release);
    assert_eq!(mode(call(&["lower"])), AuditMode::Release);
    assert_eq!(mode(call(&["nextval"])), AuditMode::Strict);
    assert_eq!(mode(call(&["public.f"])), AuditMode::Strict);
    assert_eq!(
        mode(touch(Verb::Insert, Access::Insert, "public.t", None)),
        AuditMode::Strict
    );
    // A data-modifying CTE.
    assert_eq!(
        mode(touch(Verb::Select, Access::Delete, "public.t", None)),
        AuditMode::Strict
    );
    let written = grants("audit: written\nallow:\n  - insert: public.t");
    assert_eq!(
        run(
            &written,
            touch(Verb::Insert, Access::Insert, "public.t", None)
        )
        .obligations
        .audit,
        AuditMode::Written
    );
}

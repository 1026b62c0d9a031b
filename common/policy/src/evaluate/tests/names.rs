//! Functions, operators and types, and the presets that list them.

use super::*;

#[test]
fn functions_are_pg_catalogs_unless_they_say_otherwise() {
    let policy = grants("allow:\n  - call: [lower, public.mine, 'pg_catalog.upper']");
    for function in [
        "lower",
        "pg_catalog.lower",
        "upper",
        "pg_catalog.upper",
        "public.mine",
    ] {
        allowed(&run(&policy, call(&[function])), SHOP_0);
    }
    for function in [
        "mine",
        "public.lower",
        "evil.lower",
        "evil.mine",
        "pg_read_file",
        "dblink",
        "public.get_all_secrets",
        "nextval",
        "pg_sleep",
        "LOWER",
    ] {
        denied(
            &run(&policy, call(&[function])),
            Reason::FunctionNotAllowed,
            Basis::Default,
        );
    }
    denied(
        &run(&policy, call(&["lower", "evil.f"])),
        Reason::FunctionNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &policy,
            Facts {
                verb: Verb::Call,
                ..call(&["public.mine"])
            },
        ),
        SHOP_0,
    );
}

#[test]
fn operators_and_types_of_others_need_their_rule() {
    let policy =
        grants("allow:\n  - operator: ['vectors.<->', 'app.@@@']\n  - type: [public.status]");
    let with = |operators: &[&str], types: &[&str]| Facts {
        operators: operators.iter().map(|it| name(it)).collect(),
        types: types.iter().map(|it| name(it)).collect(),
        ..facts(Verb::Select)
    };
    allowed(&run(&policy, with(&["vectors.<->"], &[])), SHOP_0);
    allowed(
        &run(&policy, with(&[], &["public.status"])),
        "roles.analyst.databases.shop.allow[1]",
    );
    for operator in ["evil.>", "@@@", "evil.<->"] {
        denied(
            &run(&policy, with(&[operator], &[])),
            Reason::OperatorNotAllowed,
            Basis::Default,
        );
    }
    for foreign in ["evil.dom", "status", "evil.status"] {
        denied(
            &run(&policy, with(&[], &[foreign])),
            Reason::TypeNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn what_pools_and_drivers_call_is_introspection() {
    let pooled = grants("allow:\n  - preset: [introspection]");
    for function in [
        "version",
        "pg_catalog.version",
        "current_schema",
        "current_database",
        "pg_is_in_recovery",
        "pg_advisory_unlock_all",
    ] {
        let decision = run(&pooled, call(&[function]));
        assert_eq!(decision.effect, Effect::Allow, "{function}");
        assert_eq!(decision.obligations.audit, crate::AuditMode::Release);
        denied(
            &run(&grants("allow:\n  - select: public.t"), call(&[function])),
            Reason::FunctionNotAllowed,
            Basis::Default,
        );
    }
    for function in [
        "public.version",
        "evil.pg_advisory_unlock_all",
        "pg_advisory_lock",
        "pg_advisory_unlock",
    ] {
        denied(
            &run(&pooled, call(&["version", function])),
            Reason::FunctionNotAllowed,
            Basis::Default,
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
        "pg_table_size",
        "pg_get_function_sqlbody",
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

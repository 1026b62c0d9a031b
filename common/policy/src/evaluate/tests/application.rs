//! `preset: [application]`: what ordinary programs send.

use super::*;
use crate::{SequenceAccess, SequenceUse};

#[test]
fn application_holds_the_other_presets_and_more() {
    let policy = grants("allow:\n  - preset: [application]\n  - preset: [builtins, introspection]");
    let labelled = |verb, label: &str| Facts {
        label: label.into(),
        ..facts(verb)
    };
    for facts in [
        call(&[
            "lower",
            "gen_random_uuid",
            "version",
            "pg_catalog.to_regclass",
        ]),
        call(&[
            "pg_advisory_xact_lock",
            "pg_notify",
            "txid_current",
            "lastval",
        ]),
        call(&["information_schema._pg_expandarray"]),
        select("pg_catalog.pg_class", None),
        select("information_schema.columns", None),
        labelled(Verb::Listen, "listen"),
        labelled(Verb::Listen, "unlisten"),
        labelled(Verb::Notify, "notify"),
        set("statement_timeout", Some("0")),
        set("jit", Some("off")),
        set("default_transaction_read_only", Some("off")),
        set("work_mem", Some("64MB")),
        set("work_mem", None),
    ] {
        assert_eq!(
            run(&policy, facts.clone()).effect,
            Effect::Allow,
            "{facts:?}"
        );
    }
    for facts in [
        call(&["pg_sleep"]),
        call(&["nextval"]),
        call(&["pg_terminate_backend"]),
        call(&["public.f"]),
        call(&["set_config"]),
        select("pg_catalog.pg_authid", None),
        select("public.t", None),
        facts(Verb::Do),
        facts(Verb::Maintain),
        set("work_mem", Some("10GB")),
        set("app.tenant", Some("1")),
        set("search_path", Some("x")),
        set("log_statement", Some("none")),
    ] {
        assert_eq!(
            run(&policy, facts.clone()).effect,
            Effect::Deny,
            "{facts:?}"
        );
    }
}

#[test]
fn deny_rules_win_over_application() {
    let policy = grants(
        "allow:\n  - preset: [application]\ndeny:\n  - call: [pg_notify]\n  - set: [jit]\n  - statement: [listen]",
    );
    for facts in [call(&["pg_notify"]), set("jit", None), facts(Verb::Listen)] {
        denied(&run(&policy, facts), Reason::DeniedByRule, Basis::DenyRule);
    }
}

#[test]
fn the_standards_functions_are_introspection_by_their_schema_only() {
    let policy = grants("allow:\n  - preset: [introspection]");
    allowed(
        &run(&policy, call(&["information_schema._pg_expandarray"])),
        SHOP_0,
    );
    for function in [
        "_pg_expandarray",
        "public._pg_expandarray",
        "information_schema.lower",
    ] {
        denied(
            &run(&policy, call(&[function])),
            Reason::FunctionNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn of_catalogs_with_options_introspection_shows_all_else() {
    let policy = grants("allow:\n  - preset: [introspection]");
    let read = |columns: Option<&[&str]>| Facts {
        relations: vec![access(
            Access::Select,
            "pg_catalog.pg_foreign_server",
            columns,
        )],
        ..facts(Verb::Select)
    };
    let rule = "roles.analyst.databases.shop.allow[0]";
    allowed(&run(&policy, read(Some(&["oid", "srvname"]))), rule);
    allowed(&run(&policy, read(Some(&[]))), rule);
    for columns in [Some(["srvname", "srvoptions"].as_slice()), None] {
        let decision = run(&policy, read(columns));
        assert_eq!(decision.effect, Effect::Deny, "{columns:?}");
    }
    let other = grants("allow:\n  - preset: [builtins]");
    denied(
        &run(&other, read(Some(&["srvname"]))),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    let more = grants(
        "allow:\n  - preset: [introspection]\n  - select: pg_catalog.pg_foreign_server(srvoptions)",
    );
    allowed(
        &run(&more, read(Some(&["srvname", "srvoptions"]))),
        "roles.analyst.databases.shop.allow[1]",
    );
    let less = grants(
        "allow:\n  - preset: [introspection]\ndeny:\n  - select: pg_catalog.pg_foreign_server(srvname)",
    );
    let decision = run(&less, read(Some(&["srvname"])));
    denied(&decision, Reason::DeniedByRule, Basis::DenyRule);
}

#[test]
fn lastval_needs_no_rule_under_application() {
    let read = |names: &[&str]| Facts {
        sequences: vec![SequenceUse {
            access: SequenceAccess::Read,
            sequence: None,
            owner: None,
        }],
        ..call(names)
    };
    let policy = grants("allow:\n  - preset: [application]");
    allowed(
        &run(&policy, read(&["lastval"])),
        "roles.analyst.databases.shop.allow[0]",
    );
    for names in [&["currval"][..], &["currval", "lastval"], &[]] {
        let decision = run(&policy, read(names));
        assert_eq!(decision.effect, Effect::Deny, "{names:?}");
    }
    let builtins = grants("allow:\n  - preset: [builtins]");
    assert_eq!(run(&builtins, read(&["lastval"])).effect, Effect::Deny);
    let by_name = grants("allow:\n  - call: [lastval]");
    assert_eq!(run(&by_name, read(&["lastval"])).effect, Effect::Allow);
}

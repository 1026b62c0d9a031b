//! Rules about all of a schema, or of every schema, and what who uses or defines a schema has with it.

use super::*;

fn uses(functions: &[&str], operators: &[&str], types: &[&str]) -> Facts {
    let names = |list: &[&str]| list.iter().map(|it| name(it)).collect();
    Facts {
        functions: names(functions),
        operators: names(operators),
        types: names(types),
        confirmation: Confirmation::Analysed,
        ..facts(Verb::Select)
    }
}

#[test]
fn every_schema_is_not_postgresqls_own() {
    for (rule, verb, kind) in [
        ("select", Verb::Select, Access::Select),
        ("insert", Verb::Insert, Access::Insert),
        ("update", Verb::Update, Access::Update),
        ("delete", Verb::Delete, Access::Delete),
        ("truncate", Verb::Truncate, Access::Truncate),
        ("define", Verb::Define, Access::Define),
    ] {
        let policy = grants(&format!("allow:\n  - {rule}: '*.*'"));
        for relation in ["public.t", "app.t", "pg_temp.t"] {
            allowed(&run(&policy, touch(verb, kind, relation, None)), SHOP_0);
        }
        for relation in [
            "pg_catalog.pg_authid",
            "information_schema.columns",
            "pg_toast.pg_toast_1",
            "unresolved",
        ] {
            let decision = run(&policy, touch(verb, kind, relation, None));
            assert_eq!(decision.effect, Effect::Deny, "{rule} {relation}");
        }
        let denying = grants(&format!(
            "allow:\n  - rule: everything\ndeny:\n  - {rule}: '*.*'"
        ));
        denied(
            &run(&denying, touch(verb, kind, "app.t", None)),
            Reason::DeniedByRule,
            Basis::DenyRule,
        );
        let read = select("pg_catalog.pg_class", None);
        assert_eq!(run(&denying, read).effect, Effect::Allow);
    }
}

#[test]
fn functions_operators_and_types_go_by_schema_too() {
    let policy = grants(
        "allow:\n  - call: [ext.*]\n  - operator: ['ext.*']\n  - type: [ext.*]\ndeny:\n  - call: [ext.evil]\n  - operator: ['ext.!!']\n  - type: [ext.secret]",
    );
    allowed(
        &run(&policy, uses(&["ext.f"], &["ext.<->", "ext.*"], &["ext.t"])),
        SHOP_0,
    );
    for (facts, reason) in [
        (uses(&["other.f"], &[], &[]), Reason::FunctionNotAllowed),
        (uses(&["f"], &[], &[]), Reason::FunctionNotAllowed),
        (uses(&[], &["other.<->"], &[]), Reason::OperatorNotAllowed),
        (uses(&[], &["<->"], &[]), Reason::OperatorNotAllowed),
        (uses(&[], &[], &["other.t"]), Reason::TypeNotAllowed),
        (uses(&[], &[], &["t"]), Reason::TypeNotAllowed),
        (uses(&["ext.evil"], &[], &[]), Reason::DeniedByRule),
        (uses(&[], &["ext.!!"], &[]), Reason::DeniedByRule),
        (uses(&[], &[], &["ext.secret"]), Reason::DeniedByRule),
    ] {
        let decision = run(&policy, facts);
        assert_eq!((decision.effect, decision.reason), (Effect::Deny, reason));
    }
}

#[test]
fn functions_of_every_schema_are_none_of_postgresqls_own() {
    let policy = grants("allow:\n  - call: ['*.*']\n  - operator: ['*.*']\n  - type: ['*.*']");
    allowed(
        &run(&policy, uses(&["a.f", "b.f"], &["c.+"], &["d.t"])),
        SHOP_0,
    );
    for function in ["lower", "pg_sleep", "pg_catalog.pg_read_file"] {
        denied(
            &run(&policy, uses(&[function], &[], &[])),
            Reason::FunctionNotAllowed,
            Basis::Default,
        );
    }
    denied(
        &run(&policy, uses(&["query_to_xml"], &[], &[])),
        Reason::FunctionNotAllowed,
        Basis::Floor,
    );
}

#[test]
fn an_operator_of_the_name_star_is_quoted() {
    let policy = grants("allow:\n  - operator: ['ext.\"*\"']");
    allowed(&run(&policy, uses(&[], &["ext.*"], &[])), SHOP_0);
    denied(
        &run(&policy, uses(&[], &["ext.+"], &[])),
        Reason::OperatorNotAllowed,
        Basis::Default,
    );
}

#[test]
fn who_uses_a_schema_may_name_its_types() {
    for rule in [
        "select: app.orders(id)",
        "insert: app.orders",
        "update: app.*",
        "define: app.orders",
    ] {
        let policy = grants(&format!("allow:\n  - {rule}"));
        allowed(&run(&policy, uses(&[], &[], &["app.status"])), SHOP_0);
        denied(
            &run(&policy, uses(&[], &[], &["other.status"])),
            Reason::TypeNotAllowed,
            Basis::Default,
        );
        denied(
            &run(&policy, uses(&["app.f"], &[], &[])),
            Reason::FunctionNotAllowed,
            Basis::Default,
        );
    }
    for rule in ["delete: app.orders", "truncate: app.*", "call: [app.f]"] {
        let policy = grants(&format!("allow:\n  - {rule}"));
        denied(
            &run(&policy, uses(&[], &[], &["app.status"])),
            Reason::TypeNotAllowed,
            Basis::Default,
        );
    }
    let denying = grants("allow:\n  - select: app.orders\ndeny:\n  - type: [app.status]");
    denied(
        &run(&denying, uses(&[], &[], &["app.status"])),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    let standard = uses(&[], &[], &["information_schema.sql_identifier"]);
    allowed(&run(&policy(ANALYST), standard), SHOP);
}

#[test]
fn a_type_that_only_our_own_reader_saw_needs_its_rule() {
    let policy = grants("allow:\n  - select: app.orders");
    let own = Facts {
        confirmation: Confirmation::Confirmed,
        ..uses(&[], &[], &["app.status"])
    };
    denied(&run(&policy, own), Reason::TypeNotAllowed, Basis::Default);
}

#[test]
fn who_defines_a_schema_made_what_is_in_it() {
    let policy = grants("allow:\n  - define: staging.*\ndeny:\n  - call: [staging.dblink]");
    allowed(
        &run(
            &policy,
            uses(&["staging.f"], &["staging.+"], &["staging.t"]),
        ),
        SHOP_0,
    );
    for facts in [
        uses(&["public.f"], &[], &[]),
        uses(&["lower"], &[], &[]),
        uses(&[], &["public.+"], &[]),
        uses(&[], &[], &["public.t"]),
        uses(&["staging.dblink"], &[], &[]),
        uses(&["query_to_xml"], &[], &[]),
    ] {
        assert_eq!(run(&policy, facts).effect, Effect::Deny);
    }
    let one = grants("allow:\n  - define: staging.t");
    denied(
        &run(&one, uses(&["staging.f"], &[], &[])),
        Reason::FunctionNotAllowed,
        Basis::Default,
    );
}

#[test]
fn kinds_of_definitions_go_by_their_first_word() {
    let labelled = |label: &str| Facts {
        label: label.into(),
        ..touch(Verb::Define, Access::Define, "x", None)
    };
    let policy = grants("allow:\n  - statement: ['create *']\ndeny:\n  - statement: [create role]");
    allowed(&run(&policy, labelled("create extension")), SHOP_0);
    denied(
        &run(&policy, labelled("create role")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    denied(
        &run(&policy, labelled("drop extension")),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    let denying = grants("allow:\n  - define: app.*\ndeny:\n  - statement: ['drop *', vacuum]");
    let dropped = Facts {
        label: "drop table".into(),
        ..touch(Verb::Define, Access::Define, "app.t", None)
    };
    denied(
        &run(&denying, dropped),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    let made = Facts {
        label: "create table".into(),
        ..touch(Verb::Define, Access::Define, "app.t", None)
    };
    allowed(&run(&denying, made), SHOP_0);
}

#[test]
fn who_defines_a_relation_may_lock_it() {
    let policy = grants("allow:\n  - define: app.*\n  - statement: [lock]");
    assert_eq!(
        run(&policy, touch(Verb::Lock, Access::Lock, "app.t", None)).effect,
        Effect::Allow
    );
}

//! What a database says beside its rules: masks, report mode, audit mode.

use super::*;
use crate::AuditMode;

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

#[test]
fn a_read_is_strict_where_an_operator_or_a_view_may_change_something() {
    let policy = grants("allow:\n  - select: public.t\n  - operator: [public.*]");
    let read = |of: &dyn Fn(&mut Facts)| {
        let mut facts = select("public.t", None);
        of(&mut facts);
        run(&policy, facts).obligations.audit
    };
    let behind = |name: &str| read(&|facts| facts.behind_functions = vec![self::name(name)]);
    assert_eq!(behind("pg_catalog.lower"), AuditMode::Release);
    assert_eq!(behind("pg_catalog.pg_get_viewdef"), AuditMode::Release);
    assert_eq!(behind("public.f"), AuditMode::Strict);
    assert_eq!(behind("pg_catalog.nextval"), AuditMode::Strict);
    let operator = read(&|facts| facts.operators = vec![name("public.+")]);
    assert_eq!(operator, AuditMode::Strict);
}

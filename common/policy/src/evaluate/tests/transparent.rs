//! Databases that refuse a role nothing, or nothing but what its deny rules name: observe mode and
//! `rule: everything`.

use super::*;
use crate::{AuditMode, DatabaseGrant, IdentityFailure, LimitKind, Unreadable, UnreadableKind};

const KINDS: &[UnreadableKind] = &[
    UnreadableKind::TooLarge,
    UnreadableKind::Encoding,
    UnreadableKind::Syntax,
    UnreadableKind::Unsupported,
    UnreadableKind::Disagreement,
    UnreadableKind::UnresolvedRelation,
    UnreadableKind::UnresolvedColumn,
    UnreadableKind::Rejected,
];

fn unreadable(kind: UnreadableKind) -> Request {
    let Request::Statement(request) = statement_request(facts(Verb::Empty)) else {
        panic!()
    };
    Request::Statement(StatementRequest {
        subject: Subject::Unreadable(Arc::new(Unreadable {
            kind,
            detail: "why".into(),
            offset: None,
        })),
        ..request
    })
}

/// What enforce refuses, and why.
fn refused() -> Vec<(Facts, Reason)> {
    vec![
        (
            select("public.orders", Some(&["total"])),
            Reason::ColumnNotAllowed,
        ),
        (select("public.other", None), Reason::RelationNotAllowed),
        (select("unresolved", None), Reason::RelationNotAllowed),
        (select("public.secrets", None), Reason::DeniedByRule),
        (
            select("public.orders", Some(&["email"])),
            Reason::ColumnMasked,
        ),
        (call(&["evil.f"]), Reason::FunctionNotAllowed),
        (call(&["set_config"]), Reason::FunctionNotAllowed),
        (call(&["query_to_xml"]), Reason::FunctionNotAllowed),
        (facts(Verb::Notify), Reason::StatementNotAllowed),
        (facts(Verb::Do), Reason::StatementNotAllowed),
        (facts(Verb::Insert), Reason::StatementNotAllowed),
        (set("work_mem", Some("1GB")), Reason::SettingNotAllowed),
        (set("role", Some("postgres")), Reason::SettingNotAllowed),
        (
            set("client_encoding", Some("LATIN1")),
            Reason::SettingNotAllowed,
        ),
        (
            touch(Verb::Update, Access::Update, "pg_catalog.pg_settings", None),
            Reason::RelationNotAllowed,
        ),
        (
            Facts {
                confirmation: Confirmation::Unconfirmed,
                ..facts(Verb::Select)
            },
            Reason::Unconfirmed,
        ),
    ]
}

const RULES: &str = "allow:\n  - select: public.orders(id, email)\ndeny:\n  - select: public.secrets\nmask: { public.orders.email: email }";

fn observed(rules: &str) -> PolicySet {
    grants(&format!("mode: observe\n{rules}"))
}

fn grant(policy: &PolicySet) -> &DatabaseGrant {
    policy.role("analyst").unwrap().database("shop").unwrap()
}

#[test]
fn observe_mode_runs_what_enforce_refuses_and_says_so() {
    let (enforced, observed) = (grants(RULES), observed(RULES));
    for (facts, reason) in refused() {
        let refusal = run(&enforced, facts.clone());
        assert_eq!((refusal.effect, refusal.reason), (Effect::Deny, reason));
        let decision = run(&observed, facts);
        assert_eq!(
            (decision.effect, decision.reason, decision.basis),
            (Effect::Allow, reason, Basis::Observe),
            "{decision:?}"
        );
        assert_eq!(decision.detail, refusal.detail);
        assert_eq!(decision.rule, refusal.rule);
    }
    allowed(
        &run(&observed, select("public.orders", Some(&["id"]))),
        SHOP_0,
    );
}

#[test]
fn observe_mode_runs_what_can_not_be_read_and_records_it_as_a_write() {
    let policy = observed(RULES);
    for kind in KINDS {
        let decision = evaluate(&policy, &unreadable(*kind));
        assert_eq!(
            (decision.effect, decision.reason, decision.basis),
            (Effect::Allow, Reason::Unreadable, Basis::Observe)
        );
        assert_eq!(decision.obligations.audit, AuditMode::Strict);
        assert_eq!(decision.detail.as_deref(), Some("why"));
        assert_eq!(decision.no_rule_in(&unreadable(*kind)), None);
    }
    let told = run(&policy, facts(Verb::Notify));
    assert_eq!(
        told.no_rule_in(&statement_request(facts(Verb::Notify)))
            .as_deref(),
        Some(SHOP)
    );
    let pinned = set("role", Some("postgres"));
    let told = run(&policy, pinned.clone());
    assert_eq!(told.no_rule_in(&statement_request(pinned)), None);
}

#[test]
fn observe_mode_opens_nothing_to_who_is_not_the_role_or_over_a_limit() {
    let policy = observed("assurance: token\nallow: []");
    let Request::Statement(plain) = statement_request(select("public.t", None)) else {
        panic!()
    };
    let with = |caller| StatementRequest {
        caller,
        ..plain.clone()
    };
    let Caller::Known(known) = &plain.caller else {
        panic!()
    };
    let expired = Principal {
        expires_at: Some(0),
        ..(**known).clone()
    };
    for (request, reason) in [
        (
            with(Caller::Unknown(IdentityFailure::CredentialsInvalid)),
            Reason::CredentialsInvalid,
        ),
        (
            with(principal("nobody", Method::Certificate)),
            Reason::IdentityUnknown,
        ),
        (
            with(principal("analyst", Method::Source)),
            Reason::AssuranceTooLow,
        ),
        (
            with(Caller::Known(Arc::new(expired))),
            Reason::CredentialsExpired,
        ),
        (
            StatementRequest {
                exhausted: Some(LimitKind::Statements),
                ..plain.clone()
            },
            Reason::LimitStatements,
        ),
        (
            StatementRequest {
                database: "other".into(),
                ..plain.clone()
            },
            Reason::DatabaseNotAllowed,
        ),
    ] {
        let decision = evaluate(&policy, &Request::Statement(request));
        assert_eq!((decision.effect, decision.reason), (Effect::Deny, reason));
    }
}

#[test]
fn everything_is_everything_where_nothing_is_denied() {
    for (mode, rules) in [
        ("enforce", "allow: [{ rule: everything }]"),
        ("report", "allow: [{ rule: everything }]"),
        (
            "enforce",
            "allow:\n  - rule: everything\n  - select: public.orders",
        ),
    ] {
        let policy = grants(&format!("mode: {mode}\n{rules}"));
        for (facts, _) in refused() {
            allowed(&run(&policy, facts), SHOP_0);
        }
        for kind in KINDS {
            let decision = evaluate(&policy, &unreadable(*kind));
            allowed(&decision, SHOP_0);
            assert_eq!(decision.obligations.audit, AuditMode::Strict);
        }
    }
}

#[test]
fn everything_stops_at_what_is_denied_and_at_what_could_be() {
    let policy = grants(
        "allow:\n  - rule: everything\ndeny:\n  - select: public.secrets\n  - statement: [notify]\n  - call: [pg_sleep]",
    );
    for facts in [
        select("public.orders", None),
        touch(Verb::Delete, Access::Delete, "public.secrets", None),
        touch(Verb::Define, Access::Define, "hstore", None),
        call(&["public.f", "lower"]),
        facts(Verb::Listen),
        facts(Verb::Lock),
        set("work_mem", Some("1GB")),
        Facts {
            operators: vec![name("public.<->")],
            types: vec![name("public.status")],
            ..facts(Verb::Select)
        },
        Facts {
            confirmation: Confirmation::Unconfirmed,
            ..touch(Verb::Define, Access::Define, "public.t", None)
        },
    ] {
        allowed(&run(&policy, facts), SHOP_0);
    }
    for (facts, reason) in [
        (select("public.secrets", None), Reason::DeniedByRule),
        (call(&["pg_sleep"]), Reason::DeniedByRule),
        (facts(Verb::Notify), Reason::DeniedByRule),
        // What can't be told apart from what is denied.
        (facts(Verb::Do), Reason::StatementNotAllowed),
        (facts(Verb::Insert), Reason::StatementNotAllowed),
        (select("unresolved", None), Reason::RelationNotAllowed),
        (
            Facts {
                operators: vec![name("<->")],
                ..facts(Verb::Select)
            },
            Reason::OperatorNotAllowed,
        ),
        (
            Facts {
                types: vec![name("status")],
                ..facts(Verb::Select)
            },
            Reason::TypeNotAllowed,
        ),
        (
            Facts {
                confirmation: Confirmation::Unconfirmed,
                ..facts(Verb::Select)
            },
            Reason::Unconfirmed,
        ),
    ] {
        let decision = run(&policy, facts);
        assert_eq!((decision.effect, decision.reason), (Effect::Deny, reason));
    }
    for facts in [
        set("role", Some("postgres")),
        set("search_path", Some("x")),
        call(&["query_to_xml"]),
        touch(Verb::Update, Access::Update, "pg_catalog.pg_proc", None),
    ] {
        assert_eq!(run(&policy, facts).basis, Basis::Floor);
    }
    for kind in KINDS {
        denied(
            &evaluate(&policy, &unreadable(*kind)),
            Reason::Unreadable,
            Basis::Floor,
        );
    }
    let masked = grants("allow: [{ rule: everything }]\nmask: { public.t.email: email }");
    denied(
        &run(&masked, select("public.t", None)),
        Reason::ColumnMasked,
        Basis::Default,
    );
    denied(
        &evaluate(&masked, &unreadable(UnreadableKind::Unsupported)),
        Reason::Unreadable,
        Basis::Floor,
    );
    let done = grants(
        "allow:\n  - rule: everything\n  - statement: [do]\ndeny:\n  - select: public.secrets",
    );
    assert_eq!(run(&done, facts(Verb::Do)).effect, Effect::Allow);
}

#[test]
fn a_grant_says_whether_it_refuses_anything() {
    for (rules, observes, everything, transparent) in [
        ("allow: []", false, false, false),
        ("mode: report\nallow: []", false, false, false),
        ("mode: observe\nallow: []", true, false, true),
        (
            "mode: observe\nallow: []\ndeny:\n  - select: public.t",
            true,
            false,
            true,
        ),
        ("allow: [{ rule: everything }]", false, true, true),
        (
            "allow: [{ rule: everything }]\ndeny:\n  - set: [jit]",
            false,
            true,
            false,
        ),
        (
            "allow: [{ rule: everything }]\nmask: { public.t.a: hash }",
            false,
            true,
            false,
        ),
    ] {
        let policy = grants(rules);
        let grant = grant(&policy);
        assert_eq!(
            (
                grant.observes(),
                grant.grants_everything(),
                grant.is_transparent()
            ),
            (observes, everything, transparent),
            "{rules}"
        );
    }
}

#[test]
fn statements_of_do_need_their_rule() {
    let policy = grants("allow:\n  - statement: [do]");
    allowed(&run(&policy, facts(Verb::Do)), SHOP_0);
    denied(
        &run(&grants("allow:\n  - statement: [lock]"), facts(Verb::Do)),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    denied(
        &run(
            &grants("allow: [{ rule: everything }]\ndeny:\n  - statement: [do]"),
            facts(Verb::Do),
        ),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
}

//! Which sequences `nextval`, `currval` and `setval` may be used on.

use super::*;
use crate::{SequenceAccess, SequenceUse};

fn used(access: SequenceAccess, sequence: Option<&str>, owner: Option<&str>) -> Facts {
    let function = match access {
        SequenceAccess::Read => "pg_catalog.currval",
        SequenceAccess::Next => "pg_catalog.nextval",
        SequenceAccess::Set => "pg_catalog.setval",
    };
    Facts {
        sequences: vec![SequenceUse {
            access,
            owner: owner.map(name),
            sequence: sequence.map(name),
        }],
        ..call(&[function])
    }
}

#[test]
fn a_sequence_goes_with_the_table_that_owns_it() {
    use SequenceAccess::{Next, Read, Set};
    let seq = Some("public.orders_id_seq");
    let owner = Some("public.orders");
    for (rules, opened) in [
        ("insert: public.orders", vec![Next, Read]),
        ("insert: public.orders(total)", vec![Next, Read]),
        ("insert: public.*", vec![Next, Read]),
        ("insert: '*.*'", vec![Next, Read]),
        ("update: public.orders", vec![]),
        ("select: public.orders", vec![]),
        ("insert: public.other", vec![]),
        ("select: public.orders_id_seq", vec![Read]),
        ("update: public.orders_id_seq", vec![Next, Read, Set]),
        ("define: public.orders", vec![]),
        ("define: public.orders_id_seq", vec![Next, Read, Set]),
        ("define: public.*", vec![Next, Read, Set]),
        ("call: [nextval]", vec![Next]),
        ("call: [nextval, setval, currval]", vec![Next, Read, Set]),
        ("preset: [application]", vec![]),
        ("call: ['*.*']", vec![]),
    ] {
        let policy = grants(&format!("allow:\n  - {rules}"));
        for access in [Next, Read, Set] {
            let decision = run(&policy, used(access, seq, owner));
            let expected = opened.contains(&access);
            assert_eq!(
                decision.effect == Effect::Allow,
                expected,
                "{rules} {access:?}"
            );
            if !expected {
                denied(&decision, Reason::RelationNotAllowed, Basis::Default);
            }
        }
    }
    let told = run(&policy(ANALYST), used(Next, seq, owner));
    assert_eq!(
        told.detail.as_deref(),
        Some("nextval on public.orders_id_seq")
    );
}

#[test]
fn a_sequence_that_is_nobodys_or_not_known_needs_its_rule() {
    let policy = grants("allow:\n  - insert: public.orders\n  - preset: [application]");
    for sequence in [Some("public.loose"), None] {
        denied(
            &run(&policy, used(SequenceAccess::Next, sequence, None)),
            Reason::RelationNotAllowed,
            Basis::Default,
        );
    }
    // The facts do not say which sequences: the function alone decides.
    denied(
        &run(&policy, call(&["nextval"])),
        Reason::FunctionNotAllowed,
        Basis::Default,
    );
    // One that is known does not cover one that is not.
    let mut both = used(
        SequenceAccess::Next,
        Some("public.orders_id_seq"),
        Some("public.orders"),
    );
    both.sequences.push(SequenceUse {
        access: SequenceAccess::Next,
        owner: Some(name("public.orders")),
        sequence: None,
    });
    denied(
        &run(&policy, both),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
}

#[test]
fn deny_rules_hold_for_sequences() {
    use SequenceAccess::{Next, Read, Set};
    for (deny, refused) in [
        ("insert: public.orders_id_seq", vec![Next]),
        ("insert: public.orders", vec![Next]),
        ("update: public.*", vec![Set]),
        ("select: public.*", vec![Read]),
        ("insert: public.orders(total)", vec![]),
        ("call: [setval]", vec![Set]),
    ] {
        let policy = grants(&format!("allow:\n  - rule: everything\ndeny:\n  - {deny}"));
        for access in [Next, Read, Set] {
            let facts = used(access, Some("public.orders_id_seq"), Some("public.orders"));
            let denied = run(&policy, facts).reason == Reason::DeniedByRule;
            assert_eq!(denied, refused.contains(&access), "{deny} {access:?}");
        }
        assert_eq!(run(&policy, used(Next, None, None)).effect, Effect::Deny);
    }
}

#[test]
fn a_record_without_sequences_is_read() {
    let old = r#"{"verb":"select","label":"select","relations":[],"functions":[],"operators":[],"types":[],"settings":[],"confirmation":"confirmed"}"#;
    let read: Facts = serde_json::from_str(old).unwrap();
    assert!(read.sequences.is_empty());
    assert_eq!(serde_json::to_string(&read).unwrap(), old);
    let new = used(SequenceAccess::Next, Some("public.s"), None);
    let text = serde_json::to_string(&new).unwrap();
    assert_eq!(serde_json::from_str::<Facts>(&text).unwrap(), new);
}

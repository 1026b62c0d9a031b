//! What a decision costs: nothing on the heap where it allows, whatever the number of rules. Its time is
//! measured by the benchmark.

use std::fmt::Write;

use super::*;

fn large(rules: usize) -> PolicySet {
    let mut text = String::from("version: 1\nroles:\n");
    for role in 0..rules / 100 {
        writeln!(
            text,
            "  role-{role}:\n    identities: [{{ token: role-{role} }}]\n    egress:\n      allow:"
        )
        .unwrap();
        for rule in 0..50 {
            writeln!(text, "        - host: \"*.h{rule}.r{role}.example\"").unwrap();
        }
        writeln!(
            text,
            "    databases:\n      shop:\n        as: x\n        allow:"
        )
        .unwrap();
        for rule in 0..50 {
            writeln!(text, "          - select: public.t{rule}(a, b, c)").unwrap();
        }
    }
    policy(&text)
}

fn requests(role: usize) -> [Request; 3] {
    let caller = principal(&format!("role-{role}"), Method::Token);
    let connection = ConnectionRequest {
        caller: caller.clone(),
        ..resolved(
            &format!("a.b.h7.r{role}.example:443"),
            &["93.184.216.34", "2606:4700::1"],
        )
    };
    let Request::Statement(statement) = statement_request(select("public.t7", Some(&["a", "b"])))
    else {
        panic!()
    };
    [
        Request::Connection(connection),
        session(caller.clone(), "shop"),
        Request::Statement(StatementRequest {
            caller,
            ..statement
        }),
    ]
}

#[test]
fn many_rules_give_the_same_answers() {
    let policy = large(1_000);
    for request in requests(3) {
        assert_eq!(evaluate(&policy, &request).effect, Effect::Allow);
    }
    assert_eq!(policy.rules(), 1_000);
}

#[test]
fn to_allow_takes_nothing_from_the_heap() {
    let policy = large(100);
    for request in requests(0) {
        let mut effect = None;
        let cost = allocation_counter::measure(|| {
            effect = Some(evaluate(&policy, &request).effect);
        });
        assert_eq!(effect, Some(Effect::Allow));
        assert_eq!(cost.count_total, 0, "{request:?}");
    }
}

#[test]
fn nor_do_wildcards_presets_sequences_and_everything() {
    let facts = Facts {
        relations: vec![access(Access::Insert, "app.orders", Some(&["id"]))],
        functions: vec![name("nextval"), name("lower"), name("ext.f")],
        operators: vec![name("ext.<->")],
        types: vec![name("app.status")],
        confirmation: Confirmation::Analysed,
        settings: vec![
            setting("myapp.x", Some("1")),
            setting("work_mem", Some("64MB")),
            setting("statement_timeout", Some("1s")),
        ],
        sequences: vec![crate::SequenceUse {
            access: crate::SequenceAccess::Next,
            owner: Some(name("app.orders")),
            sequence: Some(name("app.orders_id_seq")),
        }],
        ..facts(Verb::Insert)
    };
    let rules = "limits: { statement_timeout: 5s }\nallow:\n  - insert: app.*\n  - call: [ext.*]\n  - operator: ['*.*']\n  - set: [myapp.*]\n  - preset: [application]";
    for rules in [
        rules.to_owned(),
        format!("{rules}\ndeny:\n  - select: '*.*'\n  - statement: ['drop *']"),
        "allow: [{ rule: everything }]".to_owned(),
        "allow: [{ rule: everything }]\ndeny:\n  - call: [evil.*]".to_owned(),
    ] {
        let policy = grants(&rules);
        let request = statement_request(facts.clone());
        let mut effect = None;
        let cost = allocation_counter::measure(|| {
            effect = Some(evaluate(&policy, &request).effect);
        });
        assert_eq!(effect, Some(Effect::Allow), "{rules}");
        assert_eq!(cost.count_total, 0, "{rules}");
    }
}

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

//! What a decision costs with many rules. Timed by hand: `cargo test --release -p exeat-policy -- --ignored cost`.

use std::fmt::Write;
use std::time::Instant;

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

fn requests(role: usize) -> [Request; 2] {
    let caller = principal(&format!("role-{role}"), Method::Token);
    let connection = ConnectionRequest {
        caller: caller.clone(),
        ..resolved(
            &format!("a.b.h7.r{role}.example:443"),
            &["93.184.216.34", "2606:4700::1"],
        )
    };
    let Request::Statement(statement) = statement_request(Facts {
        relations: vec![access(Access::Select, "public.t7", Some(&["a", "b"]))],
        ..facts(Verb::Select)
    }) else {
        panic!()
    };
    [
        Request::Connection(connection),
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
#[ignore = "timing needs a release build and a quiet machine"]
fn a_decision_at_a_hundred_thousand_rules_takes_under_a_microsecond() {
    let start = Instant::now();
    let policy = large(100_000);
    println!("load {} rules: {:?}", policy.rules(), start.elapsed());
    for request in requests(567) {
        assert_eq!(evaluate(&policy, &request).effect, Effect::Allow);
        let rounds = 1_000_000;
        let start = Instant::now();
        for _ in 0..rounds {
            std::hint::black_box(evaluate(&policy, std::hint::black_box(&request)));
        }
        let each = start.elapsed() / rounds;
        println!("{each:?}");
        assert!(each.as_nanos() < 1_000, "{each:?}");
    }
}

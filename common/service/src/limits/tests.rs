//! What a role may do, by the clock of the test.

use std::time::Duration;

use exeat_policy::Source;
use governor::clock::FakeRelativeClock;

use super::*;

fn policy(egress: &str, database: &str) -> PolicySet {
    let text = format!(
        "
version: 1
roles:
  fn:
    identities: [{{ token: fn }}]
    egress:
      allow: [{{ host: api.example.com }}]
      {egress}
    databases:
      shop:
        as: rw
        allow: [{{ select: public.orders }}]
        {database}
"
    );
    exeat_policy::load(&[Source {
        name: "policy.yaml".to_owned(),
        text,
    }])
    .unwrap()
}

fn limits(egress: &str, database: &str) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (
        Limits::with_clock(&policy(egress, database), clock.clone()),
        clock,
    )
}

#[test]
fn a_rate_is_a_bucket_that_refills_evenly() {
    let (limits, clock) = limits("limits: { connects: 2/s }", "");
    assert_eq!(limits.connect("fn"), None);
    assert_eq!(limits.connect("fn"), None);
    assert_eq!(limits.connect("fn"), Some(LimitKind::Connects));
    clock.advance(Duration::from_millis(500));
    assert_eq!(limits.connect("fn"), None);
    assert_eq!(limits.connect("fn"), Some(LimitKind::Connects));
}

#[test]
fn no_limit_and_an_unknown_role_let_pass() {
    let (limits, _) = limits("", "");
    for _ in 0..10_000 {
        assert_eq!(limits.connect("fn"), None);
        assert_eq!(limits.statement("fn", "shop"), None);
    }
    assert_eq!(limits.connect("nobody"), None);
    assert!(limits.tunnel("nobody").is_ok());
    assert!(limits.bytes("fn").is_none());
}

#[test]
fn a_tunnel_gives_its_place_back() {
    let (limits, _) = limits("limits: { tunnels: 1 }", "");
    let lease = limits.tunnel("fn").unwrap();
    assert_eq!(limits.tunnel("fn").unwrap_err(), LimitKind::Tunnels);
    drop(lease);
    assert!(limits.tunnel("fn").is_ok());
}

#[test]
fn sessions_and_statements_are_counted_per_database() {
    let (limits, _) = limits("", "limits: { sessions: 1, statements: 1/s }");
    let _lease = limits.session("fn", "shop").unwrap();
    assert_eq!(
        limits.session("fn", "shop").unwrap_err(),
        LimitKind::Sessions
    );
    assert!(limits.session("fn", "other").is_ok());
    assert_eq!(limits.statement("fn", "shop"), None);
    assert_eq!(limits.statement("fn", "shop"), Some(LimitKind::Statements));
}

#[test]
fn touching_the_policy_gives_no_fresh_allowance() {
    let (limits, _) = limits("limits: { connects: 1/s, tunnels: 1, bytes: 10B/day }", "");
    let _lease = limits.tunnel("fn").unwrap();
    assert_eq!(limits.connect("fn"), None);
    assert!(!limits.bytes("fn").unwrap().add(10));
    limits.follow(&policy(
        "limits: { connects: 1/s, tunnels: 1, bytes: 10B/day }",
        "audit: strict",
    ));
    assert_eq!(limits.connect("fn"), Some(LimitKind::Connects));
    assert_eq!(limits.tunnel("fn").unwrap_err(), LimitKind::Tunnels);
    assert!(limits.bytes("fn").unwrap().exhausted());
}

#[test]
fn a_limit_that_comes_with_a_reload_counts_what_is_live() {
    let (limits, _) = limits("", "");
    let _lease = limits.tunnel("fn").unwrap();
    limits.follow(&policy("limits: { tunnels: 1 }", ""));
    assert_eq!(limits.tunnel("fn").unwrap_err(), LimitKind::Tunnels);
}

#[test]
fn a_changed_rate_takes_effect() {
    let (limits, _) = limits("limits: { connects: 1/s }", "");
    assert_eq!(limits.connect("fn"), None);
    assert_eq!(limits.connect("fn"), Some(LimitKind::Connects));
    limits.follow(&policy("limits: { connects: 3/s }", ""));
    assert_eq!(limits.connect("fn"), None);
}

#[test]
fn a_byte_quota_is_empty_again_in_the_next_window() {
    let (limits, _) = limits("limits: { bytes: 100B/s }", "");
    let quota = limits.bytes("fn").unwrap();
    assert!(quota.add_at(60, 5_000));
    assert!(!quota.add_at(60, 5_999));
    assert!(quota.add_at(60, 6_000));
    assert!(!quota.add_at(40, 6_500));
}

#[test]
fn leases_of_many_threads_never_exceed_the_limit() {
    let (limits, _) = limits("limits: { tunnels: 3 }", "");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..1_000 {
                    if let Ok(_lease) = limits.tunnel("fn") {
                        let live = limits.roles.load()["fn"]
                            .tunnels
                            .live
                            .load(Ordering::Relaxed);
                        assert!((1..=3).contains(&live));
                    }
                }
            });
        }
    });
    assert_eq!(
        limits.roles.load()["fn"]
            .tunnels
            .live
            .load(Ordering::Relaxed),
        0
    );
}

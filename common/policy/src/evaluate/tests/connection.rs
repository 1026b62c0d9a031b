//! Names, ports and deny rules.

use super::*;

#[test]
fn names_are_allowed_by_their_rule() {
    let policy = policy(FIXTURE);
    for (authority, rule) in [
        ("api.example.com:443", 0),
        ("API.Example.COM:443", 0),
        ("api.example.com.:443", 0),
        ("x.allowed.test:443", 1),
        ("a.b.c.allowed.test:443", 1),
        ("xn--bcher-kva.example:443", 2),
    ] {
        allowed(
            &ask(&policy, to(authority)),
            &format!("roles.fn-a.egress.allow[{rule}]"),
        );
    }
}

#[test]
fn names_without_a_rule_are_denied() {
    let policy = policy(FIXTURE);
    for authority in [
        "apiXexample.com:443",
        "allowed.test:443",
        "xallowed.test:443",
        "evil.test:443",
        "api.example.com.evil.test:443",
        "example.com:443",
        "www.api.example.com:443",
        "com:443",
        "api:443",
        "bcher-kva.example:443",
        "test:443",
        "evil-api.example.com:443",
    ] {
        denied(
            &ask(&policy, to(authority)),
            Reason::HostNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn deny_wins_in_every_spelling() {
    let policy = policy(FIXTURE);
    for authority in [
        "blocked.allowed.test:443",
        "blocked.allowed.test.:443",
        "BLOCKED.allowed.test:443",
    ] {
        let decision = ask(&policy, to(authority));
        denied(&decision, Reason::DeniedByRule, Basis::DenyRule);
        assert_eq!(&*decision.rule.unwrap().path, "roles.fn-a.egress.deny[0]");
    }
    // Only that name.
    allowed(
        &ask(&policy, to("x.blocked.allowed.test:443")),
        "roles.fn-a.egress.allow[1]",
    );
}

#[test]
fn a_deny_rule_without_ports_holds_on_every_port_and_one_with_ports_on_those() {
    let policy = egress_rules(
        "allow:\n  - { host: '*.a.example', ports: [443, 8443] }\ndeny:\n  - host: x.a.example\n  - { host: y.a.example, ports: [8443] }",
    );
    denied(
        &ask(&policy, to("x.a.example:443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    denied(
        &ask(&policy, to("x.a.example:8443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    allowed(
        &ask(&policy, to("y.a.example:443")),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, to("y.a.example:8443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
}

#[test]
fn a_deny_above_and_an_allow_below_follow_their_patterns() {
    let policy = egress_rules(
        "allow:\n  - host: x.parent.example\n  - host: '*.other.example'\ndeny:\n  - host: parent.example\n  - host: '*.deep.other.example'",
    );
    allowed(
        &ask(&policy, to("x.parent.example:443")),
        "roles.fn-a.egress.allow[0]",
    );
    allowed(
        &ask(&policy, to("deep.other.example:443")),
        "roles.fn-a.egress.allow[1]",
    );
    denied(
        &ask(&policy, to("a.deep.other.example:443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    denied(
        &ask(&policy, to("a.b.deep.other.example:443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
}

#[test]
fn the_most_specific_rule_is_named() {
    let policy = egress_rules(
        "allow:\n  - host: '*.a.example'\n  - host: '*.b.a.example'\n  - host: c.b.a.example",
    );
    allowed(
        &ask(&policy, to("c.b.a.example:443")),
        "roles.fn-a.egress.allow[2]",
    );
    allowed(
        &ask(&policy, to("d.b.a.example:443")),
        "roles.fn-a.egress.allow[1]",
    );
    allowed(
        &ask(&policy, to("b.a.example:443")),
        "roles.fn-a.egress.allow[0]",
    );
}

#[test]
fn other_ports_are_denied() {
    let policy = policy(FIXTURE);
    for port in [22, 25, 80, 442, 444, 8443, 65535] {
        let decision = ask(&policy, to(&format!("api.example.com:{port}")));
        denied(&decision, Reason::PortNotAllowed, Basis::Default);
        assert_eq!(decision.detail.as_deref(), Some(&*format!("port {port}")));
        assert_eq!(&*decision.rule.unwrap().path, "roles.fn-a.egress.allow[0]");
    }
}

#[test]
fn names_for_local_use_are_denied_before_any_query() {
    let policy = policy(FIXTURE);
    for host in [
        "localhost",
        "localhost.localdomain",
        "foo.localhost",
        "x.internal",
        "x.local",
        "x.home.arpa",
        "x.onion",
        "metadata.google.internal",
        "internal",
        "local",
        "home.arpa",
        "a.invalid",
        "x.alt",
        "LOCALHOST",
    ] {
        denied(
            &ask(&policy, to(&format!("{host}:443"))),
            Reason::SpecialUseName,
            Basis::Floor,
        );
    }
    denied(
        &ask(&policy, to("xhome.arpa:443")),
        Reason::HostNotAllowed,
        Basis::Default,
    );
    denied(
        &ask(&policy, to("notlocalhost:443")),
        Reason::HostNotAllowed,
        Basis::Default,
    );
}

#[test]
fn a_rule_that_names_a_local_name_opens_it() {
    let policy = egress_rules("allow:\n  - { host: db.corp.internal, networks: [10.0.0.0/8] }");
    allowed(
        &ask(&policy, resolved("db.corp.internal:443", &["10.2.3.4"])),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, to("other.corp.internal:443")),
        Reason::SpecialUseName,
        Basis::Floor,
    );
}

#[test]
fn an_empty_list_allows_nothing() {
    for egress in ["allow: []", "mode: enforce"] {
        denied(
            &ask(&egress_rules(egress), to("api.example.com:443")),
            Reason::HostNotAllowed,
            Basis::Default,
        );
    }
    let none = policy("version: 1\nroles: { fn-a: { identities: [{ token: fn-a }] } }");
    denied(
        &ask(&none, to("api.example.com:443")),
        Reason::HostNotAllowed,
        Basis::Default,
    );
}

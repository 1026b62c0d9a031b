//! What the bytes inside prove, how strong the caller's proof is, and report mode.

use super::*;

#[test]
fn the_server_name_inside_is_the_authority() {
    let policy = policy(FIXTURE);
    let rule = "roles.fn-a.egress.allow[0]";
    let decision = ask(
        &policy,
        seen(
            "api.example.com:443",
            TlsFinding::ServerName("api.example.com".into()),
        ),
    );
    allowed(&decision, rule);
    assert!(decision.obligations.tls);
    for (finding, reason) in [
        (
            TlsFinding::ServerName("evil.test".into()),
            Reason::SniMismatch,
        ),
        (
            TlsFinding::ServerName("x.allowed.test".into()),
            Reason::SniMismatch,
        ),
        (TlsFinding::ServerName("".into()), Reason::SniMismatch),
        (TlsFinding::NoServerName, Reason::SniMissing),
        (
            TlsFinding::EncryptedClientHello,
            Reason::EncryptedClientHello,
        ),
        (TlsFinding::NotTls, Reason::NotTls),
        (TlsFinding::Malformed, Reason::TlsMalformed),
        (TlsFinding::TimedOut, Reason::TlsTimeout),
    ] {
        let decision = ask(&policy, seen("api.example.com:443", finding));
        denied(&decision, reason, Basis::Default);
        assert_eq!(&*decision.rule.unwrap().path, rule);
    }
}

#[test]
fn without_tls_any_protocol_goes() {
    let policy = egress_rules(
        "allow:\n  - { host: plain.example, ports: [80], tls: false }\n  - host: api.example.com",
    );
    let http = |authority| ConnectionRequest {
        protocol: Protocol::Http,
        ..to(authority)
    };
    let decision = ask(&policy, http("plain.example:80"));
    allowed(&decision, "roles.fn-a.egress.allow[0]");
    assert!(!decision.obligations.tls);
    allowed(
        &ask(&policy, seen("plain.example:80", TlsFinding::NotTls)),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, http("api.example.com:443")),
        Reason::TlsRequired,
        Basis::Default,
    );
    denied(
        &ask(&policy, http("api.example.com:80")),
        Reason::PortNotAllowed,
        Basis::Default,
    );
}

#[test]
fn a_second_rule_on_the_same_host_may_allow_what_the_first_does_not() {
    let policy = egress_rules(
        "allow:\n  - { host: a.example, assurance: certificate, tls: false }\n  - { host: '*.example', public_suffix: true }",
    );
    let weak = |tls| ConnectionRequest {
        caller: principal("fn-a", Method::Token),
        ..seen("a.example:443", tls)
    };
    allowed(
        &ask(&policy, weak(TlsFinding::ServerName("a.example".into()))),
        "roles.fn-a.egress.allow[1]",
    );
    allowed(
        &ask(&policy, seen("a.example:443", TlsFinding::NotTls)),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, weak(TlsFinding::NotTls)),
        Reason::NotTls,
        Basis::Default,
    );
}

#[test]
fn a_rule_may_ask_for_a_stronger_proof() {
    let policy = egress_rules("allow:\n  - { host: a.example, assurance: jwt }");
    let with = |method| {
        ask(
            &policy,
            ConnectionRequest {
                caller: principal("fn-a", method),
                ..to("a.example:443")
            },
        )
    };
    allowed(&with(Method::Certificate), "roles.fn-a.egress.allow[0]");
    allowed(&with(Method::Jwt), "roles.fn-a.egress.allow[0]");
    for method in [Method::Token, Method::Scram, Method::Source] {
        denied(&with(method), Reason::AssuranceTooLow, Basis::Floor);
    }
}

#[test]
fn report_mode_allows_what_the_policy_denies_and_says_so() {
    let policy =
        egress_rules("mode: report\nallow:\n  - host: a.example\ndeny:\n  - host: d.example");
    for (request, reason) in [
        (to("evil.test:443"), Reason::HostNotAllowed),
        (
            resolved("evil.test:443", &["1.1.1.1"]),
            Reason::HostNotAllowed,
        ),
        (to("a.example:22"), Reason::PortNotAllowed),
        (to("d.example:443"), Reason::DeniedByRule),
        (to("9.9.9.9:443"), Reason::IpLiteral),
        (
            seen("a.example:443", TlsFinding::ServerName("evil.test".into())),
            Reason::SniMismatch,
        ),
        (
            ConnectionRequest {
                protocol: Protocol::Http,
                ..to("a.example:443")
            },
            Reason::TlsRequired,
        ),
    ] {
        let decision = ask(&policy, request);
        assert_eq!(
            (decision.effect, decision.reason, decision.basis),
            (Effect::Allow, reason, Basis::Report),
            "{decision:?}"
        );
    }
    allowed(
        &ask(&policy, to("a.example:443")),
        "roles.fn-a.egress.allow[0]",
    );
}

#[test]
fn report_mode_keeps_the_floors() {
    let policy = egress_rules(
        "mode: report\nallow:\n  - { host: a.example, assurance: certificate }\ndeny:\n  - cidr: 10.0.0.0/8",
    );
    for (request, reason) in [
        (
            resolved("evil.test:443", &["10.0.0.1"]),
            Reason::AddressNotPublic,
        ),
        (
            resolved("a.example:443", &["1.1.1.1", "127.0.0.1"]),
            Reason::AddressNotPublic,
        ),
        (
            resolved("evil.test:443", &["169.254.169.254"]),
            Reason::AddressMetadata,
        ),
        (resolved("evil.test:443", &[]), Reason::AddressNotPublic),
        (to("127.0.0.1:443"), Reason::IpLiteral),
        (to("10.0.0.1:443"), Reason::IpLiteral),
        (to("169.254.169.254:80"), Reason::AddressMetadata),
        (to("localhost:443"), Reason::SpecialUseName),
        (to("x.internal:443"), Reason::SpecialUseName),
        (
            ConnectionRequest {
                caller: principal("fn-a", Method::Token),
                ..to("a.example:443")
            },
            Reason::AssuranceTooLow,
        ),
    ] {
        denied(&ask(&policy, request), reason, Basis::Floor);
    }
}

#[test]
fn the_audit_mode_is_release_unless_the_role_says_otherwise() {
    use crate::AuditMode;
    assert_eq!(
        ask(&policy(FIXTURE), to("api.example.com:443"))
            .obligations
            .audit,
        AuditMode::Release
    );
    let strict = egress_rules("audit: strict\nallow:\n  - host: a.example");
    assert_eq!(
        ask(&strict, to("a.example:443")).obligations.audit,
        AuditMode::Strict
    );
}

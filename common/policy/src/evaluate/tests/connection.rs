use super::*;

const FIXTURE: &str = r#"
version: 1
roles:
  fn-a:
    identities: [{ token: fn-a }]
    egress:
      allow:
        - host: api.example.com
        - host: "*.allowed.test"
        - host: xn--bcher-kva.example
        - cidr: 10.1.0.0/16
          ports: [5432]
          tls: false
      deny:
        - host: blocked.allowed.test
"#;

fn rules(egress: &str) -> PolicySet {
    let indented: String = egress
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    policy(&format!(
        "version: 1\nroles:\n  fn-a:\n    identities: [{{ token: fn-a }}]\n    egress:\n{indented}"
    ))
}

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
    let policy = rules(
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
    let policy = rules(
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
    let policy = rules(
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
    let policy = rules("allow:\n  - { host: db.corp.internal, networks: [10.0.0.0/8] }");
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
fn address_literals_need_a_rule_for_their_network() {
    let policy = policy(FIXTURE);
    denied(
        &ask(&policy, to("93.184.216.34:443")),
        Reason::IpLiteral,
        Basis::Default,
    );
    denied(
        &ask(&policy, to("[2606:4700::1]:443")),
        Reason::IpLiteral,
        Basis::Default,
    );
    for host in [
        "127.0.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "198.19.255.255",
        "[::1]",
        "[::]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[100::1]",
        "[100:0:0:1::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[5f00::1]",
        "[2606:4700::5efe:7f00:1]",
        "[fe80::200:5efe:a00:1]",
        "10.2.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "[ff02::1]",
        "[::ffff:127.0.0.1]",
    ] {
        denied(
            &ask(&policy, to(&format!("{host}:443"))),
            Reason::IpLiteral,
            Basis::Floor,
        );
    }
}

#[test]
fn metadata_addresses_have_their_own_reason() {
    let policy = policy(FIXTURE);
    for host in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "[::ffff:169.254.169.254]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
    ] {
        for port in [80, 443] {
            denied(
                &ask(&policy, to(&format!("{host}:{port}"))),
                Reason::AddressMetadata,
                Basis::Floor,
            );
        }
    }
    denied(
        &ask(&policy, resolved("api.example.com:443", &["168.63.129.16"])),
        Reason::AddressMetadata,
        Basis::Floor,
    );
}

#[test]
fn a_metadata_address_is_opened_by_its_own_address_only() {
    let wide = rules(
        "allow:\n  - { cidr: 169.254.0.0/16, ports: [80], tls: false }\n  - { host: m.example, ports: [80], networks: [169.254.0.0/16], tls: false }",
    );
    denied(
        &ask(&wide, to("169.254.169.254:80")),
        Reason::AddressMetadata,
        Basis::Floor,
    );
    denied(
        &ask(&wide, resolved("m.example:80", &["169.254.169.254"])),
        Reason::AddressMetadata,
        Basis::Floor,
    );
    allowed(
        &ask(&wide, to("169.254.1.1:80")),
        "roles.fn-a.egress.allow[0]",
    );
    let exact = rules(
        "allow:\n  - { cidr: 169.254.169.254/32, ports: [80], tls: false }\n  - { host: m.example, ports: [81], networks: [169.254.169.254], tls: false }",
    );
    allowed(
        &ask(&exact, to("169.254.169.254:80")),
        "roles.fn-a.egress.allow[0]",
    );
    allowed(
        &ask(&exact, resolved("m.example:81", &["169.254.169.254"])),
        "roles.fn-a.egress.allow[1]",
    );
    denied(
        &ask(&exact, to("169.254.169.254:443")),
        Reason::AddressMetadata,
        Basis::Floor,
    );
}

#[test]
fn both_spellings_of_an_ipv4_address_get_the_same_decision() {
    let policy = policy(FIXTURE);
    for host in ["10.1.2.3", "[::ffff:10.1.2.3]"] {
        allowed(
            &ask(&policy, to(&format!("{host}:5432"))),
            "roles.fn-a.egress.allow[3]",
        );
        denied(
            &ask(&policy, to(&format!("{host}:443"))),
            Reason::PortNotAllowed,
            Basis::Floor,
        );
    }
    for host in ["10.2.2.3", "[::ffff:10.2.2.3]"] {
        denied(
            &ask(&policy, to(&format!("{host}:5432"))),
            Reason::IpLiteral,
            Basis::Floor,
        );
    }
}

#[test]
fn a_wide_public_network_does_not_open_the_private_ones_inside() {
    let policy = rules(
        "allow:\n  - { cidr: 8.0.0.0/5, ports: [443] }\n  - { cidr: '2000::/3' }\n  - { host: api.example.com }",
    );
    allowed(
        &ask(&policy, to("9.9.9.9:443")),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, to("10.0.0.1:443")),
        Reason::IpLiteral,
        Basis::Floor,
    );
    denied(
        &ask(&policy, to("[2002:7f00:1::]:443")),
        Reason::IpLiteral,
        Basis::Floor,
    );
    denied(
        &ask(&policy, resolved("api.example.com:443", &["10.0.0.1"])),
        Reason::AddressNotPublic,
        Basis::Floor,
    );
}

#[test]
fn one_address_that_is_not_public_denies_the_whole_answer() {
    let policy = policy(FIXTURE);
    allowed(
        &ask(
            &policy,
            resolved("api.example.com:443", &["93.184.216.34", "2606:4700::1"]),
        ),
        "roles.fn-a.egress.allow[0]",
    );
    for bad in [
        "10.0.0.1",
        "127.0.0.1",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:a00:1::1",
        "0.0.0.0",
        "2606:4700::5efe:a00:1",
    ] {
        for answer in [
            vec![bad],
            vec!["93.184.216.34", bad],
            vec![bad, "93.184.216.34"],
        ] {
            denied(
                &ask(&policy, resolved("api.example.com:443", &answer)),
                Reason::AddressNotPublic,
                Basis::Floor,
            );
        }
    }
}

#[test]
fn an_empty_answer_is_denied() {
    denied(
        &ask(&policy(FIXTURE), resolved("api.example.com:443", &[])),
        Reason::AddressMissing,
        Basis::Floor,
    );
}

#[test]
fn a_rule_opens_networks_for_its_name_only() {
    let policy = rules(
        "allow:\n  - { host: a.example, networks: [10.0.0.0/8, '::1/128'] }\n  - host: b.example",
    );
    allowed(
        &ask(
            &policy,
            resolved(
                "a.example:443",
                &["10.9.9.9", "::1", "::ffff:10.0.0.1", "1.1.1.1"],
            ),
        ),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(
            &policy,
            resolved("a.example:443", &["10.9.9.9", "192.168.0.1"]),
        ),
        Reason::AddressNotPublic,
        Basis::Floor,
    );
    denied(
        &ask(&policy, resolved("b.example:443", &["10.9.9.9"])),
        Reason::AddressNotPublic,
        Basis::Floor,
    );
    // The networks of a rule are no permission to dial them.
    denied(
        &ask(&policy, to("10.9.9.9:443")),
        Reason::IpLiteral,
        Basis::Floor,
    );
}

#[test]
fn a_cidr_rule_opens_its_network_for_names_on_its_ports() {
    let policy = rules(
        "allow:\n  - { host: a.example, ports: [443, 5432] }\n  - { cidr: 10.1.0.0/16, ports: [5432] }",
    );
    allowed(
        &ask(&policy, resolved("a.example:5432", &["10.1.2.3"])),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, resolved("a.example:443", &["10.1.2.3"])),
        Reason::AddressNotPublic,
        Basis::Floor,
    );
    denied(
        &ask(&policy, resolved("c.example:5432", &["10.1.2.3"])),
        Reason::HostNotAllowed,
        Basis::Default,
    );
}

#[test]
fn a_denied_network_denies_literals_and_the_names_that_lead_into_it() {
    let policy = rules(
        "allow:\n  - host: a.example\n  - { cidr: 1.0.0.0/8 }\n  - { cidr: '2600::/16' }\ndeny:\n  - cidr: 1.2.0.0/16",
    );
    allowed(
        &ask(&policy, to("1.1.1.1:443")),
        "roles.fn-a.egress.allow[1]",
    );
    denied(
        &ask(&policy, to("1.2.3.4:443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    denied(
        &ask(&policy, resolved("a.example:443", &["1.1.1.1", "1.2.3.4"])),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
    for spelling in ["::ffff:1.2.3.4", "64:ff9b::1.2.3.4"] {
        denied(
            &ask(&policy, resolved("a.example:443", &[spelling])),
            Reason::DeniedByRule,
            Basis::DenyRule,
        );
    }
    denied(
        &ask(&policy, to("[2600::5efe:102:304]:443")),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
}

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
fn an_address_has_no_server_name() {
    let policy = rules("allow:\n  - cidr: 1.1.1.1/32");
    allowed(
        &ask(&policy, seen("1.1.1.1:443", TlsFinding::NoServerName)),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(
            &policy,
            seen("1.1.1.1:443", TlsFinding::ServerName("evil.test".into())),
        ),
        Reason::SniMismatch,
        Basis::Default,
    );
}

#[test]
fn without_tls_any_protocol_goes() {
    let policy = rules(
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
    let policy = rules(
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
    let policy = rules("allow:\n  - { host: a.example, assurance: jwt }");
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
    let policy = rules("mode: report\nallow:\n  - host: a.example\ndeny:\n  - host: d.example");
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
    let policy = rules(
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
        (resolved("evil.test:443", &[]), Reason::AddressMissing),
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
fn an_empty_list_allows_nothing() {
    for egress in ["allow: []", "mode: enforce"] {
        denied(
            &ask(&rules(egress), to("api.example.com:443")),
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

#[test]
fn the_audit_mode_is_release_unless_the_role_says_otherwise() {
    use crate::AuditMode;
    assert_eq!(
        ask(&policy(FIXTURE), to("api.example.com:443"))
            .obligations
            .audit,
        AuditMode::Release
    );
    let strict = rules("audit: strict\nallow:\n  - host: a.example");
    assert_eq!(
        ask(&strict, to("a.example:443")).obligations.audit,
        AuditMode::Strict
    );
}

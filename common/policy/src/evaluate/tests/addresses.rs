//! Address literals, and the addresses that names lead to.

use super::*;

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
    let wide = egress_rules(
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
    let exact = egress_rules(
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
    let policy = egress_rules(
        "allow:\n  - { cidr: 192.0.0.0/8 }\n  - { cidr: '2001::/16' }\n  - { host: api.example.com }",
    );
    allowed(
        &ask(&policy, to("192.5.5.241:443")),
        "roles.fn-a.egress.allow[0]",
    );
    denied(
        &ask(&policy, to("192.168.0.1:443")),
        Reason::IpLiteral,
        Basis::Floor,
    );
    denied(
        &ask(&policy, to("[2001:db8::1]:443")),
        Reason::IpLiteral,
        Basis::Floor,
    );
    denied(
        &ask(&policy, resolved("api.example.com:443", &["192.168.0.1"])),
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
        Reason::AddressNotPublic,
        Basis::Floor,
    );
}

#[test]
fn a_rule_opens_networks_for_its_name_only() {
    let policy = egress_rules(
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
    let policy = egress_rules(
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
fn without_a_rule_for_the_host_its_addresses_are_not_the_reason() {
    let rules = "allow:\n  - { host: a.example, ports: [80] }\n  - host: b.example\ndeny:\n  - host: d.example";
    let enforced = egress_rules(rules);
    let reported = egress_rules(&format!("mode: report\n{rules}"));
    for (to, reason, basis) in [
        ("c.example:443", Reason::HostNotAllowed, Basis::Default),
        ("a.example:443", Reason::PortNotAllowed, Basis::Default),
        ("d.example:443", Reason::DeniedByRule, Basis::DenyRule),
    ] {
        for answer in [&["10.0.0.7"][..], &["93.184.216.34", "::1"], &[]] {
            denied(&ask(&enforced, resolved(to, answer)), reason, basis);
            // Report mode lifts that refusal and nothing else.
            denied(
                &ask(&reported, resolved(to, answer)),
                Reason::AddressNotPublic,
                Basis::Floor,
            );
        }
        let public = ask(&reported, resolved(to, &["93.184.216.34"]));
        assert_eq!(
            (public.effect, public.reason, public.basis),
            (Effect::Allow, reason, Basis::Report)
        );
        for policy in [&enforced, &reported] {
            denied(
                &ask(policy, resolved(to, &["169.254.169.254"])),
                Reason::AddressMetadata,
                Basis::Floor,
            );
        }
    }
    // Where a rule matches, the floor wins over a deny rule too.
    denied(
        &ask(&enforced, resolved("b.example:443", &["10.0.0.7"])),
        Reason::AddressNotPublic,
        Basis::Floor,
    );
}

#[test]
fn a_denied_network_denies_literals_and_the_names_that_lead_into_it() {
    let policy = egress_rules(
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
fn an_address_has_no_server_name() {
    let policy = egress_rules("allow:\n  - cidr: 1.1.1.1/32");
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
fn an_answer_for_a_literal_is_the_literal() {
    let policy = policy(FIXTURE);
    allowed(
        &ask(
            &policy,
            resolved("10.1.2.3:5432", &["10.1.2.3", "::ffff:10.1.2.3"]),
        ),
        "roles.fn-a.egress.allow[3]",
    );
    denied(
        &ask(&policy, resolved("10.1.2.3:5432", &["127.0.0.1"])),
        Reason::AddressNotPublic,
        Basis::Floor,
    );
}

use super::*;

#[test]
fn wildcards_over_public_suffixes_are_errors() {
    for host in [
        "*.com",
        "*.co.uk",
        "*.github.io",
        "*.example",
        "*.s3.amazonaws.com",
        "*.internal",
    ] {
        refused(
            &egress(&format!("host: '{host}'")),
            7,
            17,
            "is a public suffix",
            "public_suffix: true",
        );
        assert!(
            load(&[source(
                "p",
                &egress(&format!("{{ host: '{host}', public_suffix: true }}"))
            )])
            .is_ok()
        );
    }
    for host in [
        "*.example.com",
        "*.bbc.co.uk",
        "*.me.github.io",
        "*.queue.example",
        "com",
        "co.uk",
    ] {
        assert!(
            load(&[source("p", &egress(&format!("host: '{host}'")))]).is_ok(),
            "{host}"
        );
    }
    refused(
        &egress("{ host: a.example, public_suffix: true }"),
        7,
        45,
        "on a host that is none",
        "",
    );
    refused(&egress("host: '*'"), 7, 17, "is every name", "");
    refused(
        &egress("{ host: '*', public_suffix: true }"),
        7,
        19,
        "is every name",
        "",
    );
}

#[test]
fn wildcards_over_names_with_public_suffixes_below_are_errors() {
    for host in [
        // Wildcards of the list itself.
        "*.kawasaki.jp",
        "*.compute.amazonaws.com",
        "*.elb.amazonaws.com",
        "*.platform.sh",
        "*.sch.uk",
        // Above suffixes, by one label or more.
        "*.amazonaws.com",
        "*.s3-global.amazonaws.com",
        "*.rds.amazonaws.com",
        "*.run.app",
        "*.core.windows.net",
        "*.windows.net",
        "*.salesforce.com",
    ] {
        refused(
            &egress(&format!("host: '{host}'")),
            7,
            17,
            "has public suffixes below it: names of unrelated owners",
            "public_suffix: true",
        );
        assert!(
            load(&[source(
                "p",
                &egress(&format!("{{ host: '{host}', public_suffix: true }}"))
            )])
            .is_ok(),
            "{host}"
        );
    }
    for host in [
        // Exceptions of the list, and what one owner holds below a suffix.
        "*.city.kawasaki.jp",
        "*.acme.x.kawasaki.jp",
        "*.my-bucket.s3.amazonaws.com",
        "*.github.com",
        "*.google.com",
        "*.stripe.com",
        "*.openai.com",
        "*.docker.io",
        "*.pypi.org",
        "*.python.org",
        "*.cloudflare.com",
        "*.microsoft.com",
        "*.corp.internal",
        "*.a.b.c.example",
        // The very name is no wildcard.
        "amazonaws.com",
        "kawasaki.jp",
    ] {
        assert!(
            load(&[source("p", &egress(&format!("host: '{host}'")))]).is_ok(),
            "{host}"
        );
    }
}

#[test]
fn a_star_is_a_whole_label_at_the_start() {
    for host in [
        "a.*.test",
        "*a.test",
        "*.*.test",
        "a.*",
        "a*",
        "**.a.test",
        "*.a.*",
    ] {
        refused(
            &egress(&format!("host: '{host}'")),
            7,
            17,
            "not a whole label at the start",
            "write `*.",
        );
    }
}

#[test]
fn hosts_are_written_in_their_one_form() {
    refused(
        &egress("host: API.example.com"),
        7,
        17,
        "one form of names",
        "write `api.example.com`",
    );
    refused(
        &egress("host: api.example.com."),
        7,
        17,
        "one form of names",
        "write `api.example.com`",
    );
    refused(
        &egress("host: bücher.example"),
        7,
        17,
        "is no name",
        "write `xn--bcher-kva.example`",
    );
    refused(&egress("host: 10.0.0.1"), 7, 17, "is an address", "`cidr:`");
    refused(
        &egress("host: 'api.example.com:443'"),
        7,
        17,
        "is no name",
        "`ports:`",
    );
    refused(
        &egress("host: 'https://api.example.com'"),
        7,
        17,
        "is no name",
        "",
    );
    refused(&egress("host: 127.1"), 7, 17, "expected a string", "");
    refused(&egress("host: 127.0.1"), 7, 17, "is no name", "");
    refused(&egress("host: ''"), 7, 17, "is no name", "");
    refused(&egress("host: a..example"), 7, 17, "is no name", "");
}

#[test]
fn rules_that_can_never_match_are_errors() {
    refused(
        &egress("{ host: a.example, ports: [] }"),
        7,
        37,
        "empty list of ports",
        "",
    );
    refused(
        &egress("{ host: a.example, ports: [0] }"),
        7,
        38,
        "port 0",
        "",
    );
    refused(
        &egress("{ host: a.example, ports: [443, 443] }"),
        7,
        37,
        "a port stands here twice",
        "",
    );
    for host in [
        "localhost",
        "x.localhost",
        "a.onion",
        "a.invalid",
        "localhost.localdomain",
    ] {
        refused(
            &egress(&format!("host: {host}")),
            7,
            17,
            "can never match",
            "",
        );
    }
    let shadowed =
        |allow: &str, deny: &str| format!("{}      deny:\n        - {deny}\n", egress(allow));
    for (allow, deny) in [
        ("host: a.example", "host: a.example"),
        ("host: a.b.example", "host: '*.b.example'"),
        ("host: '*.b.example'", "host: '*.b.example'"),
        ("host: '*.a.b.example'", "host: '*.b.example'"),
        ("cidr: 10.1.0.0/16", "cidr: 10.0.0.0/8"),
        (
            "{ host: a.example, ports: [1, 2] }",
            "{ host: a.example, ports: [2, 1, 3] }",
        ),
    ] {
        let all = problems(&shadowed(allow, deny));
        assert!(
            matches!(all.as_slice(), [(7, _, said, hint)] if said.contains("a deny rule covers all") && hint.contains("deny[0]")),
            "{all:?}"
        );
    }
    for (allow, deny) in [
        ("host: b.example", "host: '*.b.example'"),
        ("host: '*.b.example'", "host: a.b.example"),
        ("host: '*.b.example'", "host: '*.a.b.example'"),
        ("cidr: 10.0.0.0/8", "cidr: 10.1.0.0/16"),
        (
            "{ host: a.example, ports: [1, 2] }",
            "{ host: a.example, ports: [2] }",
        ),
    ] {
        assert!(
            load(&[source("p", &shadowed(allow, deny))]).is_ok(),
            "{allow} {deny}"
        );
    }
}

#[test]
fn the_same_rule_twice_is_an_error() {
    let twice = |a: &str, b: &str| format!("{}        - {b}\n", egress(a));
    refused(
        &twice("host: a.example", "host: a.example"),
        8,
        17,
        "on port 443 stands here a second time",
        "line 7",
    );
    refused(
        &twice("host: a.example", "{ host: a.example, ports: [80, 443] }"),
        8,
        19,
        "on port 443",
        "line 7",
    );
    refused(
        &twice("cidr: 10.0.0.0/8", "cidr: 10.0.0.0/8"),
        8,
        17,
        "a second time",
        "",
    );
    assert!(
        load(&[source(
            "p",
            &twice("host: a.example", "{ host: a.example, ports: [80] }")
        )])
        .is_ok()
    );
    assert!(
        load(&[source(
            "p",
            &twice(
                "host: a.example",
                "{ host: a.example, tls: false, assurance: source }"
            )
        )])
        .is_ok()
    );
}

#[test]
fn a_network_of_everybody_is_not_opened_in_parts_either() {
    for network in [
        "0.0.0.0/1",
        "128.0.0.0/1",
        "8.0.0.0/7",
        "'2000::/3'",
        "'2000::/15'",
    ] {
        refused(
            &egress(&format!("cidr: {network}")),
            7,
            17,
            "wider than any one holder's network",
            "a /8 of IPv4 or a /16 of IPv6",
        );
        let by_source =
            format!("version: 1\nroles:\n  a: {{ identities: [{{ source: {network} }}] }}\n");
        refused(&by_source, 3, 21, "wider than any one holder's network", "");
    }
    for network in [
        "8.0.0.0/8",
        "'2600::/16'",
        "'fc00::/7'",
        "240.0.0.0/4",
        "'ff00::/8'",
    ] {
        assert!(
            load(&[source("p", &egress(&format!("cidr: {network}")))]).is_ok(),
            "{network}"
        );
    }
    // What only shuts may be as wide as it likes.
    let denied = format!(
        "{}      deny:\n        - cidr: 0.0.0.0/1\n",
        egress("host: a.example")
    );
    assert!(load(&[source("p", &denied)]).is_ok());
}

#[test]
fn opened_networks_are_private_ones() {
    let networks = |list: &str| egress(&format!("{{ host: a.example, networks: {list} }}"));
    assert!(
        load(&[source(
            "p",
            &networks("[10.0.0.0/8, 'fd00::/8', 169.254.169.254]")
        )])
        .is_ok()
    );
    refused(&networks("[]"), 7, 40, "empty list of networks", "");
    refused(
        &networks("[93.184.216.0/24]"),
        7,
        41,
        "not set aside for private use",
        "",
    );
    refused(
        &networks("[0.0.0.0/1]"),
        7,
        41,
        "not set aside for private use",
        "",
    );
    refused(&networks("[10.0.0.1/8]"), 7, 41, "bits set", "");
    refused(
        &networks("[10.0.0.0/8, 10.0.0.0/8]"),
        7,
        53,
        "stands here twice",
        "",
    );
    refused(
        &egress("{ cidr: 10.0.0.0/8, networks: [10.0.0.0/8] }"),
        7,
        41,
        "`networks` in a rule with `cidr`",
        "",
    );
}

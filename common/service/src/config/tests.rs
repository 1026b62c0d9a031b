//! What a configuration may say, and how a mistake is told.

use std::path::Path;

use super::*;

const GOOD: &str = "\
version: 1
policy: policy.yaml
audit: { directory: audit }
gateway:
  listeners:
    - address: 127.0.0.1:0
";

fn problems(text: &str) -> Vec<(usize, usize, String)> {
    match parse(Path::new("etc/exeat.yaml"), text) {
        Ok(_) => Vec::new(),
        Err(found) => found
            .list()
            .iter()
            .map(|problem| {
                let (line, column) = found.position(problem.span.start);
                (line, column, problem.message.clone())
            })
            .collect(),
    }
}

/// The one problem of the good configuration with `from` replaced by `to`.
#[track_caller]
fn problem(from: &str, to: &str) -> (usize, usize, String) {
    assert!(GOOD.contains(from));
    let mut found = problems(&GOOD.replace(from, to));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_small_configuration_gets_defaults_and_paths_beside_the_file() {
    let config = parse(Path::new("etc/exeat.yaml"), GOOD).unwrap();
    assert_eq!(config.policy, [Path::new("etc/policy.yaml")]);
    assert_eq!(config.audit.directory, Path::new("etc/audit"));
    assert_eq!(config.audit.segment_bytes, 64 << 20);
    assert_eq!(config.runtime.drain_timeout, Duration::from_secs(30));
    assert!(config.runtime.threads >= 1);
    assert!(!config.node.is_empty());
    let gateway = config.gateway.unwrap();
    assert_eq!(gateway.timeouts.client_hello, Duration::from_secs(5));
    assert!(gateway.dns.servers.is_empty());
    assert!(config.dbproxy.is_none());
}

#[test]
fn a_mistake_is_told_with_its_line_a_caret_and_a_hint() {
    let text = GOOD.replace("127.0.0.1:0", "localhost:3128");
    let error = parse(Path::new("exeat.yaml"), &text).unwrap_err();
    let expected = "\
error: exeat.yaml:6:16: `localhost:3128` is no address to listen on
 --> exeat.yaml:6:16
  |
6 |     - address: localhost:3128
  |                ^^^^^^^^^^^^^^
  |
help: write an IP address and a port, e.g. 127.0.0.1:3128 or [::]:3128";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_unknown_key_is_refused_at_its_place() {
    let (line, column, message) = problem("policy: policy.yaml", "polcy: policy.yaml");
    assert_eq!((line, column), (2, 1), "{message}");
    assert!(message.contains("polcy"), "{message}");
    let (line, _, message) = problem(
        "address: 127.0.0.1:0",
        "address: 127.0.0.1:0\n      tsl: {}",
    );
    assert_eq!(line, 7);
    assert!(message.contains("tsl"), "{message}");
}

#[test]
fn shapes_that_do_not_fit_are_told_in_words() {
    let cases = [
        (
            "version: 1",
            "version: one",
            "a whole number, not negative, is expected here",
        ),
        (
            "audit: { directory: audit }",
            "audit:",
            "keys are expected here",
        ),
        (
            "listeners:\n    - address: 127.0.0.1:0",
            "listeners: 5",
            "a list is expected here",
        ),
    ];
    for (from, to, expected) in cases {
        assert_eq!(problem(from, to).2, expected);
    }
    assert_eq!(problems("")[0].2, "the file is empty");
}

#[test]
fn every_mistake_is_told_in_one_run() {
    let text = "\
version: 2
policy: []
runtime: { threads: 0, drain_timeout: soon }
audit: { directory: audit, segment_bytes: 1KiB }
";
    let found = problems(text);
    let places: Vec<_> = found
        .iter()
        .map(|(line, column, _)| (*line, *column))
        .collect();
    assert_eq!(
        places,
        [(1, 1), (1, 10), (2, 9), (3, 21), (3, 39), (4, 43)],
        "{found:?}"
    );
}

#[test]
fn what_would_do_nothing_is_refused() {
    let cases = [
        (
            "listeners:\n    - address: 127.0.0.1:0",
            "listeners: []",
            "a gateway without listeners does nothing",
        ),
        (
            "gateway:",
            "identity: { trust_domains: [{ name: a.example, roots: [a.pem] }] }\ngateway:",
            "no listener asks for client certificates, so this trust domain does nothing",
        ),
        (
            "gateway:",
            "identity: { issuers: [{ issuer: 'https://a.example', audience: [], jwks: discovery }] }\ngateway:",
            "without an audience, tokens that were made for others would be accepted",
        ),
        (
            "gateway:",
            "identity: { issuers: [{ issuer: 'https://a.example', audience: [a], jwks: { file: a.json }, ca: a.pem }] }\ngateway:",
            "the roots do nothing where the keys are in a file",
        ),
        (
            "127.0.0.1:0",
            "127.0.0.1:0\n      tls: { certificate: a, key: b, client_certificates: true }",
            "client certificates are asked for, but no trust domain could accept one",
        ),
        (
            "gateway:",
            "gateway:\n  dns: { servers: [] }",
            "an empty list of servers can't resolve anything",
        ),
        (
            "gateway:",
            "gateway:\n  dns: { static: { a.example: [] } }",
            "a name without addresses",
        ),
        (
            "gateway:",
            "gateway:\n  dns: { static: { A.example: [192.0.2.1] } }",
            "`A.example` is not the canonical form of a name, so no request would ever match it",
        ),
        (
            "gateway:",
            "gateway:\n  timeouts: { idle: 0s }",
            "a deadline of zero lets nothing through",
        ),
        (
            "gateway:",
            "gateway:\n  unidentified: 0",
            "unidentified must be between 1 and 1000000",
        ),
        (
            "gateway:",
            "dbproxy:\n  keepalive: { idle: 1500ms }\n  listeners: [{ address: '127.0.0.1:0', require_tls: false }]\n  databases: { shop: { address: 'db:5432', users: { app: {} } } }\ngateway:",
            "the system keeps connections alive in whole seconds, at most 9 hours",
        ),
        (
            "gateway:",
            "dbproxy:\n  keepalive: { count: 0 }\n  listeners: [{ address: '127.0.0.1:0', require_tls: false }]\n  databases: { shop: { address: 'db:5432', users: { app: {} } } }\ngateway:",
            "count must be between 1 and 127",
        ),
        (
            "gateway:",
            "dbproxy:\n  limits: { text: 1kB }\n  listeners: [{ address: '127.0.0.1:0', require_tls: false }]\n  databases: { shop: { address: 'db:5432', users: { app: {} } } }\ngateway:",
            "text must be between 4KiB and 16MiB",
        ),
        (
            "gateway:",
            "dbproxy:\n  limits: { message: 128MiB, memory: 64MiB }\n  listeners: [{ address: '127.0.0.1:0', require_tls: false }]\n  databases: { shop: { address: 'db:5432', users: { app: {} } } }\ngateway:",
            "a single message may be larger than what all may hold together",
        ),
    ];
    for (from, to, expected) in cases {
        let (_, _, message) = problem(from, to);
        assert_eq!(message, expected);
    }
}

#[test]
fn values_are_judged_where_they_stand() {
    let cases = [
        (
            "gateway:",
            "gateway:\n  dns: { servers: [dns.example] }",
            (5, 20),
            "`dns.example` is no address of a DNS server",
        ),
        (
            "gateway:",
            "gateway:\n  dns: { static: { a.example: [somewhere] } }",
            (5, 32),
            "`somewhere` is no IP address",
        ),
        (
            "gateway:",
            "admin: { address: '0.0.0.0:9180' }\ngateway:",
            (4, 19),
            "the admin listener is reachable from other machines, and nothing authenticates its callers",
        ),
        (
            "gateway:",
            "identity: { issuers: [{ issuer: 'http://a.example', audience: [a], jwks: discovery }] }\ngateway:",
            (4, 33),
            "an issuer is an https URL",
        ),
        (
            "gateway:",
            "identity: { issuers: [{ issuer: 'https://a.example', audience: [a], jwks: { url: 'http://a.example' } }] }\ngateway:",
            (4, 75),
            "keys are fetched over https only",
        ),
        (
            "- address: 127.0.0.1:0",
            "- address: 127.0.0.1:3128\n    - address: 127.0.0.1:3128",
            (7, 16),
            "127.0.0.1:3128 is used by another listener",
        ),
        (
            "version: 1",
            "version: 1\nnode: 'a b'",
            (2, 7),
            "a node's name has at least one character and no white space",
        ),
    ];
    for (from, to, place, expected) in cases {
        let (line, column, message) = problem(from, to);
        assert_eq!(message, expected);
        assert_eq!((line, column), place, "{message}");
    }
}

#[test]
fn the_database_part_is_judged_too() {
    let with = |listener: &str, database: &str| {
        format!(
            "version: 1\npolicy: p\naudit: {{ directory: a }}\ndbproxy:\n  listeners: [{{ address: 127.0.0.1:0{listener} }}]\n  databases:\n    shop: {{ {database} }}\n"
        )
    };
    let good = "address: db.internal:5432, users: { rw: {} }";
    assert_eq!(problems(&with(", require_tls: false", good)), []);
    let cases = [
        (
            "",
            good,
            "this listener requires TLS, but has no certificate: it would refuse everybody",
        ),
        (
            ", require_tls: false",
            "address: db.internal, users: { rw: {} }",
            "`db.internal` is no address of a server",
        ),
        (
            ", require_tls: false",
            "address: 'db:0', users: { rw: {} }",
            "`db:0` is no address of a server",
        ),
        (
            ", require_tls: false",
            "address: 'db:1', users: {}",
            "a database without users: no `as` of a policy could connect",
        ),
        (
            ", require_tls: false",
            "address: 'db:1', users: { rw: {} }, catalog_user: ro",
            "`ro` is not among the users",
        ),
        (
            ", require_tls: false",
            "address: 'db:1', users: { rw: {} }, search_path: []",
            "an empty search path finds no table",
        ),
        (
            ", require_tls: false",
            "address: 'db:1', users: { rw: {} }, tls: { mode: disable, roots: [a] }",
            "roots do nothing when TLS is disabled",
        ),
        (
            ", require_tls: false",
            "address: 'db:1', users: { rw: {} }, tls: { mode: verify_full, roots: [] }",
            "without roots no certificate verifies",
        ),
        (
            ", require_tls: false",
            "address: 'db:1', users: { rw: { password: { env: EXEAT_TEST_NOT_SET } } }",
            "the environment variable EXEAT_TEST_NOT_SET is not set, or is no UTF-8",
        ),
    ];
    for (listener, database, expected) in cases {
        let found = problems(&with(listener, database));
        assert_eq!(
            found
                .iter()
                .map(|(.., message)| message.as_str())
                .collect::<Vec<_>>(),
            [expected]
        );
    }
}

#[test]
fn an_upstream_may_be_a_v6_literal() {
    let text = "version: 1\npolicy: p\naudit: { directory: a }\ndbproxy:\n  listeners: [{ address: '127.0.0.1:0', require_tls: false }]\n  databases:\n    shop: { address: '[2001:db8::1]:5433', users: { rw: {} } }\n";
    let config = parse(Path::new("exeat.yaml"), text).unwrap();
    let shop = &config.dbproxy.unwrap().databases["shop"];
    assert_eq!((shop.host.as_str(), shop.port), ("2001:db8::1", 5433));
    assert_eq!(shop.database, "shop");
}

#[test]
fn a_secret_is_read_from_its_file_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "open sesame\n").unwrap();
    let text = GOOD.replace(
        "gateway:",
        "admin: { address: '0.0.0.0:0', token: { file: token } }\ngateway:",
    );
    let config = parse(&folder.path().join("exeat.yaml"), &text).unwrap();
    assert!(!format!("{config:?}").contains("sesame"));
    assert_eq!(config.admin.unwrap().token.unwrap().expose(), "open sesame");
}

#[test]
fn an_empty_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "\n").unwrap();
    let text = GOOD.replace(
        "gateway:",
        "admin: { address: '127.0.0.1:0', token: { file: token } }\ngateway:",
    );
    let error = parse(&folder.path().join("exeat.yaml"), &text).unwrap_err();
    assert_eq!(error.list()[0].message, "the secret is empty");
}

#[test]
fn a_missing_file_is_told_apart() {
    let error = load(Path::new("no/such/exeat.yaml")).unwrap_err();
    assert!(error.is_unreadable());
    assert!(
        error
            .to_string()
            .starts_with("no/such/exeat.yaml: can't be read"),
        "{error}"
    );
}

#[test]
fn units_are_read_strictly() {
    use super::units::{bytes, duration};
    assert_eq!(duration("1500ms"), Some(Duration::from_millis(1500)));
    assert_eq!(duration("2h"), Some(Duration::from_secs(7200)));
    assert_eq!(bytes("64MiB"), Some(64 << 20));
    assert_eq!(bytes("5kB"), Some(5000));
    for wrong in [
        "",
        "5",
        "s",
        "-5s",
        "5 s",
        "5S",
        "1.5s",
        "99999999999999999999s",
        "18446744073709551615d",
    ] {
        assert_eq!(duration(wrong), None, "{wrong}");
    }
    for wrong in ["", "5", "5mib", "5K", "-1B", "99999999999999999999GiB"] {
        assert_eq!(bytes(wrong), None, "{wrong}");
    }
}

mod sample;

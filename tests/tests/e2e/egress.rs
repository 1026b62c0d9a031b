//! The destination cases over raw sockets, as CONNECT and as an absolute-form request: what is no
//! authority is a 400, what is denied a 403 without a DNS query, what is the same name is allowed.

mod further;
mod table;

use exeat_tests::audit::text;
use exeat_tests::dns::NameServer;
use exeat_tests::lab::Lab;
use exeat_tests::raw::{Head, Raw};
use table::{Expected, LITERALS, NAMES};

/// The fixture policy. Allowed names resolve to loopback, where nobody listens on 443: a dial that
/// fails is how an allow shows here.
const POLICY: &str = "\
version: 1
roles:
  fn-a:
    identities: [{ source: 127.0.0.0/8 }]
    egress:
      allow:
        - { host: api.example.com, networks: [127.0.0.0/8] }
        - { host: '*.allowed.test', networks: [127.0.0.0/8] }
        - { host: xn--bcher-kva.example, networks: [127.0.0.0/8] }
      deny:
        - { host: blocked.allowed.test }
";

fn lab(names: &NameServer) -> Lab {
    for name in [
        "api.example.com",
        "a.b.c.allowed.test",
        "x.blocked.allowed.test",
        "xn--bcher-kva.example",
    ] {
        names.addresses(name, &["127.0.0.1"]);
    }
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| setup.dns = Some(names.address()));
    lab
}

fn request(exeat: &exeat_tests::exeat::Process, form: &[&[u8]]) -> Head {
    Raw::connect(exeat.gateway()).send(form.concat()).head()
}

fn reason(head: &Head) -> &str {
    head.header("proxy-status").unwrap_or_default()
}

/// Runs every row of a table in one form and collects what is otherwise than expected.
fn run_table(rows: &[(&str, &[u8], Expected)], absolute: bool) {
    let names = NameServer::start();
    let lab = lab(&names);
    let exeat = lab.start();
    let mut wrong = Vec::new();
    for (id, authority, expected) in rows {
        // A URI without a port means port 80: legal, unlike CONNECT's.
        let (form, expected): (&[&[u8]], _) = match (absolute, *authority) {
            (true, b"api.example.com" | b"api.example.com:") => continue,
            (true, _) => (
                &[
                    b"GET http://",
                    authority,
                    b"/ HTTP/1.1\r\nHost: ",
                    authority,
                    b"\r\n\r\n",
                ],
                if *expected == Expected::Allowed {
                    Expected::Denied("tls_required")
                } else {
                    *expected
                },
            ),
            (false, _) => (
                &[
                    b"CONNECT ",
                    authority,
                    b" HTTP/1.1\r\nHost: ",
                    authority,
                    b"\r\n\r\n",
                ],
                *expected,
            ),
        };
        let asked = names.asked().len();
        let head = request(&exeat, form);
        let quiet = names.asked().len() == asked;
        let right = match expected {
            Expected::Allowed => matches!(head.status, 200 | 502) && !quiet,
            Expected::Malformed => head.status == 400 && quiet,
            Expected::Denied(code) => head.status == 403 && reason(&head).contains(code) && quiet,
        };
        if !right {
            let said = reason(&head);
            wrong.push(format!(
                "{id}: {expected:?}, but {} {said} (DNS asked: {})",
                head.status, !quiet
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let records = lab.finish(exeat);
    assert!(records.decisions().len() > rows.len() / 3);
}

#[test]
fn connect_to_every_spelling_of_a_name() {
    run_table(NAMES, false);
}

#[test]
fn connect_to_every_spelling_of_an_address() {
    run_table(LITERALS, false);
}

#[test]
fn absolute_form_of_every_spelling_of_a_name() {
    run_table(NAMES, true);
}

#[test]
fn absolute_form_of_every_spelling_of_an_address() {
    run_table(LITERALS, true);
}

#[test]
fn names_are_allowed_up_to_the_length_that_dns_has() {
    let names = NameServer::start();
    let longest = {
        let label = "a".repeat(63);
        // 253 bytes in all, with `.allowed.test` at the end.
        format!(
            "{label}.{label}.{label}.{}.allowed.test",
            "b".repeat(253 - 3 * 64 - 13)
        )
    };
    assert_eq!(longest.len(), 253);
    names.addresses(&longest, &["127.0.0.1"]);
    let lab = lab(&names);
    let exeat = lab.start();
    let connect = |name: &str| {
        let form = format!("CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n\r\n");
        request(&exeat, &[form.as_bytes()]).status
    };
    assert_eq!(connect(&longest), 502);
    assert_eq!(connect(&format!("b{longest}")), 400);
    assert_eq!(connect(&format!("{}.allowed.test", "a".repeat(64))), 400);
    lab.finish(exeat);
}

#[test]
fn a_network_rule_decides_the_same_for_an_address_and_its_mapped_form() {
    let lab = Lab::new(
        "\
version: 1
roles:
  fn-a:
    identities: [{ source: 127.0.0.0/8 }]
    egress:
      allow: [{ cidr: 127.1.0.0/16, ports: [5432], tls: false }]
",
    );
    let exeat = lab.start();
    let connect = |authority: &str| {
        let form = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        request(&exeat, &[form.as_bytes()]).status
    };
    let (plain, mapped) = (
        connect("127.1.2.3:5432"),
        connect("[::ffff:127.1.2.3]:5432"),
    );
    // Nobody listens there: allowed is a failed dial.
    assert_eq!(plain, 502);
    assert_eq!(mapped, plain);
    assert_eq!(connect("127.2.2.3:5432"), 403);
    assert_eq!(connect("127.1.2.3:5433"), 403);
    lab.finish(exeat);
}

/// Requests that are no legal proxy requests, whatever they ask for.
const MALFORMED: &[(&str, &str, u16)] = &[
    (
        "A18 user info",
        "GET http://api.example.com@evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        400,
    ),
    (
        "A19 fragment",
        "GET http://evil.test#@api.example.com/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        400,
    ),
    (
        "A20 backslash",
        "GET http://evil.test\\@api.example.com/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        400,
    ),
    (
        "E1 host differs",
        "GET http://api.example.com/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
        400,
    ),
    (
        "E1 two hosts",
        "GET http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E3 length and chunks",
        "POST http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "E3 two lengths",
        "POST http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        400,
    ),
    (
        "E3 signed length",
        "POST http://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: +3\r\n\r\nabc",
        400,
    ),
    (
        "E5 no colon",
        "CONNECT api.example.com:443 HTTP/1.1\r\nHost api.example.com\r\n\r\n",
        400,
    ),
    (
        "E5 blank before the colon",
        "CONNECT api.example.com:443 HTTP/1.1\r\nHost : api.example.com\r\n\r\n",
        400,
    ),
    (
        "E8 CONNECT with a length",
        "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nContent-Length: 3\r\n\r\nabc",
        400,
    ),
    (
        "E8 CONNECT with chunks",
        "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "E16 two credentials",
        "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nProxy-Authorization: Bearer a\r\nProxy-Authorization: Bearer b\r\n\r\n",
        400,
    ),
    (
        "E19 CONNECT /",
        "CONNECT / HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 CONNECT a URI",
        "CONNECT http://api.example.com:443 HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 CONNECT *",
        "CONNECT * HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 origin form",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 OPTIONS *",
        "OPTIONS * HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 https",
        "GET https://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 ftp",
        "GET ftp://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 file",
        "GET file:///etc/passwd HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
    (
        "E19 ws",
        "GET ws://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n\r\n",
        400,
    ),
];

#[test]
fn malformed_requests_are_refused_without_a_query() {
    let names = NameServer::start();
    let lab = lab(&names);
    let exeat = lab.start();
    let mut wrong = Vec::new();
    for (id, bytes, status) in MALFORMED {
        let head = request(&exeat, &[bytes.as_bytes()]);
        if head.status != *status {
            wrong.push(format!(
                "{id}: {status}, but {} {}",
                head.status,
                reason(&head)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(names.asked(), Vec::<String>::new());
    lab.finish(exeat);
}

#[test]
fn a_head_that_is_too_large_or_too_slow_is_refused_in_bounds() {
    let names = NameServer::start();
    let lab = lab(&names);
    lab.set_up(|setup| setup.timeouts.push("handshake: 3s".to_owned()));
    let exeat = lab.start();
    let long = format!(
        "CONNECT {}.allowed.test:443 HTTP/1.1\r\n",
        "a".repeat(70_000)
    );
    assert!(matches!(
        request(&exeat, &[long.as_bytes()]).status,
        400 | 414 | 431
    ));
    let fields: String = (0..2000)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect();
    let many =
        format!("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com\r\n{fields}\r\n");
    assert!(matches!(
        request(&exeat, &[many.as_bytes()]).status,
        400 | 431
    ));
    // Half a head, then nothing: closed at the deadline, with or without a 408.
    let mut slow = Raw::connect(exeat.gateway());
    slow.send("CONNECT api.example.com:443 HTTP/1.1\r\nHo");
    let left = String::from_utf8(slow.to_end()).unwrap();
    assert!(
        left.is_empty() || left.starts_with("HTTP/1.1 408"),
        "{left}"
    );
    lab.finish(exeat);
}

#[test]
fn each_request_of_a_connection_proves_its_own_identity() {
    let lab = Lab::new(
        "\
version: 1
roles:
  fn-a:
    identities: [{ token: fn-a }]
    egress:
      allow: [{ host: plain.test, ports: [80], tls: false, networks: [127.0.0.0/8] }]
",
    );
    lab.name("plain.test", "127.0.0.1");
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let form = |credentials: &str| {
        format!("GET http://plain.test/ HTTP/1.1\r\nHost: plain.test\r\n{credentials}\r\n")
    };
    let mut client = Raw::connect(exeat.gateway());
    let first = client
        .send(form(&format!("Proxy-Authorization: Bearer {token}\r\n")))
        .head();
    // Nobody listens on port 80 there, or somebody does: either way it was let through.
    assert_ne!(first.status, 407, "{first:?}");
    assert_ne!(first.status, 403, "{first:?}");
    let second = client.send(form("")).head();
    assert!(matches!(second.status, 0 | 407), "{second:?}");
    let third = Raw::connect(exeat.gateway())
        .send(form("Proxy-Authorization: Bearer wrong\r\n"))
        .head();
    assert_eq!(third.status, 407);
    let records = lab.finish(exeat);
    let roles: Vec<_> = records
        .decisions()
        .into_iter()
        .map(|decided| text(decided, "/request/connection/caller/known/role").unwrap_or("-"))
        .collect();
    assert_eq!(roles.first(), Some(&"fn-a"));
    assert!(roles[1..].iter().all(|role| *role == "-"), "{roles:?}");
}

//! What leads further than the name that was asked for: redirects, answers of many addresses, and a
//! Host field that names somebody else.

use exeat_tests::audit::text;
use exeat_tests::dns::{Answer, NameServer};
use exeat_tests::run::run;

use super::table::NAMES;
use super::{lab, reason, request};
use crate::gateway;

#[test]
fn a_redirect_is_followed_by_the_client_and_judged_anew() {
    let (lab, origin) = gateway::lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    let port = origin.port();
    let follow = |to: &str| {
        let mut curl = lab.curl(&exeat, "fn-a", &token);
        curl.args(["-L", "-i", "--cacert"]).arg(lab.ca());
        curl.arg(format!("https://api.test:{port}/redirect?{to}"));
        run(&curl)
    };
    follow(&format!("https://api.test:{port}/x"))
        .exits(0)
        .says(r#""path":"/x""#);
    assert_eq!(origin.seen().len(), 2);
    for (to, why) in [
        (format!("https://other.test:{port}/"), "host_not_allowed"),
        (format!("http://other.test:{port}/"), "host_not_allowed"),
        (format!("https://127.0.0.1:{port}/"), "ip_literal"),
        ("https://api.test/".to_owned(), "port_not_allowed"),
    ] {
        let seen = origin.seen().len();
        follow(&to).says("302 Found").says(why);
        assert_eq!(origin.seen().len(), seen + 1, "{to}");
    }
    let records = lab.finish(exeat);
    assert_eq!(records.denials().len(), 4);
}

#[test]
fn one_private_address_among_a_hundred_denies_them_all() {
    let names = NameServer::start();
    let lab = lab(&names);
    let many = |private: Option<usize>| {
        let address = |nth| match private {
            Some(at) if at == nth => "10.0.0.7".parse().unwrap(),
            // Nobody listens there, and the rule allows it.
            _ => format!("127.9.0.{}", nth + 1).parse().unwrap(),
        };
        Answer::Truncated((0..100).map(address).collect())
    };
    for (name, private) in [
        ("none", None),
        ("first", Some(0)),
        ("middle", Some(50)),
        ("last", Some(99)),
    ] {
        names.set(&format!("{name}.allowed.test"), many(private));
    }
    let exeat = lab.start();
    let connect = |name: &str| {
        let to = format!("{name}.allowed.test:443");
        let form = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        let head = request(&exeat, &[form.as_bytes()]);
        (head.status, reason(&head).to_owned())
    };
    assert_eq!(connect("none").0, 502);
    for name in ["first", "middle", "last"] {
        let (status, why) = connect(name);
        assert_eq!(status, 403, "{name}");
        assert!(why.contains("address_not_public"), "{name}: {why}");
    }
    let records = lab.finish(exeat);
    assert_eq!(records.denials(), ["address_not_public"; 3]);
    // All of them are on record, so that the decision can be made again from it.
    for decided in records.decisions() {
        let addresses = decided.pointer("/request/connection/addresses").unwrap();
        assert_eq!(addresses.as_array().unwrap().len(), 100);
    }
}

#[test]
fn a_host_field_that_is_not_the_targets_name_is_refused_in_every_spelling() {
    let names = NameServer::start();
    let lab = lab(&names);
    let exeat = lab.start();
    let mut wrong = Vec::new();
    for (id, host, _) in NAMES {
        // Blanks around a field's value are no part of it.
        let named = String::from_utf8_lossy(host).to_ascii_lowercase();
        let same = matches!(
            named.trim_matches([' ', '\t']),
            "api.example.com:443" | "api.example.com.:443"
        );
        let form: &[&[u8]] = &[
            b"GET http://api.example.com:443/ HTTP/1.1\r\nHost: ",
            host,
            b"\r\n\r\n",
        ];
        let head = request(&exeat, form);
        let right = match same {
            true => head.status == 403 && reason(&head).contains("tls_required"),
            false => head.status == 400,
        };
        if !right {
            wrong.push(format!("{id}: {} {}", head.status, reason(&head)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(names.asked(), Vec::<String>::new());
    let records = lab.finish(exeat);
    assert!(records.refusals().contains(&"host_mismatch"));
    let of = |decided: &serde_json::Value| text(decided, "/decision/reason").map(str::to_owned);
    assert!(
        records
            .decisions()
            .into_iter()
            .all(|decided| of(decided).as_deref() == Some("tls_required"))
    );
}

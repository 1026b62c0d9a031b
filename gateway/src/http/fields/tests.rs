use super::{for_client, for_origin, passed};
use exeat_policy::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};

fn fields(list: &[(&'static str, &'static str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect()
}

fn to_origin(list: &[(&'static str, &'static str)], authority: &str) -> Vec<(String, String)> {
    let mut headers = fields(list);
    for_origin(
        &mut headers,
        &Authority::parse(authority).unwrap(),
        &HeaderValue::from_static("1.1 exeat-x"),
    );
    let mut list: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    list.sort();
    list
}

#[test]
fn only_end_to_end_fields_reach_the_origin() {
    for name in [
        "proxy-authorization",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-anything",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "expect",
        "x-forwarded-client-cert",
        "x-role",
        "x-smokescreen-role",
        "x-smokescreen-trace-id",
        "x-upstream-https-proxy",
        "exeat-decision",
    ] {
        let list = to_origin(&[(name, "x"), ("accept", "*/*")], "a.test:80");
        let expected = [
            ("accept", "*/*"),
            ("host", "a.test"),
            ("via", "1.1 exeat-x"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(list, expected, "{name}");
    }
}

#[test]
fn fields_that_connection_names_stay_here() {
    let list = to_origin(
        &[
            ("connection", "close, X-Secret"),
            ("connection", "x-other"),
            ("x-secret", "1"),
            ("x-other", "2"),
        ],
        "a.test:80",
    );
    assert!(
        list.iter().all(|(name, _)| !name.starts_with("x-")),
        "{list:?}"
    );
}

#[test]
fn naming_host_or_via_in_connection_removes_neither() {
    let list = to_origin(
        &[("connection", "host, via"), ("host", "evil.test")],
        "a.test:8080",
    );
    assert_eq!(
        list,
        [
            ("host".to_owned(), "a.test:8080".to_owned()),
            ("via".to_owned(), "1.1 exeat-x".to_owned())
        ]
    );
}

#[test]
fn the_host_is_the_authority_that_was_judged() {
    for (authority, host) in [
        ("a.test:80", "a.test"),
        ("a.test:8080", "a.test:8080"),
        ("[2001:db8::1]:80", "[2001:db8::1]"),
    ] {
        let list = to_origin(&[("host", "evil.test")], authority);
        assert!(
            list.contains(&("host".to_owned(), host.to_owned())),
            "{list:?}"
        );
    }
}

#[test]
fn an_origin_speaks_neither_for_the_gateway_nor_for_the_connection() {
    let mut headers = fields(&[
        ("proxy-authenticate", "Basic"),
        ("exeat-reason", "x"),
        ("proxy-status", "x"),
        ("upgrade", "h2c"),
        ("content-length", "3"),
    ]);
    for_client(&mut headers, &HeaderValue::from_static("1.1 exeat-x"));
    assert_eq!(
        headers,
        fields(&[("content-length", "3"), ("via", "1.1 exeat-x")])
    );
}

#[test]
fn a_message_that_came_through_here_is_known() {
    assert!(passed(&fields(&[("via", "1.1 a, 1.1 exeat-x")]), "exeat-x"));
    assert!(!passed(&fields(&[("via", "1.1 exeat-y")]), "exeat-x"));
}

use super::read;
use http::{HeaderMap, HeaderValue, Method, header};

fn with_host(
    method: &str,
    raw: &str,
    host: Option<&str>,
) -> Result<(String, Option<String>), (u16, &'static str)> {
    let mut headers = HeaderMap::new();
    if let Some(host) = host {
        headers.insert(
            header::HOST,
            HeaderValue::from_bytes(host.as_bytes()).unwrap(),
        );
    }
    read(&method.parse::<Method>().unwrap(), raw, &headers)
        .map(|target| {
            (
                target.authority.to_string(),
                target.path.map(|path| path.to_string()),
            )
        })
        .map_err(|refusal| (refusal.status.as_u16(), refusal.code))
}

fn get(raw: &str) -> Result<(String, Option<String>), (u16, &'static str)> {
    with_host("GET", raw, None)
}

fn connect(raw: &str) -> Result<(String, Option<String>), (u16, &'static str)> {
    with_host("CONNECT", raw, None)
}

#[test]
fn connect_names_an_authority() {
    for raw in [
        "api.example.com:443",
        "API.Example.COM:443",
        "api.example.com.:443",
    ] {
        assert_eq!(
            connect(raw),
            Ok(("api.example.com:443".into(), None)),
            "{raw}"
        );
    }
    assert_eq!(connect("[::1]:443"), Ok(("[::1]:443".into(), None)));
}

#[test]
fn what_is_no_authority_is_refused() {
    for raw in [
        "/",
        "*",
        "http://x:443",
        "http://api.example.com/",
        "api.example.com",
        ":443",
        "",
        "api..example.com:443",
        "[api.example.com]:443",
        "api.example.com%20:443",
        "api.example.com:443:443",
        "user@api.example.com:443",
        "api.example.com:0",
        "api.example.com:65536",
        "api.example.com:-1",
        "api.example.com:+443",
        "api.example.com:443abc",
        "api.example.com:0x1bb",
        "api.example.com:443/",
        "2130706433:443",
        "0x7f000001:443",
        "127.1:443",
        "0177.0.0.1:443",
        "256.0.0.1:443",
        "::1:443",
        "[::1",
        "::1]",
        "[]:443",
        "[::1]443",
        "[fe80::1%eth0]:443",
        "[fe80::1%25eth0]:443",
    ] {
        assert_eq!(connect(raw), Err((400, "authority_malformed")), "{raw}");
    }
}

#[test]
fn absolute_form_becomes_origin_form() {
    for (raw, authority, path) in [
        ("http://api.example.com/", "api.example.com:80", "/"),
        ("http://api.example.com", "api.example.com:80", "/"),
        (
            "HTTP://API.example.com:8080/a/../b?c=%2f",
            "api.example.com:8080",
            "/a/../b?c=%2f",
        ),
        (
            "http://api.example.com?q=@x",
            "api.example.com:80",
            "/?q=@x",
        ),
        (
            "http://api.example.com/@evil.test",
            "api.example.com:80",
            "/@evil.test",
        ),
        ("http://[::1]/x", "[::1]:80", "/x"),
        ("http://[::1]:81/x", "[::1]:81", "/x"),
    ] {
        assert_eq!(get(raw), Ok((authority.into(), Some(path.into()))), "{raw}");
    }
    assert_eq!(
        with_host("OPTIONS", "http://a.test", None),
        Ok(("a.test:80".into(), Some("*".into())))
    );
}

#[test]
fn other_forms_and_schemes_are_refused() {
    for (method, raw, status, code) in [
        ("GET", "/", 400, "not_absolute"),
        ("GET", "*", 400, "not_absolute"),
        ("OPTIONS", "*", 400, "not_absolute"),
        ("GET", "api.example.com:80", 400, "not_absolute"),
        ("GET", "//api.example.com/", 400, "not_absolute"),
        (
            "GET",
            "https://api.example.com/",
            400,
            "https_needs_connect",
        ),
        ("GET", "ftp://api.example.com/", 400, "scheme_not_supported"),
        ("GET", "file:///etc/passwd", 400, "scheme_not_supported"),
        ("GET", "ws://api.example.com/", 400, "scheme_not_supported"),
        (
            "GET",
            "/http://api.example.com/",
            400,
            "scheme_not_supported",
        ),
        ("GET", "http:///x", 400, "authority_malformed"),
        ("GET", "http://:80/", 400, "authority_malformed"),
        (
            "GET",
            "http://api.example.com@evil.test/",
            400,
            "authority_malformed",
        ),
        (
            "GET",
            "http://user:pass@api.example.com/",
            400,
            "authority_malformed",
        ),
        (
            "GET",
            "http://api.example.com:/",
            400,
            "authority_malformed",
        ),
        (
            "GET",
            "http://api.example.com:080/",
            400,
            "authority_malformed",
        ),
        (
            "GET",
            "http://api%2eexample.com/",
            400,
            "authority_malformed",
        ),
        ("GET", "http://2130706433/", 400, "authority_malformed"),
        ("GET", "http://[::1/", 400, "authority_malformed"),
        ("GET", "http://::1/", 400, "authority_malformed"),
        (
            "TRACE",
            "http://api.example.com/",
            405,
            "method_not_allowed",
        ),
    ] {
        assert_eq!(
            with_host(method, raw, None),
            Err((status, code)),
            "{method} {raw}"
        );
    }
}

#[test]
fn the_host_field_agrees_with_the_target() {
    let raw = "http://api.example.com/";
    for host in ["api.example.com", "API.example.com:80", "api.example.com."] {
        assert!(with_host("GET", raw, Some(host)).is_ok(), "{host}");
    }
    for host in [
        "evil.test",
        "api.example.com:81",
        "",
        "api.example.com@evil.test",
        "api.example.com, evil.test",
        "x\u{e9}",
    ] {
        assert_eq!(
            with_host("GET", raw, Some(host)),
            Err((400, "host_mismatch")),
            "{host}"
        );
    }
    assert!(with_host("CONNECT", "api.example.com:443", Some("api.example.com")).is_ok());
    assert!(
        with_host(
            "CONNECT",
            "api.example.com:443",
            Some("api.example.com:443")
        )
        .is_ok()
    );
    assert_eq!(
        with_host("CONNECT", "api.example.com:443", Some("evil.test:443")),
        Err((400, "host_mismatch"))
    );
}

use super::*;

fn same(input: &str, canonical: &str) {
    assert_eq!(
        Authority::parse(input).map(|it| it.to_string()).as_deref(),
        Ok(canonical),
        "{input}"
    );
}

fn refused(input: &str, error: AuthorityError) {
    assert_eq!(Authority::parse(input), Err(error), "{input:?}");
}

#[test]
fn names_take_their_one_form() {
    same("api.example.com:443", "api.example.com:443");
    same("API.Example.COM:443", "api.example.com:443");
    same("blocked.allowed.test.:443", "blocked.allowed.test:443");
    same("BLOCKED.allowed.test:443", "blocked.allowed.test:443");
    same("a.b.c.allowed.test:443", "a.b.c.allowed.test:443");
    same("xn--bcher-kva.example:443", "xn--bcher-kva.example:443");
    same("XN--BCHER-KVA.example:443", "xn--bcher-kva.example:443");
    same("api.example.com:1", "api.example.com:1");
    same("api.example.com:65535", "api.example.com:65535");
    same("localhost:443", "localhost:443");
    same("apiXexample.com:443", "apixexample.com:443");
    same("my_bucket.s3.example:443", "my_bucket.s3.example:443");
    same(
        "r3---sn-4g5e6nz7.example:443",
        "r3---sn-4g5e6nz7.example:443",
    );
    same("1password.example:443", "1password.example:443");
    same("0x1.example:443", "0x1.example:443");
    same("7f.example:443", "7f.example:443");
    same("deadbeef:443", "deadbeef:443");
    same("example.0xyz:443", "example.0xyz:443");
}

#[test]
fn only_one_trailing_dot_is_dropped() {
    same("api.example.com.:443", "api.example.com:443");
    refused("api.example.com..:443", AuthorityError::Label);
    refused(".:443", AuthorityError::HostMissing);
    refused("..:443", AuthorityError::Label);
    refused(".example.com:443", AuthorityError::Label);
    refused("api..example.com:443", AuthorityError::Label);
}

#[test]
fn a_host_is_due() {
    refused(":443", AuthorityError::HostMissing);
    refused("", AuthorityError::PortMissing);
    refused(":", AuthorityError::HostMissing);
}

#[test]
fn a_port_is_due_in_its_one_form() {
    refused("api.example.com", AuthorityError::PortMissing);
    refused("api.example.com:", AuthorityError::PortMissing);
    refused("[::1]", AuthorityError::PortMissing);
    refused("[::1]:", AuthorityError::PortMissing);
    for port in [
        "0",
        "00",
        "65536",
        "99999",
        "100000",
        "4294967739",
        "-1",
        "+443",
        "4 43",
        " 443",
        "443 ",
        "0443",
        "007",
        "４４３",
        "443abc",
        "0x1bb",
        "4_43",
        "4.43",
        "443\0",
        "\t443",
        "443\r\n",
        "٤٤٣",
    ] {
        refused(&format!("api.example.com:{port}"), AuthorityError::Port);
        refused(&format!("[::1]:{port}"), AuthorityError::Port);
    }
    refused("api.example.com:443:443", AuthorityError::Port);
    refused("[::1]443", AuthorityError::Port);
    assert_eq!(
        Authority::new("api.example.com", 0),
        Err(AuthorityError::Port)
    );
}

#[test]
fn no_other_byte_gets_into_a_name() {
    for host in [
        "api.example.com%20",
        "api.example.com%2e",
        " api.example.com",
        "api.example.com ",
        "api\t.example.com",
        "api.exam\nple.com",
        "api.example.com\r",
        "api.example.com\0",
        "user@api.example.com",
        "http//api.example.com",
        "api.example.com/",
        "api.example.com#",
        "api.example.com?",
        "evil.test\\",
        "api,example.com",
        "api;example.com",
        "api*.example.com",
        "*.example.com",
        "api.example.com\"",
        "<api.example.com>",
        "{api}",
        "a|b",
        "a^b",
        "a`b",
        "a~b",
        "a!b",
        "a$b",
        "a&b",
        "a'b",
        "a(b)",
        "a=b",
        "a+b.example",
        "\x7f.example",
        "bücher.example",
        "ａｐｉ.example.com",
        "api。example.com",
        "api．example.com",
        "аpi.example.com",
        "api\u{ad}.example.com",
        "api\u{200d}.example.com",
        "api.example.com\u{a0}",
    ] {
        refused(&format!("{host}:443"), AuthorityError::Character);
    }
    // What a URL carries around an authority never gets through as one.
    for text in [
        "http://api.example.com@evil.test/",
        "http://evil.test#@api.example.com/",
        "http://evil.test\\@api.example.com/",
    ] {
        assert!(Authority::parse(text).is_err(), "{text}");
    }
}

#[test]
fn labels_have_their_bounds() {
    let label = "a".repeat(63);
    same(
        &format!("{label}.example:443"),
        &format!("{label}.example:443"),
    );
    refused(&format!("{label}a.example:443"), AuthorityError::Label);
    refused("-api.example:443", AuthorityError::Label);
    refused("api-.example:443", AuthorityError::Label);
    same("a-b.example:443", "a-b.example:443");
}

#[test]
fn a_name_has_at_most_253_bytes() {
    let name = |length: usize| {
        let mut name = "a.".repeat(length / 2);
        name.truncate(length - 2);
        if name.ends_with('.') {
            name.pop();
            name.push('b');
        }
        format!("{name}.c")
    };
    assert_eq!(name(253).len(), 253);
    same(&format!("{}:443", name(253)), &format!("{}:443", name(253)));
    same(
        &format!("{}.:443", name(253)),
        &format!("{}:443", name(253)),
    );
    refused(&format!("{}:443", name(254)), AuthorityError::TooLong);
    refused(
        &format!("{}:443", "a".repeat(70_000)),
        AuthorityError::TooLong,
    );
}

#[test]
fn a_labels_are_checked() {
    for host in [
        "xn--.example",
        "xn--a.example",
        "xn--bcher-kvb9.example",
        "xn--abc-.example",
        "xn--zzzzzzzzzzzz.example",
        "api.xn--",
        "xn--bcher-kva-.example",
    ] {
        let error = Authority::parse(&format!("{host}:443")).unwrap_err();
        assert!(
            matches!(error, AuthorityError::ALabel | AuthorityError::Label),
            "{host}: {error}"
        );
    }
    refused("xn--a.example:443", AuthorityError::ALabel);
}

#[test]
fn numbers_at_the_end_are_addresses_or_nothing() {
    for host in [
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "0251.0376.0251.0376",
        "127.0.0.0x1",
        "169.254.0xa9fe",
        "169.0xfea9fe",
        "256.0.0.1",
        "1.2.3",
        "1.2.3.4.5",
        "a.b.c.1",
        "api.example.1",
        "api.example.0x1",
        "api.example.0x",
        "0x",
        "0X7F.0.0.1",
        "127.0.0.1.",
        "1.2.3.04",
        "00.0.0.0",
        "127.0.0.01",
        "0",
        "4294967295",
        "4294967296",
        "99999999999999999999",
        "1.2.3.256",
        "example.com.443",
        "127.0.0.1.1",
    ] {
        refused(&format!("{host}:443"), AuthorityError::Numeric);
    }
    same("127.0.0.1:443", "127.0.0.1:443");
    same("169.254.169.254:80", "169.254.169.254:80");
    same("0.0.0.0:1", "0.0.0.0:1");
    same("255.255.255.255:1", "255.255.255.255:1");
}

#[test]
fn ipv6_stands_in_brackets_without_a_zone() {
    same("[::1]:443", "[::1]:443");
    same("[::]:443", "[::]:443");
    same("[2001:DB8::0001]:443", "[2001:db8::1]:443");
    same("[::ffff:10.1.2.3]:5432", "[::ffff:10.1.2.3]:5432");
    same("[::127.0.0.1]:443", "[::7f00:1]:443");
    same("[64:ff9b::7f00:1]:443", "[64:ff9b::7f00:1]:443");
    for host in [
        "[fe80::1%eth0]",
        "[fe80::1%25eth0]",
        "[::1%1]",
        "[api.example.com]",
        "[127.0.0.1]",
        "[]",
        "[::1",
        "[:::1]",
        "[1::2::3]",
        "[::1 ]",
        "[ ::1]",
        "[::12345]",
        "[::ffff:1.2.3]",
        "[::ffff:1.2.3.04]",
        "[v1.fe]",
    ] {
        refused(&format!("{host}:443"), AuthorityError::Ipv6);
    }
    for text in [
        "::1:443",
        "::1]:443",
        "fe80::1:443",
        "::1",
        "[::1]x:443",
        "[::1]]:443",
        "[[::1]]:443",
        "x[::1]:443",
    ] {
        assert!(Authority::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_host_alone_follows_the_same_rules() {
    assert_eq!(
        Host::parse("API.example.com."),
        Ok(Host::Name("api.example.com".into()))
    );
    assert_eq!(Host::parse("::1"), Err(AuthorityError::Ipv6));
    assert_eq!(
        Host::parse("[::1]"),
        Ok(Host::Address("::1".parse().unwrap()))
    );
    assert_eq!(
        Host::parse("api.example.com:443"),
        Err(AuthorityError::Ipv6)
    );
    assert_eq!(Host::parse(""), Err(AuthorityError::HostMissing));
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics_and_is_stable(text in "\\PC{0,80}|[a-z0-9.:\\[\\]%x-]{0,60}") {
        if let Ok(authority) = Authority::parse(&text) {
            let shown = authority.to_string();
            proptest::prop_assert_eq!(Authority::parse(&shown), Ok(authority));
            proptest::prop_assert!(shown.is_ascii());
        }
    }
}

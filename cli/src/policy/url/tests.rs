use super::*;

#[test]
fn a_url_says_where_and_who() {
    for (url, host, port, database, user, password) in [
        (
            "postgresql://a:b@db.example/shop",
            "db.example",
            5432,
            "shop",
            "a",
            Some("b"),
        ),
        (
            "postgres://a%40b:p%3A%2F@127.0.0.1:7300/my%20db",
            "127.0.0.1",
            7300,
            "my db",
            "a@b",
            Some("p:/"),
        ),
        (
            "postgresql://admin:x@[::1]:1?sslmode=disable",
            "::1",
            1,
            "admin",
            "admin",
            Some("x"),
        ),
    ] {
        let (found, who) = parse(url).unwrap();
        let known = found.users[&who]
            .password
            .as_ref()
            .map(|it| it.expose().as_str());
        assert_eq!(
            (&*found.host, found.port, &*found.database, &*who, known),
            (host, port, database, user, password)
        );
    }
}

#[test]
fn tls_is_verified_but_on_this_machine_or_where_it_is_said() {
    for (url, verified) in [
        ("postgresql://a@db.example/x", true),
        ("postgresql://a@localhost/x", false),
        ("postgresql://a@localhost/x?sslmode=verify-full", true),
        ("postgresql://a@localhost/x?sslrootcert=ca.pem", true),
        ("postgresql://a@db.example/x?sslmode=disable", false),
    ] {
        let (found, _) = parse(url).unwrap();
        assert_eq!(
            matches!(found.tls, UpstreamTls::VerifyFull { .. }),
            verified,
            "{url}"
        );
    }
}

#[test]
fn a_url_that_says_too_little_is_refused_without_its_password() {
    for (url, said) in [
        ("mysql://a:secret@b/c", "postgresql://"),
        ("postgresql://b/c", "no user"),
        ("postgresql://a:secret@/c", "no host"),
        ("postgresql://a:secret@%2Ftmp/c", "no host"),
        ("postgresql://a:secret@b:x/c", "port"),
        ("postgresql://a:secret%2@b/c", "no escape"),
        ("postgresql://a:secret@b/c?sslmode=require", "verify-full"),
        (
            "postgresql://a:secret@b/c?host=d",
            "`host` is not supported",
        ),
    ] {
        let error = parse(url).unwrap_err();
        assert!(
            error.contains(said) && !error.contains("secret"),
            "{url}: {error}"
        );
    }
}

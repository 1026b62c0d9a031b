use super::*;

#[test]
fn a_pinned_setting_holds_only_as_it_was() {
    let reported = [
        ("client_encoding", "UTF8"),
        ("session_authorization", "app"),
        ("application_name", "x"),
    ];
    let pinned = Pinned::of(&reported.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for (name, value, holds) in [
        ("client_encoding", "UTF8", true),
        ("client_encoding", "UNICODE", true),
        ("client_encoding", "LATIN1", false),
        ("client_encoding", "SQL_ASCII", false),
        ("session_authorization", "app", true),
        ("session_authorization", "UTF8", false),
        ("search_path", "public", false),
        ("application_name", "y", true),
        ("TimeZone", "UTC", true),
    ] {
        assert_eq!(pinned.holds(name, value), holds, "{name}={value}");
    }
}

#[test]
fn what_a_session_is_asked_for_is_as_it_began() {
    for (name, value, expected) in [
        ("client_encoding", "UTF8", true),
        ("client_encoding", "UNICODE", true),
        ("client_encoding", "GBK", false),
        ("standard_conforming_strings", "on", true),
        ("standard_conforming_strings", "off", false),
        ("role", "none", true),
        ("role", "admin", false),
    ] {
        assert_eq!(is_as_begun(name, value), expected, "{name}={value}");
    }
}

use proptest::prelude::*;

use super::*;

fn framed(body: &[u8]) -> Vec<u8> {
    let mut packet = u32::try_from(body.len() + 4)
        .unwrap()
        .to_be_bytes()
        .to_vec();
    packet.extend_from_slice(body);
    packet
}

fn with(version: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend_from_slice(rest);
    framed(&body)
}

fn started(rest: &[u8]) -> Result<Startup, StartupError> {
    match read(&with(3 << 16, rest))? {
        Some((Opening::Startup(startup), _)) => Ok(startup),
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_a_startup_message() {
    let startup = started(b"user\0billing-fn\0database\0shop\0application_name\0psql\0\0").unwrap();
    assert_eq!(startup.user, "billing-fn");
    assert_eq!(startup.database, "shop");
    assert_eq!(startup.settings.len(), 1);
    assert_eq!(startup.minor, 0);
}

#[test]
fn the_database_defaults_to_the_user() {
    assert_eq!(started(b"user\0shop\0\0").unwrap().database, "shop");
    assert_eq!(
        started(b"user\0shop\0database\0\0\0").unwrap().database,
        "shop"
    );
}

#[test]
fn refuses_what_postgresql_refuses() {
    for (rest, expected) in [
        (&b"\0"[..], StartupError::NoUser),
        (b"user\0\0\0", StartupError::NoUser),
        (b"database\0shop\0\0", StartupError::NoUser),
        (b"user\0a\0user\0b\0\0", StartupError::Duplicate),
        (
            b"user\0a\0database\0x\0database\0y\0\0",
            StartupError::Duplicate,
        ),
        (b"user\0a\0", Violation::Malformed.into()),
        (b"user\0a\0odd\0", Violation::Malformed.into()),
        (b"user\0a", Violation::Malformed.into()),
        (b"user\0a\0\0tail", Violation::Malformed.into()),
        (b"", Violation::Malformed.into()),
        (b"user\0\xff\xfe\0\0", Violation::NotUtf8.into()),
    ] {
        assert_eq!(started(rest), Err(expected), "{rest:?}");
    }
}

#[test]
fn of_a_parameter_that_comes_twice_all_are_kept_in_order() {
    let startup =
        started(b"user\0a\0TimeZone\0UTC\0application_name\0x\0timezone\0CET\0\0").unwrap();
    let kept: Vec<_> = startup
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let expected = [
        ("TimeZone", "UTC"),
        ("application_name", "x"),
        ("timezone", "CET"),
    ];
    assert_eq!(kept, expected);
    let twice = started(b"user\0a\0options\0-c a=b\0options\0-c c=d\0\0").unwrap();
    assert_eq!(twice.options.as_deref(), Some("-c c=d"));
    let same = started(b"user\0a\0user\0a\0database\0x\0database\0x\0\0").unwrap();
    assert_eq!((same.user.as_str(), same.database.as_str()), ("a", "x"));
}

#[test]
fn a_name_of_the_protocol_in_other_letters_is_a_setting() {
    let startup = started(b"user\0a\0USER\0b\0Replication\0true\0\0").unwrap();
    assert_eq!(startup.user, "a");
    assert_eq!(startup.replication, None);
    assert_eq!(startup.settings.len(), 2);
}

#[test]
fn caps_the_packet_at_ten_thousand_bytes() {
    let mut rest = b"user\0".to_vec();
    rest.extend(vec![b'a'; MAX - 8 - rest.len() - 2]);
    rest.extend(b"\0\0");
    assert_eq!(with(3 << 16, &rest).len(), MAX);
    assert!(started(&rest).is_ok());
    rest.insert(6, b'a');
    assert_eq!(started(&rest), Err(Violation::LengthTooLarge.into()));
}

#[test]
fn tells_other_protocols_from_ours() {
    assert_eq!(
        read(&with(2 << 16, b"\0")),
        Err(StartupError::Version { major: 2, minor: 0 })
    );
    assert_eq!(
        read(&with(4 << 16, b"\0")),
        Err(StartupError::Version { major: 4, minor: 0 })
    );
    assert_eq!(
        read(b"GET / HTTP/1.1\r\n\r\n"),
        Err(Violation::LengthTooLarge.into())
    );
    assert_eq!(read(b"G"), Err(Violation::LengthTooLarge.into()));
}

#[test]
fn tells_the_kinds_of_opening_apart() {
    assert_eq!(read(b"\x16\x03\x01"), Ok(Some((Opening::DirectTls, 0))));
    assert_eq!(read(&with(SSL, b"")), Ok(Some((Opening::Ssl, 8))));
    assert_eq!(read(&with(GSS, b"")), Ok(Some((Opening::Gss, 8))));
    assert_eq!(read(&with(SSL, b"x")), Err(Violation::Malformed.into()));
    let cancel = read(&with(CANCEL, &[0, 0, 0, 7, 1, 2, 3, 4])).unwrap();
    assert_eq!(
        cancel,
        Some((
            Opening::Cancel(CancelKey {
                process: 7,
                secret: vec![1, 2, 3, 4]
            }),
            16
        ))
    );
    assert_eq!(
        read(&with(CANCEL, &[0, 0, 0, 7, 1])),
        Err(Violation::Malformed.into())
    );
}

#[test]
fn keeps_protocol_options_apart_from_settings() {
    let startup = started(b"user\0a\0_pq_.command_tag\0on\0\0").unwrap();
    assert_eq!(startup.extensions, ["_pq_.command_tag"]);
    assert!(startup.settings.is_empty());
}

#[test]
fn leaves_bytes_behind_the_packet_alone() {
    let mut bytes = with(SSL, b"");
    bytes.extend(with(3 << 16, b"user\0a\0\0"));
    assert_eq!(read(&bytes), Ok(Some((Opening::Ssl, 8))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_take_more_than_is_there(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(Some((_, taken))) = read(&bytes) {
            prop_assert!(taken <= bytes.len());
        }
    }

    #[test]
    fn every_prefix_of_a_packet_asks_for_more(name in "[a-z_]{1,20}", value in "[ -~]{0,40}") {
        prop_assume!(name != "user" && name != "database");
        let rest = format!("user\0u\0{name}\0{value}\0\0");
        let packet = with(3 << 16, rest.as_bytes());
        for end in 0..packet.len() {
            prop_assert_eq!(read(&packet[..end]), Ok(None));
        }
        prop_assert!(read(&packet).unwrap().is_some());
    }
}

use super::{Verifier, sign};

/// PostgreSQL 15's own, for the password `secret`.
const STORED: &str = "SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$";

#[test]
fn prints_and_reads_postgresqls_form() {
    let verifier = Verifier::make("pencil").unwrap().unwrap();
    let text = verifier.to_string();
    assert!(text.starts_with("SCRAM-SHA-256$4096:"));
    assert_eq!(text.parse::<Verifier>().unwrap(), verifier);
    assert_ne!(
        Verifier::make("pencil").unwrap().unwrap(),
        verifier,
        "the salt is random"
    );
}

#[test]
fn refuses_what_is_no_verifier() {
    let good = Verifier::make("pencil").unwrap().unwrap().to_string();
    let cases = [
        String::new(),
        "md5d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        "plain".to_owned(),
        STORED.to_owned(),
        good.replace("SCRAM-SHA-256", "SCRAM-SHA-512"),
        good.replace("4096", "0"),
        good.replace("4096", "-1"),
        good.replace("4096:", "4096:!"),
        good.replacen(':', ":$", 1),
        format!("{good}A"),
        good[..good.len() - 4].to_owned(),
    ];
    for text in cases {
        assert!(text.parse::<Verifier>().is_err(), "{text}");
    }
}

#[test]
fn prepares_passwords_as_rfc_4013_says() {
    let derive = |password: &str| Verifier::derive(password, b"salt", 4096.try_into().unwrap());
    // A soft hyphen is mapped to nothing, a no-break space to a space, compatibility forms are composed.
    assert_eq!(derive("I\u{ad}X"), derive("IX"));
    assert_eq!(derive("a\u{a0}b"), derive("a b"));
    assert_eq!(derive("\u{2168}"), derive("IX"));
    assert_ne!(derive("user"), derive("USER"));
    // What SASLprep refuses is taken byte by byte, as PostgreSQL takes it.
    assert!(derive("tab\there").is_some());
    assert_ne!(derive("tab\there"), derive("tabhere"));
    assert!(derive("").is_none());
    assert!(derive("\u{ad}").is_none(), "nothing is left of it");
}

#[test]
fn debug_shows_no_key() {
    let verifier = Verifier::make("pencil").unwrap().unwrap();
    assert_eq!(format!("{verifier:?}"), "Verifier { iterations: 4096, .. }");
}

#[test]
fn signs_as_rfc_4231_says() {
    let digest = sign(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
}

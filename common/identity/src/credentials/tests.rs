use std::time::Duration;

use jiff::Timestamp;

use super::{CredentialError, Revoked, create_token, generate_password, revoke, set_password};
use crate::ca::{self, Purpose};
use crate::fixtures;
use crate::scram::Verifier;
use crate::secret::Secret;

#[test]
fn a_token_is_kept_as_its_digest_only() {
    let (_directory, store) = fixtures::store();
    let (token, record) = create_token(&store, "billing-fn", None, Timestamp::now()).unwrap();
    assert_eq!(record.sha256.len(), 64);
    let text = std::fs::read_to_string(store.path("store.json")).unwrap();
    assert!(!text.contains(&token.expose()[6..]) && text.contains(&record.sha256));
}

#[test]
fn a_password_replaces_the_earlier_one_and_brings_a_revoked_name_back() {
    let (_directory, store) = fixtures::store();
    let set =
        |text: &str| set_password(&store, "a", &Secret::new(text.to_owned()), Timestamp::now());
    let first = set("one").unwrap();
    revoke(&store, "a", Timestamp::now()).unwrap();
    let second = set("two").unwrap();
    assert_ne!(first.verifier, second.verifier);
    assert!(second.verifier.parse::<Verifier>().is_ok());
    assert_eq!(store.read().unwrap().passwords, [second]);
    assert!(matches!(set(""), Err(CredentialError::EmptyPassword)));
    assert!(matches!(set("\u{ad}"), Err(CredentialError::EmptyPassword)));
}

#[test]
fn names_are_printable_and_bounded() {
    let (_directory, store) = fixtures::store();
    for name in ["", "a b", "a\nb", "a\u{0}", "\u{1b}[31m", &"x".repeat(257)] {
        assert!(matches!(
            create_token(&store, name, None, Timestamp::now()),
            Err(CredentialError::Name)
        ));
    }
}

#[test]
fn revoking_a_name_takes_all_that_it_has_and_nothing_of_others() {
    let (_directory, store) = fixtures::store();
    let now = Timestamp::now();
    let hour = Duration::from_secs(3600);
    let (_token, token) = create_token(&store, "a", None, now).unwrap();
    set_password(&store, "a", &generate_password().unwrap(), now).unwrap();
    let certificate = ca::issue(&store, "a", &Purpose::Client, hour, now)
        .unwrap()
        .record;
    create_token(&store, "b", None, now).unwrap();
    let revoked = revoke(&store, "a", now).unwrap();
    assert_eq!(
        revoked,
        [
            Revoked::Token(token.id),
            Revoked::Password("a".into()),
            Revoked::Certificate(certificate.serial)
        ]
    );
    assert!(matches!(
        revoke(&store, "a", now),
        Err(CredentialError::NotFound(_))
    ));
    assert!(
        store
            .read()
            .unwrap()
            .tokens
            .iter()
            .any(|token| token.revoked.is_none())
    );
}

#[test]
fn a_failed_revocation_changes_nothing() {
    let (_directory, store) = fixtures::store();
    let now = Timestamp::now();
    ca::issue(
        &store,
        "a",
        &Purpose::Client,
        Duration::from_secs(3600),
        now,
    )
    .unwrap();
    std::fs::remove_file(store.path(ca::KEY_FILE)).unwrap();
    assert!(matches!(
        revoke(&store, "a", now),
        Err(CredentialError::Ca(_))
    ));
    assert!(store.read().unwrap().certificates[0].revoked.is_none());
}

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::file;
use super::{Contents, PasswordRecord, STORE_FILE, Store, StoreError};
use crate::spiffe::TrustDomainName;

fn fresh() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::at(directory.path().join("identity"));
    let _lock = store.lock().unwrap();
    store
        .write(&Contents::new(
            TrustDomainName::parse("exeat.internal").unwrap(),
            &[7; 32],
        ))
        .unwrap();
    (directory, store)
}

fn password(name: &str) -> PasswordRecord {
    PasswordRecord {
        name: name.to_owned(),
        verifier: String::new(),
        created: jiff::Timestamp::UNIX_EPOCH,
        revoked: None,
    }
}

#[test]
fn a_missing_store_says_what_to_run() {
    let directory = tempfile::tempdir().unwrap();
    let error = Store::at(directory.path()).read().unwrap_err();
    assert_eq!(error.kind(), "store_missing");
    assert!(error.to_string().contains("exeat identity init"));
}

#[test]
fn the_file_and_the_folder_are_private_and_no_temporary_file_stays() {
    let (_directory, store) = fresh();
    store
        .edit::<_, StoreError>(|contents| {
            contents.passwords.push(password("a"));
            Ok(())
        })
        .unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.path(STORE_FILE)), 0o600);
    assert_eq!(mode(store.directory()), 0o700);
    let mut names: Vec<_> = fs::read_dir(store.directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [".lock", STORE_FILE]);
}

#[test]
fn concurrent_edits_lose_nothing() {
    let (_directory, store) = fresh();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = store.clone();
            scope.spawn(move || {
                for turn in 0..8 {
                    store
                        .edit::<_, StoreError>(|contents| {
                            contents
                                .passwords
                                .push(password(&format!("{writer}-{turn}")));
                            Ok(())
                        })
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(store.read().unwrap().passwords.len(), 64);
}

#[test]
fn a_failed_change_writes_nothing() {
    let (_directory, store) = fresh();
    let before = fs::read(store.path(STORE_FILE)).unwrap();
    let outcome = store.edit(|contents| {
        contents.passwords.push(password("a"));
        Err::<(), _>(StoreError::Exists("x".into()))
    });
    assert!(outcome.is_err());
    assert_eq!(fs::read(store.path(STORE_FILE)).unwrap(), before);
}

#[test]
fn refuses_another_version_an_unknown_key_and_a_cut_file() {
    let (_directory, store) = fresh();
    let good = fs::read_to_string(store.path(STORE_FILE)).unwrap();
    let cases = [
        good.replace("\"version\": 1", "\"version\": 2"),
        good.replace("\"crl_number\"", "\"crl_numbr\""),
        good[..good.len() / 2].to_owned(),
        good.replace("\"mock_key\": \"", "\"mock_key\": \"!"),
        String::new(),
    ];
    for text in cases {
        fs::write(store.path(STORE_FILE), &text).unwrap();
        assert_eq!(
            store.read().unwrap_err().kind(),
            "store_malformed",
            "{text}"
        );
    }
}

#[test]
fn create_never_overwrites() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    file::create(&path, b"one").unwrap();
    let error = file::create(&path, b"two").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_replaced_file_keeps_its_owner() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.json");
    file::create(&path, b"one").unwrap();
    // Only root can give a file away; for others there is nothing to keep.
    let given = chown(&path, Some(65_534), Some(65_534)).is_ok();
    let before = fs::metadata(&path).unwrap();
    file::replace(&path, b"two").unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
    assert_eq!(after.uid() == 65_534, given);
    assert_eq!(after.permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_ended_long_ago_is_forgotten_and_nothing_else() {
    use super::TokenRecord;
    let now = jiff::Timestamp::now();
    let token = |id: &str, days: Option<i64>| TokenRecord {
        id: id.to_owned(),
        name: id.to_owned(),
        sha256: String::new(),
        created: jiff::Timestamp::UNIX_EPOCH,
        expires: days.map(|days| now - jiff::SignedDuration::from_hours(24 * days)),
        revoked: None,
    };
    let mut contents = Contents::new(TrustDomainName::parse("exeat.internal").unwrap(), &[7; 32]);
    contents.tokens = vec![
        token("never", None),
        token("recent", Some(29)),
        token("old", Some(31)),
    ];
    contents.forget_ended(now);
    let names: Vec<_> = contents
        .tokens
        .iter()
        .map(|token| token.id.as_str())
        .collect();
    assert_eq!(names, ["never", "recent"]);
}

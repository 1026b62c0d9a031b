//! Facts about checkpoints.

use super::*;
use crate::tree::leaf_hash;

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: "exeat/test".into(),
        size: 7,
        root: leaf_hash(b"x"),
        at: Some(1_700_000_000_000),
    }
}

fn key() -> SecretKey {
    SecretKey::from_seed("exeat/test", &[7; 32])
}

#[test]
fn what_was_signed_is_read_back() {
    let note = checkpoint().sign(&key());
    assert!(note.starts_with("exeat/test\n7\n"));
    assert_eq!(Checkpoint::open(&note, key().public()), Ok(checkpoint()));
}

#[test]
fn any_change_is_noticed() {
    let note = checkpoint().sign(&key());
    let other = SecretKey::from_seed("exeat/test", &[8; 32]);
    assert_eq!(
        Checkpoint::open(&note, other.public()),
        Err(CheckpointError::Unsigned)
    );
    let renamed = SecretKey::from_seed("exeat/other", &[7; 32]);
    assert_eq!(
        Checkpoint::open(&note, renamed.public()),
        Err(CheckpointError::Origin)
    );
    let changed = note.replacen("\n7\n", "\n8\n", 1);
    assert_eq!(
        Checkpoint::open(&changed, key().public()),
        Err(CheckpointError::Signature)
    );
    let changed = note.replacen("17000", "17001", 1);
    assert_eq!(
        Checkpoint::open(&changed, key().public()),
        Err(CheckpointError::Signature)
    );
    for end in 0..note.len() {
        if let Some(part) = note.get(..end) {
            assert!(Checkpoint::open(part, key().public()).is_err());
        }
    }
}

#[test]
fn a_public_key_survives_its_text_form() {
    let text = key().public().to_string();
    assert_eq!(PublicKey::parse(&text).as_ref(), Ok(key().public()));
    assert!(PublicKey::parse(&text.replace("exeat/test", "exeat/best")).is_err());
}

#[test]
fn a_torn_history_is_mended_at_every_length() {
    let folder = tempfile::tempdir().unwrap();
    let note = checkpoint().sign(&key());
    remember(folder.path(), &note).unwrap();
    remember(folder.path(), &note).unwrap();
    let path = folder.path().join(HISTORY_FILE);
    let bytes = fs::read(&path).unwrap();
    let one = bytes.len() / 2;
    for length in 0..=bytes.len() {
        fs::write(&path, &bytes[..length]).unwrap();
        mend(folder.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), length / one * one);
        assert_eq!(history(folder.path()).unwrap().len(), length / one);
    }
}

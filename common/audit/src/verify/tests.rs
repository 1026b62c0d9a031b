//! Facts about verification: an honest log passes, and every way to change it is noticed and named.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::LogOptions;
use crate::key::{PUBLIC_FILE, SecretKey};
use crate::testing::{closed_log, fill, open, options};

fn check(directory: &Path) -> Result<Report, VerifyError> {
    let key = PublicKey::read(&directory.join(PUBLIC_FILE)).unwrap();
    verify(directory, &key, &[])
}

fn fault(directory: &Path) -> Fault {
    match check(directory) {
        Err(VerifyError::Bad(fault)) => *fault,
        other => panic!("{other:?}"),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn lines(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn first_segment(directory: &Path) -> PathBuf {
    directory.join("segments/00000000000000000000.jsonl")
}

/// Applies a change to the lines of a copy's only segment, and gives the fault.
async fn tampered(count: usize, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), count).await;
    let copied = tempfile::tempdir().unwrap();
    copy(folder.path(), copied.path());
    let path = first_segment(copied.path());
    let mut all = lines(&path);
    change(&mut all);
    fs::write(&path, all.concat()).unwrap();
    fault(copied.path())
}

#[tokio::test]
async fn an_honest_log_passes_and_says_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 700).await;
    let report = check(folder.path()).unwrap();
    assert_eq!(
        report.records, 703,
        "decisions, log started, policy activated, log stopped"
    );
    assert_eq!(report.unsigned, 0);
    assert_eq!(report.torn, 0);
    assert_eq!(report.missing_tiles, 0);
    assert_eq!(report.policies, 1);
    assert_eq!(report.leaves, report.checkpoint.size);
    assert_eq!(
        report.leaves as usize,
        lines(&first_segment(folder.path())).len()
    );
}

#[tokio::test]
async fn a_log_of_many_segments_passes_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(LogOptions {
        segment_bytes: 20_000,
        ..options(folder.path())
    });
    fill(&log, 300);
    log.close().await;
    let segments = crate::files::segments(folder.path()).unwrap();
    assert!(segments.len() > 5);
    assert_eq!(
        check(folder.path()).unwrap().segments as usize,
        segments.len()
    );
    fs::remove_file(crate::files::segment(folder.path(), segments[2])).unwrap();
    assert_eq!(fault(folder.path()).sequence, Some(segments[2]));
}

#[tokio::test]
async fn a_flipped_byte_anywhere_names_the_record() {
    for (count, at) in [
        (20, 0),
        (20, 7),
        (600, 0),
        (600, 255),
        (600, 256),
        (600, 500),
    ] {
        let mut id = None;
        let found = tampered(count, |lines| {
            let line = &mut lines[at];
            let value: serde_json::Value = serde_json::from_slice(line).unwrap();
            id = value
                .get("id")
                .and_then(|id| id.as_str())
                .map(str::to_owned);
            // A digit of the time, or of the hash: the leaf stays canonical JSON.
            let place = line
                .windows(5)
                .position(|part| part == b"\"at\":")
                .map_or(line.len() - 4, |at| at + 9);
            line[place] = if line[place] == b'1' { b'2' } else { b'1' };
        })
        .await;
        assert_eq!(found.sequence, Some(at as u64), "{found}");
        assert_eq!(found.id, id);
        assert!(found.segment.is_some() && found.offset.is_some());
    }
}

#[tokio::test]
async fn removing_swapping_and_inserting_name_the_first_record_that_moved() {
    let removed = tampered(300, |lines| drop(lines.remove(100))).await;
    assert_eq!(removed.sequence, Some(100), "{removed}");
    assert!(removed.what.contains("removed"), "{removed}");
    let swapped = tampered(300, |lines| lines.swap(100, 200)).await;
    assert_eq!(swapped.sequence, Some(100), "{swapped}");
    let inserted = tampered(300, |lines| lines.insert(100, lines[50].clone())).await;
    assert_eq!(inserted.sequence, Some(100), "{inserted}");
    let duplicated = tampered(300, |lines| lines.insert(100, lines[100].clone())).await;
    assert_eq!(duplicated.sequence, Some(101), "{duplicated}");
}

#[tokio::test]
async fn broken_framing_and_other_spellings_are_noticed() {
    let spaced = tampered(30, |lines| lines[9] = [b" ", lines[9].as_slice()].concat()).await;
    assert_eq!(spaced.sequence, Some(9), "{spaced}");
    let joined = tampered(30, |lines| {
        lines[9].pop();
    })
    .await;
    assert_eq!(joined.sequence, Some(9), "{joined}");
    let empty = tampered(30, |lines| lines.insert(9, b"\n".to_vec())).await;
    assert_eq!(empty.sequence, Some(9), "{empty}");
}

#[tokio::test]
async fn a_cut_off_end_is_noticed_at_every_record() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 30).await;
    let path = first_segment(folder.path());
    let all = lines(&path);
    for keep in 0..all.len() {
        fs::write(&path, all[..keep].concat()).unwrap();
        assert_eq!(fault(folder.path()).sequence, Some(keep as u64));
    }
}

#[tokio::test]
async fn without_tiles_the_span_between_two_checkpoints_is_named() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 40).await;
    let path = first_segment(folder.path());
    fs::remove_dir_all(folder.path().join("tile")).unwrap();
    assert!(check(folder.path()).is_ok(), "tiles are not needed");
    let mut all = lines(&path);
    all.swap(20, 21);
    fs::write(&path, all.concat()).unwrap();
    let found = fault(folder.path());
    assert!(
        found.sequence.unwrap() <= 20 && found.what.contains("what was signed"),
        "{found}"
    );
}

#[tokio::test]
async fn a_changed_tile_is_noticed_and_not_blamed_on_a_record() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 700).await;
    let tile = folder.path().join("tile/0/001");
    let mut bytes = fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    fs::write(&tile, bytes).unwrap();
    let found = fault(folder.path());
    assert!(found.what.contains("tiles"), "{found}");
    assert_eq!(found.sequence, Some(257));
}

#[tokio::test]
async fn checkpoints_that_are_missing_changed_or_of_another_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 10).await;
    let path = folder.path().join("checkpoint");
    let note = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(fault(folder.path()).what.contains("missing"));
    fs::write(&path, note.replace("\ntime 1", "\ntime 2")).unwrap();
    assert!(fault(folder.path()).what.contains("signature"));
    fs::write(&path, &note).unwrap();
    let other = SecretKey::generate("exeat/test-node").unwrap();
    let refused = verify(folder.path(), other.public(), &[]).unwrap_err();
    assert!(
        refused.to_string().contains("no signature of this key"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_log_put_back_to_an_earlier_state_disagrees_with_a_kept_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 10).await;
    let earlier = tempfile::tempdir().unwrap();
    copy(folder.path(), earlier.path());
    closed_log(folder.path(), 10).await;
    let note = fs::read_to_string(folder.path().join("checkpoint")).unwrap();
    let key = PublicKey::read(&folder.path().join(PUBLIC_FILE)).unwrap();
    assert!(verify(folder.path(), &key, std::slice::from_ref(&note)).is_ok());
    assert!(
        verify(earlier.path(), &key, &[]).is_ok(),
        "it can't show by itself"
    );
    assert!(verify(earlier.path(), &key, &[note]).is_err());
    // With the newest checkpoint alone put back, the log's own older ones tell.
    fs::copy(
        earlier.path().join("checkpoint"),
        folder.path().join("checkpoint"),
    )
    .unwrap();
    assert!(fault(folder.path()).what.contains("rolled back"));
}

#[tokio::test]
async fn a_changed_or_missing_policy_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 10).await;
    let path = fs::read_dir(folder.path().join("policies"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("api.stripe.com", "api.evil.com")).unwrap();
    assert!(fault(folder.path()).what.contains("was changed"));
    fs::remove_file(&path).unwrap();
    assert!(fault(folder.path()).what.contains("can't be read"));
}

#[tokio::test]
async fn leaves_behind_the_newest_checkpoint_are_counted_not_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 10).await;
    let path = first_segment(folder.path());
    let more = [
        fs::read(&path).unwrap(),
        lines(&path)[0].clone(),
        b"{\"at\":".to_vec(),
    ]
    .concat();
    fs::write(&path, more).unwrap();
    let report = check(folder.path()).unwrap();
    assert_eq!((report.unsigned, report.torn), (1, 6));
}

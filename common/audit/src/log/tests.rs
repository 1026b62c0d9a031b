//! Facts about the writer: recovery, waiting, and order.

mod failure;
mod unfinished;

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::context::Contexts;
use crate::event::{Completion, LogRecovered, Outcome};
use crate::key::{PUBLIC_FILE, PublicKey};
use crate::read::{Entry, Reader};
use crate::testing::{closed_log, connection, event, fill, judge, open, options};
use crate::tests::verified;
use crate::{files, id, tiles};

fn entries(directory: &Path) -> Vec<Entry> {
    let mut reader = Reader::open(directory).unwrap();
    std::iter::from_fn(|| reader.next().unwrap()).collect()
}

fn recovered(directory: &Path) -> Vec<LogRecovered<'static>> {
    let found = entries(directory).into_iter().map(|entry| entry.event.body);
    found
        .filter_map(|body| {
            if let Body::LogRecovered(it) = body {
                Some(it)
            } else {
                None
            }
        })
        .collect()
}

/// A log as a crash leaves it: the last `unsigned` leaves came after the newest checkpoint.
async fn crashed(directory: &Path) -> (Vec<u8>, u64) {
    let log = Log::open(LogOptions {
        checkpoint_every: Duration::from_secs(3600),
        ..options(directory)
    })
    .unwrap();
    fill(&log, 1).wait(AuditMode::Strict).await.unwrap();
    let policy = crate::PolicyActivated::new(
        crate::testing::POLICY_SET.hash(),
        crate::testing::POLICY_SET.canonical(),
    );
    log.append(&Event::now(
        Plane::Control,
        None,
        Body::PolicyActivated(policy),
    ))
    .unwrap();
    fill(&log, 6).wait(AuditMode::Strict).await.unwrap();
    let note = fs::read_to_string(directory.join("checkpoint")).unwrap();
    let bytes = fs::read(files::segment(directory, 0)).unwrap();
    log.close().await;
    // What the orderly stop added is taken away again.
    fs::write(directory.join("checkpoint"), &note).unwrap();
    let history = fs::read_to_string(directory.join("checkpoints")).unwrap();
    let first = history.split_inclusive("\n\n").take(2).collect::<String>();
    fs::write(directory.join("checkpoints"), first).unwrap();
    let key = PublicKey::read(&directory.join(PUBLIC_FILE)).unwrap();
    let signed = Checkpoint::open(&note, &key).unwrap().size;
    (bytes, signed)
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_and_the_cut_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, signed) = crashed(folder.path()).await;
    assert_eq!(signed, 0, "nothing was signed but the empty log");
    let key = PublicKey::read(&folder.path().join(PUBLIC_FILE)).unwrap();
    let path = files::segment(folder.path(), 0);
    let expect = |length: usize| {
        let whole = bytes[..length]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let leaves = bytes[..whole].iter().filter(|byte| **byte == b'\n').count() as u64;
        (whole as u64, (length - whole) as u64, leaves)
    };
    let last_two = bytes
        .iter()
        .rev()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(2)
        .unwrap()
        .0;
    for length in (0..=bytes.len()).filter(|at| at % 41 == 0 || at + last_two > bytes.len()) {
        fs::write(&path, &bytes[..length]).unwrap();
        let found = recover::recover(folder.path(), &key).unwrap();
        let (whole, cut, leaves) = expect(length);
        assert_eq!(
            (found.length, found.tree.size()),
            (whole, leaves),
            "length {length}"
        );
        let report = found
            .report
            .map(|report| (report.offset, report.cut_bytes, report.unsigned_leaves));
        assert_eq!(report, (length > 0).then_some((whole, cut, leaves)));
        assert_eq!(
            fs::read(&path).unwrap(),
            bytes[..usize::try_from(whole).unwrap()]
        );
    }
    let saved = ["checkpoint", "checkpoints"]
        .map(|name| (name, fs::read(folder.path().join(name)).unwrap()));
    for length in [bytes.len(), bytes.len() - 1, bytes.len() / 2, 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        for (name, content) in &saved {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Log::open(options(folder.path())).unwrap().close().await;
        let found = recovered(folder.path());
        let (whole, cut, leaves) = expect(length);
        assert_eq!(
            (
                found[0].offset,
                found[0].cut_bytes,
                found[0].unsigned_leaves
            ),
            (whole, cut, leaves)
        );
        assert_eq!((found.len(), verified(folder.path()).unsigned), (1, 0));
    }
}

#[tokio::test]
async fn garbage_and_unfinished_long_leaves_behind_the_last_checkpoint_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, _) = crashed(folder.path()).await;
    let path = files::segment(folder.path(), 0);
    let pieces = b"{\"piece\":{\"count\":3,\"index\":0,\"text\":\"x\"}}\n{\"piece\":{\"count\":3,\"index\":1,\"text\":\"y\"}}\n";
    for tail in [&b"\0\0\0\0\n\0\0"[..], b"{\"at\":1\n{}\n", pieces] {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, path) = {
            let (bytes, _) = crashed(folder.path()).await;
            (bytes, files::segment(folder.path(), 0))
        };
        fs::write(&path, [bytes.as_slice(), tail].concat()).unwrap();
        Log::open(options(folder.path())).unwrap().close().await;
        let found = recovered(folder.path());
        assert_eq!(
            (found[0].cut_bytes, found[0].offset),
            (tail.len() as u64, bytes.len() as u64)
        );
        verified(folder.path());
    }
    assert!(fs::read(path).unwrap().starts_with(&bytes));
}

#[tokio::test]
async fn an_orderly_stop_needs_no_recovery() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 600).await;
    closed_log(folder.path(), 600).await;
    assert!(recovered(folder.path()).is_empty());
    assert_eq!(verified(folder.path()).records, 2 * 603);
}

#[tokio::test]
async fn a_log_that_disagrees_with_its_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 20).await;
    let path = files::segment(folder.path(), 0);
    let bytes = fs::read(&path).unwrap();
    let refused = || Log::open(options(folder.path())).unwrap_err();
    let mut changed = bytes.clone();
    let at = changed
        .windows(5)
        .position(|part| part == b"\"at\":")
        .unwrap()
        + 9;
    changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
    fs::write(&path, &changed).unwrap();
    assert!(matches!(refused(), AuditError::Tampered(_)));
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(
        matches!(refused(), AuditError::Tampered(_)),
        "a signed leaf is never cut"
    );
    assert_eq!(
        fs::read(&path).unwrap().len(),
        bytes.len() - 1,
        "nothing is repaired"
    );
    fs::write(&path, b"").unwrap();
    assert!(matches!(refused(), AuditError::Tampered(_)));
    fs::remove_file(&path).unwrap();
    assert!(matches!(refused(), AuditError::Tampered(_)));
    fs::write(&path, &bytes).unwrap();
    let note = fs::read(folder.path().join("checkpoint")).unwrap();
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    assert!(matches!(refused(), AuditError::Tampered(_)));
    fs::write(folder.path().join("checkpoint"), note).unwrap();
    fs::rename(
        folder.path().join("audit.key"),
        folder.path().join("kept.key"),
    )
    .unwrap();
    assert!(
        matches!(refused(), AuditError::Io { .. }),
        "no new key for an old log"
    );
    fs::rename(
        folder.path().join("kept.key"),
        folder.path().join("audit.key"),
    )
    .unwrap();
    Log::open(options(folder.path())).unwrap().close().await;
    verified(folder.path());
}

#[tokio::test]
async fn a_start_goes_on_from_tiles_and_also_without_them() {
    let folder = tempfile::tempdir().unwrap();
    let small = || LogOptions {
        segment_bytes: 60_000,
        ..options(folder.path())
    };
    for broken in [false, true] {
        let log = open(small());
        fill(&log, 700);
        log.close().await;
        let last = *files::segments(folder.path()).unwrap().last().unwrap();
        assert!(last > 256);
        assert!(
            tiles::load(folder.path(), last).is_some(),
            "the sealed segments' tiles are there"
        );
        if broken {
            fs::remove_dir_all(folder.path().join("tile")).unwrap();
        }
    }
    Log::open(small()).unwrap().close().await;
    assert_eq!(
        verified(folder.path()).missing_tiles,
        0,
        "missing tiles are made again"
    );
}

#[test]
fn a_queue_that_is_full_refuses_records() {
    let shared = Shared::new(100);
    let push = |bytes: &[u8]| shared.push(bytes, Contexts::default(), None, None);
    assert!(push(&[b'x'; 60]).is_ok());
    assert!(matches!(push(&[b'x'; 60]), Err(AuditError::Backlog(60))));
    assert!(push(&[b'x'; 40]).is_ok());
}

#[tokio::test]
async fn records_that_nobody_waits_for_are_durable_soon() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    let event = Event::now(
        Plane::Gateway,
        None,
        Body::Completion(Completion::of(id(), Outcome::Completed)),
    );
    let receipt = log.append(&event).unwrap();
    while !receipt.is(AuditMode::Strict) {
        tokio::task::yield_now().await;
    }
    log.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_and_waiters_lose_nothing_and_wake_all() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(LogOptions {
        segment_bytes: 100_000,
        ..options(folder.path())
    });
    let modes = [AuditMode::Strict, AuditMode::Release, AuditMode::Written];
    let tasks: Vec<_> = (0..16_usize).map(|task| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for n in 0..60_usize {
                let request = connection("billing-fn", &format!("host-{}.example", n % 7));
                let mut decision = judge(&request);
                decision.obligations.audit = modes[(task + n) % 3];
                let event = event(&request, &decision);
                ids.push(event.id);
                let receipt = log.append(&event).unwrap();
                let mode = modes[(task * n) % 3];
                if n % 5 == 0 {
                    // A waiter that goes away leaves nothing behind.
                    tokio::select! { biased; () = std::future::ready(()) => {} _ = receipt.wait(mode) => {} }
                } else {
                    receipt.wait(mode).await.unwrap();
                    assert!(receipt.is(mode));
                }
            }
            ids
        })
    }).collect();
    let mut ids = HashSet::new();
    for task in tasks {
        ids.extend(task.await.unwrap());
    }
    log.close().await;
    let found: Vec<_> = entries(folder.path());
    let read: HashSet<_> = found.iter().map(|entry| entry.event.id).collect();
    assert_eq!(read.len(), found.len());
    assert!(ids.is_subset(&read) && ids.len() == 16 * 60);
    verified(folder.path());
}

#[tokio::test]
async fn a_dropped_log_writes_what_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    fill(&log, 20);
    drop(log);
    failure::reopened(folder.path()).close().await;
    assert!(recovered(folder.path()).is_empty());
    assert_eq!(verified(folder.path()).records, 22 + 2);
}

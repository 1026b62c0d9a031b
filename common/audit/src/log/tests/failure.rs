//! Facts about a disk that fails.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::disk::Disk;
use super::super::*;
use super::recovered;
use crate::testing::{connection, event, fill, judge, options};
use crate::tests::verified;

struct Broken {
    file: Box<dyn Disk>,
    fails: Arc<AtomicBool>,
    syncs: Arc<AtomicU64>,
    full: bool,
}

impl Disk for Broken {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.full && self.fails.load(Ordering::Acquire) {
            // As a full disk does: a part of it is written.
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::AcqRel);
        match !self.full && self.fails.load(Ordering::Acquire) {
            true => Err(io::Error::other("the disk is gone")),
            false => self.file.sync(),
        }
    }
}

fn breakable(directory: &Path, full: bool) -> (Log, Arc<AtomicBool>, Arc<AtomicU64>) {
    let (fails, syncs) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (flag, count) = (Arc::clone(&fails), Arc::clone(&syncs));
    let mount = Mount(Box::new(move |file| {
        let (fails, syncs) = (Arc::clone(&flag), Arc::clone(&count));
        Box::new(Broken {
            file: Box::new(file),
            fails,
            syncs,
            full,
        })
    }));
    (
        Log::mounted(options(directory), mount, true).unwrap(),
        fails,
        syncs,
    )
}

#[tokio::test]
async fn a_failed_sync_is_fatal_and_never_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (log, fails, syncs) = breakable(folder.path(), false);
    fill(&log, 2).wait(AuditMode::Strict).await.unwrap();
    fails.store(true, Ordering::Release);
    let before = syncs.load(Ordering::Acquire);
    let waiting = fill(&log, 1);
    assert!(matches!(
        waiting.wait(AuditMode::Strict).await,
        Err(AuditError::Failed(_))
    ));
    fails.store(false, Ordering::Release);
    let request = connection("billing-fn", "api.stripe.com");
    let decision = judge(&request);
    assert!(matches!(
        log.append(&event(&request, &decision)),
        Err(AuditError::Failed(_))
    ));
    assert!(matches!(
        waiting.wait(AuditMode::Strict).await,
        Err(AuditError::Failed(_))
    ));
    assert!(!log.health().writable);
    assert!(log.health().error.unwrap().contains("the disk is gone"));
    log.close().await;
    assert_eq!(syncs.load(Ordering::Acquire), before + 1);
}

#[tokio::test]
async fn a_full_disk_fails_every_waiter_and_the_next_start_cuts_what_was_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let (log, fails, _) = breakable(folder.path(), true);
    fill(&log, 2).wait(AuditMode::Strict).await.unwrap();
    fails.store(true, Ordering::Release);
    let receipts: Vec<_> = (0..5)
        .filter_map(|_| {
            let request = connection("billing-fn", "api.stripe.com");
            let decision = judge(&request);
            log.append(&event(&request, &decision)).ok()
        })
        .collect();
    assert!(!receipts.is_empty());
    for receipt in &receipts {
        assert!(receipt.wait(AuditMode::Written).await.is_err() || receipt.is(AuditMode::Written));
        assert!(receipt.wait(AuditMode::Strict).await.is_err());
    }
    drop(receipts);
    drop(log);
    let log = reopened(folder.path());
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
    log.close().await;
    assert_eq!(recovered(folder.path()).len(), 1);
    verified(folder.path());
}

/// Opens a log whose last writer may still be about to end.
pub(super) fn reopened(directory: &Path) -> Log {
    loop {
        match Log::open(options(directory)) {
            Err(AuditError::Locked(_)) => thread::yield_now(),
            log => return log.unwrap(),
        }
    }
}

//! Facts about the log as a whole.

use std::fs;
use std::path::Path;

use exeat_policy::AuditMode;

use crate::testing::{connection, event, judge, open, options};
use crate::{
    AuditError, Body, Event, Log, LogStopped, PUBLIC_FILE, Plane, PublicKey, Report, verify,
};

/// Verifies a log with the public key in its folder.
pub(crate) fn verified(directory: &Path) -> Report {
    let key = PublicKey::read(&directory.join(PUBLIC_FILE)).unwrap();
    verify(directory, &key, &[]).unwrap()
}

#[tokio::test]
async fn a_record_is_in_the_segment_when_its_receipt_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    for mode in [AuditMode::Strict, AuditMode::Release, AuditMode::Written] {
        let request = connection("billing-fn", "api.stripe.com");
        let mut decision = judge(&request);
        decision.obligations.audit = mode;
        let event = event(&request, &decision);
        let receipt = log.append(&event).unwrap();
        receipt.wait(mode).await.unwrap();
        assert!(receipt.is(mode));
        let text =
            fs::read_to_string(folder.path().join("segments/00000000000000000000.jsonl")).unwrap();
        assert!(text.contains(&event.id.to_string()));
        assert_eq!(
            text.matches("api.stripe.com").count(),
            text.matches("\"request\"").count()
        );
        assert_eq!(
            text.matches("\"prod\"").count(),
            1,
            "the labels are stored once"
        );
    }
    log.close().await;
    log.close().await;
    let event = Event::now(
        Plane::Control,
        None,
        Body::LogStopped(LogStopped { records: 0 }),
    );
    assert!(matches!(log.append(&event), Err(AuditError::Closed)));
}

#[tokio::test]
async fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(options(folder.path()));
    assert!(matches!(
        Log::open(options(folder.path())),
        Err(AuditError::Locked(_))
    ));
    log.close().await;
    open(options(folder.path())).close().await;
}

//! Facts about recording who reads.

use super::*;
use crate::read::Reader;
use crate::testing::{closed_log, open, options};
use crate::tests::verified;

fn readings(directory: &Path) -> Vec<LogRead<'static>> {
    let mut reader = Reader::open(directory).unwrap();
    let mut found = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        if let Body::LogRead(read) = entry.event.body {
            found.push(read);
        }
    }
    found
}

#[tokio::test]
async fn the_writing_process_records_a_reading() {
    // A path that is longer than a socket's may be.
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("x".repeat(120)).join("log");
    let log = open(options(&deep));
    assert_eq!(
        record_read(&deep, "search", "--role a").unwrap(),
        Recorded::ByWriter
    );
    let found = readings(&deep);
    assert_eq!(
        (&*found[0].command, &*found[0].filter),
        ("search", "--role a")
    );
    assert!(!found[0].user.is_empty());
    let mode = fs::metadata(deep.join(SOCKET))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    log.close().await;
    assert!(!deep.join(SOCKET).exists());
}

#[tokio::test]
async fn the_reader_records_it_where_no_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 5).await;
    assert_eq!(
        record_read(folder.path(), "tail", "").unwrap(),
        Recorded::ByReader
    );
    // As after a crash: a socket that nobody listens on.
    drop(UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    assert_eq!(
        record_read(folder.path(), "tail", "").unwrap(),
        Recorded::ByReader
    );
    assert_eq!(readings(folder.path()).len(), 2);
    assert_eq!(verified(folder.path()).unsigned, 0);
}

#[tokio::test]
async fn a_copy_without_the_key_is_read_as_a_copy() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 5).await;
    fs::remove_file(folder.path().join(SECRET_FILE)).unwrap();
    assert_eq!(
        record_read(folder.path(), "tail", "").unwrap(),
        Recorded::Copy
    );
    assert!(readings(folder.path()).is_empty());
}

#[tokio::test]
async fn a_log_that_refuses_records_refuses_readers() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 5).await;
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    assert!(matches!(
        record_read(folder.path(), "tail", ""),
        Err(AuditError::Tampered(_))
    ));
}

//! The names and the small file operations of the log's folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::error::AuditError;

/// The folder of the segments.
pub(crate) const SEGMENTS: &str = "segments";
/// The folder of the policies.
pub(crate) const POLICIES: &str = "policies";

/// Puts a file in place, atomically and durably.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), AuditError> {
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(AuditError::io("create", &part))?;
    file.write_all(bytes)
        .map_err(AuditError::io("write", &part))?;
    file.sync_data().map_err(AuditError::io("sync", &part))?;
    fs::rename(&part, path).map_err(AuditError::io("rename", &part))
}

/// Makes new names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), AuditError> {
    let folder = File::open(path).map_err(AuditError::io("open", path))?;
    folder.sync_all().map_err(AuditError::io("sync", path))
}

/// Makes a folder, where it does not exist, that only its owner can look into.
pub(crate) fn make_folder(path: &Path) -> Result<(), AuditError> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(AuditError::io("create", path))
}

/// A segment's place: named by the number of its first leaf.
pub(crate) fn segment(directory: &Path, first: u64) -> PathBuf {
    directory.join(SEGMENTS).join(format!("{first:020}.jsonl"))
}

/// The numbers of the segments' first leaves, in order.
pub(crate) fn segments(directory: &Path) -> Result<Vec<u64>, AuditError> {
    let folder = directory.join(SEGMENTS);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AuditError::io("read", &folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(AuditError::io("read", &folder))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jsonl"));
        found.extend(
            number
                .filter(|n| n.len() == 20)
                .and_then(|n| n.parse::<u64>().ok()),
        );
    }
    found.sort_unstable();
    Ok(found)
}

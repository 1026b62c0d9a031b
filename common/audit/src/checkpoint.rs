//! Checkpoints: the tree's size and root, signed (C2SP tlog-checkpoint in a C2SP signed-note).
//!
//! The time of signing is an extension line, so that it is signed too. A checkpoint is only ever made of
//! leaves that are durable.

#[cfg(test)]
mod tests;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::AuditError;
use crate::files;
use crate::key::{PublicKey, SecretKey};
use crate::tree::Hash;

/// The newest checkpoint.
pub(crate) const LATEST_FILE: &str = "checkpoint";
/// Checkpoints of all times, thinned, one after the other.
pub(crate) const HISTORY_FILE: &str = "checkpoints";

const TIME: &str = "time ";

/// What a checkpoint states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// When it was signed, milliseconds since the Unix epoch.
    pub at: Option<i64>,
}

/// Why a checkpoint can't be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not a checkpoint in a signed note.
    #[error("it is not a signed checkpoint")]
    Malformed,
    /// It is of another log.
    #[error("it is of another log")]
    Origin,
    /// No signature line is by the key.
    #[error("it carries no signature of this key")]
    Unsigned,
    /// The key's signature does not hold.
    #[error("its signature does not hold")]
    Signature,
}

impl Checkpoint {
    fn text(&self) -> String {
        let root = STANDARD.encode(self.root);
        let time = self
            .at
            .map(|at| format!("{TIME}{at}\n"))
            .unwrap_or_default();
        format!("{}\n{}\n{root}\n{time}", self.origin, self.size)
    }

    /// The signed note.
    pub(crate) fn sign(&self, key: &SecretKey) -> String {
        let text = self.text();
        let mut signature = key.public().id().to_vec();
        signature.extend_from_slice(&key.sign(text.as_bytes()));
        format!(
            "{text}\n\u{2014} {} {}\n",
            key.public().name(),
            STANDARD.encode(signature)
        )
    }

    /// Reads a signed note and checks its signature.
    ///
    /// # Errors
    /// Where it is no checkpoint of the key's log, or the signature does not hold.
    pub fn open(note: &str, key: &PublicKey) -> Result<Self, CheckpointError> {
        let (body, signatures) = note.split_once("\n\n").ok_or(CheckpointError::Malformed)?;
        let text = format!("{body}\n");
        let checkpoint = Self::parse(&text).ok_or(CheckpointError::Malformed)?;
        if !signatures.ends_with('\n') {
            return Err(CheckpointError::Malformed);
        }
        if checkpoint.origin != key.name() {
            return Err(CheckpointError::Origin);
        }
        for line in signatures.lines() {
            let line = line
                .strip_prefix("\u{2014} ")
                .ok_or(CheckpointError::Malformed)?;
            let (name, signature) = line.split_once(' ').ok_or(CheckpointError::Malformed)?;
            let bytes = STANDARD
                .decode(signature)
                .map_err(|_| CheckpointError::Malformed)?;
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else {
                return Err(CheckpointError::Malformed);
            };
            if name != key.name() || *id != key.id() {
                continue;
            }
            let signature = signature
                .try_into()
                .map_err(|_| CheckpointError::Malformed)?;
            return match key.verify(text.as_bytes(), signature) {
                true => Ok(checkpoint),
                false => Err(CheckpointError::Signature),
            };
        }
        Err(CheckpointError::Unsigned)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
        let size = lines.next()?;
        let number: u64 = size.parse().ok()?;
        if number.to_string() != size {
            return None;
        }
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let at = lines
            .find_map(|line| line.strip_prefix(TIME))
            .and_then(|at| at.parse().ok());
        Some(Self {
            origin,
            size: number,
            root,
            at,
        })
    }
}

/// Puts a note in place of the newest checkpoint, atomically and durably.
pub(crate) fn replace(directory: &Path, note: &str) -> Result<(), AuditError> {
    files::replace(&directory.join(LATEST_FILE), note.as_bytes())
}

/// Adds a note to the history.
pub(crate) fn remember(directory: &Path, note: &str) -> Result<(), AuditError> {
    let path = directory.join(HISTORY_FILE);
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(AuditError::io("open", &path))?;
    file.write_all(format!("{note}\n").as_bytes())
        .map_err(AuditError::io("write", &path))?;
    file.sync_data().map_err(AuditError::io("sync", &path))
}

/// The notes of the history, oldest first. What follows the last whole one is cut off by `mend`.
pub(crate) fn history(directory: &Path) -> Result<Vec<String>, AuditError> {
    let path = directory.join(HISTORY_FILE);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(AuditError::io("read", &path)(error)),
    };
    Ok(whole(&text).0)
}

/// Cuts a torn tail off the history, as a crash in the middle of [`remember`] leaves it.
pub(crate) fn mend(directory: &Path) -> Result<(), AuditError> {
    let path = directory.join(HISTORY_FILE);
    let Ok(bytes) = fs::read(&path) else {
        return Ok(());
    };
    let (_, length) = whole(&String::from_utf8_lossy(&bytes));
    if length < bytes.len() {
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(AuditError::io("open", &path))?;
        let length = u64::try_from(length).unwrap_or_default();
        file.set_len(length)
            .map_err(AuditError::io("truncate", &path))?;
        file.sync_all().map_err(AuditError::io("sync", &path))?;
    }
    Ok(())
}

/// The whole notes of a history and the length that they take. A note has two parts; a blank line ends each.
fn whole(text: &str) -> (Vec<String>, usize) {
    let (mut notes, mut rest, mut length) = (Vec::new(), text, 0);
    while let Some((body, after)) = rest.split_once("\n\n")
        && let Some((signatures, after)) = after.split_once("\n\n")
    {
        notes.push(format!("{body}\n\n{signatures}\n"));
        length += rest.len() - after.len();
        rest = after;
    }
    (notes, length)
}

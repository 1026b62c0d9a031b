//! Checks a whole log offline, with nothing but its folder and the public key.
//!
//! Everything that a reader relies on is looked at: framing, canonical form, every hash against every
//! checkpoint, the checkpoints' signatures, the chain of segments, contexts and policies that records refer
//! to. It never writes, never needs the secret key, and believes nothing that is not signed: tiles only
//! help to name the record.

mod fault;
#[cfg(test)]
mod tests;
mod walk;

use std::fs;
use std::io;
use std::path::Path;

use crate::checkpoint::{self, Checkpoint, LATEST_FILE};
use crate::error::AuditError;
use crate::key::PublicKey;
use crate::tree::Hash;

pub use fault::Fault;

use walk::Walk;

/// What was found in order.
#[derive(Clone, Debug)]
pub struct Report {
    /// Events.
    pub records: u64,
    /// Leaves of the tree: events, contexts and pieces of long ones.
    pub leaves: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// The root over all leaves.
    pub root: Hash,
    /// The newest checkpoint.
    pub checkpoint: Checkpoint,
    /// How many checkpoints agree with the leaves.
    pub checkpoints: u64,
    /// Leaves behind the newest checkpoint: written, not yet signed.
    pub unsigned: u64,
    /// Bytes of a leaf that is not whole (yet) at the very end.
    pub torn: u64,
    /// Tiles that do not exist, though they should; `exeat` makes do without.
    pub missing_tiles: u64,
    /// Policies that records refer to, all present and true to their hashes.
    pub policies: u64,
}

/// Why a log does not verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file can't be read.
    #[error(transparent)]
    Read(#[from] AuditError),
    /// The first thing that is wrong.
    #[error(transparent)]
    Bad(#[from] Box<Fault>),
}

/// Verifies the log in a folder. `kept` are signed checkpoints that somebody kept elsewhere: the log must
/// agree with these too, which shows that it was not replaced by an earlier or another one.
///
/// # Errors
/// The first fault, or the file that can't be read.
pub fn verify(directory: &Path, key: &PublicKey, kept: &[String]) -> Result<Report, VerifyError> {
    let path = directory.join(LATEST_FILE);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Fault::whole(format!(
                "the newest checkpoint (`{LATEST_FILE}`) is missing"
            ))
            .into());
        }
        Err(error) => return Err(AuditError::io("read", &path)(error).into()),
    };
    let open = |note: &str, which: &str| {
        Checkpoint::open(note, key)
            .map_err(|error| Fault::whole(format!("{which}: {error} (key {})", key.name())))
    };
    let newest = open(&note, "the newest checkpoint")?;
    let mut all = vec![newest.clone()];
    for (nth, note) in (1..).zip(checkpoint::history(directory)?) {
        let old = open(
            &note,
            &format!("checkpoint {nth} of `{}`", checkpoint::HISTORY_FILE),
        )?;
        if old.size > newest.size {
            let why = format!(
                "the newest checkpoint covers {} leaves, but an older one of {} leaves is kept: the log was rolled back",
                newest.size, old.size
            );
            return Err(Fault::at(newest.size).because(why).into());
        }
        all.push(old);
    }
    for (nth, note) in (1..).zip(kept) {
        all.push(open(note, &format!("given checkpoint {nth}"))?);
    }
    all.sort_by_key(|checkpoint| checkpoint.size);
    Walk::new(directory, newest, all).run()
}

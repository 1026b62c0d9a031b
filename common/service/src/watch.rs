//! Notices that files changed: first by what the system says about them, then by their content, so
//! that a touch or an atomic replacement by the same text changes nothing.

use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Config;

/// All files that are taken over while the process runs, by what they are.
#[derive(Debug)]
pub struct Files {
    pub(crate) policy: Watch,
    pub(crate) identity: Watch,
    pub(crate) certificates: Watch,
}

impl Files {
    /// As they are now: to be made before anything is read, so that no change between the two is missed.
    pub fn watch(config: &Config) -> Self {
        Self {
            policy: Watch::new(config.policy.clone()),
            identity: Watch::new(config.identity.watch_paths()),
            certificates: Watch::new(config.certificate_paths()),
        }
    }
}

/// Files and folders that are looked at again and again. Of a folder: every file in it, one level.
#[derive(Debug)]
pub(crate) struct Watch {
    paths: Vec<PathBuf>,
    identity: Vec<(PathBuf, Option<Identity>)>,
    content: u64,
    hasher: RandomState,
}

/// What the system says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Watch {
    /// Starts with the files as they are now.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        let identity = identities(&paths);
        let hasher = RandomState::new();
        let content = content(&identity, &hasher);
        Self {
            paths,
            identity,
            content,
            hasher,
        }
    }

    /// Whether the content changed since the last call.
    pub(crate) fn changed(&mut self) -> bool {
        let identity = identities(&self.paths);
        if identity == self.identity {
            return false;
        }
        let content = content(&identity, &self.hasher);
        let changed = content != self.content;
        self.identity = identity;
        self.content = content;
        changed
    }
}

fn identities(paths: &[PathBuf]) -> Vec<(PathBuf, Option<Identity>)> {
    let mut files: Vec<_> = paths.iter().flat_map(|path| files(path)).collect();
    files.sort();
    files.dedup();
    files
        .into_iter()
        .map(|file| (identity(&file), file))
        .map(|(identity, file)| (file, identity))
        .collect()
}

/// The path itself, or the files of a folder.
fn files(path: &Path) -> Vec<PathBuf> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| !path.is_dir())
            .collect(),
        Err(_) => vec![path.to_owned()],
    }
}

fn identity(file: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
    })
}

fn content(files: &[(PathBuf, Option<Identity>)], hasher: &RandomState) -> u64 {
    let read: Vec<_> = files
        .iter()
        .map(|(file, _)| (file, std::fs::read(file).ok()))
        .collect();
    hasher.hash_one(read)
}

#[cfg(test)]
mod tests;

//! The active policy: where it is read from, and the one atomic pointer that every decision starts at.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use exeat_policy::{Diagnostics, PolicySet, Source};

/// Why there is no policy to activate.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder can't be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A folder without a policy in it.
    #[error("{}: no policy file (*.yaml, *.yml) in this folder", .0.display())]
    Empty(PathBuf),
    /// The policy does not hold.
    #[error(transparent)]
    Invalid(#[from] Diagnostics),
}

/// Reads the files of a policy and compiles them. Of a folder: its `*.yaml` and `*.yml`, in the order
/// of their names, without the test cases (`*.test.yaml`).
pub fn load(paths: &[PathBuf]) -> Result<PolicySet, PolicyError> {
    let mut sources = Vec::new();
    for path in paths {
        for file in files(path)? {
            let text = std::fs::read_to_string(&file).map_err(unreadable(&file))?;
            sources.push(Source {
                name: file.display().to_string(),
                text,
            });
        }
    }
    Ok(exeat_policy::load(&sources)?)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, PolicyError> {
    if !std::fs::metadata(path).map_err(unreadable(path))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
        let file = entry.map_err(unreadable(path))?.path();
        if is_policy(&file) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(PolicyError::Empty(path.to_owned()));
    }
    files.sort();
    Ok(files)
}

fn is_policy(file: &Path) -> bool {
    let name = file
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    let stem = name
        .strip_suffix(".yaml")
        .or_else(|| name.strip_suffix(".yml"));
    !name.starts_with('.') && stem.is_some_and(|stem| !stem.ends_with(".test")) && !file.is_dir()
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> PolicyError {
    let path = path.to_owned();
    move |error| PolicyError::Unreadable { path, error }
}

/// Holds the active policy. Cloning shares it.
#[derive(Clone, Debug)]
pub struct PolicyStore(Arc<ArcSwap<PolicySet>>);

impl PolicyStore {
    /// Starts with this policy.
    pub fn new(policy: Arc<PolicySet>) -> Self {
        Self(Arc::new(ArcSwap::new(policy)))
    }

    /// The active policy, for one decision: cheap, and must not be held over an await.
    pub fn current(&self) -> Guard<Arc<PolicySet>> {
        self.0.load()
    }

    /// The active policy, to be kept.
    pub fn snapshot(&self) -> Arc<PolicySet> {
        self.0.load_full()
    }

    /// INVARIANT: only [`crate::Core`] calls this, which judges the live sessions again afterwards.
    pub(crate) fn replace(&self, policy: Arc<PolicySet>) {
        self.0.store(policy);
    }
}

//! Why the log can't do what it was asked. Every variant ends in "nothing new is let through".

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of the log. Cheap to clone: one failure is told to everybody who waits.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// Another process writes this log.
    #[error("another process writes the audit log in `{}`", .0.display())]
    Locked(PathBuf),
    /// A file operation failed.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: Arc<io::Error>,
    },
    /// The log does not agree with its own checkpoint.
    #[error("the audit log does not agree with its last checkpoint: {0}")]
    Tampered(String),
    /// A key file is not usable.
    #[error("the key in `{}` is not usable: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// An event can't be put in canonical form.
    #[error("an event cannot be encoded: {0}")]
    Encode(String),
    /// More is waiting for the disk than is allowed to wait.
    #[error("the audit log is {0} bytes behind its disk")]
    Backlog(usize),
    /// The log failed before; it never recovers by itself.
    #[error("the audit log has failed: {0}")]
    Failed(Arc<Self>),
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
}

impl AuditError {
    /// The metric label.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Locked(_) => "locked",
            Self::Io { .. } => "io",
            Self::Tampered(_) => "tampered",
            Self::Key { .. } => "key",
            Self::Encode(_) => "encode",
            Self::Backlog(_) => "backlog",
            Self::Failed(_) => "failed",
            Self::Closed => "closed",
        }
    }

    /// What a client may know.
    pub fn public_message(&self) -> &'static str {
        "the audit log is not available, so nothing is let through"
    }

    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            what,
            path,
            source: Arc::new(source),
        }
    }
}

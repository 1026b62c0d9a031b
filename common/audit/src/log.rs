//! The log for writing: any thread appends, one writer thread owns the files.
//!
//! `append` encodes and queues; it does no IO and never blocks. A [`Receipt`] tells when the record is in
//! the kernel and when it is durable. Where the log can't be written every later call fails: the caller
//! lets nothing through.

mod disk;
mod measure;
mod options;
mod queue;
mod receipt;
mod recover;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::thread;

use exeat_policy::AuditMode;

use crate::encode::encode;
use crate::error::AuditError;
use crate::event::{Body, Event, LogStarted, LogStopped, Plane};

pub use options::LogOptions;
pub use receipt::Receipt;

use disk::Mount;
use queue::Shared;
use writer::Writer;

/// How the log is doing.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether records can be appended.
    pub writable: bool,
    /// Why not.
    pub error: Option<String>,
    /// Records that wait for the writer.
    pub pending: u64,
    /// Records written by this process.
    pub records: u64,
}

/// The log. Cheap to clone; all clones are the same log.
#[derive(Clone)]
pub struct Log {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("health", &self.health())
            .finish()
    }
}

impl Log {
    /// Opens the log in a folder, which is made where it does not exist, and starts its writer thread.
    ///
    /// # Errors
    /// [`AuditError::Locked`] where another process writes this log, [`AuditError::Tampered`] where it does
    /// not agree with its last checkpoint, [`AuditError::Io`] where it can't be read or written.
    pub fn open(options: LogOptions) -> Result<Self, AuditError> {
        Self::mounted(options, Mount::default())
    }

    fn mounted(options: LogOptions, mount: Mount) -> Result<Self, AuditError> {
        let shared = Arc::new(Shared::new(options.queue_bytes));
        let node = options.node.clone();
        let (writer, recovered) = Writer::open(options, Arc::clone(&shared), mount)?;
        let leaves = writer.leaves();
        thread::Builder::new()
            .name("exeat-audit".to_owned())
            .spawn(move || writer.run())
            .map_err(AuditError::io(
                "start the writer thread of",
                "exeat-audit".as_ref(),
            ))?;
        let log = Self {
            inner: Arc::new(Inner { shared }),
        };
        if let Some(recovered) = recovered {
            log.append(&Event::now(
                Plane::Control,
                None,
                Body::LogRecovered(recovered),
            ))?;
        }
        let version = env!("CARGO_PKG_VERSION").into();
        let started = LogStarted {
            version,
            node: node.into(),
            leaves,
        };
        log.append(&Event::now(Plane::Control, None, Body::LogStarted(started)))?;
        Ok(log)
    }

    /// Appends an event. Never blocks; callable from any thread.
    ///
    /// A decision starts its way to the disk at once, in the mode that its obligations name. Everything
    /// else goes with the next batch, within 50 milliseconds, unless somebody waits for it.
    ///
    /// # Errors
    /// Where the log can't be written, or is too far behind its disk. Nothing new may be let through then.
    pub fn append(&self, event: &Event<'_>) -> Result<Receipt, AuditError> {
        let shared = &self.inner.shared;
        let policy = match &event.body {
            Body::PolicyActivated(policy) => Some(policy),
            _ => None,
        };
        let position = encode(event, |leaf, contexts| {
            shared.push(leaf, contexts, policy, event.mode())
        })??;
        Ok(Receipt::new(Arc::clone(shared), position))
    }

    /// How the log is doing.
    pub fn health(&self) -> Health {
        self.inner.shared.health()
    }

    /// Writes everything that was appended and ends the writer. Later appends fail with
    /// [`AuditError::Closed`]. Calling it again is harmless.
    pub async fn close(&self) {
        let shared = &self.inner.shared;
        let stopped = LogStopped {
            records: self.health().records,
        };
        // Refused where the log is closed already, or failed: then it is not stopped in order.
        drop(self.append(&Event::now(Plane::Control, None, Body::LogStopped(stopped))));
        shared.close();
        let everything = Receipt::new(Arc::clone(shared), queue::CLOSED);
        // Where the log failed there is nothing left to wait for; the failure was told to each append.
        drop(everything.wait(AuditMode::Strict).await);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

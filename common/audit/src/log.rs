//! The log for writing: any thread appends, one writer thread owns the files.
//!
//! `append` encodes and queues; it does no IO and never blocks. A [`Receipt`] tells when the record is in
//! the kernel and when it is durable. Where the log can't be written every later call fails: the caller
//! lets nothing through.

mod disk;
#[cfg(feature = "testing")]
mod held;
mod measure;
mod options;
mod queue;
mod receipt;
mod recover;
#[cfg(test)]
mod tests;
mod unfinished;
mod writer;

use std::fmt;
use std::sync::{Arc, Weak};
use std::thread;

use exeat_policy::AuditMode;

use crate::control::Stopper;
use crate::encode::encode;
use crate::error::AuditError;
use crate::event::{Body, Event, LogStarted, LogStopped, Plane};

#[cfg(feature = "testing")]
pub use held::{Hold, Step};
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
    control: Stopper,
    /// Whether its start and its end are events: not where a reader only notes its reading.
    announced: bool,
}

/// A log that does not keep itself alive.
#[derive(Clone)]
pub(crate) struct WeakLog(Weak<Inner>);

impl WeakLog {
    pub(crate) fn upgrade(&self) -> Option<Log> {
        self.0.upgrade().map(|inner| Log { inner })
    }
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
        Self::mounted(options, Mount::default(), true)
    }

    /// Opens a log that no process writes, to note something in it and close it again.
    pub(crate) fn open_to_note(options: LogOptions) -> Result<Self, AuditError> {
        Self::mounted(options, Mount::default(), false)
    }

    fn mounted(options: LogOptions, mount: Mount, announced: bool) -> Result<Self, AuditError> {
        let shared = Arc::new(Shared::new(options.queue_bytes));
        let node = options.node.clone();
        let directory = options.directory.clone();
        let (writer, control, recovered) = Writer::open(options, Arc::clone(&shared), mount)?;
        let leaves = writer.leaves();
        let ends = if announced {
            unfinished::ends(&directory)?
        } else {
            Vec::new()
        };
        thread::Builder::new()
            .name("exeat-audit".to_owned())
            .spawn(move || writer.run())
            .map_err(AuditError::io(
                "start the writer thread of",
                "exeat-audit".as_ref(),
            ))?;
        let stopper = control.stopper();
        let log = Self {
            inner: Arc::new(Inner {
                shared,
                control: stopper,
                announced,
            }),
        };
        if let Some(recovered) = recovered {
            log.append(&Event::now(
                Plane::Control,
                None,
                Body::LogRecovered(recovered),
            ))?;
        }
        for end in &ends {
            log.append(end)?;
        }
        if announced {
            let version = env!("CARGO_PKG_VERSION").into();
            let started = LogStarted {
                version,
                node: node.into(),
                leaves,
            };
            log.append(&Event::now(Plane::Control, None, Body::LogStarted(started)))?;
        }
        control.serve(log.downgrade())?;
        Ok(log)
    }

    fn downgrade(&self) -> WeakLog {
        WeakLog(Arc::downgrade(&self.inner))
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

    /// Writes everything that was appended, signs it, and ends the writer. Later appends fail with
    /// [`AuditError::Closed`]. Calling it again is harmless.
    pub async fn close(&self) {
        // Where the log failed there is nothing left to wait for; the failure was told to each append.
        drop(self.closing().wait(AuditMode::Strict).await);
    }

    /// The same for a thread that runs no futures.
    pub(crate) fn close_blocking(&self) {
        drop(self.closing().wait_blocking(AuditMode::Strict));
    }

    fn closing(&self) -> Receipt {
        let Inner {
            shared,
            control,
            announced,
        } = &*self.inner;
        control.stop();
        if *announced {
            let stopped = LogStopped {
                records: self.health().records,
            };
            // Refused where the log is closed already, or failed: then it does not stop in order.
            drop(self.append(&Event::now(Plane::Control, None, Body::LogStopped(stopped))));
        }
        shared.close();
        Receipt::new(Arc::clone(shared), queue::CLOSED)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.control.stop();
        self.shared.close();
    }
}

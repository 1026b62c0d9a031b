//! A log whose disk does what a test says: holds a write or a sync back until it is let go, or fails.
//! Only built with the feature `testing`, which nothing but the tests of other crates asks for; with it a
//! service shows what it does before a record is where its mode promises it to be.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::disk::{Disk, Mount};
use super::{Log, LogOptions};
use crate::error::AuditError;

/// So that nothing is written or synced but what somebody waits for.
const NEVER: Duration = Duration::from_secs(3600);

/// What the disk is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The kernel gets bytes.
    Write,
    /// What it has becomes durable.
    Sync,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Step>,
    /// The writer stands before the held step.
    stands: bool,
    failing: bool,
}

/// The disk's handle. All clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<(Mutex<State>, Condvar)>);

impl Hold {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the disk stands still before this step.
    pub fn hold(&self, step: Step) {
        self.state().held = Some(step);
    }

    /// Whether the writer has come to the held step.
    pub fn stands(&self) -> bool {
        self.state().stands
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.state().held = None;
        self.0.1.notify_all();
    }

    /// Lets it go on to fail, now and for good.
    pub fn fail(&self) {
        self.state().failing = true;
        self.release();
    }

    fn pass(&self, step: Step) -> io::Result<()> {
        let mut state = self.state();
        while state.held == Some(step) {
            state.stands = true;
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.stands = false;
        match state.failing {
            true => Err(io::Error::other("the disk is gone")),
            false => Ok(()),
        }
    }
}

struct Held {
    file: File,
    hold: Hold,
}

impl Disk for Held {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hold.pass(Step::Write)?;
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.hold.pass(Step::Sync)?;
        Disk::sync(&mut self.file)
    }
}

impl Log {
    /// Opens a log in a folder, on such a disk. It writes and syncs only what is waited for.
    ///
    /// # Errors
    /// Those of [`Log::open`].
    pub fn open_held(options: LogOptions) -> Result<(Self, Hold), AuditError> {
        let hold = Hold::default();
        let disk = hold.clone();
        let mount = Mount(Box::new(move |file| {
            let hold = disk.clone();
            Box::new(Held { file, hold })
        }));
        let options = LogOptions {
            linger: NEVER,
            checkpoint_every: NEVER,
            ..options
        };
        Ok((Self::mounted(options, mount, true)?, hold))
    }
}

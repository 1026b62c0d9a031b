//! The one thread that owns the log's files: it writes batches, syncs once for all that wait, and stops
//! for good at the first error. A failed sync is never retried: the kernel may have dropped the pages.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::options::LogOptions;
use super::queue::{Batch, CLOSED, Shared, Work};
use crate::error::AuditError;

pub(super) struct Writer {
    options: LogOptions,
    shared: Arc<Shared>,
    // Held, never read: the lock lives as long as the file.
    _lock: File,
    path: PathBuf,
    segment: File,
    leaves: u64,
    buffer: Vec<u8>,
    epoch: u64,
    written: u64,
    durable: u64,
    dirty_since: Option<Instant>,
}

impl Writer {
    pub(super) fn open(options: LogOptions, shared: Arc<Shared>) -> Result<Self, AuditError> {
        let directory = &options.directory;
        fs::create_dir_all(directory).map_err(AuditError::io("create", directory))?;
        let path = directory.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(AuditError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::Locked(directory.clone())),
            Err(TryLockError::Error(error)) => return Err(AuditError::io("lock", &path)(error)),
        }
        let path = directory.join("00000000000000000000.jsonl");
        let segment = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(AuditError::io("open", &path))?;
        Ok(Self {
            shared,
            _lock: lock,
            path,
            segment,
            leaves: 0,
            buffer: Vec::new(),
            epoch: 1,
            written: 0,
            durable: 0,
            dirty_since: None,
            options,
        })
    }

    /// How many leaves the log holds.
    pub(super) fn leaves(&self) -> u64 {
        self.leaves
    }

    pub(super) fn run(mut self) {
        if let Err(error) = self.work() {
            tracing::error!(%error, "the audit log failed; nothing new is let through");
            metrics::gauge!("exeat_audit_failed").set(1.0);
            self.shared.fail(error);
        }
    }

    fn work(&mut self) -> Result<(), AuditError> {
        let mut batch = Batch::default();
        loop {
            let limit = self
                .dirty_since
                .map(|since| self.options.linger.saturating_sub(since.elapsed()));
            let work = self.shared.take(&mut batch, self.options.linger, limit);
            self.write(&batch)?;
            let closing = matches!(work, Work::Close);
            let due = self
                .dirty_since
                .is_some_and(|since| since.elapsed() >= self.options.linger);
            if closing || due || batch.wanted_durable > self.durable {
                self.sync()?;
            }
            if closing {
                self.shared.publish_written(CLOSED);
                self.shared.publish_durable(CLOSED);
                return Ok(());
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), AuditError> {
        if batch.items.is_empty() {
            return Ok(());
        }
        self.buffer.clear();
        let mut start = 0;
        for item in &batch.items {
            if let Some(policy) = &item.policy {
                self.keep_policy(&policy.0, &policy.1)?;
            }
            for context in [&item.contexts.caller, &item.contexts.subject]
                .into_iter()
                .flatten()
            {
                if !context.mark(self.epoch) {
                    self.buffer.extend_from_slice(&context.leaf);
                    self.buffer.push(b'\n');
                }
            }
            self.buffer
                .extend_from_slice(batch.bytes.get(start..item.end).unwrap_or_default());
            self.buffer.push(b'\n');
            start = item.end;
        }
        self.segment
            .write_all(&self.buffer)
            .map_err(AuditError::io("write", &self.path))?;
        self.written = batch.last;
        self.dirty_since.get_or_insert_with(Instant::now);
        self.shared.publish_written(self.written);
        Ok(())
    }

    /// Keeps a policy by its hash, durably, before the record that names it is written.
    fn keep_policy(&self, hash: &str, canonical: &str) -> Result<(), AuditError> {
        let folder = self.options.directory.join("policies");
        let path = folder.join(format!("{hash}.json"));
        if path.exists() {
            return Ok(());
        }
        fs::create_dir_all(&folder).map_err(AuditError::io("create", &folder))?;
        let part = folder.join(format!("{hash}.part"));
        let mut file = File::create(&part).map_err(AuditError::io("create", &part))?;
        file.write_all(canonical.as_bytes())
            .map_err(AuditError::io("write", &part))?;
        file.sync_data().map_err(AuditError::io("sync", &part))?;
        fs::rename(&part, &path).map_err(AuditError::io("rename", &part))
    }

    fn sync(&mut self) -> Result<(), AuditError> {
        if self.dirty_since.take().is_some() {
            self.segment
                .sync_data()
                .map_err(AuditError::io("sync", &self.path))?;
        }
        self.durable = self.written;
        self.shared.publish_durable(self.durable);
        Ok(())
    }
}

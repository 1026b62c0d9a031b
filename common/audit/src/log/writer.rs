//! The one thread that owns the log's files: it writes batches, syncs once for all that wait, signs
//! checkpoints, and stops for good at the first error. A failed sync is never retried: the kernel may
//! have dropped the pages that it could not write, and a second sync would claim that they are safe.

use std::fs::{File, OpenOptions, TryLockError};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::disk::{Disk, Mount};
use super::measure::Measures;
use super::options::LogOptions;
use super::queue::{Batch, CLOSED, Item, Shared, Work};
use super::recover::{self, Recovered};
use crate::canonical::Encoder;
use crate::checkpoint::{self, Checkpoint};
use crate::control::Control;
use crate::error::AuditError;
use crate::event::LogRecovered;
use crate::files;
use crate::id;
use crate::key::SecretKey;
use crate::segment::{self, MAX_LEAF};
use crate::tiles;
use crate::tree::{Tree, leaf_hash};

/// How often a checkpoint is also kept for good.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);

/// Numbers the segments of all logs of this process, so that a context knows which one holds it.
static EPOCHS: AtomicU64 = AtomicU64::new(1);

pub(super) struct Writer {
    options: LogOptions,
    shared: Arc<Shared>,
    // Held, never read: the lock lives as long as the file.
    lock: Option<File>,
    key: SecretKey,
    mount: Mount,
    tree: Tree,
    path: PathBuf,
    segment: Box<dyn Disk>,
    segment_bytes: u64,
    epoch: u64,
    buffer: Vec<u8>,
    encoder: Encoder,
    written: u64,
    durable: u64,
    dirty_since: Option<Instant>,
    signed: u64,
    signed_at: Instant,
    remembered: u64,
    remembered_at: Instant,
    measures: Measures,
}

/// Locks a log's folder for its one writer.
fn lock(directory: &Path) -> Result<File, AuditError> {
    let path = directory.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(AuditError::io("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(AuditError::Locked(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(AuditError::io("lock", &path)(error)),
    }
}

fn open_segment(directory: &Path, path: &Path, mount: &Mount) -> Result<Box<dyn Disk>, AuditError> {
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .append(true)
        .open(path)
        .map_err(AuditError::io("open", path))?;
    files::sync_folder(&directory.join(files::SEGMENTS))?;
    Ok((mount.0)(file))
}

impl Writer {
    /// Opens the log; says what had to be recovered.
    pub(super) fn open(
        options: LogOptions,
        shared: Arc<Shared>,
        mount: Mount,
    ) -> Result<(Self, Control, Option<LogRecovered<'static>>), AuditError> {
        let directory = &options.directory;
        files::make_folder(&directory.join(files::SEGMENTS))?;
        files::make_folder(&directory.join(files::POLICIES))?;
        let lock = lock(directory)?;
        let control = Control::listen(directory)?;
        let new = recover::is_new(directory)?;
        let key = SecretKey::open(directory, &options.node, new)?;
        let found = match new {
            true => Recovered {
                tree: Tree::default(),
                first: 0,
                length: 0,
                report: None,
            },
            false => recover::recover(directory, key.public())?,
        };
        let path = files::segment(directory, found.first);
        let segment = open_segment(directory, &path, &mount)?;
        let now = Instant::now();
        let mut writer = Self {
            shared,
            lock: Some(lock),
            key,
            mount,
            tree: found.tree,
            path,
            segment,
            segment_bytes: found.length,
            epoch: EPOCHS.fetch_add(1, Ordering::Relaxed),
            buffer: Vec::new(),
            encoder: Encoder::default(),
            written: 0,
            durable: 0,
            dirty_since: None,
            signed: 0,
            signed_at: now,
            remembered: 0,
            remembered_at: now,
            measures: Measures::default(),
            options,
        };
        // What a crash left unsigned is in the kernel, not of necessity on the disk.
        writer
            .segment
            .sync()
            .map_err(AuditError::io("sync", &writer.path))?;
        writer.sign()?;
        writer.remember()?;
        files::sync_folder(&writer.options.directory)?;
        Ok((writer, control, found.report))
    }

    /// How many leaves the log holds.
    pub(super) fn leaves(&self) -> u64 {
        self.tree.size()
    }

    pub(super) fn run(mut self) {
        if let Err(error) = self.work() {
            tracing::error!(%error, "the audit log failed; nothing new is let through");
            self.measures.failed();
            self.shared.fail(error);
        }
    }

    fn work(&mut self) -> Result<(), AuditError> {
        let mut batch = Batch::default();
        loop {
            let work = self
                .shared
                .take(&mut batch, self.options.linger, self.next_duty());
            self.write(&batch)?;
            let closing = matches!(work, Work::Close);
            let due = self
                .dirty_since
                .is_some_and(|since| since.elapsed() >= self.options.linger);
            if closing || due || batch.wanted_durable > self.durable {
                self.sync()?;
            }
            let sign = closing || self.signed_at.elapsed() >= self.options.checkpoint_every;
            if sign && self.tree.size() > self.signed {
                self.sync()?;
                self.sign()?;
            }
            if closing {
                self.remember()?;
                // Before it is told, so that who waited for it can open the log again.
                self.lock = None;
                self.shared.publish_written(CLOSED);
                self.shared.publish_durable(CLOSED);
                return Ok(());
            }
            if self.remembered_at.elapsed() >= REMEMBER_EVERY {
                self.remember()?;
            }
            self.measures.pending(self.shared.health().pending);
        }
    }

    /// How long the writer may sleep: until the next sync or the next checkpoint is due.
    fn next_duty(&self) -> Option<Duration> {
        let sync = self
            .dirty_since
            .map(|since| self.options.linger.saturating_sub(since.elapsed()));
        let sign = (self.tree.size() > self.signed).then(|| {
            self.options
                .checkpoint_every
                .saturating_sub(self.signed_at.elapsed())
        });
        [sync, sign].into_iter().flatten().min()
    }

    fn write(&mut self, batch: &Batch) -> Result<(), AuditError> {
        let mut start = 0;
        for item in &batch.items {
            if self.segment_bytes >= self.options.segment_bytes {
                self.rotate()?;
            }
            self.item(item, batch.bytes.get(start..item.end).unwrap_or_default())?;
            start = item.end;
        }
        self.flush()?;
        self.written = batch.last.max(self.written);
        self.shared.publish_written(self.written);
        self.measures.records(batch.items.len());
        Ok(())
    }

    fn item(&mut self, item: &Item, leaf: &[u8]) -> Result<(), AuditError> {
        if let Some(policy) = &item.policy {
            self.keep_policy(&policy.0, &policy.1)?;
        }
        for context in [&item.contexts.caller, &item.contexts.subject]
            .into_iter()
            .flatten()
        {
            if !context.mark(self.epoch) {
                self.leaf(&context.leaf)?;
            }
        }
        self.leaf(leaf)
    }

    fn leaf(&mut self, leaf: &[u8]) -> Result<(), AuditError> {
        if leaf.len() <= MAX_LEAF {
            return self.line(leaf);
        }
        let mut pieces = Vec::new();
        segment::cut(leaf, &mut self.encoder, |piece| pieces.push(piece.to_vec()))
            .map_err(|error| AuditError::Encode(error.to_string()))?;
        pieces.iter().try_for_each(|piece| self.line(piece))
    }

    fn line(&mut self, leaf: &[u8]) -> Result<(), AuditError> {
        self.buffer.extend_from_slice(leaf);
        self.buffer.push(b'\n');
        self.segment_bytes += u64::try_from(leaf.len() + 1).unwrap_or(0);
        let directory = &self.options.directory;
        self.tree
            .append(leaf_hash(leaf), |tile| tiles::write_full(directory, &tile))
    }

    fn flush(&mut self) -> Result<(), AuditError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.segment
            .append(&self.buffer)
            .map_err(AuditError::io("write", &self.path))?;
        self.measures.bytes(self.buffer.len());
        self.buffer.clear();
        self.dirty_since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Seals the segment with a checkpoint, and starts the next one.
    fn rotate(&mut self) -> Result<(), AuditError> {
        self.flush()?;
        self.sync_segment()?;
        self.sign()?;
        self.remember()?;
        let directory = &self.options.directory;
        self.path = files::segment(directory, self.tree.size());
        self.segment = open_segment(directory, &self.path, &self.mount)?;
        self.segment_bytes = 0;
        self.epoch = EPOCHS.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps a policy by its hash, durably, before the record that names it is written.
    fn keep_policy(&self, hash: &str, canonical: &str) -> Result<(), AuditError> {
        let folder = self.options.directory.join(files::POLICIES);
        let path = folder.join(format!("{hash}.json"));
        if path.exists() {
            return Ok(());
        }
        files::replace(&path, canonical.as_bytes())?;
        files::sync_folder(&folder)
    }

    fn sync_segment(&mut self) -> Result<(), AuditError> {
        if self.dirty_since.take().is_some() {
            let start = Instant::now();
            self.segment
                .sync()
                .map_err(AuditError::io("sync", &self.path))?;
            self.measures.sync(start.elapsed());
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AuditError> {
        self.sync_segment()?;
        if self.durable < self.written {
            self.durable = self.written;
            self.shared.publish_durable(self.durable);
        }
        Ok(())
    }

    /// Signs what the tree holds. INVARIANT: only called when all of it is durable.
    fn sign(&mut self) -> Result<(), AuditError> {
        let note = self.note();
        tiles::write_partial(&self.options.directory, &self.tree)?;
        checkpoint::replace(&self.options.directory, &note)?;
        self.signed = self.tree.size();
        self.signed_at = Instant::now();
        Ok(())
    }

    fn note(&self) -> String {
        let origin = self.key.public().name().to_owned();
        let at = Some(id::now() / 1000);
        Checkpoint {
            origin,
            size: self.tree.size(),
            root: self.tree.root(),
            at,
        }
        .sign(&self.key)
    }

    /// Keeps the newest checkpoint for good, where it says more than the one kept before.
    fn remember(&mut self) -> Result<(), AuditError> {
        let before = mem::replace(&mut self.remembered, self.signed);
        self.remembered_at = Instant::now();
        if before == self.signed && before > 0 {
            return Ok(());
        }
        let path = self.options.directory.join(checkpoint::LATEST_FILE);
        let note = std::fs::read_to_string(&path).map_err(AuditError::io("read", &path))?;
        checkpoint::remember(&self.options.directory, &note)
    }
}

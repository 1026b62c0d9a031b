//! What the appending threads and the writer share: the queue of encoded leaves, how far the writer got,
//! and who waits for it.
//!
//! INVARIANT: `written` and `durable` only grow, and are stored before the waiters are woken; a waiter
//! registers under the lock that the writer takes after storing, and looks again under it. So no wake-up
//! is lost.

use std::collections::BTreeMap;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use exeat_policy::AuditMode;

use super::Health;
use crate::context::Contexts;
use crate::error::AuditError;
use crate::event::PolicyActivated;

/// The position that the writer reaches when it has closed the log.
pub(super) const CLOSED: u64 = u64::MAX;

/// A leaf in the queue's buffer.
#[derive(Debug)]
pub(super) struct Item {
    /// Where it ends.
    pub(super) end: usize,
    /// What it refers to.
    pub(super) contexts: Contexts,
    /// The policy that must be kept before it is written: hash and canonical form.
    pub(super) policy: Option<Box<(String, String)>>,
}

/// Leaves on their way to the writer.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) items: Vec<Item>,
    /// The position of its last item.
    pub(super) last: u64,
    /// Somebody waits for positions up to this one to be durable.
    pub(super) wanted_durable: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriterState {
    /// It will look at the queue again by itself.
    Busy,
    /// It waits for its linger time to pass.
    Lingering,
    /// It waits for anything at all.
    Asleep,
}

#[derive(Debug)]
struct Queue {
    batch: Batch,
    wanted_written: u64,
    state: WriterState,
    closing: bool,
    failure: Option<AuditError>,
}

/// What the writer should do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Write the batch that was swapped in; it may be empty, and then something is due by time.
    Batch,
    /// Write it, then close.
    Close,
}

/// Names an entry of the waiters.
pub(super) type Ticket = (u64, u64);

#[derive(Debug, Default)]
struct Waiters {
    next: u64,
    written: BTreeMap<Ticket, Waker>,
    durable: BTreeMap<Ticket, Waker>,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Shared {
    limit: usize,
    queue: Mutex<Queue>,
    work: Condvar,
    written: AtomicU64,
    durable: AtomicU64,
    failed: AtomicBool,
    waiters: Mutex<Waiters>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic under these locks can't leave them inconsistent: each section only moves plain values.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(limit: usize) -> Self {
        let queue = Queue {
            batch: Batch::default(),
            wanted_written: 0,
            state: WriterState::Busy,
            closing: false,
            failure: None,
        };
        Self {
            limit,
            queue: Mutex::new(queue),
            work: Condvar::new(),
            written: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            waiters: Mutex::default(),
        }
    }

    /// How far the writer got.
    pub(super) fn reached(&self, mode: AuditMode) -> u64 {
        match mode {
            AuditMode::Written => self.written.load(Ordering::Acquire),
            AuditMode::Release | AuditMode::Strict => self.durable.load(Ordering::Acquire),
        }
    }

    /// Queues a leaf; gives its position.
    pub(super) fn push(
        &self,
        leaf: &[u8],
        contexts: Contexts,
        policy: Option<&PolicyActivated<'_>>,
        mode: Option<AuditMode>,
    ) -> Result<u64, AuditError> {
        let policy =
            policy.map(|policy| Box::new((policy.hash.to_string(), policy.canonical.to_string())));
        let mut queue = lock(&self.queue);
        if let Some(failure) = &queue.failure {
            return Err(AuditError::Failed(Arc::new(failure.clone())));
        }
        if queue.closing {
            return Err(AuditError::Closed);
        }
        let batch = &mut queue.batch;
        if batch.bytes.len() + leaf.len() > self.limit {
            return Err(AuditError::Backlog(batch.bytes.len()));
        }
        batch.bytes.extend_from_slice(leaf);
        batch.items.push(Item {
            end: batch.bytes.len(),
            contexts,
            policy,
        });
        batch.last += 1;
        let position = batch.last;
        let urgent = mode.is_some_and(|mode| queue.want(mode, position));
        self.wake(queue, urgent);
        Ok(position)
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>, urgent: bool) {
        let wake = match queue.state {
            WriterState::Busy => false,
            WriterState::Lingering => urgent,
            WriterState::Asleep => true,
        };
        if wake {
            queue.state = WriterState::Busy;
        }
        drop(queue);
        if wake {
            self.work.notify_one();
        }
    }

    pub(super) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closing = true;
        self.wake(queue, true);
    }

    /// Registers a waiter, or says that there is nothing to wait for.
    pub(super) fn register(
        &self,
        mode: AuditMode,
        position: u64,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<(), AuditError>> {
        let mut waiters = lock(&self.waiters);
        if self.reached(mode) >= position {
            return Poll::Ready(Ok(()));
        }
        if self.failed.load(Ordering::Acquire) {
            drop(waiters);
            return Poll::Ready(Err(self.failure()));
        }
        let first = ticket.is_none();
        let ticket = *ticket.get_or_insert_with(|| {
            waiters.next += 1;
            (position, waiters.next)
        });
        waiters.of(mode).insert(ticket, waker.clone());
        drop(waiters);
        if first && position != CLOSED {
            let mut queue = lock(&self.queue);
            let urgent = queue.want(mode, position);
            self.wake(queue, urgent);
        }
        Poll::Pending
    }

    pub(super) fn forget(&self, ticket: Ticket) {
        let mut waiters = lock(&self.waiters);
        waiters.written.remove(&ticket);
        waiters.durable.remove(&ticket);
    }

    fn failure(&self) -> AuditError {
        let failure = lock(&self.queue).failure.clone();
        AuditError::Failed(Arc::new(failure.unwrap_or(AuditError::Closed)))
    }

    pub(super) fn health(&self) -> Health {
        let queue = lock(&self.queue);
        let records = match self.written.load(Ordering::Acquire) {
            CLOSED => queue.batch.last,
            written => written,
        };
        Health {
            writable: queue.failure.is_none() && !queue.closing,
            error: queue.failure.as_ref().map(ToString::to_string),
            pending: queue.batch.last.saturating_sub(records),
            records,
        }
    }

    /// For the writer: waits for work for at most `limit` and swaps the batch for an empty one.
    pub(super) fn take(
        &self,
        batch: &mut Batch,
        linger: Duration,
        limit: Option<Duration>,
    ) -> Work {
        batch.bytes.clear();
        batch.items.clear();
        let mut queue = lock(&self.queue);
        let mut limit = limit;
        loop {
            let empty = queue.batch.items.is_empty();
            let urgent = queue.wanted_written > self.written.load(Ordering::Acquire)
                || queue.batch.wanted_durable > self.durable.load(Ordering::Acquire);
            if queue.closing || urgent || limit.is_some_and(|limit| limit.is_zero()) {
                break;
            }
            if !empty {
                limit = Some(limit.map_or(linger, |limit| limit.min(linger)));
            }
            // With nothing queued any record wakes it, to start its linger time; then only an urgent one.
            queue.state = if empty {
                WriterState::Asleep
            } else {
                WriterState::Lingering
            };
            let (next, timed_out) = self.sleep(queue, limit);
            queue = next;
            if timed_out {
                break;
            }
        }
        queue.state = WriterState::Busy;
        let (last, wanted_durable) = (queue.batch.last, queue.batch.wanted_durable);
        mem::swap(&mut queue.batch, batch);
        (queue.batch.last, queue.batch.wanted_durable) = (last, wanted_durable);
        if queue.closing {
            Work::Close
        } else {
            Work::Batch
        }
    }

    fn sleep<'a>(
        &self,
        queue: MutexGuard<'a, Queue>,
        limit: Option<Duration>,
    ) -> (MutexGuard<'a, Queue>, bool) {
        let Some(limit) = limit else {
            let queue = self
                .work
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            return (queue, false);
        };
        let (queue, timeout) = self
            .work
            .wait_timeout(queue, limit)
            .unwrap_or_else(PoisonError::into_inner);
        (queue, timeout.timed_out())
    }

    /// For the writer: everything up to `position` is in the kernel.
    pub(super) fn publish_written(&self, position: u64) {
        self.written.store(position, Ordering::Release);
        self.wake_reached(AuditMode::Written, position);
    }

    /// For the writer: everything up to `position` is durable.
    pub(super) fn publish_durable(&self, position: u64) {
        self.durable.store(position, Ordering::Release);
        self.wake_reached(AuditMode::Strict, position);
    }

    fn wake_reached(&self, mode: AuditMode, position: u64) {
        let mut waiters = lock(&self.waiters);
        let list = waiters.of(mode);
        let later = match position.checked_add(1) {
            Some(next) => list.split_off(&(next, 0)),
            None => BTreeMap::new(),
        };
        let reached = mem::replace(list, later);
        drop(waiters);
        reached.into_values().for_each(Waker::wake);
    }

    /// For the writer: nothing can be written any more.
    pub(super) fn fail(&self, error: AuditError) {
        lock(&self.queue).failure = Some(error);
        let mut waiters = lock(&self.waiters);
        // Under the lock of the waiters: who registers later sees it.
        self.failed.store(true, Ordering::Release);
        let written = mem::take(&mut waiters.written);
        let durable = mem::take(&mut waiters.durable);
        drop(waiters);
        written
            .into_values()
            .chain(durable.into_values())
            .for_each(Waker::wake);
    }
}

impl Queue {
    /// Notes that somebody wants a position; says whether that is news.
    fn want(&mut self, mode: AuditMode, position: u64) -> bool {
        let wanted = match mode {
            AuditMode::Written => &mut self.wanted_written,
            AuditMode::Release | AuditMode::Strict => &mut self.batch.wanted_durable,
        };
        let news = *wanted < position;
        *wanted = position.max(*wanted);
        news
    }
}

impl Waiters {
    fn of(&mut self, mode: AuditMode) -> &mut BTreeMap<Ticket, Waker> {
        match mode {
            AuditMode::Written => &mut self.written,
            AuditMode::Release | AuditMode::Strict => &mut self.durable,
        }
    }
}

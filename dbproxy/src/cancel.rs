//! CancelRequests: the proxy gives out keys of its own, and passes a request with the right key on to
//! the database connection of that one session, only while a statement of it runs.
//!
//! A statement that has arrived here but not left yet counts: its cancel waits until it has left, because
//! the server forgets one that comes first. While a cancel is on its way nothing more of the session is
//! forwarded, so that a late one can't hit the statement after.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use smallvec::SmallVec;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::metrics;
use crate::upstream::CancelTarget;
use crate::wire::startup::CancelKey;

/// How long a database may take to accept a cancel.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a session that ends waits until the database was told: mostly a few milliseconds.
const TOLD: Duration = Duration::from_millis(500);
/// How long a cancel waits for its statement to leave. Where the server does not read, it is busy with
/// something that came before.
const HELD: Duration = Duration::from_secs(3);
/// The same where nothing else is on its way: the statement waits for its record, and the server would only
/// forget the cancel.
const RECORDED: Duration = Duration::from_secs(60);
/// How long a session may take to look whether something has arrived. It does so at once where the machine
/// has a moment for it.
const LOOK: Duration = Duration::from_secs(5);
/// The server forgets a cancel that comes before it has read the statement. So long it may say nothing before
/// it is told again, where that can hit nothing else.
const AGAIN: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
];

/// The session has given up what was not judged yet.
const STOPPED: u64 = u64::MAX;

/// The keys of all sessions of the process, by the server's process number, which two servers may give
/// twice. Not one per core: a cancel comes on a connection of its own.
#[derive(Debug, Default)]
pub(crate) struct Cancels {
    sessions: Mutex<HashMap<u32, SmallVec<[Arc<Entry>; 1]>>>,
}

/// Where the session's statements stand, as far as a cancel minds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is nothing to cancel.
    Idle,
    /// Something has arrived from the client and is not judged yet.
    Judged,
    /// A statement was let through and has not left for the server.
    Held,
    /// The server has what was let through.
    Running,
}

impl Progress {
    const ALL: [Self; 4] = [Self::Idle, Self::Judged, Self::Held, Self::Running];

    fn of(word: u64) -> Self {
        let number = usize::try_from(word & 3).unwrap_or_default();
        Self::ALL.get(number).copied().unwrap_or(Self::Idle)
    }
}

#[derive(Debug)]
struct Entry {
    session: Uuid,
    secret: Vec<u8>,
    target: CancelTarget,
    /// A [`Progress`] in the lowest two bits; above them how often the session was idle.
    progress: AtomicU64,
    /// Somebody waits until the session has looked for what arrived.
    asked: AtomicBool,
    /// What is not judged yet is to be given up: the number above the [`Progress`] that this is about, and one;
    /// or [`STOPPED`].
    stop: AtomicU64,
    /// How many requests came: a message that runs statement by statement is over with any.
    requests: AtomicU64,
    /// The server has one statement, and nothing behind it.
    alone: AtomicBool,
    /// How often the server was heard while a cancel was on its way.
    heard: AtomicU64,
    /// `progress`, `asked` or `heard` is another.
    changed: Notify,
    /// How many wait for that. To tell nobody costs no lock.
    waiting: AtomicUsize,
    in_flight: AtomicUsize,
    waker: AtomicWaker,
}

/// A session's side. Dropping it forgets the key.
#[derive(Debug)]
pub(crate) struct CancelHandle {
    cancels: Arc<Cancels>,
    entry: Arc<Entry>,
    /// What was said last, so that the hot path does not write to a shared line for nothing.
    word: u64,
    alone: bool,
    /// The runtime looks at the sockets before this is done.
    turn: Option<JoinHandle<()>>,
    /// It has done so before this task was polled.
    turned: bool,
    waited: bool,
}

/// The system's random generator failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system's random generator failed")]
pub(crate) struct NoRandomness;

impl Cancels {
    /// A key for a session: the server's own process number, so that what is seen there names the session,
    /// and a secret of ours: four bytes for protocol 3.0, 32 from 3.2 on.
    pub(crate) fn register(
        self: &Arc<Self>,
        session: Uuid,
        minor: u16,
        target: CancelTarget,
    ) -> Result<CancelHandle, NoRandomness> {
        let process = target.process();
        let mut secret = vec![0; if minor >= 2 { 32 } else { 4 }];
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let same = sessions.entry(process).or_default();
        loop {
            getrandom::fill(&mut secret).map_err(|_| NoRandomness)?;
            if same.iter().all(|entry| entry.secret != secret) {
                break;
            }
        }
        let entry = Arc::new(Entry {
            session,
            secret,
            target,
            progress: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            stop: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            alone: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            waker: AtomicWaker::new(),
        });
        same.push(Arc::clone(&entry));
        drop(sessions);
        Ok(CancelHandle {
            cancels: Arc::clone(self),
            entry,
            word: 0,
            alone: false,
            turn: None,
            turned: false,
            waited: false,
        })
    }

    /// Passes a request on where its key is right and a statement runs. Says what became of it, for the
    /// record; the client is told nothing.
    pub(crate) async fn request(&self, key: &CancelKey) -> (&'static str, Option<Uuid>) {
        let (outcome, session) = match self.find(key) {
            None => ("cancel_wrong_key", None),
            Some(entry) => {
                let session = entry.session;
                (entry.request().await, Some(session))
            }
        };
        metrics::cancel(outcome);
        (outcome, session)
    }

    fn find(&self, key: &CancelKey) -> Option<Arc<Entry>> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = None;
        for entry in sessions.get(&key.process).into_iter().flatten() {
            if bool::from(entry.secret.ct_eq(&key.secret)) {
                found = Some(Arc::clone(entry));
            }
        }
        found
    }
}

impl Entry {
    async fn request(self: Arc<Self>) -> &'static str {
        self.requests.fetch_add(1, Ordering::AcqRel);
        if Progress::of(self.progress.load(Ordering::Acquire)) != Progress::Running {
            self.look().await;
        }
        self.stop_judging();
        let word = self.left().await;
        if self.stop.swap(0, Ordering::AcqRel) == STOPPED {
            return "cancel_before_it_ran";
        }
        match Progress::of(word) {
            Progress::Idle | Progress::Judged => "cancel_nothing_runs",
            Progress::Held | Progress::Running => {
                // From here on nothing more is forwarded: what runs now is what was meant, or over.
                let flight = Flight::begin(self);
                let now = flight.0.progress.load(Ordering::Acquire);
                if now >> 2 != word >> 2 || Progress::of(now) == Progress::Idle {
                    return "cancel_nothing_runs";
                }
                flight.send().await;
                "cancel_forwarded"
            }
        }
    }

    /// What the client sent before its cancel may lie unread: the session looks first.
    async fn look(&self) {
        // This thread's own sockets first.
        tokio::task::yield_now().await;
        self.asked.store(true, Ordering::Release);
        self.waker.wake();
        let looked = self.until(LOOK, || !self.asked.load(Ordering::Acquire));
        looked.await;
    }

    /// What waits to be judged, for an answer of the database for example, is to be given up.
    fn stop_judging(&self) {
        let word = self.progress.load(Ordering::Acquire);
        if Progress::of(word) == Progress::Judged {
            self.stop.store((word >> 2) + 1, Ordering::Release);
            self.waker.wake();
        }
    }

    /// Waits until what arrived has left for the server, or is over.
    async fn left(&self) -> u64 {
        let waits = || {
            let word = self.progress.load(Ordering::Acquire);
            matches!(Progress::of(word), Progress::Judged | Progress::Held)
        };
        self.until(HELD, || !waits()).await;
        if self.alone.load(Ordering::Acquire) {
            self.until(RECORDED, || !waits()).await;
        }
        self.progress.load(Ordering::Acquire)
    }

    async fn until(&self, patience: Duration, holds: impl Fn() -> bool) {
        let deadline = Instant::now() + patience;
        let _waits = Waits::begin(self);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if holds() || tokio::time::timeout_at(deadline, changed).await.is_err() {
                return;
            }
        }
    }
}

/// Somebody who waits for a change.
struct Waits<'e>(&'e Entry);

impl<'e> Waits<'e> {
    fn begin(entry: &'e Entry) -> Self {
        entry.waiting.fetch_add(1, Ordering::AcqRel);
        // Either what is read behind this is new, or who made it so sees that somebody waits.
        fence(Ordering::SeqCst);
        Self(entry)
    }
}

/// Counted down however it ends, also when the task is dropped.
impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A cancel on its way.
struct Flight(Arc<Entry>);

impl Flight {
    fn begin(entry: Arc<Entry>) -> Self {
        entry.in_flight.fetch_add(1, Ordering::AcqRel);
        Self(entry)
    }

    /// Nothing more is forwarded meanwhile: where the server had one statement, it has no other now.
    async fn send(self) {
        let heard = self.0.heard.load(Ordering::Acquire);
        let silent = || self.0.heard.load(Ordering::Acquire) == heard;
        for pause in AGAIN {
            self.send_once().await;
            if !self.0.alone.load(Ordering::Acquire) {
                return;
            }
            self.0.until(pause, || !silent()).await;
            if !silent() {
                return;
            }
        }
    }

    async fn send_once(&self) {
        let sent = tokio::time::timeout(DEADLINE, self.0.target.cancel()).await;
        if !matches!(sent, Ok(Ok(()))) {
            tracing::warn!(session = %self.0.session, "the database did not take a cancel request");
        }
    }
}

/// Counted down however it ends, also when the task is dropped.
impl Drop for Flight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.0.waker.wake();
    }
}

impl CancelHandle {
    /// How many requests came so far.
    pub(crate) fn requests(&self) -> u64 {
        self.entry.requests.load(Ordering::Acquire)
    }

    /// What the client gets as BackendKeyData.
    pub(crate) fn key(&self) -> (u32, &[u8]) {
        (self.entry.target.process(), &self.entry.secret)
    }

    /// Says where the session's statements stand.
    pub(crate) fn note(&mut self, progress: Progress) {
        let before = Progress::of(self.word);
        if before == progress {
            return;
        }
        let idle = u64::from(before == Progress::Idle);
        self.word = (((self.word >> 2) + idle) << 2) | progress as u64;
        self.entry.progress.store(self.word, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.entry.waiting.load(Ordering::Acquire) > 0 {
            self.entry.changed.notify_waiters();
        }
    }

    /// Says whether the server has one statement, and nothing behind it.
    pub(crate) fn note_alone(&mut self, alone: bool) {
        if std::mem::replace(&mut self.alone, alone) != alone {
            self.entry.alone.store(alone, Ordering::Release);
        }
    }

    /// Says that something came from the server.
    pub(crate) fn heard(&self) {
        if self.entry.in_flight.load(Ordering::Acquire) > 0 {
            self.entry.heard.fetch_add(1, Ordering::AcqRel);
            self.entry.changed.notify_waiters();
        }
    }

    /// Whether it can be said that all is taken in which had arrived when somebody asked: only where that was
    /// known before this task read, and before the runtime looked at the sockets, as it does between tasks.
    /// That this task is polled again does not say so: anything may have woken it meanwhile.
    pub(crate) fn has_turned(&mut self, cx: &mut Context<'_>) -> bool {
        if std::mem::take(&mut self.turned) {
            return true;
        }
        if self.turn.is_none() && self.entry.asked.load(Ordering::Acquire) {
            // A task that yields goes on behind that look.
            self.turn = Some(tokio::spawn(tokio::task::yield_now()));
        }
        if let Some(turn) = &mut self.turn
            && Pin::new(turn).poll(cx).is_ready()
        {
            self.turn = None;
            self.turned = true;
            // It reads once more, and says so then.
            cx.waker().wake_by_ref();
        }
        false
    }

    /// Says that all that had arrived from the client was taken in and noted.
    pub(crate) fn looked(&self) {
        if self.entry.asked.load(Ordering::Acquire) {
            self.entry.asked.store(false, Ordering::Release);
            self.entry.changed.notify_waiters();
        }
    }

    /// Whether what is not judged yet is to be given up.
    pub(crate) fn stops(&self) -> bool {
        self.entry.stop.load(Ordering::Acquire) == (self.word >> 2) + 1
    }

    /// Says that it was given up.
    pub(crate) fn stopped(&self) {
        self.entry.stop.store(STOPPED, Ordering::Release);
    }

    /// Has the server end the session with all that it has of it: cancelled, it would go on with what was sent
    /// behind. Where it can't be told so, what runs is cancelled all the same. Returns when it was told, or takes long.
    pub(crate) async fn terminate(&self) {
        metrics::cancel("terminated_by_proxy");
        let entry = Arc::clone(&self.entry);
        let telling = tokio::spawn(async move {
            let told = tokio::time::timeout(DEADLINE, entry.target.terminate()).await;
            if !matches!(told, Ok(Ok(()))) {
                tracing::warn!(session = %entry.session, "the database was not told to end a session");
                Flight::begin(entry).send_once().await;
            }
        });
        drop(tokio::time::timeout(TOLD, telling).await);
    }

    /// Cancels what runs, for a cause of the proxy's own.
    pub(crate) fn send(&self) {
        metrics::cancel("cancel_by_proxy");
        tokio::spawn(Flight::begin(Arc::clone(&self.entry)).send());
    }

    /// Whether a cancel is on its way.
    pub(crate) fn in_flight(&mut self) -> bool {
        self.waited = self.entry.in_flight.load(Ordering::Acquire) > 0;
        self.waited
    }

    /// Ready once after the last cancel is through, where [`Self::in_flight`] said that there is one. The
    /// task is woken for that, and to look.
    pub(crate) fn poll_done(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.entry.waker.register(cx.waker());
        if !self.waited {
            return Poll::Pending;
        }
        if self.entry.in_flight.load(Ordering::Acquire) > 0 {
            return Poll::Pending;
        }
        self.waited = false;
        Poll::Ready(())
    }
}

impl Drop for CancelHandle {
    fn drop(&mut self) {
        self.note(Progress::Idle);
        self.looked();
        let sessions = &self.cancels.sessions;
        let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let process = self.entry.target.process();
        if let Some(same) = sessions.get_mut(&process) {
            same.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
            if same.is_empty() {
                sessions.remove(&process);
            }
        }
    }
}

#[cfg(test)]
mod tests;

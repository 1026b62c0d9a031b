//! The relay of one session: bytes in both directions, every frame examined, until one side ends.
//!
//! One task, no lock: what arrived is examined in place and written from where it lies. Per turn each
//! socket is read at most once, and written until it takes no more.

mod admit;
mod batch;
mod client;
mod deny;
mod expected;
mod extended;
mod failure;
mod finish;
mod forward;
mod gate;
mod hand;
mod large;
mod late;
mod leave;
mod look;
mod names;
mod own_catalog;
mod own_question;
mod query;
mod running;
mod script;
mod server;
mod transaction;
mod trust;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use exeat_audit::AuditError;
use exeat_service::config::Parameters;
use exeat_service::{EndReason, Live};
use tokio::time::{Instant, Sleep};

use crate::analysis::ServerError;
use crate::cancel::{CancelHandle, Progress};
use crate::guard::Guard;
use crate::pipe::Pipe;
use crate::record::Recorder;
use crate::stream::Stream;
use crate::upstream::Pinned;
use crate::wire::Violation;
use batch::{Attention, Batch};
use deny::Denied;
use expected::Queue;
use gate::Gate;
use hand::Hand;
pub(crate) use large::Large;
use late::{LATE, Late};
use leave::Leaving;
use look::Looks;
use names::Names;
pub(crate) use running::Running;
use script::Script;
use transaction::Transaction;
use trust::Trust;

/// Something that the relay waits for before it examines more of what the client sent.
pub(crate) type Pending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Why a session ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The client said so.
    Terminated,
    /// The client closed its connection.
    ClientClosed,
    /// The server closed its connection.
    ServerClosed,
    /// The client's connection broke.
    ClientIo(std::io::Error),
    /// The server's connection broke.
    ServerIo(std::io::Error),
    /// The client does not speak the protocol.
    Client(Violation),
    /// The server does not speak the protocol.
    Server(Violation),
    /// The server's answers do not fit what it was asked.
    Desynchronised,
    /// The server reports that a pinned setting is another one now.
    Pinned(String),
    /// Code has given a name of the proxy's own to something else.
    Renamed,
    /// A result had too many rows, and what the server did after it can't be undone.
    RowLimit,
    /// A result that is described has a column that was not judged.
    NotJudged,
    /// A statement waited for so long that it would not be let through any more.
    Overtaken,
    /// The audit log can't be written.
    Audit(AuditError),
    /// No message in either direction for too long.
    Idle,
    /// The registry says so.
    Ended(EndReason),
}

/// Where a COPY from the client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// There is none.
    None,
    /// A statement that may ask for data is on its way, or has had all of it: nothing is examined
    /// until the server has answered.
    Waiting,
    /// The server reads data.
    In,
}

/// What a relay is made of.
pub(crate) struct Parts {
    pub(crate) client: Stream,
    /// From the client; may hold bytes that came behind the start-up.
    pub(crate) inbound: Pipe,
    pub(crate) server: Stream,
    /// To the client; may hold what is to be said first.
    pub(crate) outbound: Pipe,
    pub(crate) guard: Guard,
    pub(crate) recorder: Recorder,
    pub(crate) cancel: CancelHandle,
    pub(crate) pinned: Pinned,
    pub(crate) parameters: Parameters,
    pub(crate) idle: Duration,
    pub(crate) large: Large,
}

/// The state of a session.
pub(crate) struct Relay {
    client: Stream,
    server: Stream,
    inbound: Pipe,
    outbound: Pipe,
    inbound_gate: Gate,
    outbound_gate: Gate,
    guard: Guard,
    recorder: Recorder,
    cancel: CancelHandle,
    pinned: Pinned,
    parameters: Parameters,
    queue: Queue,
    names: Names,
    transaction: Transaction,
    copy: Copy,
    batch: Batch,
    attention: Attention,
    /// A message whose statements run one after the other.
    script: Option<Script>,
    /// The session's own catalog could not be asked for, and the message that waits was not told yet.
    catalog_failed: Option<ServerError>,
    /// The server said that it will close.
    fatal: bool,
    /// The client has said its last word.
    leaving: Option<Leaving>,
    hand: Hand,
    late: Late,
    looks: Looks,
    /// A message that is refused, and whose rest is still to come.
    denied: Option<Denied>,
    large: Large,
    idle: Duration,
    active: Instant,
}

impl Relay {
    pub(crate) fn new(parts: Parts) -> Self {
        let trust = Trust::new(parts.guard.begins_with_code());
        Self {
            client: parts.client,
            server: parts.server,
            inbound: parts.inbound,
            outbound: parts.outbound,
            inbound_gate: Gate::default(),
            outbound_gate: Gate::default(),
            guard: parts.guard,
            recorder: parts.recorder,
            cancel: parts.cancel,
            pinned: parts.pinned,
            parameters: parts.parameters,
            queue: Queue::default(),
            names: Names::default(),
            transaction: Transaction::new(trust),
            copy: Copy::None,
            batch: Batch::default(),
            attention: Attention::default(),
            script: None,
            catalog_failed: None,
            fatal: false,
            leaving: None,
            hand: Hand::default(),
            late: Late::default(),
            looks: Looks::default(),
            denied: None,
            large: parts.large,
            idle: parts.idle,
            active: Instant::now(),
        }
    }

    /// Relays until the session ends; says why it did.
    pub(crate) async fn run(mut self, live: &Live) -> End {
        let mut ended = std::pin::pin!(live.ended());
        let mut idle = std::pin::pin!(tokio::time::sleep(self.idle));
        let mut tick = std::pin::pin!(tokio::time::sleep(LATE));
        loop {
            let scanned = self.scan();
            let scanned = scanned.and_then(|()| self.check_left());
            self.cancel.note_alone(self.queue.has_one_statement());
            self.cancel.note(self.progress());
            let end = match scanned {
                Ok(()) => {
                    let turn = std::future::poll_fn(|cx| {
                        let tick = self.poll_late(cx, tick.as_mut());
                        let turn = self.poll_turn(cx, ended.as_mut(), idle.as_mut());
                        if tick.is_ready() && turn.is_pending() {
                            return Poll::Ready(Ok(()));
                        }
                        turn
                    });
                    match turn.await {
                        Ok(()) => {
                            self.settle_large();
                            self.count(live);
                            continue;
                        }
                        Err(end) => end,
                    }
                }
                Err(end) => end,
            };
            self.cancel.note(Progress::Idle);
            let end = self.finish(end, live).await;
            self.count(live);
            return end;
        }
    }

    /// Examines what has arrived. Answers of the server first: they may be what the client waits for.
    fn scan(&mut self) -> Result<(), End> {
        self.look_at_what_waits()?;
        self.scan_server()?;
        self.scan_client()
    }

    /// Writes and reads what can be written and read; ready when something arrived or opened.
    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        ended: Pin<&mut impl Future<Output = EndReason>>,
        idle: Pin<&mut Sleep>,
    ) -> Poll<Result<(), End>> {
        let mut progress = false;
        if let Poll::Ready(reason) = ended.poll(cx) {
            return Poll::Ready(Err(End::Ended(reason)));
        }
        if self.poll_idle(cx, idle).is_ready() {
            return Poll::Ready(Err(End::Idle));
        }
        progress |= self.hand.poll(cx).is_ready();
        progress |= self.cancel.poll_done(cx).is_ready();
        progress |= self.waits_in_vain();
        progress |= self.poll_outbound(cx)?;
        progress |= self.poll_inbound(cx)?;
        if self.leaving.is_none() {
            match self.inbound.poll_read(cx, &mut self.client) {
                Poll::Ready(Ok(0)) => {
                    self.leave(End::ClientClosed);
                    progress = true;
                }
                Poll::Ready(Ok(_)) => progress = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(End::ClientIo(error))),
                Poll::Pending => {}
            }
        }
        match self.outbound.poll_read(cx, &mut self.server) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.server_closed())),
            Poll::Ready(Ok(_)) => {
                self.cancel.heard();
                progress = true;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(End::ServerIo(error))),
            Poll::Pending => {}
        }
        if progress {
            self.active = Instant::now();
            return Poll::Ready(Ok(()));
        }
        self.cancel.note(self.progress());
        if self.cancel.has_turned(cx) {
            self.cancel.looked();
        }
        Poll::Pending
    }

    /// To the client: what the gate lets through. True where examining may go on after it.
    fn poll_outbound(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match self.outbound_gate.poll_open(cx) {
            Poll::Ready(opened) => opened.map_err(End::Audit)?,
            Poll::Pending => return Ok(false),
        }
        let stuck = self.outbound.congested();
        match self.outbound.poll_write(cx, &mut self.client) {
            // Who has said goodbye may be gone before its answers come.
            Poll::Ready(Err(_)) if self.leaving.is_some() => self.outbound.forget(),
            Poll::Ready(written) => written.map_err(End::ClientIo)?,
            Poll::Pending => {}
        }
        Ok(stuck && !self.outbound.congested())
    }

    /// To the server: what the gate lets through.
    fn poll_inbound(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match self.inbound_gate.poll_open(cx) {
            Poll::Ready(opened) => opened.map_err(End::Audit)?,
            Poll::Pending => return Ok(false),
        }
        let stuck = self.inbound.congested();
        match self.inbound.poll_write(cx, &mut self.server) {
            Poll::Ready(written) => written.map_err(End::ServerIo)?,
            Poll::Pending => {}
        }
        Ok(stuck && !self.inbound.congested())
    }

    /// The timer is only moved when it fires, not with every message.
    fn poll_idle(&self, cx: &mut Context<'_>, mut idle: Pin<&mut Sleep>) -> Poll<()> {
        while idle.as_mut().poll(cx).is_ready() {
            let deadline = self.active + self.idle;
            // A statement may take its time; a client that does not take its answer may not.
            let waits = self.queue.is_empty() || !self.outbound.is_flushed();
            if deadline <= Instant::now() && waits {
                return Poll::Ready(());
            }
            idle.as_mut()
                .reset(deadline.max(Instant::now() + self.idle / 4));
        }
        Poll::Pending
    }

    fn count(&mut self, live: &Live) {
        live.count_in(self.inbound.take_read());
        live.count_out(self.outbound.take_written());
    }
}

/// What a relay holds in common is only its guard's.
impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("transaction", &self.transaction)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

#[expect(
    dead_code,
    reason = "a compile-time check: a session may move between threads"
)]
fn relay_is_send(relay: Relay, live: Arc<Live>) -> impl Send {
    async move { relay.run(&live).await }
}

#[cfg(test)]
mod tests;

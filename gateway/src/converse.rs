//! The HTTP conversation with a client: hyper's server behind the strict guard, one answer per request,
//! until the client leaves, a tunnel takes over, or the session is told to end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use exeat_service::EndReason;
use exeat_service::config::GatewayTimeouts;
use http::header::UPGRADE;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::rt::Write;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use tokio::time::{Instant, Interval, interval_at};

use crate::accept::Client;
use crate::body::{Body, InFlight};
use crate::denial::{Accept, Answer};
use crate::http::guard::{Guard, Patience};
use crate::http::head::{MAX_FIELDS, MAX_HEAD};
use crate::refusal::Refusal;
use crate::session::Session;

/// How a conversation ended.
pub(crate) enum End {
    /// By itself, or with the answer that opens a tunnel.
    Over,
    /// The session was told to end.
    Ended(EndReason),
    /// An answer did not move for too long: the client does not read it.
    Stalled,
}

/// The strict guard in front of hyper, of a client that was accepted at this moment.
pub(crate) fn guard(
    client: Client,
    timeouts: &GatewayTimeouts,
    since: std::time::Instant,
) -> Guard<Client> {
    let patience = Patience {
        head: timeouts.handshake,
        idle: timeouts.idle,
    };
    Guard::new(client, patience, since.into())
}

/// Converses until the end.
pub(crate) async fn converse(session: Arc<Session>, guard: Guard<Client>) -> End {
    let live = session.live.clone();
    let watched = session.clone();
    let timeouts = session.worker.gateway.timeouts;
    let drain = session.worker.gateway.core.drain.clone();
    let service = service_fn(move |request| answer(session.clone(), request));
    let mut builder = http1::Builder::new();
    // The guard times out, caps and frames; hyper's own caps only have to let that through.
    builder
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(MAX_FIELDS + 1)
        .max_header_size(MAX_HEAD + 1)
        .max_buf_size(2 * MAX_HEAD);
    let mut connection = pin!(builder.serve_connection(guard, service).with_upgrades());
    let mut ended = pin!(live.ended());
    let mut drained = pin!(drain.cancelled());
    let mut draining = false;
    let mut stall = Stall::new(&watched, timeouts.idle.max(timeouts.connect));
    loop {
        tokio::select! {
            () = stall.noticed() => return End::Stalled,
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(plane = "gateway", %error, "the conversation broke off");
                }
                return End::Over;
            }
            reason = &mut ended => return End::Ended(reason),
            () = &mut drained, if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Notices an answer that nobody reads. The client's silence is the guard's to notice, the dial's and
/// the origin's theirs, each within its own deadline: when none of them did, the client is stuck.
struct Stall<'a> {
    session: &'a Session,
    ticks: Interval,
    seen: (u64, u64),
    still: u8,
}

impl<'a> Stall<'a> {
    fn new(session: &'a Session, period: Duration) -> Self {
        let period = period.max(Duration::from_millis(1));
        Self {
            session,
            ticks: interval_at(Instant::now() + period, period),
            seen: (0, 0),
            still: 0,
        }
    }

    async fn noticed(&mut self) {
        loop {
            self.ticks.tick().await;
            let bytes = self.session.live.bytes();
            let moved = bytes != self.seen || !self.session.watch.is_in_flight();
            self.seen = bytes;
            self.still = if moved { 0 } else { self.still + 1 };
            if self.still > 2 {
                return;
            }
        }
    }
}

/// Closes a connection that came back from hyper, so that the client can still read its answer.
pub(crate) async fn close(upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    if let Ok(parts) = upgraded.downcast::<Guard<Client>>() {
        let mut guard = parts.io;
        let _ = poll_fn(|cx| Pin::new(&mut guard).poll_shutdown(cx)).await;
    }
}

async fn answer(
    session: Arc<Session>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    const UNNOTICED: Refusal = Refusal::bad("bad_request_line", "the request can't be read");
    let connect = request.method() == Method::CONNECT;
    let accept = Accept::of(request.headers());
    let Some(notice) = session.watch.notice() else {
        let answer = Answer::refused(UNNOTICED);
        return Ok(answer.into_response(accept, true).map(Body::from));
    };
    if connect || request.headers().contains_key(UPGRADE) {
        session.may_become_tunnel(hyper::upgrade::on(&mut request));
    }
    let in_flight = InFlight::new(session.clone());
    let close = notice.refusal.is_some() || notice.early;
    match session.exchange(request, notice, in_flight).await {
        Ok(response) => Ok(response),
        Err(answer) => {
            if connect && !close {
                session.watch.resume();
            }
            Ok(answer.into_response(accept, close).map(Body::from))
        }
    }
}

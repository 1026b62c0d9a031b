//! The story of a connection, told once: accept → identify → decide → connect → relay → record. No
//! other file knows the order. A connection carries any number of plain requests, each a story of its
//! own from `identify` on, and ends with at most one tunnel.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use exeat_audit::Outcome;
use exeat_policy::{Caller, Protocol};
use exeat_service::{Live, clock};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::accept;
use crate::body::{Body, InFlight};
use crate::connect::{self, Upstream};
use crate::converse::{self, End};
use crate::decide::{self, Question};
use crate::denial::{Answer, LOOP};
use crate::forward;
use crate::gateway::Worker;
use crate::http::fields;
use crate::http::guard::{Notice, Watch};
use crate::http::target::{self, Target};
use crate::identify::{self, Standing};
use crate::metrics;
use crate::record;
use crate::refusal::Refusal;
use crate::tunnel;

/// Nobody showed who they are in time.
const UNIDENTIFIED: &str = "handshake_timeout";

/// What all requests of a connection share.
pub(crate) struct Session {
    pub(crate) worker: Arc<Worker>,
    pub(crate) live: Arc<Live>,
    peer: SocketAddr,
    local: SocketAddr,
    certificate: Option<Vec<CertificateDer<'static>>>,
    pub(crate) watch: Watch,
    /// Its place among the connections that have not shown who they are, until one request has.
    place: Mutex<Option<OwnedSemaphorePermit>>,
    after: Mutex<After>,
}

/// What comes after the conversation.
#[derive(Default)]
struct After {
    /// The connection itself, behind the answer to the last CONNECT.
    upgrade: Option<OnUpgrade>,
    /// Where it leads, if that CONNECT was allowed.
    upstream: Option<Upstream>,
}

/// Serves a connection to its end. `place` is given back when a request has shown who is calling.
pub(crate) async fn run(
    worker: Arc<Worker>,
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
) {
    let core = &worker.gateway.core;
    let live = record::register(&core.sessions, peer, worker.listener);
    let tls = worker.tls.is_some();
    let mut record = record::Session::open(&core.log, &live, peer, worker.listener, tls);
    let (outcome, error) = story(&worker, &live, (stream, peer), place).await;
    record.ended(outcome, error);
}

async fn story(
    worker: &Arc<Worker>,
    live: &Arc<Live>,
    (stream, peer): (TcpStream, SocketAddr),
    place: OwnedSemaphorePermit,
) -> (Outcome, Option<&'static str>) {
    let timeouts = worker.gateway.timeouts;
    let since = Instant::now();
    let accepted = match accept::accept(
        stream,
        worker.tls.as_deref(),
        timeouts.handshake,
        worker.gateway.keepalive,
    )
    .await
    {
        Ok(accepted) => accepted,
        Err(failure) => {
            tracing::debug!(plane = "gateway", %peer, error = %failure, "not accepted");
            metrics::refused(failure.kind());
            return (failure.outcome(), Some(failure.kind()));
        }
    };
    let guard = converse::guard(accepted.client, &timeouts, since);
    let session = Arc::new(Session {
        worker: worker.clone(),
        live: live.clone(),
        peer,
        local: accepted.local,
        certificate: accepted.certificate,
        watch: guard.watch(),
        place: Mutex::new(Some(place)),
        after: Mutex::default(),
    });
    // Boxed, so that what HTTP needed is gone before a tunnel is relayed.
    let end = Box::pin(converse::converse(session.clone(), guard)).await;
    match end {
        End::Over if session.watch.is_out_of_patience() => {
            metrics::refused(UNIDENTIFIED);
            return (Outcome::TimedOut, Some(UNIDENTIFIED));
        }
        End::Over => {}
        End::Stalled => return (Outcome::TimedOut, Some("stalled")),
        End::Ended(reason) => {
            record::ended(&worker.gateway.core, live, &reason);
            return (reason.outcome(), None);
        }
    }
    match session.take_after() {
        (Some(upgrade), Some(upstream)) => tunnel::run(&session, upstream, upgrade).await,
        (Some(upgrade), None) => {
            // hyper gives a refused CONNECT's connection back instead of closing it.
            converse::close(upgrade).await;
            (Outcome::Completed, None)
        }
        (None, _) => (Outcome::Completed, None),
    }
}

impl Session {
    /// Answers one request.
    pub(crate) async fn exchange(
        self: &Arc<Self>,
        request: Request<Incoming>,
        notice: Notice,
        in_flight: InFlight,
    ) -> Result<Response<Body>, Answer> {
        if let Some(refusal) = notice.refusal {
            return Err(self.refuse(refusal));
        }
        let headers = request.headers();
        let target = target::read(request.method(), &notice.target, headers)
            .map_err(|refusal| self.refuse(refusal))?;
        if fields::passed(headers, &self.worker.gateway.via.pseudonym) {
            return Err(self.refuse(LOOP));
        }
        let question = self.identify(&request, &target);
        let permit = decide::decide(&self.worker, &self.live, self.local.ip(), question)
            .await
            .map_err(|denial| Answer::denied(&denial).towards(&target.authority))?;
        let patience = self.worker.gateway.timeouts.connect;
        let upstream = connect::connect(permit, patience, self.worker.gateway.keepalive)
            .await
            .map_err(|unconnected| Answer::unconnected(&unconnected).towards(&target.authority))?;
        match target.path {
            None => {
                in_flight.becomes_tunnel();
                lock(&self.after).upstream = Some(upstream);
                Ok(Response::new(Body::empty()))
            }
            Some(path) => {
                let place = (&target.authority, path);
                forward::relay(self, upstream, request, place, in_flight)
                    .await
                    .map_err(|answer| answer.towards(&target.authority))
            }
        }
    }

    fn identify(&self, request: &Request<Incoming>, target: &Target) -> Question {
        let core = &self.worker.gateway.core;
        let started = Instant::now();
        let standing = Standing {
            certificate: self.certificate.as_deref(),
            source: self.peer.ip().to_canonical(),
        };
        let identified = identify::identify(
            &core.identity.load(),
            &core.policy.current(),
            standing,
            request.headers(),
            clock::now(),
        );
        if let Caller::Known(_) = identified.caller {
            self.watch.identified();
            drop(lock(&self.place).take());
        }
        Question {
            authority: target.authority.clone(),
            protocol: if request.method() == Method::CONNECT {
                Protocol::Tunnel
            } else {
                Protocol::Http
            },
            identified,
            took: started.elapsed(),
        }
    }

    /// A CONNECT is about to be answered: this is how its connection comes back.
    pub(crate) fn may_become_tunnel(&self, upgrade: OnUpgrade) {
        lock(&self.after).upgrade = Some(upgrade);
    }

    fn take_after(&self) -> (Option<OnUpgrade>, Option<Upstream>) {
        let After { upgrade, upstream } = std::mem::take(&mut *lock(&self.after));
        (upgrade, upstream)
    }

    fn refuse(&self, refusal: Refusal) -> Answer {
        record::Session::refused(&self.worker.gateway.core.log, &self.live, refusal);
        Answer::refused(refusal)
    }
}

/// A poisoned lock still holds what it held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

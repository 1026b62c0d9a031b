//! Step 5 for CONNECT: the first bytes are read as a ClientHello where the rule asks for TLS, and only
//! what they prove lets a byte go upstream; then both sides are relayed. It must never send a byte
//! upstream before that, nor before the decision is as safe as it promises.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use exeat_audit::Outcome;
use exeat_policy::{Reason, TlsFinding};
use hyper::upgrade::OnUpgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::accept::Client;
use crate::connect::Upstream;
use crate::decide::{Denial, Grant};
use crate::hello::{HelloReader, Progress};
use crate::http::guard::Guard;
use crate::metrics;
use crate::record;
use crate::relay::{self, End, Meter};
use crate::session::Session;

/// What is read of a client at a time while its hello is awaited.
const READ: usize = 4 * 1024;
/// How long, and how much of, what a denied client still sends is thrown away: a reset would overtake
/// the alert.
const FAREWELL: Duration = Duration::from_millis(500);
const MAX_FAREWELL: usize = 128 * 1024;

/// How a tunnel ended, and the kind of the error where one ended it.
type Ended = (Outcome, Option<&'static str>);

/// Runs a tunnel to its end.
pub(crate) async fn run(session: &Session, upstream: Upstream, upgrade: OnUpgrade) -> Ended {
    let Upstream { stream, mut grant } = upstream;
    let ended = match upgraded(upgrade).await {
        Some((client, kept)) => {
            let until = session.live.ended();
            tokio::select! {
                ended = pass(session, &mut grant, client, kept, stream) => ended,
                reason = until => {
                    record::ended(&session.worker.gateway.core, &session.live, &reason);
                    (reason.outcome(), None)
                }
            }
        }
        None => (Outcome::Cancelled, Some("client")),
    };
    grant.record.ended(ended.0, ended.1);
    ended
}

/// The client's bytes as they came from the socket, without hyper.
async fn upgraded(upgrade: OnUpgrade) -> Option<(Client, BytesMut)> {
    let parts = upgrade.await.ok()?.downcast::<Guard<Client>>().ok()?;
    // INVARIANT: the guard gave hyper the head of the CONNECT and nothing behind it.
    parts.read_buf.is_empty().then(|| parts.io.into_tunnel())
}

async fn pass(
    session: &Session,
    grant: &mut Grant,
    mut client: Client,
    mut kept: BytesMut,
    upstream: TcpStream,
) -> Ended {
    let timeouts = session.worker.gateway.timeouts;
    if grant.wants_tls() {
        let patience = timeouts.client_hello;
        let Ok(Some(finding)) = first_bytes(&mut client, &mut kept, patience).await else {
            return (Outcome::Cancelled, Some("client"));
        };
        if let Err(denial) = grant.found(&session.worker, &session.live, finding) {
            return turn_away(client, &denial).await;
        }
    }
    if let Err(denial) = grant.on_record().await {
        return turn_away(client, &denial).await;
    }
    let meter = Meter::new(session.live.clone(), grant.quota());
    let end = match client {
        Client::Plain(client) => relay::relay(client, upstream, kept, timeouts.idle, &meter).await,
        Client::Tls(client) => relay::relay(client, upstream, kept, timeouts.idle, &meter).await,
    };
    match end {
        End::Closed => (Outcome::Completed, None),
        End::Client => (Outcome::Cancelled, Some("client")),
        End::Upstream => {
            metrics::upstream_error("relay");
            (Outcome::Failed, Some("upstream"))
        }
        End::Idle => (Outcome::TimedOut, Some("idle")),
        End::Quota => (Outcome::Limited, Some(Reason::LimitBytes.code())),
    }
}

/// Reads until the first bytes prove something, in at most `patience`. `None`: the client left.
async fn first_bytes(
    client: &mut Client,
    kept: &mut BytesMut,
    patience: Duration,
) -> io::Result<Option<TlsFinding>> {
    let mut reader = HelloReader::default();
    let read = async {
        loop {
            if let Progress::Found(finding) = reader.read(kept) {
                return Ok(Some(finding));
            }
            kept.reserve(READ);
            if client.read_buf(kept).await? == 0 {
                return Ok(None);
            }
        }
    };
    timeout(patience, read)
        .await
        .unwrap_or(Ok(Some(TlsFinding::TimedOut)))
}

/// Tells a denied client by a TLS alert, where it speaks TLS, and closes.
async fn turn_away(mut client: Client, denial: &Denial) -> Ended {
    let (outcome, error, alert) = match denial {
        Denial::Denied(denied) => {
            let reason = denied.decision.reason;
            (Outcome::Denied, reason.code(), alert(reason))
        }
        Denial::Ended => (Outcome::Denied, "session_ended", None),
        Denial::Unrecorded => (Outcome::Failed, "audit_unavailable", Some(INTERNAL_ERROR)),
        Denial::Unresolved(..) | Denial::Loop => (Outcome::Denied, "denied", None),
    };
    let farewell = async {
        if let Some(description) = alert {
            client.write_all(&[21, 3, 3, 0, 2, 2, description]).await?;
        }
        client.shutdown().await?;
        let mut thrown = 0;
        // On the heap: a buffer here would be part of every connection that is served.
        let mut rest = vec![0; READ];
        while thrown < MAX_FAREWELL {
            match client.read(&mut rest).await? {
                0 => break,
                count => thrown += count,
            }
        }
        io::Result::Ok(())
    };
    let _ = timeout(FAREWELL, farewell).await;
    (outcome, Some(error))
}

const DECODE_ERROR: u8 = 50;
const ACCESS_DENIED: u8 = 49;
const INTERNAL_ERROR: u8 = 80;
const UNRECOGNIZED_NAME: u8 = 112;

/// The alert (RFC 8446 §6.2) for a reason; none for who does not speak TLS.
fn alert(reason: Reason) -> Option<u8> {
    match reason {
        Reason::SniMismatch | Reason::SniMissing => Some(UNRECOGNIZED_NAME),
        Reason::TlsMalformed => Some(DECODE_ERROR),
        Reason::NotTls | Reason::TlsTimeout => None,
        _ => Some(ACCESS_DENIED),
    }
}

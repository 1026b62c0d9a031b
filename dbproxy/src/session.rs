//! One session, told in six steps: accept → identify → decide → connect → relay → record.
//!
//! Each step consumes the value of the one before. No other file knows the order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use exeat_audit::{Outcome, Plane};
use exeat_service::SessionInfo;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::accept::{self, Accepted, Client, Incoming};
use crate::connect::{self, Connected};
use crate::decide::{self, Permit};
use crate::guard::Guard;
use crate::identify;
use crate::listener::Listener;
use crate::metrics;
use crate::record::Record;
use crate::relay::{End, Large, Parts, Relay};
use crate::server::Dbproxy;
use crate::stop::Stop;
use crate::upstream::Pinned;
use crate::wire::backend::Status;
use crate::wire::startup::CancelKey;
use crate::wire::write::{self, Error};

/// How long a client may take to see the end of its connection.
const PARTING: Duration = Duration::from_secs(2);

/// Serves one connection to its end. `place` is its place among those that have not shown who they are;
/// it is given back when they have.
pub(crate) async fn serve(
    socket: TcpStream,
    peer: SocketAddr,
    listener: Arc<Listener>,
    service: Arc<Dbproxy>,
    place: OwnedSemaphorePermit,
) {
    let live = Arc::new(service.core.sessions.register(SessionInfo {
        plane: Plane::Dbproxy,
        peer,
        listener: listener.address,
    }));
    let mut record = Record::new(live, service.core.log.clone());
    let handshake = admit(socket, peer, &listener, &service, &mut record);
    let admitted = tokio::time::timeout(service.timeouts.handshake, handshake).await;
    let (client, permit) = match admitted {
        Ok(Ok(Admitted::Session(client, permit))) => (*client, permit),
        Ok(Ok(Admitted::Cancel(key, client))) => {
            // It takes as long as its statement needs to leave.
            return cancel(&key, *client, peer, &service, record).await;
        }
        Ok(Err((client, stop))) => {
            drop(place);
            return stopped(client, stop, record).await;
        }
        Err(_) => {
            drop(place);
            return stopped(None, Stop::timed_out(), record).await;
        }
    };
    drop(place);
    match connect::connect(permit, service.timeouts.handshake).await {
        Ok(connected) => relay(client, connected, &service, record).await,
        Err(stop) => stopped(Some(client), stop, record).await,
    }
}

/// What somebody who was heard wants.
enum Admitted {
    Session(Box<Client>, Permit),
    Cancel(CancelKey, Box<Client>),
}

/// A request that another session's statement be cancelled.
async fn cancel(
    key: &CancelKey,
    mut client: Client,
    peer: SocketAddr,
    service: &Dbproxy,
    record: Record,
) {
    let (outcome, session) = service.cancels.request(key).await;
    let of = session.map_or_else(
        || "of no session".to_owned(),
        |id| format!("of session {id}"),
    );
    let recorded = record
        .recorder()
        .noted(outcome, &format!("cancel request from {peer} {of}"));
    // The client takes the end of the connection for the answer; of TLS it wants to see it in order.
    drop(tokio::time::timeout(PARTING, client.stream.close()).await);
    if let Err(error) = recorded {
        stopped(None, error.into(), record).await;
    }
}

/// Steps 1 to 3: the client's own.
async fn admit(
    socket: TcpStream,
    peer: SocketAddr,
    listener: &Listener,
    service: &Dbproxy,
    record: &mut Record,
) -> Result<Admitted, (Option<Client>, Stop)> {
    let accepted = match accept::accept(socket, peer, listener).await? {
        Incoming::Session(accepted) => *accepted,
        Incoming::Cancel(key, client) => return Ok(Admitted::Cancel(key, client)),
    };
    let Accepted { client, .. } = &accepted;
    if let Err(error) = record.opened(peer, listener.address, client.is_encrypted()) {
        return Err((Some(accepted.client), error.into()));
    }
    let known = |(client, stop)| (Some(client), stop);
    let identified = identify::identify(accepted, &service.core, record.recorder())
        .await
        .map_err(known)?;
    let decided = decide::decide(identified, &service.core, &service.databases, record);
    let session = |(client, permit)| Admitted::Session(Box::new(client), permit);
    decided.await.map(session).map_err(known)
}

/// Steps 5 and 6: the relay, and how it ended.
async fn relay(client: Client, connected: Connected, service: &Dbproxy, record: Record) {
    let Connected {
        connection,
        principal,
        database,
        catalogs,
        analyser,
        recorder,
        minor,
        settings,
        lease,
        catalog_lease,
        analyser_lease,
    } = connected;
    let registered = service
        .cancels
        .register(record.live().id(), minor, connection.cancel.clone());
    let cancel = match registered {
        Ok(cancel) => cancel,
        Err(error) => {
            let stop = Stop::failed("random", Error::fatal("58000", error.to_string()));
            return stopped(Some(client), stop, record).await;
        }
    };
    let mut outbound = connection.received;
    outbound.inject(|out| {
        write::authentication(out, 0, &[]);
        for (name, value) in &connection.parameters {
            write::parameter_status(out, name, value);
        }
        let (process, secret) = cancel.key();
        write::key_data(out, process, secret);
        write::ready(out, Status::Idle);
    });
    let mut guard = Guard::new(
        Arc::clone(&service.core),
        principal,
        Arc::clone(&database.name),
        Arc::clone(&database.search_path),
        catalogs,
        analyser,
    )
    .within(exeat_sql::Limits {
        text: service.limits.text,
        message: service.limits.message,
    });
    // Everything else is refused by now where the role may not do everything.
    for (name, value) in &settings {
        let name = name.to_ascii_lowercase();
        if !guard.is_as_begun(&name, value) {
            guard.loosen(&name);
        }
    }
    let relay = Relay::new(Parts {
        client: client.stream,
        inbound: client.inbound,
        server: connection.stream,
        outbound,
        guard,
        recorder,
        cancel,
        pinned: Pinned::of(&connection.parameters),
        parameters: service.parameters,
        idle: service.timeouts.idle,
        large: Large::new(service.limits.message, &service.large),
    });
    let end = relay.run(record.live()).await;
    drop((lease, catalog_lease, analyser_lease));
    ended(&end, record);
}

fn ended(end: &End, record: Record) {
    if let Some(detail) = end.refusal()
        && let Err(error) = record
            .recorder()
            .refused(end.kind().unwrap_or_default(), &detail)
    {
        tracing::error!(%error, "a protocol violation is not on record");
    }
    record.close(end.outcome(), end.kind());
}

/// A session that ends before its relay.
async fn stopped(client: Option<Client>, stop: Stop, record: Record) {
    tracing::debug!(session = %record.live().id(), kind = stop.kind, "no session");
    if let Some(detail) = &stop.refused
        && let Err(error) = record.recorder().refused(stop.kind, detail)
    {
        tracing::error!(%error, "a refusal is not on record");
    } else if stop.is_silent() {
        metrics::refused(stop.kind);
    }
    if let (Some(mut client), Some(error)) = (client, &stop.tell) {
        drop(tokio::time::timeout(PARTING, client.tell(error)).await);
    }
    let kind = Some(stop.kind).filter(|_| stop.outcome != Outcome::Denied);
    record.close(stop.outcome, kind);
}

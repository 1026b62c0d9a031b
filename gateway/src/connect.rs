//! Step 4, connect: a permit becomes a connection to one of its addresses. It looks nothing up again and
//! must never dial anything else.

pub(crate) mod race;

use std::time::{Duration, Instant};

use exeat_audit::Outcome;
use exeat_service::keepalive::Keepalive;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::decide::{Grant, Permit};
use crate::metrics;

/// A connected destination.
pub(crate) struct Upstream {
    /// The bytes.
    pub(crate) stream: TcpStream,
    /// What holds while it lives.
    pub(crate) grant: Grant,
}

/// An allowed destination that was not reached.
pub(crate) struct Unconnected {
    /// The id of the decision's record.
    pub(crate) decision: Uuid,
    /// Why.
    pub(crate) failure: race::Failure,
}

/// Connects.
///
/// # Errors
/// No address answered; that is on record then.
pub(crate) async fn connect(
    permit: Permit,
    patience: Duration,
    keepalive: Keepalive,
) -> Result<Upstream, Unconnected> {
    let (addresses, port, mut grant) = permit.into_parts();
    let started = Instant::now();
    let outcome = race::connect(&addresses, port, patience).await;
    metrics::connected(started.elapsed());
    match outcome {
        Ok((stream, address)) => {
            // What refuses that is gone, as the first byte will show.
            let _ = keepalive.apply(&stream);
            grant.record.dialled(address);
            Ok(Upstream { stream, grant })
        }
        Err(failure) => {
            grant.record.ended(Outcome::Failed, Some(failure.kind()));
            metrics::upstream_error(failure.kind());
            Err(Unconnected {
                decision: grant.record.decision(),
                failure,
            })
        }
    }
}

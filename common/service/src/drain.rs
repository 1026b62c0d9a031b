//! The orderly end: no new connections, time for the live ones, then the end for the rest.

use std::time::Duration;

use crate::Core;
use crate::registry::EndReason;

/// How long a session that was told to end may take to write its last record.
const GRACE: Duration = Duration::from_secs(5);

/// Stops accepting, waits until the last session ended or `timeout` is over, ends the rest, and lets
/// the serving threads go. How many sessions had to be ended.
pub async fn drain(core: &Core, timeout: Duration) -> usize {
    core.drain.cancel();
    let emptied = tokio::time::timeout(timeout, core.sessions.emptied()).await;
    let mut ended = 0;
    if emptied.is_err() {
        ended = core.sessions.len();
        core.sessions.end_all(&EndReason::Drained);
        // Whoever does not react is cut off with its thread.
        tokio::time::timeout(GRACE, core.sessions.emptied())
            .await
            .ok();
    }
    core.stopped.cancel();
    ended
}

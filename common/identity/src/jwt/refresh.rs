//! Keeps the keys of remote issuers fresh: at the start, at intervals, and when a token names an unknown key.
//!
//! A failed fetch never takes keys away: the last good ones stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::fetch::Fetcher;
use super::issuer::IssuerKeys;
use crate::settings::Jwks;

const EVERY: Duration = Duration::from_secs(300);
/// However many unknown keys tokens name, fetches are at least this far apart.
const AT_MOST_EVERY: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Fetches until `stop`; the tasks end with it.
pub(super) async fn run(
    issuers: impl Iterator<Item = Arc<IssuerKeys>>,
    stop: impl Future<Output = ()>,
) {
    let mut tasks = JoinSet::new();
    for issuer in issuers.filter(|issuer| !matches!(issuer.settings().jwks, Jwks::File(_))) {
        tasks.spawn(keep_fresh(issuer));
    }
    // Dropping the set at the end ends its tasks.
    stop.await;
}

async fn keep_fresh(issuer: Arc<IssuerKeys>) {
    let mut retry = FIRST_RETRY;
    loop {
        let started = Instant::now();
        let next = if fetch_once(&issuer).await {
            retry = FIRST_RETRY;
            EVERY
        } else {
            let wait = retry;
            retry = retry.saturating_mul(2).min(LAST_RETRY);
            wait
        };
        tokio::select! {
            () = sleep_until(started + next) => {}
            () = wanted(&issuer, started + AT_MOST_EVERY.min(next)) => {}
        }
    }
}

/// A token named an unknown key, and the last fetch is long enough ago.
async fn wanted(issuer: &IssuerKeys, earliest: Instant) {
    issuer.refresh_wanted().await;
    sleep_until(earliest).await;
}

/// Fetches once; whether it succeeded.
async fn fetch_once(issuer: &IssuerKeys) -> bool {
    let settings = issuer.settings();
    let fetched = match Fetcher::new(settings) {
        Ok(fetcher) => fetcher.keys(settings).await,
        Err(error) => Err(error),
    };
    match fetched {
        Ok(keys) => {
            tracing::debug!(
                issuer = settings.issuer,
                keys = keys.len(),
                "fetched the issuer's keys"
            );
            issuer.replace_keys(keys);
            crate::meters::jwks_refreshed("ok");
            true
        }
        Err(error) => {
            tracing::warn!(
                issuer = settings.issuer,
                kind = error.kind(),
                "could not fetch the issuer's keys, the last ones stay: {error}"
            );
            crate::meters::jwks_refreshed(error.kind());
            false
        }
    }
}

//! Keeps the keys of remote issuers fresh: at the start, at intervals, and when a token names an unknown key.
//!
//! A failed fetch never takes keys away: the last good ones stay.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::fetch::{FetchError, Fetcher};
use super::issuer::IssuerKeys;
use super::keys::KeySet;
use crate::settings::Jwks;

/// How often keys are fetched.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// While all is well.
    pub(super) every: Duration,
    /// However many unknown keys tokens name, fetches are at least this far apart.
    pub(super) at_most_every: Duration,
    /// After a failure; doubled with each further one.
    pub(super) first_retry: Duration,
    /// The longest wait after failures.
    pub(super) last_retry: Duration,
}

pub(super) const PACE: Pace = Pace {
    every: Duration::from_secs(300),
    at_most_every: Duration::from_secs(10),
    first_retry: Duration::from_secs(1),
    last_retry: Duration::from_secs(60),
};

/// Fetches until `stop`; the tasks end with it.
pub(super) async fn run(
    issuers: impl Iterator<Item = Arc<IssuerKeys>>,
    pace: Pace,
    stop: impl Future<Output = ()>,
) {
    let mut tasks = JoinSet::new();
    for issuer in issuers.filter(|issuer| !matches!(issuer.settings().jwks, Jwks::File(_))) {
        tasks.spawn(keep_fresh(issuer, pace));
    }
    // Dropping the set at the end ends its tasks.
    stop.await;
}

async fn keep_fresh(issuer: Arc<IssuerKeys>, pace: Pace) {
    let mut fetcher = None;
    let mut retry = pace.first_retry;
    loop {
        let started = Instant::now();
        let outcome = fetch(&issuer, &mut fetcher).await;
        report(&issuer, &outcome);
        let next = match outcome {
            Ok(keys) => {
                issuer.replace_keys(keys);
                retry = pace.first_retry;
                pace.every
            }
            Err(_) => {
                // The roots are read anew: they may be what was wrong.
                fetcher = None;
                let wait = retry;
                retry = retry.saturating_mul(2).min(pace.last_retry);
                wait
            }
        };
        issuer.note_tried();
        tokio::select! {
            () = sleep_until(started + next) => {}
            () = wanted(&issuer, started + pace.at_most_every.min(next)) => {}
        }
    }
}

/// A token named an unknown key, and the last fetch is long enough ago.
async fn wanted(issuer: &IssuerKeys, earliest: Instant) {
    issuer.refresh_wanted().await;
    sleep_until(earliest).await;
}

async fn fetch(issuer: &IssuerKeys, fetcher: &mut Option<Fetcher>) -> Result<KeySet, FetchError> {
    let settings = issuer.settings();
    let fetcher = match fetcher {
        Some(fetcher) => fetcher,
        None => fetcher.insert(Fetcher::new(settings)?),
    };
    fetcher.keys(settings).await
}

fn report(issuer: &IssuerKeys, outcome: &Result<KeySet, FetchError>) {
    let issuer = issuer.settings().issuer.as_str();
    match outcome {
        Ok(keys) => {
            tracing::debug!(issuer, keys = keys.len(), "fetched the issuer's keys");
            crate::meters::jwks_refreshed("ok");
        }
        Err(error) => {
            let kind = error.kind();
            tracing::warn!(
                issuer,
                kind,
                "could not fetch the issuer's keys, the last ones stay: {error}"
            );
            crate::meters::jwks_refreshed(kind);
        }
    }
}

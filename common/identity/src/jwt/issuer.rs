//! One issuer: its settings, and its keys as they are now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::IssuerError;
use super::fetch;
use super::keys::KeySet;
use crate::settings::{Issuer, Jwks};
use crate::store::file;

/// Documents of keys stay far below.
pub(super) const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;

/// An issuer with its keys. Reading them takes no lock.
pub(super) struct IssuerKeys {
    settings: Issuer,
    keys: ArcSwap<KeySet>,
    wanted: Notify,
    withdrawn: AtomicBool,
    /// Keys were read, or a fetch was tried.
    tried: AtomicBool,
}

impl IssuerKeys {
    /// Sets an issuer up; a file of keys is read now, fetched keys are still missing.
    pub(super) fn read(settings: &Issuer) -> Result<Self, IssuerError> {
        let keys = match &settings.jwks {
            Jwks::File(path) => {
                let failed = |detail: String| IssuerError::File {
                    path: path.clone(),
                    detail,
                };
                let document = file::read(path, MAX_DOCUMENT_BYTES as u64)
                    .map_err(|error| failed(error.to_string()))?;
                KeySet::parse(&document).map_err(failed)?
            }
            Jwks::Discovery => {
                fetch::check_url(&settings.issuer)?;
                KeySet::default()
            }
            Jwks::Url(url) => {
                fetch::check_url(url)?;
                KeySet::default()
            }
        };
        if let Some(path) = &settings.ca {
            crate::trust::read_certificates(path).map_err(|error| IssuerError::File {
                path: path.clone(),
                detail: error.to_string(),
            })?;
        }
        Ok(Self {
            settings: settings.clone(),
            keys: ArcSwap::from_pointee(keys),
            wanted: Notify::new(),
            withdrawn: AtomicBool::new(false),
            tried: AtomicBool::new(matches!(settings.jwks, Jwks::File(_))),
        })
    }

    pub(super) fn settings(&self) -> &Issuer {
        &self.settings
    }

    pub(super) fn keys(&self) -> arc_swap::Guard<Arc<KeySet>> {
        self.keys.load()
    }

    pub(super) fn replace_keys(&self, keys: KeySet) {
        let before = self.keys.swap(Arc::new(keys));
        if !self.keys.load().holds_all_of(&before) {
            self.withdrawn.store(true, Ordering::Release);
        }
    }

    /// Whether a key was withdrawn since this was asked last.
    pub(super) fn take_withdrawn(&self) -> bool {
        self.withdrawn.swap(false, Ordering::AcqRel)
    }

    /// A fetch was tried, with or without success.
    pub(super) fn note_tried(&self) {
        self.tried.store(true, Ordering::Release);
    }

    /// Whether its keys were read, or a fetch of them was tried.
    pub(super) fn is_tried(&self) -> bool {
        self.tried.load(Ordering::Acquire)
    }

    /// Asks the refresh task for new keys; asking again before it comes to it is the same as asking once.
    pub(super) fn want_refresh(&self) {
        self.wanted.notify_one();
    }

    pub(super) async fn refresh_wanted(&self) {
        self.wanted.notified().await;
    }

    pub(super) fn accepts_audience(&self, audience: &[String]) -> bool {
        audience
            .iter()
            .any(|name| !name.is_empty() && self.settings.audience.contains(name))
    }
}

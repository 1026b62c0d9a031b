//! What sessions define, read over a connection of its own: it takes milliseconds, and is not held up by a reading
//! of all that has changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::load::{Client, Rows};
use super::objects::Objects;
use super::pace::REST;
use super::snapshot::Snapshot;
use super::{BREATH, Catalogs, Defined, locked};
use crate::upstream::UpstreamError;

/// The reading of definitions, and what was read of them since a reading of everything began.
pub(super) struct Meanwhile<'c> {
    catalogs: &'c Catalogs,
    pub(super) client: Option<Client>,
    read: Vec<(Rows, BTreeSet<u32>)>,
    /// What could not be read: it is read with the next.
    missed: Option<Defined>,
    /// Not again before.
    rested: Instant,
}

impl<'c> Meanwhile<'c> {
    pub(super) fn new(catalogs: &'c Catalogs) -> Self {
        Self {
            catalogs,
            client: None,
            read: Vec::new(),
            missed: None,
            rested: Instant::now(),
        }
    }

    /// Whether somebody waits for the end of a reading of everything.
    pub(super) fn is_waited_for(&self) -> bool {
        self.catalogs.waiting.load(Ordering::Acquire) > 0
    }

    /// Whether there is something to read now.
    pub(super) fn is_due(&self) -> bool {
        self.rested <= Instant::now() && locked(&self.catalogs.wishes).defined.is_some()
    }

    /// Until there is.
    pub(super) async fn is_told(&self) {
        self.catalogs.is_told().await;
        tokio::time::sleep_until(self.rested).await;
    }

    /// Reads what is told by then.
    pub(super) async fn read(&mut self) {
        let Some(mut defined) = locked(&self.catalogs.wishes).defined.take() else {
            return;
        };
        if let Some(missed) = self.missed.take() {
            defined.extend(missed);
        }
        let began = std::time::Instant::now();
        if let Err(error) = self.defined(&defined, began).await {
            tracing::warn!(%error, "what was defined in a database can't be read");
            self.client = None;
            self.missed = Some(defined);
            self.catalogs.refresh();
        }
        let work = began.elapsed();
        let rest: Duration = (REST * work).max(BREATH);
        self.rested = Instant::now() + rest;
    }

    async fn defined(
        &mut self,
        defined: &Defined,
        began: std::time::Instant,
    ) -> Result<(), UpstreamError> {
        let Some(known) = self.catalogs.current() else {
            self.catalogs.refresh();
            return Ok(());
        };
        let client = match &mut self.client {
            Some(open) => open,
            None => self.client.insert(self.catalogs.connect().await?),
        };
        let (snapshot, rows, named) = client.defined(&known, defined).await?;
        self.read.push((rows, named));
        self.catalogs.store(Arc::new(snapshot), began, false);
        Ok(())
    }

    /// The newest snapshot.
    pub(super) fn newest(&self) -> Option<Arc<Snapshot>> {
        self.catalogs.current()
    }

    /// A reading of everything begins.
    pub(super) fn begins(&mut self) {
        self.read.clear();
    }

    /// It ends with these objects: what was read meanwhile is newer.
    pub(super) fn put_into(&mut self, objects: &mut Objects) {
        for (rows, named) in self.read.drain(..) {
            objects.apply_named(&rows, &named);
        }
    }
}

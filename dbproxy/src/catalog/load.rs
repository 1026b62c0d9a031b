//! Asking a database for its catalog over a connection of the proxy's own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Defined;
use super::moment::Moment;
use super::objects::{Applied, Objects};
use super::pace::Pace;
use super::question::{
    COMMIT, STATE, Step, begin, columns_of, ended_since, listing, prepare, prepare_own,
    prepared_own, question, steps,
};
use super::snapshot::Snapshot;
use crate::upstream::{Channel, Connection, UpstreamError};
use crate::wire::{Reader, Violation, write};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Where a reading has more rows than this, the next one leaves out what it has read.
const MANY: usize = 1024;

/// The rows of an answer.
pub(super) type Rows = Vec<Vec<String>>;

/// A connection that only reads catalogs.
pub(crate) struct Client {
    channel: Channel,
    /// So many steps of the question for changes are.
    prepared: usize,
    /// The question for what sessions define is.
    prepared_own: bool,
}

impl Client {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            channel: Channel::open(connection.stream, connection.received),
            prepared: 0,
            prepared_own: false,
        }
    }

    /// The catalog as it is now. `known`: what was known before; the same one where nothing has changed.
    pub(super) async fn snapshot(
        &mut self,
        known: Option<&Arc<Snapshot>>,
        pace: &mut Pace<'_, '_>,
    ) -> Result<Arc<Snapshot>, UpstreamError> {
        pace.meanwhile.begins();
        let state = self.rows(&STATE).await?;
        let (state, written) = match state.first().map(Vec::as_slice) {
            Some([state, written, ..]) => (state.as_str(), written.as_str()),
            _ => ("", ""),
        };
        let Some(known) = known else {
            return self.whole(written).await.map(Arc::new);
        };
        if state == known.moment.state && is_quiet(state) {
            return Ok(match written == known.moment.written {
                true => Arc::clone(known),
                false => Arc::new(known.told_again(written)),
            });
        }
        let rows = self.changes(&known.moment, pace).await?;
        let mut objects = known.objects.clone();
        let mut applied = objects.apply(&rows);
        let gone = applied.gone && !applied.renamed;
        if gone {
            objects.keep_listed(&self.rows(&listing()).await?);
            applied.changed = true;
            applied.others = true;
        }
        let now = Moment {
            written: written.to_owned(),
            ..applied.moment
        };
        applied.moment = self.ends(rows.len(), &known.moment, now).await?;
        if applied.renamed {
            return self.whole(written).await.map(Arc::new);
        }
        // With what was read meanwhile.
        let newest = pace.meanwhile.newest().unwrap_or_else(|| Arc::clone(known));
        Ok(Arc::new(if applied.changed {
            pace.meanwhile.put_into(&mut objects);
            newest.after(objects, applied)
        } else {
            newest.seen_again(applied.moment)
        }))
    }

    /// What has changed since a transaction, step by step, or in one where somebody waits and nothing is prepared
    /// yet; the transaction that sees it is left open.
    async fn changes(
        &mut self,
        known: &Moment,
        pace: &mut Pace<'_, '_>,
    ) -> Result<Rows, UpstreamError> {
        if self.prepared == 0 && pace.is_hurried() {
            self.rows(&begin(known)).await?;
            return self.rows(&question(Some(known.since))).await;
        }
        if self.prepared == 0 {
            let steps = prepare();
            for step in &steps {
                self.rows(step).await?;
            }
            self.prepared = steps.len();
        }
        let begun = self.rows(&begin(known)).await?;
        let Some([age, pages, _]) = begun.first().map(Vec::as_slice) else {
            return Err(Violation::Malformed.into());
        };
        let pages = pages.parse().map_err(|_| Violation::Malformed)?;
        let (mut rows, mut relations) = (Vec::new(), BTreeSet::new());
        for step in steps(self.prepared, age, pages) {
            match step {
                Step::Rows(text) => rows.extend(pace.step(self.rows(&text)).await?),
                Step::Columns(text) => {
                    let found = pace.step(self.rows(&text)).await?;
                    relations.extend(found.into_iter().flatten());
                }
            }
        }
        let made = rows.iter().filter_map(|row| match row.as_slice() {
            [kind, oid, ..] if kind == "r" => Some(oid.clone()),
            _ => None,
        });
        relations.extend(made);
        if !relations.is_empty() {
            rows.extend(self.rows(&columns_of(&relations)).await?);
        }
        Ok(rows)
    }

    /// What was known, with what sessions have defined since; the rows that say so, and what they are about.
    pub(super) async fn defined(
        &mut self,
        known: &Snapshot,
        defined: &Defined,
    ) -> Result<(Snapshot, Rows, BTreeSet<u32>), UpstreamError> {
        let names: Vec<Arc<str>> = defined.names.iter().map(Arc::clone).collect();
        let named = known.objects.named(&names);
        if !self.prepared_own {
            for step in prepare_own() {
                self.rows(&step).await?;
            }
            self.prepared_own = true;
        }
        let rows = self.rows(&prepared_own(defined.floor, &named)).await?;
        let mut objects = known.objects.clone();
        let applied = objects.apply_named(&rows, &named);
        // What else has changed since is still to be looked at.
        let applied = Applied {
            moment: known.moment.clone(),
            ..applied
        };
        Ok((known.after(objects, applied), rows, named))
    }

    /// All of it. `written`: how often it was by a moment before.
    pub(super) async fn whole(&mut self, written: &str) -> Result<Snapshot, UpstreamError> {
        self.rows(&begin(&Moment::default())).await?;
        let rows = self.rows(&question(None)).await?;
        let mut objects = Objects::default();
        let mut applied = objects.replace(&rows);
        let now = Moment {
            written: written.to_owned(),
            ..applied.moment
        };
        applied.moment = self.ends(rows.len(), &Moment::default(), now).await?;
        Ok(Snapshot::new(objects, applied))
    }

    /// Ends the transaction that is open; its moment, with the transactions of which all was read by so many rows.
    async fn ends(
        &mut self,
        rows: usize,
        known: &Moment,
        now: Moment,
    ) -> Result<Moment, UpstreamError> {
        let more = match rows > MANY {
            true => self.rows(&ended_since(now.since)).await?,
            false => Rows::new(),
        };
        self.rows(COMMIT).await?;
        let more = more.into_iter().flatten();
        Ok(now.and_read(known, more.filter_map(|xid| xid.parse().ok())))
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Vec<String>>, UpstreamError> {
        tokio::time::timeout(DEADLINE, self.answer(sql))
            .await
            .map_err(|_| UpstreamError::TimedOut)?
    }

    async fn answer(&mut self, sql: &str) -> Result<Vec<Vec<String>>, UpstreamError> {
        let mut asked = Vec::new();
        write::query(&mut asked, sql);
        self.channel.send(&asked).await?;
        let mut rows = Vec::new();
        loop {
            match self.channel.message().await? {
                (b'D', body) => rows.push(row(&body)?),
                (b'Z', _) => return Ok(rows),
                (b'T' | b'C' | b'N' | b'S' | b'A', _) => {}
                _ => return Err(Violation::UnexpectedType.into()),
            }
        }
    }
}

/// Whether no transaction was in progress: `xmin:xmax:xip…` with `xmin` equal to `xmax`.
fn is_quiet(state: &str) -> bool {
    let mut parts = state.split(':');
    let (xmin, xmax) = (parts.next(), parts.next());
    xmin == xmax && parts.next().is_none_or(str::is_empty)
}

/// The fields of a DataRow, NULL as nothing.
pub(crate) fn row(body: &[u8]) -> Result<Vec<String>, Violation> {
    let mut reader = Reader::new(body);
    let count = reader.u16().ok_or(Violation::Malformed)?;
    let mut fields = Vec::new();
    for _ in 0..count {
        let length = reader.i32().ok_or(Violation::Malformed)?;
        let Ok(length) = usize::try_from(length) else {
            fields.push(String::new());
            continue;
        };
        let bytes = reader.bytes(length).ok_or(Violation::Malformed)?;
        let text = str::from_utf8(bytes).map_err(|_| Violation::NotUtf8)?;
        fields.push(text.to_owned());
    }
    Ok(fields)
}

#[cfg(test)]
mod tests;

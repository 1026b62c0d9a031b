//! What a session asks before the next text is judged where code of others may have run: what that has changed.
//! The question and the reading of its answer.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::Pending;
use crate::catalog::{Catalogs, MEANT, written};

/// Whether the session has a schema for temporary objects: it has one once it made the first. And whether it has
/// changed something for all, which perhaps nobody else sees yet: the server counts rows of the catalog that are
/// written (<https://www.postgresql.org/docs/current/monitoring-stats.html>), unless it was told not to count. At the
/// end of a transaction a session tells all the others, once a second at most, and counts anew from nothing: how
/// often it has gone through `pg_namespace`, as every look does, tells whether it has. And how names, strings and
/// rights are understood now: code may have changed that, and servers report it late or never. And what names of SQL
/// stand for: code may have given them to something else.
pub(super) static LOOK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT 'looked', pg_catalog.pg_my_temp_schema()::pg_catalog.text, \
         (SELECT NOT pg_catalog.current_setting('track_counts')::pg_catalog.bool \
         OR pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(t.c) \
         OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_updated(t.c) \
         OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_deleted(t.c)) \
         OPERATOR(pg_catalog.>) 0::pg_catalog.numeric FROM {MEANT})::pg_catalog.text, \
         CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_namespace) THEN pg_catalog.pg_stat_get_xact_numscans(\
         'pg_catalog.pg_namespace'::pg_catalog.regclass) END::pg_catalog.text, {}, \
         pg_catalog.current_setting('search_path'), pg_catalog.current_setting('role'), \
         pg_catalog.current_setting('standard_conforming_strings'), \
         pg_catalog.current_setting('client_encoding') \
         UNION ALL SELECT 'statement', name::pg_catalog.text, pg_catalog.left(statement, 4096), \
         pg_catalog.length(statement)::pg_catalog.text, '', '', '', '', '' \
         FROM pg_catalog.pg_prepared_statements WHERE from_sql \
         UNION ALL SELECT 'portal', name::pg_catalog.text, pg_catalog.left(statement, 4096), \
         pg_catalog.length(statement)::pg_catalog.text, '', '', '', '', '' \
         FROM pg_catalog.pg_cursors WHERE name OPERATOR(pg_catalog.<>) ''",
        written()
    )
});

/// The answer.
pub(super) struct Looked<'r> {
    /// It has a schema for temporary objects.
    pub(super) temporary: bool,
    /// It has changed something.
    pub(super) changed: bool,
    /// How often it has gone through `pg_namespace` since it told of its writes.
    scanned: u64,
    /// How many writes all sessions have told of.
    written: &'r str,
    /// The settings of [`crate::upstream::ASKED`].
    pub(super) settings: &'r [String],
}

impl<'r> Looked<'r> {
    /// The first row; `None` where it answers another question.
    pub(super) fn read(row: &'r [String]) -> Option<Self> {
        match row {
            [kind, schema, changed, scanned, written, settings @ ..] if kind == "looked" => {
                Some(Self {
                    temporary: schema != "0",
                    changed: changed != "false",
                    scanned: scanned.parse().unwrap_or(0),
                    written,
                    settings,
                })
            }
            _ => None,
        }
    }
}

/// What the looks of a session leave open.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// `scanned` of the last one.
    scanned: u64,
    /// Code was run since the last one while everything was allowed.
    relaxed: bool,
    /// Only a catalog that is read after this moment shows what code may have changed.
    unanswered: Option<Instant>,
}

impl Looks {
    /// Code was run.
    pub(super) fn are_due(&mut self, relaxed: bool) {
        self.relaxed |= relaxed;
    }

    /// Whether code was run since the last look while everything was allowed; told once.
    pub(super) fn was_relaxed(&mut self) -> bool {
        std::mem::take(&mut self.relaxed)
    }

    /// The session has looked. What is to be waited for, where it may have told of what it has changed before it
    /// was asked.
    pub(super) fn looked(
        &mut self,
        looked: &Looked<'_>,
        catalogs: &Arc<Catalogs>,
    ) -> Option<Pending> {
        let before = std::mem::replace(&mut self.scanned, looked.scanned);
        let told = before == 0 || looked.scanned <= before;
        let current = catalogs.current();
        let known = current.is_some_and(|current| current.has_all_of(looked.written));
        if looked.changed || !told || known {
            return None;
        }
        let now = Instant::now();
        self.unanswered = Some(now);
        Some(catalogs.newer_than(now))
    }

    /// Whether that was waited for in vain; told once.
    pub(super) fn is_unanswered(&mut self, catalogs: &Catalogs) -> bool {
        let moment = self.unanswered.take();
        moment.is_some_and(|moment| !catalogs.is_newer_than(moment))
    }
}

#[cfg(test)]
mod tests;

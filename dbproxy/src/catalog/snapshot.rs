//! What the names of a database meant at one moment: never changed, only replaced.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use exeat_sql::Catalog;

use super::hooks::Hooks;
use super::moment::Moment;
use super::objects::{Applied, Objects};
use super::question::{listing, own_question, question};

/// Numbers of snapshots: never given twice in a process, and small enough to be exact in every JSON reader.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Names of what was made.
type Made = Arc<BTreeSet<Arc<str>>>;

/// So many versions before it are known to a snapshot.
const TRAIL: usize = 32;

/// What a session asks about its own changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OwnQuestion {
    /// About these relations, and what is new.
    Named(BTreeSet<u32>),
    /// About whatever has changed or is gone.
    Changes,
    Everything,
}

/// A snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Never 0; another one wherever something that matters is another.
    pub(crate) version: u64,
    /// By name, for our own reader.
    pub(crate) catalog: Arc<Catalog>,
    /// By OID, for PostgreSQL's answers.
    pub(crate) objects: Objects,
    /// When that was.
    pub(super) moment: Moment,
    /// The versions before this one, each with the tables that were made since and nothing else; oldest first.
    trail: Arc<[(u64, Made)]>,
    /// Found out when it is first asked for.
    hooks: OnceLock<Hooks>,
}

impl Snapshot {
    /// Of objects that differ from all that were seen before.
    pub(super) fn new(objects: Objects, applied: Applied) -> Self {
        let version = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            version,
            catalog: Arc::new(objects.catalog(version)),
            objects,
            moment: applied.moment,
            trail: Arc::default(),
            hooks: OnceLock::new(),
        }
    }

    /// Of objects that differ from these by what was applied to them.
    pub(super) fn after(&self, objects: Objects, applied: Applied) -> Self {
        let made = (!applied.others).then(|| Arc::new(applied.made.clone()));
        let trail = made.map_or_else(Arc::default, |made| {
            let kept = self.trail.len().saturating_sub(TRAIL - 1);
            let kept = self.trail.iter().skip(kept).cloned();
            kept.chain([(self.version, made)]).collect()
        });
        Self {
            trail,
            ..Self::new(objects, applied)
        }
    }

    /// The versions before this one, newest first, since which nothing has changed but that tables were made, and
    /// none of a name (or with what comes with it) that is meant.
    pub(crate) fn same_since(&self, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = u64> {
        let same = move |(_, made): &&(u64, Made)| !made.iter().any(|name| is_meant(name));
        let newest_first = self.trail.iter().rev();
        newest_first.take_while(same).map(|(version, _)| *version)
    }

    /// The same, seen again later.
    pub(super) fn seen_again(&self, moment: Moment) -> Self {
        Self {
            version: self.version,
            catalog: Arc::clone(&self.catalog),
            objects: self.objects.clone(),
            moment,
            trail: Arc::clone(&self.trail),
            hooks: self.hooks.clone(),
        }
    }

    /// The same, with writes to the catalog that were told later than they were seen.
    pub(super) fn told_again(&self, written: &str) -> Self {
        self.seen_again(Moment {
            written: written.to_owned(),
            ..self.moment.clone()
        })
    }

    /// The server's major version.
    pub(crate) fn major(&self) -> u16 {
        self.moment.major
    }

    /// Whether nobody has told of a write to the catalog since, given how many were told by now.
    pub(crate) fn has_all_of(&self, written: &str) -> bool {
        !written.is_empty() && self.moment.written == written
    }

    /// What runs code without being named.
    pub(crate) fn hooks(&self) -> &Hooks {
        self.hooks.get_or_init(|| Hooks::of(&self.objects))
    }

    /// What a session sees that has changed things itself, by the answer to `asked`; `None` where it has
    /// to ask for everything.
    pub(crate) fn with_own(&self, asked: &OwnQuestion, rows: &[Vec<String>]) -> Option<Self> {
        let mut objects = self.objects.clone();
        let applied = match asked {
            OwnQuestion::Named(named) => objects.apply_named(rows, named),
            OwnQuestion::Changes => {
                let applied = objects.apply(rows);
                objects.keep_listed(rows);
                applied
            }
            OwnQuestion::Everything => objects.replace(rows),
        };
        (!applied.renamed).then(|| Self::new(objects, applied))
    }

    /// The text of a session's question about what it has changed itself since it saw `floor` as the
    /// highest OID.
    pub(crate) fn own_question(&self, asked: &OwnQuestion, floor: u32) -> String {
        match asked {
            OwnQuestion::Named(named) => own_question(floor, named),
            OwnQuestion::Changes => {
                [question(Some(self.moment.since)), listing()].join(" UNION ALL ")
            }
            OwnQuestion::Everything => question(None),
        }
    }

    /// The session has temporary relations, which only it sees.
    pub(crate) fn has_temporary(&self) -> bool {
        self.objects.has_temporary()
    }
}

#[cfg(test)]
mod tests;

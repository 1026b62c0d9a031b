//! What the names of a database meant at one moment: never changed, only replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use exeat_policy::Name;
use exeat_sql::Catalog;

use super::objects::{Applied, Objects};
use super::question::question;

/// Numbers of snapshots: never given twice in a process, and small enough to be exact in every JSON reader.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Never 0; another one wherever something that matters is another.
    pub(crate) version: u64,
    /// By name, for our own reader.
    pub(crate) catalog: Arc<Catalog>,
    /// By OID, for PostgreSQL's answers.
    pub(crate) objects: Objects,
    /// Transactions before this one had ended.
    pub(super) since: u32,
    /// The transactions of the server at that moment.
    pub(super) state: String,
    /// The server's major version.
    pub(crate) major: u16,
}

impl Snapshot {
    /// Of objects that differ from all that were seen before.
    pub(super) fn new(objects: Objects, applied: Applied) -> Self {
        let version = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            version,
            catalog: Arc::new(catalog(version, &objects)),
            objects,
            since: applied.since,
            state: applied.state,
            major: applied.major,
        }
    }

    /// The same, seen again later.
    pub(super) fn seen_again(&self, applied: Applied) -> Self {
        Self {
            version: self.version,
            catalog: Arc::clone(&self.catalog),
            objects: self.objects.clone(),
            since: applied.since,
            state: applied.state,
            major: applied.major,
        }
    }

    /// What a session sees that has changed things itself: this, and the rows of its own answer to
    /// [`Self::own_question`].
    pub(crate) fn with_own(&self, rows: &[Vec<String>]) -> Self {
        let mut objects = self.objects.clone();
        let applied = objects.apply(rows, false);
        Self::new(objects, applied)
    }

    /// The question for what a session has changed itself, these relations among it.
    pub(crate) fn own_question(&self, named: &[Arc<str>]) -> String {
        question(Some(self.since), &self.objects.named(named))
    }

    /// The session has temporary relations, which only it sees.
    pub(crate) fn has_temporary(&self) -> bool {
        self.objects.temporary
    }
}

fn catalog(version: u64, objects: &Objects) -> Catalog {
    let mut catalog = Catalog::new(version);
    for relation in objects.relations() {
        catalog.share_relation(Arc::clone(relation));
    }
    let schema = |name: &Name| name.schema.clone().unwrap_or_default();
    for function in objects.functions() {
        catalog.add_function(&schema(function), &function.name);
    }
    for operator in objects.operators() {
        if operator.schema.as_deref() != Some("pg_catalog") {
            catalog.add_operator(&schema(operator), &operator.name);
        }
    }
    for (_, known) in objects.types() {
        catalog.add_type(&schema(&known.name), &known.name.name);
    }
    catalog
}

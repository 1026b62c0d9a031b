//! What a session sees after definitions of its own, where that may differ from what all see.
//!
//! Pure but for the clock: the relay asks what `question` says, between two statements, and tells the answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use exeat_policy::{Access, RelationAccess, Request, StatementRequest, Subject, Verb};
use exeat_sql::{Said, means_what_it_spells};

use super::Answer;
use super::mention::mentions;
use crate::catalog::{Catalogs, OwnQuestion, Snapshot, Told};

/// Numbers of sessions; 0 is none's.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// So many names are asked about one by one: as a session makes in a second or two, between two readings of the
/// whole catalog.
const MAX_NAMES: usize = 2048;

/// The session's definitions, and what it has seen of them.
#[derive(Debug, Default)]
pub(crate) struct OwnCatalog {
    /// A number that no other session has.
    id: u64,
    seen: Option<Seen>,
    /// The highest OID when the session began: all that it makes has a higher one.
    floor: u32,
    /// What its statements have named since then and not all see yet.
    definitions: Definitions,
    /// The same since it looked last.
    latest: Definitions,
    /// All that `latest` has made has a higher OID.
    latest_floor: u32,
    /// Those of it that all see once a load has begun after this moment: they have been asked for.
    passing: Option<(Instant, Definitions)>,
    /// When the transaction of the latest had ended that no name tells; `None` while it is open.
    widened: Option<Instant>,
    /// What was seen may be gone.
    anew: bool,
    /// When the transaction of the latest ended.
    over: Option<Instant>,
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Seen {
    snapshot: Arc<Snapshot>,
    /// The shared snapshot that it began with.
    base: u64,
    /// Something in it is told by no name.
    wide: bool,
    /// When that was, outside of a transaction; `None` within one.
    over: Option<Instant>,
}

/// A question on its way.
#[derive(Debug)]
struct Asked {
    question: OwnQuestion,
    from: Arc<Snapshot>,
    base: u64,
    /// Something in the answer or in what it begins with is told by no name.
    wide: bool,
}

/// The relations that definitions have named.
#[derive(Debug, Default)]
struct Definitions {
    names: Vec<Arc<str>>,
    /// Something was defined that no name tells.
    wide: bool,
    /// Something was defined beside tables that nothing else leads to.
    reaches: bool,
}

impl Definitions {
    fn add(&mut self, name: &Arc<str>) {
        match self.names.contains(name) {
            false if self.names.len() < MAX_NAMES => self.names.push(Arc::clone(name)),
            false => self.wide = true,
            true => {}
        }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.wide && !self.reaches
    }

    fn extend(&mut self, others: Self) {
        others.names.iter().for_each(|name| self.add(name));
        self.wide |= others.wide;
        self.reaches |= others.reaches;
    }

    /// Whether a text can mean anything of this.
    fn may_concern(&self, text: &[u8]) -> bool {
        self.wide || self.reaches || self.names.iter().any(|name| mentions(text, name))
    }
}

/// Whether a definition makes one table for all to see and leads nothing else to it: no parent, no reference,
/// nothing that it is like. Only a text that spells the table's name can mean it, or what comes with it: its
/// types, sequences and indexes.
fn makes_only_a_table(said: &Said, relations: &[RelationAccess]) -> bool {
    let [only] = relations else { return false };
    let schema = only.relation.schema.as_deref();
    said.creates_table
        && only.access == Access::Define
        && schema.is_some_and(|schema| schema != "pg_temp")
}

impl OwnCatalog {
    /// Of a session that begins where all see this.
    pub(super) fn new(snapshot: Option<&Snapshot>) -> Self {
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            floor: snapshot.map_or(0, |snapshot| snapshot.objects.highest()),
            ..Self::default()
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// A statement was let through that may define something.
    pub(super) fn note(&mut self, answer: &Answer, catalogs: &Catalogs) {
        let Request::Statement(StatementRequest { subject, .. }) = &answer.request else {
            return;
        };
        let Subject::Readable(facts) = subject else {
            self.latest.wide = true;
            return;
        };
        let defined = |access: &&RelationAccess| access.access == Access::Define;
        let defines = answer.verb == Some(Verb::Define);
        if defines || facts.relations.iter().any(|access| defined(&access)) {
            if self.latest.is_empty() {
                let current = catalogs.current();
                self.latest_floor = current.map_or(0, |current| current.objects.highest());
            }
            for access in facts.relations.iter().filter(defined) {
                self.latest.add(&access.relation.name);
            }
            self.over = None;
            self.latest.wide |= defines && !answer.said.told_by_names;
            self.latest.reaches |= !makes_only_a_table(&answer.said, &facts.relations);
        }
        self.anew |= answer.verb == Some(Verb::Discard);
    }

    /// Something was defined of which nothing is known.
    pub(crate) fn note_anything(&mut self) {
        self.latest.wide = true;
    }

    /// The transaction of the latest definitions has ended: asks that all see them.
    pub(super) fn ended(&mut self, catalogs: &Catalogs) {
        // What is on its way has been asked for, where the session has not looked at it meanwhile.
        let asked = self.seen.is_none() && self.definitions.is_empty() && !self.latest.is_empty();
        let passing = self.passing.as_ref().filter(|_| !asked);
        let passing = passing.map(|(_, definitions)| definitions);
        let floor = if asked { self.latest_floor } else { self.floor };
        let lists = [Some(&self.definitions), Some(&self.latest), passing];
        let lists = || lists.into_iter().flatten();
        let told = lists().all(|definitions| !definitions.wide);
        let alone = lists().all(|definitions| !definitions.reaches);
        let names = lists().flat_map(|definitions| &definitions.names);
        let mut names: BTreeSet<_> = names.map(Arc::clone).collect();
        let known = catalogs.current().filter(|_| !told || !alone);
        if let Some(known) = known {
            let leading = known.objects.leading_to(&names);
            names.extend(leading);
        }
        let definitions = Told {
            by: self.id,
            names,
            wide: !told,
        };
        catalogs.refresh_told(definitions, told.then_some(floor));
        // After that was asked, so that a load which begins now can't miss it.
        let over = Instant::now();
        self.over = Some(over);
        self.anew = true;
        if self.latest.wide || self.widened.is_none() {
            self.widened = Some(over);
        }
        if told && alone && self.seen.is_none() && self.passing.is_none() {
            let mut passing = std::mem::take(&mut self.definitions);
            passing.extend(std::mem::take(&mut self.latest));
            self.passing = Some((over, passing));
        }
    }

    /// A session of which nothing is outstanding: what it makes from now on is higher than all that is there.
    fn raise(&mut self, catalogs: &Catalogs) {
        if let Some(current) = catalogs.current() {
            self.floor = self.floor.max(current.objects.highest());
        }
    }

    /// Whether a text can mean anything of what the session has defined and has not looked at since.
    pub(super) fn may_concern(&self, text: &[u8]) -> bool {
        let unseen = self.anew || self.seen.is_none();
        let passing = self.passing.as_ref();
        self.latest.may_concern(text)
            || passing.is_some_and(|(_, definitions)| definitions.may_concern(text))
            || (unseen && self.definitions.may_concern(text))
            || !means_what_it_spells(text)
    }

    /// Forgets definitions that all have seen by now without the session having looked; whether that is
    /// all of them.
    pub(super) fn forget_what_all_saw(&mut self, catalogs: &Catalogs) -> bool {
        let seen = |moment: &Instant| catalogs.has_defined_by(*moment);
        if self.passing.as_ref().is_some_and(|(over, _)| seen(over)) {
            self.passing = None;
            if self.definitions.is_empty() {
                self.floor = self.latest_floor.max(self.floor);
            }
        }
        let told = |definitions: &Definitions| !definitions.wide && !definitions.reaches;
        let plain = self.seen.is_none() && told(&self.latest) && told(&self.definitions);
        let over = self.over.filter(|_| plain && self.passing.is_none());
        let Some(over) = over else { return false };
        let all = seen(&over);
        let mut latest = std::mem::take(&mut self.definitions);
        latest.extend(std::mem::take(&mut self.latest));
        if all {
            self.anew = false;
            self.over = None;
            self.raise(catalogs);
        } else {
            self.passing = Some((over, latest));
        }
        all
    }

    /// A transaction or a part of it has ended: what was seen may be gone.
    pub(crate) fn look_anew(&mut self) {
        self.anew = true;
    }

    /// The question that is to be asked, beginning with what all see, or with what the session saw last
    /// where that still stands.
    pub(super) fn question(&mut self, catalogs: &Catalogs) -> Option<String> {
        let current = catalogs.current()?;
        if self.is_seen_by_all(catalogs) {
            self.definitions = Definitions::default();
        }
        // All see by now what was told by no name.
        if self
            .widened
            .is_some_and(|over| catalogs.is_newer_than(over))
        {
            self.definitions.wide = false;
        }
        let mut latest = std::mem::take(&mut self.latest);
        if let Some((_, passing)) = self.passing.take() {
            latest.extend(passing);
        }
        let (was_wide, latest_wide) = (self.definitions.wide, latest.wide);
        let stands = !std::mem::take(&mut self.anew) && !latest_wide;
        let known = self
            .seen
            .as_ref()
            .filter(|seen| seen.base == current.version && stands);
        let wide = known.is_some_and(|seen| seen.wide);
        let (from, floor, question) = match known {
            Some(seen) => {
                let snapshot = Arc::clone(&seen.snapshot);
                let named = snapshot.objects.named(&latest.names);
                let floor = snapshot.objects.highest();
                self.definitions.extend(latest);
                (snapshot, floor, OwnQuestion::Named(named))
            }
            None => {
                self.definitions.extend(latest);
                let question = match self.definitions.wide {
                    true => OwnQuestion::Changes,
                    false => OwnQuestion::Named(current.objects.named(&self.definitions.names)),
                };
                (Arc::clone(&current), self.floor, question)
            }
        };
        if self.definitions.wide && (latest_wide || !was_wide) {
            self.widened = None;
        }
        let text = from.own_question(&question, floor);
        self.asked = Some(Asked {
            wide: wide || !matches!(question, OwnQuestion::Named(_)),
            question,
            from,
            base: current.version,
        });
        Some(text)
    }

    /// The answer, from within a transaction or not; or what has to be asked in its place.
    pub(crate) fn see(&mut self, rows: &[Vec<String>], open: bool) -> Result<(), String> {
        let Some(asked) = self.asked.take() else {
            return Ok(());
        };
        match asked.from.with_own(&asked.question, rows) {
            Some(snapshot) => {
                self.seen = Some(Seen {
                    snapshot: Arc::new(snapshot),
                    base: asked.base,
                    wide: asked.wide,
                    over: (!open).then(Instant::now),
                });
                Ok(())
            }
            None => {
                let question = OwnQuestion::Everything;
                let text = asked.from.own_question(&question, 0);
                self.asked = Some(Asked { question, ..asked });
                Err(text)
            }
        }
    }

    /// What the session sees, where that may differ.
    pub(super) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.seen.as_ref().map(|seen| &seen.snapshot)
    }

    /// The session sees something else than all do: PostgreSQL is asked over its own connection.
    pub(crate) fn has_seen(&self) -> bool {
        self.seen.is_some()
    }

    /// The session has temporary relations.
    pub(crate) fn has_temporary(&self) -> bool {
        self.snapshot().is_some_and(|own| own.has_temporary())
    }

    /// The shared snapshot that the session's own begins with, where all see another one by now.
    pub(super) fn outdated(&self, catalogs: &Catalogs) -> Option<u64> {
        let base = self.seen.as_ref().map(|seen| seen.base);
        base.filter(|base| *base != catalogs.version())
    }

    fn is_seen_by_all(&self, catalogs: &Catalogs) -> bool {
        let seen = |seen: &Seen| match (seen.over, seen.wide) {
            (None, _) => false,
            // A load for what others have told by their names shows nothing of it.
            (Some(over), true) => catalogs.is_newer_than(over),
            (Some(over), false) => catalogs.has_defined_by(over),
        };
        self.seen.as_ref().is_some_and(seen)
    }

    /// Where all see what the session does, it sees what all do. Nobody else ever sees temporary relations.
    pub(super) fn forget_what_all_see(&mut self, catalogs: &Catalogs) {
        if self.seen.is_some() && !self.has_temporary() && self.is_seen_by_all(catalogs) {
            self.seen = None;
            self.definitions = Definitions::default();
            self.raise(catalogs);
        }
    }
}

#[cfg(test)]
mod tests;

//! Whether a statement may run code that is not PostgreSQL's own. Its effects show only to a session that looks
//! afterwards. In doubt the answer is yes.

use exeat_policy::{Access, Facts, Name, Origin, RelationAccess, Subject, Verb};

use super::reading::Understood;
use super::standpoint::Standpoint;
use crate::catalog::Snapshot;
use crate::disclosure::Foreign;

/// When a statement may run code that is not PostgreSQL's own; the later one is the worse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    /// Never.
    Never,
    /// When it is planned or run: what its names mean is settled by then.
    Run,
    /// Also when it is parsed, or its parameters are bound: its own names may mean something else then.
    Early,
    /// Also while it is parsed: what it reads itself may be something else behind that.
    Parsed,
}

impl Standpoint<'_> {
    /// Where it does, by what its facts say.
    pub(super) fn foreign(&self, subject: &Subject) -> Foreign {
        match self.runs_code(subject) {
            true => Foreign::Anywhere,
            false => Foreign::Nowhere,
        }
    }

    /// Whether it may, by what is known of it. (A session has no catalog only where it has no server.)
    pub(super) fn runs_code(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Readable(facts) => runs_code(facts, self.snapshot),
            Subject::Unreadable(_) => true,
        }
    }

    /// When it may, by what is known of it; `parsed`: while it is parsed. Values of rows, arrays and parameters
    /// are made, and the checks of the domains within run, before it is planned.
    pub(super) fn code(&self, known: &Understood, parsed: bool) -> Code {
        if known.foreign == Foreign::Nowhere {
            return Code::Never;
        }
        // Where everything may run nothing has to be known of names.
        if self.transparent() {
            return Code::Run;
        }
        let (Subject::Readable(facts), Some(snapshot)) = (&known.subject, self.snapshot) else {
            return Code::Early;
        };
        let objects = &snapshot.objects;
        let mut called = facts.functions.iter().chain(&facts.behind_functions);
        let checks = objects.called_by_checks();
        if !called.any(|name| checks.contains(name)) {
            return Code::Run;
        }
        match parsed && reads(facts) {
            true => Code::Parsed,
            false => Code::Early,
        }
    }
}

/// Whether it reads what another relation of that name could hide.
pub(super) fn reads(facts: &Facts) -> bool {
    let reads = |access: &RelationAccess| access.access == Access::Select;
    facts.relations.iter().any(reads)
}

fn runs_code(facts: &Facts, snapshot: Option<&Snapshot>) -> bool {
    let own = |name: &Name| match name.origin() {
        Origin::PostgreSql | Origin::Standard => true,
        Origin::Other => false,
        Origin::Unresolved => {
            !snapshot.is_some_and(|snapshot| snapshot.catalog.has_own_function(&name.name))
        }
    };
    let events = snapshot.is_none_or(|snapshot| snapshot.hooks().events);
    // A trigger's function is run by what comes later.
    if ties_a_trigger(facts) {
        return events;
    }
    let mut called = facts.functions.iter().chain(&facts.behind_functions);
    let mut touched = facts.relations.iter().chain(&facts.behind);
    matches!(facts.verb, Verb::Call | Verb::Do)
        || (matches!(facts.verb, Verb::Define | Verb::Maintain) && events)
        || !facts.operators.is_empty()
        || !called.all(|name| own(name) && !sets(name))
        || touched.any(|access| sets_by_writing(access) || writes_with_code(access, snapshot))
}

/// Whether a function sets parameters whose names nobody reads: it is one of PostgreSQL's own, and as good as code.
fn sets(function: &Name) -> bool {
    &*function.name == "set_config"
}

/// Whether a write sets parameters: `pg_settings` has a rule for that.
fn sets_by_writing(access: &RelationAccess) -> bool {
    access.access == Access::Update && &*access.relation.name == "pg_settings"
}

/// Whether a statement does nothing but make a trigger of a function.
fn ties_a_trigger(facts: &Facts) -> bool {
    &*facts.label == "create trigger"
        && facts.functions.len() == 1
        && facts.behind_functions.is_empty()
        && facts.operators.is_empty()
        && facts.types.is_empty()
}

/// Whether writing a relation runs code.
fn writes_with_code(access: &RelationAccess, snapshot: Option<&Snapshot>) -> bool {
    let writes = matches!(
        access.access,
        Access::Insert | Access::Update | Access::Delete | Access::Truncate
    );
    let runs = |snapshot: &Snapshot| {
        let name = &access.relation;
        let known = |schema| snapshot.catalog.relation(schema, &name.name).is_some();
        snapshot.hooks().run_by(access) || !name.schema.as_deref().is_none_or(known)
    };
    writes && snapshot.is_none_or(runs)
}

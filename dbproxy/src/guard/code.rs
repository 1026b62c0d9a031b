//! Whether a statement may run code that is not PostgreSQL's own: what that does is seen by nobody but who
//! looks afterwards. It must never take a doubt for a no.

use exeat_policy::{Access, Facts, Name, RelationAccess, Subject, Verb};

use super::Guard;
use crate::catalog::Snapshot;
use crate::disclosure::Code;

impl Guard {
    /// Whether code of somebody's own may run when a session begins: event triggers may be for that.
    pub(crate) fn begins_with_code(&self) -> bool {
        let snapshot = self.scope.snapshot.as_deref();
        snapshot.is_some_and(|snapshot| snapshot.hooks().events)
    }

    /// Where it does, by what its facts say.
    pub(super) fn code(&self, subject: &Subject) -> Code {
        match self.runs_code(subject) {
            true => Code::Anywhere,
            false => Code::Nowhere,
        }
    }

    /// Whether it may, by what is known of it. (A session has no catalog only where it has no server.)
    pub(super) fn runs_code(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Readable(facts) => runs_code(facts, self.scope.snapshot.as_deref()),
            Subject::Unreadable(_) => true,
        }
    }
}

fn runs_code(facts: &Facts, snapshot: Option<&Snapshot>) -> bool {
    let own = |name: &Name| match name.schema.as_deref() {
        Some(schema) => matches!(schema, "pg_catalog" | "information_schema"),
        // Nobody has said which one it is.
        None => !snapshot.is_some_and(|snapshot| snapshot.catalog.has_own_function(&name.name)),
    };
    let mut called = facts.functions.iter().chain(&facts.behind_functions);
    let mut touched = facts.relations.iter().chain(&facts.behind);
    let events = snapshot.is_none_or(|snapshot| snapshot.hooks().events);
    matches!(facts.verb, Verb::Call | Verb::Do)
        || (matches!(facts.verb, Verb::Define | Verb::Maintain) && events)
        || !facts.operators.is_empty()
        || !called.all(own)
        || touched.any(|access| writes_with_code(access, snapshot))
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

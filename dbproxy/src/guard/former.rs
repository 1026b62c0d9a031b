//! Verdicts of a moment ago that still stand: where nothing but tables were made since, a text that spells none
//! of their names means what it meant.

use std::sync::Arc;

use exeat_policy::PolicySet;
use exeat_sql::means_what_it_spells;

use super::mention::mentions;
use super::scope::Scope;
use super::verdict::Verdict;

/// So many scopes are looked into.
const KEPT: usize = 8;

/// The scopes that a session has left because of a newer catalog alone, newest first: number and version.
#[derive(Debug, Default)]
pub(super) struct Former(Vec<(u64, u64)>);

impl Former {
    /// The session leaves this scope. `own`: for what only it sees.
    pub(super) fn left(&mut self, scope: &Scope, policy: &Arc<PolicySet>, own: bool) {
        if own || !Arc::ptr_eq(&scope.policy, policy) {
            self.0.clear();
            return;
        }
        self.0.truncate(KEPT - 1);
        self.0.insert(0, (scope.id, scope.version));
    }

    /// The verdict on a text from one of them, as one of this scope, where it still stands.
    pub(super) fn verdict(
        &self,
        scope: &Scope,
        sql: &[u8],
        known: impl Fn(u64) -> Option<Arc<Verdict>>,
    ) -> Option<Verdict> {
        let snapshot = scope.snapshot.as_deref()?;
        if self.0.is_empty() || !means_what_it_spells(sql) {
            return None;
        }
        // Where the newest does not stand, none does that is older.
        let known = |(former, version): &(u64, u64)| Some((*version, known(*former)?));
        let (left, verdict) = self.0.iter().find_map(known)?;
        let means = |name: &str| mentions(sql, name);
        let stands = snapshot.same_since(means).any(|version| version == left);
        stands.then(|| verdict.in_scope(scope.id))
    }
}

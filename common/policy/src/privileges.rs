//! What a database grant means beside the statements that a proxy sees: may a statement with these facts
//! run? The second wall asks this for everything that a database has, and compares the answers with the
//! privileges there.
//!
//! The answer is the judge's own, so that the two walls can't come to differ: no rule is read here.

use std::sync::Arc;

use crate::evaluate::statement;
use crate::grants::presets;
use crate::set::{DatabaseGrant, Mode};
use crate::{Effect, Facts, Subject};

impl DatabaseGrant {
    /// Whether the rules let a statement with these facts run.
    pub fn lets(&self, facts: Facts) -> bool {
        let verdict = statement::judge(self, &Subject::Readable(Arc::new(facts)));
        verdict.effect == Effect::Allow
    }

    /// Whether what the rules do not allow is refused: not where it is only reported.
    pub fn enforces(&self) -> bool {
        self.mode == Mode::Enforce
    }
}

/// Whether a function of `pg_catalog` can do no harm, whoever calls it: those of the presets.
pub fn is_harmless_function(name: &str) -> bool {
    presets::is_builtin(name) || presets::is_introspection_function(name)
}

#[cfg(test)]
mod tests;

//! What a role may do in a database: its rules, those of the sets that it uses, masks and limits.
//!
//! Deny rules come first, because an allow rule that one of them covers is a mistake.

mod lists;
mod masks;
mod relations;
mod rules;
pub(crate) mod words;

use std::sync::Arc;

use super::Checker;
use crate::Assurance;
use crate::document::entries::Entries;
use crate::document::list::List;
use crate::document::spanned::Spanned;
use crate::document::{
    AllowDocument, DatabaseDocument, DatabaseModeDocument, DenyDocument, MaskDocument,
};
use crate::grants::{Grants, Masks, Rule};
use crate::set::{DatabaseGrant, DatabaseLimits, Mode};

/// The rules of a database or of a rule set, with their paths.
pub(super) struct Rules<'a> {
    pub(super) allow: &'a List<Spanned<AllowDocument>>,
    pub(super) allow_paths: Arc<[Rule]>,
    pub(super) deny: &'a List<Spanned<DenyDocument>>,
    pub(super) deny_paths: Arc<[Rule]>,
    pub(super) mask: &'a Entries<MaskDocument>,
}

impl Checker<'_> {
    pub(super) fn database(
        &mut self,
        role: &str,
        name: &Spanned<String>,
        document: &DatabaseDocument,
        best: Option<Assurance>,
    ) -> DatabaseGrant {
        self.provable(document.assurance.as_ref(), best);
        let path = self.path(format!("{role}.databases.{}", name.value), &name.place);
        if document.as_role.is_empty()
            || document.as_role.len() > 63
            || document.as_role.contains('\0')
        {
            self.problem(
                &document.as_role.place,
                "no name of a database role",
                "write the PostgreSQL role that the session runs as",
            );
        }
        let own = Rules {
            allow: &document.allow,
            allow_paths: self
                .rule_paths(&format!("{path}.allow"), &document.allow)
                .into(),
            deny: &document.deny,
            deny_paths: self
                .rule_paths(&format!("{path}.deny"), &document.deny)
                .into(),
            mask: &document.mask,
        };
        let sets = self.used_sets(document.uses.as_ref());
        let (allow, deny, masks) = self.compiled(&own, &sets);
        DatabaseGrant {
            as_role: Arc::from(document.as_role.as_str()),
            limits: self.limits(document),
            mode: match document.mode {
                DatabaseModeDocument::Enforce => Mode::Enforce,
                DatabaseModeDocument::Report => Mode::Report,
                DatabaseModeDocument::Observe => Mode::Observe,
            },
            assurance: document.assurance.as_ref().map(|asked| asked.value),
            audit: document.audit,
            path,
            allow,
            deny,
            masks,
        }
    }

    /// Compiles rules with those of the sets that are used beside them. The own ones come first, so that
    /// they are the ones that decisions name.
    pub(super) fn compiled(
        &mut self,
        own: &Rules<'_>,
        sets: &[Rules<'_>],
    ) -> (Grants, Grants, Masks) {
        let (mut allow, mut deny) = (Grants::default(), Grants::default());
        let mut masks = Masks::default();
        self.denies_in(&mut deny, own);
        self.muted(|checker| {
            sets.iter()
                .for_each(|set| checker.denies_in(&mut deny, set))
        });
        self.masks(&mut masks, own.mask, &deny);
        self.muted(|checker| {
            for set in sets {
                checker.masks(&mut masks, set.mask, &deny);
            }
        });
        self.allows_in(&mut allow, own, (&deny, &masks));
        self.muted(|checker| {
            for set in sets {
                checker.allows_in(&mut allow, set, (&deny, &masks));
            }
        });
        self.meaningful(own.mask, &allow);
        (allow, deny, masks)
    }

    fn limits(&self, document: &DatabaseDocument) -> DatabaseLimits {
        let Some(limits) = &document.limits else {
            return DatabaseLimits::default();
        };
        DatabaseLimits {
            sessions: limits
                .sessions
                .as_ref()
                .and_then(|limit| self.positive(limit, "sessions")),
            statements: limits.statements,
            rows: limits
                .rows
                .as_ref()
                .and_then(|limit| self.positive(limit, "rows")),
            statement_timeout: limits.statement_timeout.map(|timeout| timeout.0),
        }
    }
}

//! What a role may do in a database: its rules, masks and limits.
//!
//! Deny rules come first, because an allow rule that one of them covers is a mistake.

mod lists;
mod masks;
mod relations;
mod words;

use std::sync::Arc;

use super::Checker;
use crate::document::list::List;
use crate::document::spanned::Spanned;
use crate::document::{
    AllowDocument, DatabaseDocument, DatabaseModeDocument, DenyDocument, WholeDocument,
};
use crate::grants::{Grants, Masks, PG_CATALOG};
use crate::set::{DatabaseGrant, DatabaseLimits, Mode};
use crate::{Access, Assurance};
use words::{allowed_setting, denied_statement, setting, statement};

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
        let deny = self.denies_in(&path, &document.deny);
        let masks = self.masks(&document.mask, &deny);
        let allow = self.allows_in(&path, &document.allow, (&deny, &masks));
        self.meaningful(&document.mask, &allow);
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

    fn denies_in(&mut self, database: &str, rules: &List<Spanned<DenyDocument>>) -> Grants {
        let mut deny = Grants::default();
        for (at, rule) in rules.iter().enumerate() {
            let path = self.rule_path(format!("{database}.deny[{at}]"), &rule.place);
            let mut on = |access, text| self.relation(&mut deny, None, access, text, &path);
            match &rule.value {
                DenyDocument::Select(text) => on(Access::Select, text),
                DenyDocument::Insert(text) => on(Access::Insert, text),
                DenyDocument::Update(text) => on(Access::Update, text),
                DenyDocument::Delete(text) => on(Access::Delete, text),
                DenyDocument::Truncate(text) => on(Access::Truncate, text),
                DenyDocument::Define(text) => on(Access::Define, text),
                DenyDocument::Call(list) => {
                    self.names(&mut deny.functions, None, list, Some(PG_CATALOG), &path)
                }
                DenyDocument::Set(list) => {
                    self.words(&mut deny.settings, None, list, setting, &path)
                }
                DenyDocument::Statement(list) => {
                    self.words(&mut deny.statements, None, list, denied_statement, &path)
                }
            }
        }
        deny
    }

    fn allows_in(
        &mut self,
        database: &str,
        rules: &List<Spanned<AllowDocument>>,
        (deny, masks): (&Grants, &Masks),
    ) -> Grants {
        let mut allow = Grants::default();
        for (at, rule) in rules.iter().enumerate() {
            let path = self.rule_path(format!("{database}.allow[{at}]"), &rule.place);
            let mut on =
                |access, text| self.relation(&mut allow, Some((deny, masks)), access, text, &path);
            match &rule.value {
                AllowDocument::Select(text) => on(Access::Select, text),
                AllowDocument::Insert(text) => on(Access::Insert, text),
                AllowDocument::Update(text) => on(Access::Update, text),
                AllowDocument::Delete(text) => on(Access::Delete, text),
                AllowDocument::Truncate(text) => on(Access::Truncate, text),
                AllowDocument::Define(text) => on(Access::Define, text),
                AllowDocument::Call(list) => {
                    self.callable(list);
                    let denied = Some(&deny.functions);
                    self.names(&mut allow.functions, denied, list, Some(PG_CATALOG), &path);
                }
                AllowDocument::Operator(list) => {
                    self.names(&mut allow.operators, None, list, None, &path)
                }
                AllowDocument::Type(list) => self.names(&mut allow.types, None, list, None, &path),
                AllowDocument::Set(list) => {
                    let denied = Some(&deny.settings);
                    self.words(&mut allow.settings, denied, list, allowed_setting, &path);
                }
                AllowDocument::Statement(list) => {
                    let denied = Some(&deny.statements);
                    self.words(&mut allow.statements, denied, list, statement, &path);
                }
                AllowDocument::Preset(list) => self.presets(&mut allow, list, &path),
                AllowDocument::Rule(whole) => match whole.value {
                    WholeDocument::Everything => {
                        if allow.everything.replace(path).is_some() {
                            self.twice(&whole.place, "`everything`");
                        }
                    }
                },
            }
        }
        allow
    }
}

//! The rules of a list, one after the other, into what they compile to.
//!
//! INVARIANT: where two rules say the same, the earlier one is kept: it is the one that decisions name.

use super::Rules;
use super::lists::Named;
use super::words::{allowed_setting, denied_statement, setting, statement};
use crate::Access;
use crate::check::Checker;
use crate::document::{AllowDocument, DenyDocument, WholeDocument};
use crate::grants::{Grants, Masks};

impl Checker<'_> {
    pub(super) fn denies_in(&mut self, deny: &mut Grants, rules: &Rules<'_>) {
        for (rule, path) in rules.deny.iter().zip(&*rules.deny_paths) {
            let mut on = |access, text| self.relation(deny, None, access, text, path);
            match &rule.value {
                DenyDocument::Select(text) => on(Access::Select, text),
                DenyDocument::Insert(text) => on(Access::Insert, text),
                DenyDocument::Update(text) => on(Access::Update, text),
                DenyDocument::Delete(text) => on(Access::Delete, text),
                DenyDocument::Truncate(text) => on(Access::Truncate, text),
                DenyDocument::Define(text) => on(Access::Define, text),
                DenyDocument::Call(list) => {
                    let list = (Named::Functions, list);
                    self.names(&mut deny.functions, None, list, path);
                }
                DenyDocument::Operator(list) => {
                    let list = (Named::Operators, list);
                    self.names(&mut deny.operators, None, list, path);
                }
                DenyDocument::Type(list) => {
                    self.names(&mut deny.types, None, (Named::Types, list), path);
                }
                DenyDocument::Set(list) => {
                    self.words(&mut deny.settings, None, list, setting, path)
                }
                DenyDocument::Statement(list) => {
                    self.words(&mut deny.statements, None, list, denied_statement, path)
                }
            }
        }
    }

    pub(super) fn allows_in(
        &mut self,
        allow: &mut Grants,
        rules: &Rules<'_>,
        (deny, masks): (&Grants, &Masks),
    ) {
        for (rule, path) in rules.allow.iter().zip(&*rules.allow_paths) {
            let mut on =
                |access, text| self.relation(allow, Some((deny, masks)), access, text, path);
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
                    let list = (Named::Functions, list);
                    self.names(&mut allow.functions, denied, list, path);
                }
                AllowDocument::Operator(list) => {
                    let denied = Some(&deny.operators);
                    let list = (Named::Operators, list);
                    self.names(&mut allow.operators, denied, list, path);
                }
                AllowDocument::Type(list) => {
                    let denied = Some(&deny.types);
                    self.names(&mut allow.types, denied, (Named::Types, list), path);
                }
                AllowDocument::Set(list) => {
                    let denied = Some(&deny.settings);
                    self.words(&mut allow.settings, denied, list, allowed_setting, path);
                }
                AllowDocument::Statement(list) => {
                    let denied = Some(&deny.statements);
                    self.words(&mut allow.statements, denied, list, statement, path);
                }
                AllowDocument::Preset(list) => self.presets(&mut allow.presets, list, path),
                AllowDocument::Rule(whole) => match whole.value {
                    WholeDocument::Everything => {
                        if allow.everything.get_or_insert_with(|| path.clone()) != path {
                            self.twice(&whole.place, "`everything`");
                        }
                    }
                },
            }
        }
    }
}

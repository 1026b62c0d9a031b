//! Rule sets: each is checked by itself, used or not, and then taken into every database that uses it.
//!
//! What a set says that a database denies is no mistake of either: a set is for many. What can never match
//! within the set itself is.

use std::collections::HashMap;
use std::sync::Arc;

use super::Checker;
use super::database::Rules;
use crate::document::list::List;
use crate::document::spanned::{Place, Spanned};
use crate::document::{Document, RuleSetDocument};
use crate::yaml::suggest;

/// The rule sets of a policy by name.
#[derive(Default)]
pub(super) struct RuleSets<'a>(HashMap<&'a str, RuleSet<'a>>);

struct RuleSet<'a> {
    place: &'a Place,
    rules: Rules<'a>,
    used: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn rule_sets(&mut self, document: &'a Document) {
        for (name, set) in document.rule_sets.iter() {
            if let Some(first) = self.sets.0.get(name.as_str()) {
                let line = self.line(first.place, &name.place);
                self.problem(
                    &name.place,
                    format!("rule set `{}` stands here a second time", name.value),
                    format!("it already stands in {line}; a rule set stands in one place"),
                );
                continue;
            }
            self.plain_name(name, "rule set");
            let rules = self.rule_set(name, set);
            let set = RuleSet {
                place: &name.place,
                rules,
                used: false,
            };
            self.sets.0.insert(name.as_str(), set);
        }
    }

    fn rule_set(&mut self, name: &'a Spanned<String>, set: &'a RuleSetDocument) -> Rules<'a> {
        let path = self.path(format!("rule_sets.{}", name.value), &name.place);
        if set.allow.is_empty() && set.deny.is_empty() && set.mask.is_empty() {
            self.slip(
                &name.place,
                format!("rule set `{}` has no rules", name.value),
                "write rules under `allow`, `deny` or `mask`, or take it out",
            );
        }
        let rules = Rules {
            allow: &set.allow,
            allow_paths: self.rule_paths(&format!("{path}.allow"), &set.allow).into(),
            deny: &set.deny,
            deny_paths: self.rule_paths(&format!("{path}.deny"), &set.deny).into(),
            mask: &set.mask,
        };
        self.compiled(&rules, &[]);
        rules
    }

    /// The sets that a database uses.
    pub(super) fn used_sets(
        &mut self,
        uses: Option<&Spanned<List<Spanned<String>>>>,
    ) -> Vec<Rules<'a>> {
        let Some(uses) = uses else {
            return Vec::new();
        };
        if uses.is_empty() {
            self.slip(
                &uses.place,
                "an empty list",
                "name a rule set, or take the key out",
            );
        }
        let mut found: Vec<Rules<'a>> = Vec::new();
        for (at, name) in uses.iter().enumerate() {
            if uses.iter().take(at).any(|earlier| earlier == name) {
                self.problem(
                    &name.place,
                    format!("`{}` stands here a second time", name.value),
                    "keep one of them",
                );
                continue;
            }
            match self.sets.0.get_mut(name.as_str()) {
                Some(set) => {
                    set.used = true;
                    found.push(set.rules.clone());
                }
                None => self.unknown_set(name),
            }
        }
        found
    }

    fn unknown_set(&self, name: &Spanned<String>) {
        let mut known: Vec<&str> = self.sets.0.keys().copied().collect();
        known.sort_unstable();
        let hint = if known.is_empty() {
            "write it under `rule_sets`, beside `roles`".to_owned()
        } else {
            suggest(name, &known)
        };
        self.problem(
            &name.place,
            format!("there is no rule set `{}`", name.value),
            hint,
        );
    }

    pub(super) fn unused_sets(&self) {
        let mut unused: Vec<_> = self.sets.0.iter().filter(|(_, set)| !set.used).collect();
        unused.sort_unstable_by_key(|(name, _)| **name);
        for (name, set) in unused {
            self.slip(
                set.place,
                format!("no database uses the rule set `{name}`: its rules can never match"),
                format!("write `use: [{name}]` in a database of a role, or take it out"),
            );
        }
    }

    /// Does something whose problems are known already.
    pub(super) fn muted<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.muted, true);
        let done = work(self);
        self.muted = before;
        done
    }
}

impl Clone for Rules<'_> {
    fn clone(&self) -> Self {
        Self {
            allow_paths: Arc::clone(&self.allow_paths),
            deny_paths: Arc::clone(&self.deny_paths),
            ..*self
        }
    }
}

//! Rules that list names or words: functions, operators, types, settings, kinds of statements, presets.
//!
//! A name that stands twice, or that a deny rule names too, must never pass: one of the two is a mistake.

use std::sync::Arc;

use super::words::Word;
use crate::check::Checker;
use crate::document::PresetDocument;
use crate::document::list::List;
use crate::document::spanned::{Place, Spanned};
use crate::grants::floors::never_called;
use crate::grants::{Grants, Names, PG_CATALOG, Rule};
use crate::map::Map;
use crate::pattern::qualified;

/// The names of one rule.
type Listed<T> = Spanned<List<Spanned<T>>>;

impl Checker<'_> {
    pub(super) fn names(
        &self,
        names: &mut Names,
        denied: Option<&Names>,
        list: &Listed<String>,
        default: Option<&str>,
        path: &Rule,
    ) {
        self.never_empty(list);
        for text in list.iter() {
            let Some((schema, name)) = self.refused(&text.place, qualified(text, default)) else {
                continue;
            };
            if let Some(by) = denied.and_then(|denied| denied.find(&schema, &name)) {
                self.denied(text, by);
            } else if names.insert(schema, name, path.clone()).is_some() {
                self.twice(&text.place, &format!("`{}`", text.value));
            }
        }
    }

    pub(super) fn words(
        &self,
        words: &mut Map<Arc<str>, Rule>,
        denied: Option<&Map<Arc<str>, Rule>>,
        list: &Listed<String>,
        valid: impl Fn(&str) -> Word,
        path: &Rule,
    ) {
        self.never_empty(list);
        for word in list.iter() {
            let text = word.as_str();
            if let Err((message, hint)) = valid(text) {
                self.problem(&word.place, message, hint);
            } else if words.insert(Arc::from(text), path.clone()).is_some() {
                self.twice(&word.place, &format!("`{text}`"));
            }
            if let Some(by) = denied.and_then(|denied| denied.get(text)) {
                self.denied(word, by);
            }
        }
    }

    pub(super) fn presets(&self, allow: &mut Grants, list: &Listed<PresetDocument>, path: &Rule) {
        self.never_empty(list);
        for preset in list.iter() {
            let slot = match preset.value {
                PresetDocument::Builtins => &mut allow.builtins,
                PresetDocument::Introspection => &mut allow.introspection,
            };
            if slot.replace(path.clone()).is_some() {
                self.twice(&preset.place, "this preset");
            }
        }
    }

    /// Functions that no rule opens.
    pub(super) fn callable(&self, list: &Listed<String>) {
        for text in list.iter() {
            // What can't be read is reported where the names are taken in.
            let Ok((schema, name)) = qualified(text, Some(PG_CATALOG)) else {
                continue;
            };
            if &*schema == PG_CATALOG && never_called(&name) {
                self.problem(
                    &text.place,
                    format!("a rule that can never match: `{name}` goes around the reading of statements"),
                    "it sets parameters or runs SQL that it is given; no rule opens it",
                );
            }
        }
    }

    fn denied(&self, text: &Spanned<String>, by: &Rule) {
        self.problem(
            &text.place,
            format!(
                "a rule that can never match: a deny rule names `{}`",
                text.value
            ),
            format!("deny wins; take it out here or in `{by}`"),
        );
    }

    pub(super) fn twice(&self, place: &Place, what: &str) {
        self.problem(
            place,
            format!("{what} stands here a second time"),
            "keep one of them",
        );
    }

    fn never_empty<T>(&self, list: &Spanned<List<T>>) {
        if list.is_empty() {
            self.problem(
                &list.place,
                "a rule that can never match: an empty list",
                "list something, or take the rule out",
            );
        }
    }
}

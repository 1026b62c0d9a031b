//! Rules that list names or words: functions, operators, types, settings, kinds of statements, presets.
//!
//! A name that stands twice, or that a deny rule names too, must never pass: one of the two is a mistake.

use super::words::{Unknown, Word};
use crate::check::Checker;
use crate::document::PresetDocument;
use crate::document::list::List;
use crate::document::spanned::{Place, Spanned};
use crate::grants::floors::never_called;
use crate::grants::{Names, PG_CATALOG, Presets, Rule, Words};
use crate::pattern::NamePattern;

/// The names of one rule.
type Listed<T> = Spanned<List<Spanned<T>>>;

/// What a list of names is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Functions,
    Operators,
    Types,
}

impl Checker<'_> {
    pub(super) fn names(
        &self,
        names: &mut Names,
        denied: Option<&Names>,
        (kind, list): (Named, &Listed<String>),
        path: &Rule,
    ) {
        self.never_empty(list);
        let default = (kind == Named::Functions).then_some(PG_CATALOG);
        for text in list.iter() {
            let Some(pattern) = self.refused(&text.place, NamePattern::parse(text, default)) else {
                continue;
            };
            self.matchable(text, kind, &pattern);
            if let Some(by) = denied.and_then(|denied| denied.covering(&pattern)) {
                self.denied(text, by);
            } else if !names.insert(&pattern, path) {
                self.twice(&text.place, &format!("`{}`", text.value));
            }
        }
    }

    /// PostgreSQL's own operators and types need no rule, and no rule reaches them.
    fn matchable(&self, text: &Spanned<String>, kind: Named, pattern: &NamePattern) {
        let what = match kind {
            Named::Functions => return,
            Named::Operators => "operators",
            Named::Types => "types",
        };
        if pattern.schema() == Some(PG_CATALOG) {
            self.slip(
                &text.place,
                format!("a rule that can never match: PostgreSQL's own {what} need none"),
                "take it out",
            );
        }
    }

    pub(super) fn words(
        &self,
        words: &mut Words,
        denied: Option<&Words>,
        list: &Listed<String>,
        valid: impl Fn(&str) -> Word,
        path: &Rule,
    ) {
        self.never_empty(list);
        for word in list.iter() {
            let text = word.as_str();
            match valid(text) {
                Ok(()) => {}
                Err(Unknown::Never(message, hint)) => {
                    self.problem(&word.place, message, hint);
                    continue;
                }
                Err(Unknown::Slip(message, hint)) => self.slip(&word.place, message, hint),
            }
            if let Some(by) = denied.and_then(|denied| denied.covering(text)) {
                self.denied(word, by);
            } else if !words.insert(text, path) {
                self.twice(&word.place, &format!("`{text}`"));
            }
        }
    }

    pub(super) fn presets(
        &self,
        presets: &mut Presets,
        list: &Listed<PresetDocument>,
        path: &Rule,
    ) {
        self.never_empty(list);
        for preset in list.iter() {
            let slot = match preset.value {
                PresetDocument::Builtins => &mut presets.builtins,
                PresetDocument::Introspection => &mut presets.introspection,
                PresetDocument::Application => &mut presets.application,
            };
            if slot.is_some() {
                self.twice(&preset.place, "this preset");
            } else {
                *slot = Some(path.clone());
            }
        }
    }

    /// Functions that no rule opens, or only one by one.
    pub(super) fn callable(&self, list: &Listed<String>) {
        for text in list.iter() {
            // What can't be read is reported where the names are taken in.
            match NamePattern::parse(text, Some(PG_CATALOG)) {
                Ok(NamePattern::Name(schema, name))
                    if &*schema == PG_CATALOG && never_called(&name) =>
                {
                    self.problem(
                        &text.place,
                        format!("a rule that can never match: `{name}` goes around the reading of statements"),
                        "it sets parameters or runs SQL that it is given; no rule opens it",
                    );
                }
                Ok(NamePattern::Schema(schema)) if &*schema == PG_CATALOG => {
                    self.problem(
                        &text.place,
                        "`pg_catalog.*` holds functions that read files, signal sessions and change settings",
                        "name the functions, or write `preset: [builtins]`",
                    );
                }
                _ => {}
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

//! Rules by a word: configuration parameters and kinds of statements, and the families of either.

use std::sync::Arc;

use super::Rule;
use crate::map::Map;

/// Rules by word, or by the first part of words.
#[derive(Debug)]
pub(crate) struct Words {
    words: Map<Arc<str>, Rule>,
    /// What stands before the `*`: `myapp` of `myapp.*`, `create` of `create *`.
    families: Map<Arc<str>, Rule>,
    between: char,
}

impl Words {
    /// Configuration parameters: `myapp.*` is about every `myapp.parameter`.
    pub(crate) fn parameters() -> Self {
        Self::between('.')
    }

    /// Kinds of statements: `create *` is about every `create something`.
    pub(crate) fn statements() -> Self {
        Self::between(' ')
    }

    fn between(between: char) -> Self {
        Self {
            words: Map::default(),
            families: Map::default(),
            between,
        }
    }

    /// What a word with a `*` is the family of.
    fn family<'w>(&self, word: &'w str) -> Option<&'w str> {
        word.strip_suffix('*')?.strip_suffix(self.between)
    }

    /// Adds a rule. `false` where an earlier rule says just this; the earlier one is kept.
    pub(crate) fn insert(&mut self, word: &str, rule: &Rule) -> bool {
        let (map, key) = match self.family(word) {
            Some(family) => (&mut self.families, family),
            None => (&mut self.words, word),
        };
        if map.contains_key(key) {
            return false;
        }
        map.insert(Arc::from(key), rule.clone());
        true
    }

    /// The rule for a word.
    pub(crate) fn find(&self, word: &str) -> Option<&Rule> {
        self.words.get(word).or_else(|| {
            let (family, _) = word.split_once(self.between)?;
            self.families.get(family)
        })
    }

    /// The rule for all that a word, or a family, is about.
    pub(crate) fn covering(&self, word: &str) -> Option<&Rule> {
        match self.family(word) {
            Some(family) => self.families.get(family),
            None => self.find(word),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.families.is_empty()
    }
}

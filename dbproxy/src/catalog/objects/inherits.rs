//! What is a part or a child of what: found from either end without looking at the rest.

use std::collections::BTreeSet;

/// Pairs of relations, both ways.
#[derive(Clone, Debug, Default)]
pub(in crate::catalog) struct Inherits {
    /// Child and parent.
    up: BTreeSet<(u32, u32)>,
    /// The same, the parent first.
    down: BTreeSet<(u32, u32)>,
}

impl Inherits {
    /// Child and parent, of all.
    pub(in crate::catalog) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.up.iter().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.up.len()
    }

    pub(super) fn contains(&self, pair: (u32, u32)) -> bool {
        self.up.contains(&pair)
    }

    pub(super) fn insert(&mut self, (child, parent): (u32, u32)) {
        self.up.insert((child, parent));
        self.down.insert((parent, child));
    }

    pub(super) fn retain(&mut self, stays: impl Fn((u32, u32)) -> bool) {
        self.up.retain(|pair| stays(*pair));
        self.down.retain(|(parent, child)| stays((*child, *parent)));
    }

    /// One step up.
    pub(super) fn parents(&self, child: u32) -> impl Iterator<Item = u32> {
        beside(&self.up, child)
    }

    /// One step down.
    pub(super) fn children(&self, parent: u32) -> impl Iterator<Item = u32> {
        beside(&self.down, parent)
    }
}

fn beside(pairs: &BTreeSet<(u32, u32)>, of: u32) -> impl Iterator<Item = u32> {
    pairs
        .range((of, 0)..=(of, u32::MAX))
        .map(|(_, other)| *other)
}

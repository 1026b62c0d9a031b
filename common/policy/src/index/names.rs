//! A trie over the labels of names, from the right.

use super::{Matches, PortRules};
use crate::map::Map;
use crate::pattern::HostPattern;

#[derive(Debug, Default)]
struct Node {
    children: Map<Box<str>, usize>,
    /// Rules for this very name.
    exact: PortRules,
    /// Rules for names with one or more labels before this one.
    below: PortRules,
}

/// Rules by name.
#[derive(Debug)]
pub(crate) struct NameIndex {
    nodes: Vec<Node>,
}

impl Default for NameIndex {
    fn default() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }
}

impl NameIndex {
    /// The rules at a pattern, to be added to.
    pub(super) fn entry(&mut self, pattern: &HostPattern) -> &mut PortRules {
        let mut at = 0;
        for label in pattern.name().rsplit('.') {
            let known = self
                .nodes
                .get(at)
                .and_then(|node| node.children.get(label))
                .copied();
            at = known.unwrap_or_else(|| {
                let next = self.nodes.len();
                self.nodes.push(Node::default());
                if let Some(node) = self.nodes.get_mut(at) {
                    node.children.insert(Box::from(label), next);
                }
                next
            });
        }
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let last = self.nodes.len() - 1;
        #[expect(
            clippy::indexing_slicing,
            reason = "the list is never empty, and `at` is clamped to it"
        )]
        let node = &mut self.nodes[at.min(last)];
        match pattern {
            HostPattern::Exact(_) => &mut node.exact,
            HostPattern::Below(_) => &mut node.below,
        }
    }

    /// The rules whose pattern matches the name, the most specific first.
    pub(super) fn matches(&self, name: &str) -> Matches<'_> {
        let (mut found, node) = self.walk(name);
        // `*.x` never matches `x` itself, so the node of the whole name adds its exact rules only.
        found.extend(
            node.map(|node| &node.exact)
                .filter(|rules| !rules.is_empty()),
        );
        found.reverse();
        found
    }

    /// The rules whose pattern covers `*.name`.
    pub(super) fn covering(&self, name: &str) -> Matches<'_> {
        let (mut found, node) = self.walk(name);
        found.extend(
            node.map(|node| &node.below)
                .filter(|rules| !rules.is_empty()),
        );
        found.reverse();
        found
    }

    /// The wildcard rules of all proper ancestors, and the node of the name itself.
    fn walk(&self, name: &str) -> (Matches<'_>, Option<&Node>) {
        let mut found = Matches::new();
        let mut node = self.nodes.first();
        for label in name.rsplit('.') {
            let Some(here) = node else { break };
            if !here.below.is_empty() {
                found.push(&here.below);
            }
            node = here
                .children
                .get(label)
                .and_then(|next| self.nodes.get(*next));
        }
        (found, node)
    }
}

//! What expressions run that are kept with a domain, a relation or a function.

use std::collections::HashSet;
use std::sync::Arc;

use super::objects::number;

/// Something that runs functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Run {
    Function(u32),
    /// The function of this operator.
    Operator(u32),
    /// The functions of this operator class.
    Class(u32),
    /// Whatever a value of this type may run: its checks, its comparisons, what makes JSON of it.
    Type(u32),
}

impl Run {
    /// By the letter of a row.
    pub(super) fn read(letter: &str, oid: u32) -> Self {
        match letter {
            "t" => Self::Type(oid),
            "o" => Self::Operator(oid),
            "c" => Self::Class(oid),
            _ => Self::Function(oid),
        }
    }
}

/// Pairs of a thing and what runs for it; sorted, each once.
pub(super) type Runs = Arc<Vec<(u32, Run)>>;

/// What the rows of an answer say of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// Of a domain: its checks.
    pub(super) checks: Runs,
    /// Of a domain: its default.
    pub(super) defaults: Runs,
    /// Of a relation: constraints and generated columns, when a row is written.
    pub(super) writes: Runs,
    /// Of a relation: the conditions of its triggers.
    pub(super) conditions: Runs,
    /// Of a relation: the types in the defaults of its columns.
    pub(super) filled: Runs,
    /// Of a type: what reads its modifiers.
    pub(super) modifiers: Runs,
    /// Of a function: the defaults of its arguments; of an aggregate: what it is made of.
    pub(super) arguments: Runs,
}

impl Stored {
    /// Reads a row of its kinds.
    pub(super) fn read(&mut self, kind: &str, about: u32, on: &str, how: &str) {
        let Some(on) = number(on) else { return };
        let runs = match kind {
            "d" => &mut self.checks,
            "b" => &mut self.defaults,
            "w" => &mut self.writes,
            "1" => &mut self.conditions,
            "s" => &mut self.filled,
            "2" => &mut self.modifiers,
            _ => &mut self.arguments,
        };
        Arc::make_mut(runs).push((about, Run::read(how, on)));
    }

    /// Takes over what is new; whether that changed anything but what was `made` just now. `whole`: what is
    /// not among it is gone.
    pub(super) fn take(&mut self, news: Self, whole: bool, made: &HashSet<u32>) -> bool {
        let pairs = [
            (&mut self.checks, news.checks),
            (&mut self.defaults, news.defaults),
            (&mut self.writes, news.writes),
            (&mut self.conditions, news.conditions),
            (&mut self.filled, news.filled),
            (&mut self.modifiers, news.modifiers),
            (&mut self.arguments, news.arguments),
        ];
        let mut changed = false;
        for (known, mut news) in pairs {
            let list = Arc::make_mut(&mut news);
            list.sort_unstable();
            list.dedup();
            if whole {
                if *known != news {
                    *known = news;
                    changed = true;
                }
                continue;
            }
            list.retain(|one| known.binary_search(one).is_err());
            if list.is_empty() {
                continue;
            }
            changed |= list.iter().any(|(of, _)| !made.contains(of));
            let known = Arc::make_mut(known);
            known.append(list);
            known.sort_unstable();
        }
        changed
    }
}

/// What runs for a thing.
pub(super) fn of(runs: &[(u32, Run)], thing: u32) -> impl Iterator<Item = Run> {
    let from = runs.partition_point(|(of, _)| *of < thing);
    let rest = runs.get(from..).unwrap_or_default();
    rest.iter()
        .take_while(move |(of, _)| *of == thing)
        .map(|(_, run)| *run)
}

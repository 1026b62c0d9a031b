//! What the comparisons said of one database, and who may come in by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_policy::PolicyHash;

use super::super::{Comparison, Direction, Kind};

/// How old an answer may be that lets somebody in: a minute, and the time that a comparison may take.
const YOUNG: Duration = Duration::from_secs(120);
/// How many differences are on record.
const SHOWN: usize = 20;

/// What is known of a database.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    /// Of which policy, begun when.
    pub(super) of: Option<(PolicyHash, Instant)>,
    pub(super) answer: Answer,
}

/// The answer of the last comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Answer {
    #[default]
    None,
    /// It could not be told.
    Unknown(Arc<str>),
    Told(Arc<Findings>),
}

/// What is kept of a comparison.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Findings {
    /// By database role: whether sessions may come through it, or why not.
    pub(super) roles: BTreeMap<Arc<str>, Result<(), Refusal>>,
    pub(super) counts: BTreeMap<(Direction, Kind), u64>,
    pub(super) shown: Vec<String>,
}

/// Why nobody may come through a database role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It can do so many things more than its policy.
    Beyond(usize),
    /// Another policy role has it too.
    Shared,
}

/// Why a session is not let in.
pub(super) enum NotLet {
    Refused(Refusal),
    Unknown(Arc<str>),
}

impl Compared {
    pub(super) fn lets(&self, policy: &PolicyHash, as_role: &Arc<str>) -> Result<(), NotLet> {
        let unknown = |why: &str| Err(NotLet::Unknown(why.into()));
        match (&self.of, &self.answer) {
            (Some((of, began)), Answer::Told(findings))
                if of == policy && began.elapsed() < YOUNG =>
            {
                match findings.roles.get(as_role) {
                    Some(found) => found.map_err(NotLet::Refused),
                    None => unknown("it was not asked about"),
                }
            }
            (_, Answer::Unknown(error)) => Err(NotLet::Unknown(Arc::clone(error))),
            _ => unknown("no answer yet"),
        }
    }
}

impl Findings {
    pub(super) fn of(comparison: &Comparison) -> Self {
        let mut roles: BTreeMap<Arc<str>, Result<(), Refusal>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        for role in &comparison.judged {
            roles.insert(role.clone(), Ok(()));
        }
        for difference in &comparison.differences {
            *counts
                .entry((difference.direction, difference.kind))
                .or_default() += 1;
            let Some(found) = roles.get_mut(&difference.role) else {
                continue;
            };
            match (difference.direction, difference.kind, *found) {
                (Direction::Told, Kind::SharedRole, Ok(())) => *found = Err(Refusal::Shared),
                (Direction::Beyond, _, Err(Refusal::Beyond(count))) => {
                    *found = Err(Refusal::Beyond(count + 1));
                }
                (Direction::Beyond, _, _) => *found = Err(Refusal::Beyond(1)),
                _ => {}
            }
        }
        // A policy role that is judged, in a database role that can't be.
        let mixed = comparison.not_judged.iter().filter(|(_, of)| of.len() > 1);
        roles.extend(mixed.map(|(role, _)| (role.clone(), Err(Refusal::Shared))));
        let real = comparison.differences.iter();
        let real = real.filter(|difference| difference.direction != Direction::Told);
        Self {
            roles,
            counts,
            shown: real.take(SHOWN).map(ToString::to_string).collect(),
        }
    }

    pub(super) fn count(&self, direction: Direction) -> u64 {
        let counts = self.counts.iter();
        counts
            .filter(|((of, _), _)| *of == direction)
            .map(|(_, count)| count)
            .sum()
    }
}

impl Answer {
    /// For metrics: the counts, or nothing where it could not be told.
    pub(super) fn counts(&self) -> Option<BTreeMap<(Direction, Kind), u64>> {
        match self {
            Self::Told(findings) => Some(findings.counts.clone()),
            Self::None | Self::Unknown(_) => None,
        }
    }
}

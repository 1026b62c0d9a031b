//! The second wall: what the policy allows, as privileges of the database roles. With it a hole in the guard
//! ends in PostgreSQL's own refusal.
//!
//! Pure, but for `read` (asks a database) and `watch` (the service's comparison on a timer): a policy and a
//! listing of the catalog in, the SQL that makes them equal and the differences out. The rules are never
//! read here; the judge of statements is asked what they allow.

mod compare;
mod difference;
mod judged;
mod listing;
mod live;
mod plan;
mod quote;
mod read;
mod right;
mod rules;
mod settings;
mod wanted;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use exeat_policy::PolicySet;

pub use difference::{Difference, Direction, Kind};
use judged::{DatabaseRole, Judged, database_roles};
use listing::Listing;
use live::Live;
use plan::{Planner, Step};
pub use read::{Applied, apply, compare};
pub(crate) use watch::{Wall, watch};

/// What a policy and a database make of each other.
#[derive(Debug)]
pub struct Comparison {
    database: String,
    /// What differs, sorted.
    pub differences: Vec<Difference>,
    /// Database roles that are named, not judged, with the policy roles that come as them: a policy role of
    /// theirs refuses nothing.
    pub not_judged: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Database roles that are judged.
    pub judged: Vec<Arc<str>>,
    steps: Vec<Step>,
}

/// Compares.
pub(crate) fn comparison(
    policy: &PolicySet,
    name: &str,
    listing: &Listing,
    search_path: &[Arc<str>],
) -> Comparison {
    let all: BTreeMap<Arc<str>, DatabaseRole<'_>> = database_roles(policy, name);
    let live = Live::of(listing);
    let judged: Vec<Judged<'_>> = all
        .iter()
        .filter(|(_, of)| of.is_judged())
        .map(|(role, of)| Judged::new(role, of, listing, search_path))
        .collect();
    let planner = Planner {
        listing,
        live: &live,
        judged: &judged,
        all: &all,
    };
    let not_judged = all.iter().filter(|(_, of)| !of.is_judged());
    Comparison {
        database: listing.server.database.to_string(),
        differences: compare::differences(listing, &live, &judged),
        not_judged: not_judged
            .map(|(role, of)| (role.clone(), of.policy_roles.clone()))
            .collect(),
        judged: judged.iter().map(|one| one.role.clone()).collect(),
        steps: planner.steps(),
    }
}

impl Comparison {
    /// Whether the database lets its roles do what the policy does, no more and no less.
    pub fn is_equal(&self) -> bool {
        self.count(Direction::Beyond) == 0 && self.count(Direction::Short) == 0
    }

    /// How many differences there are in a direction.
    pub fn count(&self, direction: Direction) -> usize {
        let differences = self.differences.iter();
        differences.filter(|it| it.direction == direction).count()
    }

    /// Whether SQL can do anything about it.
    pub fn has_sql(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The SQL, in one transaction, with comments for people.
    pub fn sql(&self) -> String {
        self.script(true)
    }

    /// As [`Self::sql`]; without `superuser` only what the owner of the database's things may do.
    fn script(&self, superuser: bool) -> String {
        let mut out = format!(
            "-- The second wall of database {}: the privileges of its roles as the policy has them.\nBEGIN;\n",
            quote::comment(&self.database)
        );
        for told in self.told() {
            out.push_str(&format!("-- {}\n", quote::comment(&told)));
        }
        let mut about: Option<&Arc<str>> = None;
        for step in self
            .steps
            .iter()
            .filter(|step| superuser || !step.superuser)
        {
            if about != Some(&step.about) {
                out.push_str(&match &*step.about {
                    "" => "\n-- Everybody: also roles that the policy does not name lose this.\n"
                        .to_owned(),
                    role => format!("\n-- Role {}\n", quote::comment(role)),
                });
                about = Some(&step.about);
            }
            out.push_str(&step.sql);
            out.push_str(";\n");
        }
        out.push_str("\nCOMMIT;\n");
        out
    }

    /// What nobody but a person can change, or should know.
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self
            .not_judged
            .iter()
            .map(|(role, of)| {
                format!(
                    "{role}: not judged, because policy role {} refuses nothing",
                    of.join(", ")
                )
            })
            .collect();
        let by_hand = |difference: &&Difference| {
            difference.direction == Direction::Told
                || difference.kind == Kind::Ownership
                || difference.kind == Kind::Attribute && difference.what.contains("SUPERUSER")
        };
        let differences = self.differences.iter().filter(by_hand);
        told.extend(differences.map(|difference| {
            if difference.direction == Direction::Told {
                difference.to_string()
            } else {
                format!("{difference}; to be changed by hand")
            }
        }));
        told
    }
}

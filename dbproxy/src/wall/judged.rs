//! The database roles of a policy: which policy roles come as each, and whether it is judged at all.

use std::collections::BTreeMap;

use exeat_policy::{DatabaseGrant, PolicySet};

use super::listing::Listing;
use super::right::Text;
use super::rules::Rules;
use super::settings::{self, Setting};
use super::wanted::Wanted;

/// A database role of the policy.
#[derive(Debug)]
pub(super) struct DatabaseRole<'a> {
    pub(super) policy_roles: Vec<Text>,
    pub(super) grants: Vec<&'a DatabaseGrant>,
}

impl DatabaseRole<'_> {
    /// Where a policy role is only watched, what is not allowed passes: so it has to in the database.
    pub(super) fn is_judged(&self) -> bool {
        self.grants.iter().all(|grant| grant.enforces())
    }
}

/// The database roles of a policy in a database, by name.
pub(super) fn database_roles<'a>(
    policy: &'a PolicySet,
    database: &str,
) -> BTreeMap<Text, DatabaseRole<'a>> {
    let mut all: BTreeMap<Text, DatabaseRole<'a>> = BTreeMap::new();
    for role in policy.roles() {
        if let Some(grant) = role.database(database) {
            let known = all
                .entry(grant.as_role.clone())
                .or_insert_with(|| DatabaseRole {
                    policy_roles: Vec::new(),
                    grants: Vec::new(),
                });
            known.policy_roles.push(role.name().clone());
            known.grants.push(grant);
        }
    }
    all
}

/// A database role that is judged, and what it needs.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub(super) role: Text,
    pub(super) policy_roles: Vec<Text>,
    pub(super) rules: Rules<'a>,
    pub(super) wanted: Wanted,
    pub(super) settings: Vec<Setting>,
}

impl<'a> Judged<'a> {
    pub(super) fn new(
        role: &Text,
        of: &DatabaseRole<'a>,
        listing: &Listing,
        search_path: &[Text],
    ) -> Self {
        let rules = Rules(of.grants.clone());
        Self {
            role: role.clone(),
            policy_roles: of.policy_roles.clone(),
            wanted: Wanted::of(&rules, listing),
            settings: settings::wanted(&of.grants, search_path),
            rules,
        }
    }
}

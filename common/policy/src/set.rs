//! A policy that is ready to judge: what services, the explain command and replay hold.
//!
//! A value of this type is always valid and never changes; a new policy is a new value.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use crate::egress::Egress;
use crate::grants::{Grants, Masks, Rule};
use crate::map::Map;
use crate::units::{Quota, Rate};
use crate::{Assurance, AuditMode, Identity, Location, PolicyHash};

/// A compiled policy.
pub struct PolicySet {
    pub(crate) hash: PolicyHash,
    pub(crate) canonical: Arc<str>,
    pub(crate) roles: Vec<Role>,
    pub(crate) by_name: Map<Arc<str>, usize>,
    pub(crate) identities: Identities,
    pub(crate) locations: Map<Arc<str>, Location>,
    pub(crate) rules: usize,
}

impl PolicySet {
    /// The SHA-256 of the canonical form.
    pub fn hash(&self) -> &PolicyHash {
        &self.hash
    }

    /// The canonical form: JSON that [`PolicySet::from_canonical`] reads back.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The role that claims an identity.
    pub fn role_of(&self, identity: &Identity) -> Option<&Arc<str>> {
        self.identities.role_of(identity)
    }

    /// A role by its name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(*self.by_name.get(name)?)
    }

    /// All roles, in the order of their names.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.iter()
    }

    /// How many rules there are, allow and deny, egress and databases.
    pub fn rules(&self) -> usize {
        self.rules
    }

    /// Where a rule stands, by the path that decisions name. Unknown in a policy that was read from
    /// its canonical form.
    pub fn location(&self, path: &str) -> Option<&Location> {
        self.locations.get(path)
    }
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicySet")
            .field("hash", &self.hash)
            .field("roles", &self.roles.len())
            .finish()
    }
}

/// Which role claims which identity. A lookup costs the same whatever their number.
#[derive(Default)]
pub(crate) struct Identities {
    pub(crate) spiffe: Map<Arc<str>, Arc<str>>,
    pub(crate) jwt: Map<Arc<str>, Map<Arc<str>, Arc<str>>>,
    pub(crate) token: Map<Arc<str>, Arc<str>>,
    pub(crate) scram: Map<Arc<str>, Arc<str>>,
    pub(crate) source: JointPrefixMap<IpNet, Arc<str>>,
}

impl Identities {
    fn role_of(&self, identity: &Identity) -> Option<&Arc<str>> {
        match identity {
            Identity::Spiffe(id) => self.spiffe.get(id),
            Identity::Jwt { issuer, subject } => self.jwt.get(issuer)?.get(subject),
            Identity::Token(name) => self.token.get(name),
            Identity::Scram(name) => self.scram.get(name),
            Identity::Source(address) => self.role_of_source(*address),
        }
    }

    fn role_of_source(&self, address: IpAddr) -> Option<&Arc<str>> {
        let (_, role) = self
            .source
            .get_lpm(&IpNet::from(crate::address::unmapped(address)))?;
        Some(role)
    }
}

/// One role, compiled.
#[derive(Debug)]
pub struct Role {
    pub(crate) name: Arc<str>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) assurance: Option<Assurance>,
    pub(crate) egress: Egress,
    pub(crate) egress_limits: EgressLimits,
    pub(crate) databases: Map<Arc<str>, DatabaseGrant>,
}

impl Role {
    /// The role's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The role's labels, kept with every record.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The identities that the role claims, in document order; a source network by its first address.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The limits of egress.
    pub fn egress_limits(&self) -> &EgressLimits {
        &self.egress_limits
    }

    /// What the role has in a database.
    pub fn database(&self, name: &str) -> Option<&DatabaseGrant> {
        self.databases.get(name)
    }

    /// The names of the databases that the role has anything in.
    pub fn databases(&self) -> impl Iterator<Item = &Arc<str>> {
        self.databases.keys()
    }
}

/// Limits of egress, per role and node. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EgressLimits {
    /// New connections in a period.
    pub connects: Option<Rate>,
    /// Live tunnels.
    pub tunnels: Option<u32>,
    /// Bytes in a period, both directions.
    pub bytes: Option<Quota>,
}

/// What a role has in a database.
#[derive(Debug)]
pub struct DatabaseGrant {
    /// The database role that the session runs as.
    pub as_role: Arc<str>,
    /// The limits.
    pub limits: DatabaseLimits,
    pub(crate) path: Arc<str>,
    pub(crate) mode: Mode,
    pub(crate) assurance: Option<Assurance>,
    pub(crate) audit: Option<AuditMode>,
    pub(crate) allow: Grants,
    pub(crate) deny: Grants,
    pub(crate) masks: Masks,
}

impl DatabaseGrant {
    /// Whether the database is in observe mode for the role: whatever PostgreSQL accepts runs, floors of
    /// identity and limits excepted.
    pub fn observes(&self) -> bool {
        self.mode == Mode::Observe
    }

    /// Whether the role has `rule: everything`: what its deny rules and masks leave.
    pub fn grants_everything(&self) -> bool {
        self.allow.everything.is_some()
    }

    /// Whether nothing that PostgreSQL accepts is refused: observe mode, or `rule: everything` without a
    /// deny rule or mask. Where this holds, nothing has to be known of a statement to let it through.
    pub fn is_transparent(&self) -> bool {
        self.observes() || self.everything().is_some()
    }

    /// The rule that allows everything, where there is nothing that it has to stop at.
    pub(crate) fn everything(&self) -> Option<&Rule> {
        let rule = self.allow.everything.as_ref()?;
        (self.deny.is_empty() && self.masks.is_empty()).then_some(rule)
    }
}

/// What becomes of a statement that the rules deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It does not run.
    Enforce,
    /// It runs, if only rules deny it.
    Report,
    /// It runs.
    Observe,
}

/// Limits in a database, per role and node. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseLimits {
    /// Live sessions.
    pub sessions: Option<u32>,
    /// Statements in a period.
    pub statements: Option<Rate>,
    /// Rows that one statement may return.
    pub rows: Option<u64>,
    /// The longest time that a statement may run.
    pub statement_timeout: Option<Duration>,
}

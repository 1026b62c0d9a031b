//! The egress rules of a role, compiled, and how one of them judges a connection.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixSet;

use crate::index::Index;
use crate::{Assurance, AuditMode};

/// Everything a role may connect to. The default allows nothing.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    pub(crate) report: bool,
    pub(crate) audit: Option<AuditMode>,
    pub(crate) allow: Index,
    pub(crate) deny: Index,
    pub(crate) allow_rules: Vec<AllowRule>,
    pub(crate) deny_rules: Vec<Arc<str>>,
}

impl Egress {
    /// Whether a `cidr` rule opens an address that is not public, for names too.
    pub(crate) fn opens(&self, address: IpAddr, port: u16) -> bool {
        self.allow
            .address(address)
            .iter()
            .flat_map(|rules| rules.on(port))
            .filter_map(|id| self.allow_rules.get(id as usize))
            .any(|rule| rule.opens)
    }
}

/// One allow rule.
#[derive(Debug)]
pub(crate) struct AllowRule {
    /// The path in the document.
    pub(crate) path: Arc<str>,
    /// Whether the tunnel must carry TLS for the authority.
    pub(crate) tls: bool,
    /// The weakest proof that it accepts.
    pub(crate) assurance: Option<Assurance>,
    /// Whether it is a `cidr` rule whose network is set aside as a whole: only such a rule opens
    /// addresses that are not public. A wide public network never does.
    pub(crate) opens: bool,
    /// The non-public networks that its name may lead into.
    pub(crate) networks: Option<Box<Networks>>,
}

/// A set of networks.
#[derive(Debug, Default)]
pub(crate) struct Networks(JointPrefixSet<IpNet>);

impl Networks {
    pub(crate) fn insert(&mut self, network: IpNet) -> bool {
        self.0.insert(network)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.get_lpm(&IpNet::from(address)).is_some()
    }

    /// Whether the set names this one address, and not only a network around it.
    pub(crate) fn names(&self, address: IpAddr) -> bool {
        self.0.contains(&IpNet::from(address))
    }
}

/// How far a name is reserved for local use (RFC 6761, 6762, 7686, 8375, 9476, ICANN's `.internal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpecialUse {
    /// Never leads outside: no rule opens it.
    Never,
    /// Means something in one network only: a rule that names it opens it.
    Local,
}

/// Whether a name is reserved.
pub(crate) fn special_use(name: &str) -> Option<SpecialUse> {
    let mut labels = name.rsplit('.');
    match (labels.next()?, labels.next()) {
        ("localhost" | "localdomain" | "onion" | "invalid" | "alt", _) => Some(SpecialUse::Never),
        ("local" | "internal", _) | ("arpa", Some("home")) => Some(SpecialUse::Local),
        _ => None,
    }
}

//! The index that egress rules compile into: names by their labels from the right, networks by their
//! prefixes. A lookup costs as much as the name has labels, or the address has bits, whatever the
//! number of rules.

mod names;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;
use smallvec::SmallVec;

pub(crate) use names::NameIndex;

use crate::pattern::HostPattern;

/// The number of a rule in its list.
pub(crate) type RuleId = u32;

/// The rules that stand at one pattern, by port.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortRules {
    /// Rules for all ports.
    every: SmallVec<[RuleId; 1]>,
    /// Sorted by port, then in document order.
    ports: SmallVec<[(u16, RuleId); 1]>,
}

impl PortRules {
    fn is_empty(&self) -> bool {
        self.every.is_empty() && self.ports.is_empty()
    }

    fn insert(&mut self, ports: Option<&[u16]>, rule: RuleId) {
        match ports {
            None => self.every.push(rule),
            Some(ports) => {
                for port in ports {
                    let at = self.ports.partition_point(|entry| *entry <= (*port, rule));
                    self.ports.insert(at, (*port, rule));
                }
            }
        }
    }

    /// The rules for a port, in document order of each kind.
    pub(crate) fn on(&self, port: u16) -> impl Iterator<Item = RuleId> + '_ {
        let start = self.ports.partition_point(|(at, _)| *at < port);
        let on_port = self
            .ports
            .get(start..)
            .unwrap_or(&[])
            .iter()
            .take_while(move |(at, _)| *at == port);
        on_port
            .map(|(_, rule)| *rule)
            .chain(self.every.iter().copied())
    }

    /// Any rule at all, to name it where only the port is wrong.
    pub(crate) fn any(&self) -> Option<RuleId> {
        self.ports
            .iter()
            .map(|(_, rule)| *rule)
            .chain(self.every.iter().copied())
            .min()
    }
}

/// The patterns that match one destination, the most specific first.
pub(crate) type Matches<'a> = SmallVec<[&'a PortRules; 8]>;

/// Rules by destination.
#[derive(Debug, Default)]
pub(crate) struct Index {
    names: NameIndex,
    networks: JointPrefixMap<IpNet, PortRules>,
}

impl Index {
    pub(crate) fn insert_host(
        &mut self,
        pattern: &HostPattern,
        ports: Option<&[u16]>,
        rule: RuleId,
    ) {
        self.names.entry(pattern).insert(ports, rule);
    }

    pub(crate) fn insert_network(&mut self, network: IpNet, ports: Option<&[u16]>, rule: RuleId) {
        match self.networks.get_mut(&network) {
            Some(rules) => rules.insert(ports, rule),
            None => {
                let mut rules = PortRules::default();
                rules.insert(ports, rule);
                self.networks.insert(network, rules);
            }
        }
    }

    /// The rules whose pattern matches the name.
    pub(crate) fn name(&self, name: &str) -> Matches<'_> {
        self.names.matches(name)
    }

    /// The rules whose pattern covers every name below this one.
    pub(crate) fn below(&self, name: &str) -> Matches<'_> {
        self.names.covering(name)
    }

    /// The rules whose network covers the address. The caller unmaps it.
    pub(crate) fn address(&self, address: IpAddr) -> Matches<'_> {
        self.network(&IpNet::from(address))
    }

    /// The rules whose network covers this network.
    pub(crate) fn network(&self, network: &IpNet) -> Matches<'_> {
        let mut matches: Matches<'_> = self.networks.cover_values(network).collect();
        matches.reverse();
        matches
    }

    /// Whether a network of exactly one address holds a rule for the port.
    pub(crate) fn names_address(&self, address: IpAddr, port: u16) -> bool {
        self.networks
            .get(&IpNet::from(address))
            .is_some_and(|rules| rules.on(port).next().is_some())
    }
}

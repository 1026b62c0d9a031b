//! Egress rules: patterns, ports, networks, and rules that could never match.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;

use super::Checker;
use super::proofs::Proofs;
use crate::Assurance;
use crate::address::set_aside;
use crate::document::list::List;
use crate::document::spanned::{Place, Spanned};
use crate::document::{EgressAllowDocument, EgressDenyDocument, EgressDocument, ModeDocument};
use crate::egress::{AllowRule, Egress, Networks, SpecialUse, special_use};
use crate::index::{Index, Matches, RuleId};
use crate::pattern::{HostPattern, network, one_holder};

/// Where an allow rule without `ports` leads to.
const DEFAULT_PORTS: &[u16] = &[443];

/// What a rule is about.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Target {
    Host(HostPattern),
    Network(IpNet),
}

/// What makes two rules the same: nothing could tell which one is meant.
type Key = (Target, Option<u16>, bool, Option<Assurance>);

impl Checker<'_> {
    pub(super) fn egress(
        &mut self,
        role: &Arc<str>,
        document: &EgressDocument,
        proofs: Proofs,
    ) -> Egress {
        self.reachable(document, proofs);
        let mut egress = Egress {
            report: document.mode == ModeDocument::Report,
            audit: document.audit,
            ..Egress::default()
        };
        self.denies(role, &document.deny, &mut egress);
        self.allows(role, &document.allow, proofs.gateway, &mut egress);
        egress
    }

    fn denies(
        &mut self,
        role: &str,
        rules: &List<Spanned<EgressDenyDocument>>,
        egress: &mut Egress,
    ) {
        let mut seen = HashMap::new();
        for (at, rule) in rules.iter().enumerate() {
            let path = self.rule_path(format!("{role}.egress.deny[{at}]"), &rule.place);
            let id = rule_id(egress.deny_rules.len());
            egress.deny_rules.push(path);
            let Some((target, place)) = self.target(&rule.host, &rule.cidr, &rule.place) else {
                continue;
            };
            let ports = rule.ports.as_ref().map(|ports| self.ports(ports));
            self.unique(&mut seen, (&target, place), ports.as_deref(), (false, None));
            insert(&mut egress.deny, &target, ports.as_deref(), id);
        }
    }

    fn allows(
        &mut self,
        role: &str,
        rules: &List<Spanned<EgressAllowDocument>>,
        best: Option<Assurance>,
        egress: &mut Egress,
    ) {
        let mut seen = HashMap::new();
        for (at, rule) in rules.iter().enumerate() {
            let path = self.rule_path(format!("{role}.egress.allow[{at}]"), &rule.place);
            let id = rule_id(egress.allow_rules.len());
            let target = self.target(&rule.host, &rule.cidr, &rule.place);
            let tls = rule.tls.unwrap_or(true);
            self.provable(rule.assurance.as_ref(), best);
            let assurance = rule.assurance.as_ref().map(|asked| asked.value);
            egress.allow_rules.push(AllowRule {
                path,
                tls,
                assurance,
                opens: matches!(&target, Some((Target::Network(network), _)) if set_aside(network)),
                networks: self.networks(rule).map(Box::new),
            });
            let Some((target, place)) = target else {
                continue;
            };
            self.allowable(&target, place, rule);
            let ports = rule
                .ports
                .as_ref()
                .map_or_else(|| DEFAULT_PORTS.to_vec(), |ports| self.ports(ports));
            self.unique(&mut seen, (&target, place), Some(&ports), (tls, assurance));
            self.shadowed(egress, &target, place, &ports);
            insert(&mut egress.allow, &target, Some(&ports), id);
        }
    }

    fn target<'d>(
        &self,
        host: &'d Option<Spanned<String>>,
        cidr: &'d Option<Spanned<String>>,
        rule: &'d Place,
    ) -> Option<(Target, &'d Place)> {
        match (host, cidr) {
            (Some(host), None) => {
                let pattern = self.refused(&host.place, HostPattern::parse(host))?;
                Some((Target::Host(pattern), &host.place))
            }
            (None, Some(cidr)) => {
                let network = self.refused(&cidr.place, network(cidr))?;
                Some((Target::Network(network), &cidr.place))
            }
            (None, None) => {
                self.problem(rule, "a rule about nothing", "write `host:` or `cidr:`");
                None
            }
            (Some(_), Some(cidr)) => {
                self.problem(
                    &cidr.place,
                    "a rule with `host` and `cidr`",
                    "write two rules, or the networks that the name may lead into as `networks`",
                );
                None
            }
        }
    }

    /// What only an allow rule has to mind.
    fn allowable(&self, target: &Target, place: &Place, rule: &EgressAllowDocument) {
        let Target::Host(pattern) = target else {
            if let Target::Network(network) = target {
                self.narrow(place, network);
            }
            if let Some(networks) = &rule.networks {
                self.problem(
                    &networks.place,
                    "`networks` in a rule with `cidr`",
                    "`cidr` already names the network; `networks` belongs to `host`",
                );
            }
            if let Some(over) = &rule.public_suffix {
                self.problem(
                    &over.place,
                    "`public_suffix` in a rule with `cidr`",
                    "it belongs to a wildcard host",
                );
            }
            return;
        };
        if special_use(pattern.name()) == Some(SpecialUse::Never) {
            self.problem(
                place,
                format!(
                    "a rule that can never match: `{}` is reserved and never leads outside",
                    pattern.name()
                ),
                "take the rule out, or use `cidr` for local addresses",
            );
        }
        let overridden = rule.public_suffix.as_ref();
        match (pattern.strangers(), overridden) {
            (Some(how), over) if over.is_none_or(|over| !over.value) => self.slip(
                place,
                format!(
                    "`*.{}` {how}: names of unrelated owners stand below it",
                    pattern.name()
                ),
                "name the hosts, or a wildcard below a name that one owner holds; if you mean it, add `public_suffix: true`",
            ),
            (None, Some(over)) => self.slip(
                &over.place,
                "`public_suffix` on a host that is none",
                "take it out",
            ),
            (Some(_), _) | (None, None) => {}
        }
    }

    /// What opens something names networks of one holder each.
    pub(super) fn narrow(&self, place: &Place, network: &IpNet) {
        if let Err(refused) = one_holder(network) {
            self.slip(place, refused.message, refused.hint.unwrap_or_default());
        }
    }

    fn ports(&self, ports: &Spanned<List<Spanned<u16>>>) -> Vec<u16> {
        if ports.is_empty() {
            self.problem(
                &ports.place,
                "a rule that can never match: an empty list of ports",
                "list a port, or leave `ports` out",
            );
        }
        let mut all: Vec<u16> = Vec::with_capacity(ports.len());
        for port in ports.iter() {
            if port.value == 0 {
                self.problem(
                    &port.place,
                    "a rule that can never match: port 0",
                    "ports are numbers from 1 to 65535",
                );
            }
            all.push(port.value);
        }
        all.sort_unstable();
        if all.windows(2).any(|pair| pair.first() == pair.last()) {
            self.problem(&ports.place, "a port stands here twice", "keep one of them");
        }
        all.dedup();
        all
    }

    fn networks(&self, rule: &EgressAllowDocument) -> Option<Networks> {
        let list = rule.networks.as_ref()?;
        if list.is_empty() {
            self.problem(
                &list.place,
                "an empty list of networks",
                "list a network, or leave `networks` out",
            );
        }
        let mut networks = Networks::default();
        for text in list.iter() {
            let Some(network) = self.refused(&text.place, network(text)) else {
                continue;
            };
            if !set_aside(&network) {
                self.problem(
                    &text.place,
                    format!("`{network}` is not set aside for private use"),
                    "`networks` opens private networks; public addresses need no opening",
                );
            } else if !networks.insert(network) {
                self.problem(
                    &text.place,
                    format!("`{network}` stands here twice"),
                    "keep one of them",
                );
            }
        }
        Some(networks)
    }

    fn unique(
        &self,
        seen: &mut HashMap<Key, Place>,
        (target, place): (&Target, &Place),
        ports: Option<&[u16]>,
        (tls, assurance): (bool, Option<Assurance>),
    ) {
        let every: Vec<Option<u16>> = ports.map_or_else(
            || vec![None],
            |ports| ports.iter().copied().map(Some).collect(),
        );
        for port in every {
            let key = (target.clone(), port, tls, assurance);
            if let Some(first) = seen.get(&key) {
                let line = self.line(first, place);
                let port = port.map_or_else(String::new, |port| format!(" on port {port}"));
                self.problem(
                    place,
                    format!("this destination{port} stands here a second time"),
                    format!("it already stands in {line}; keep one of them"),
                );
                return;
            }
            seen.insert(key, place.clone());
        }
    }

    fn shadowed(&self, egress: &Egress, target: &Target, place: &Place, ports: &[u16]) {
        let denied = match target {
            Target::Host(HostPattern::Exact(name)) => egress.deny.name(name),
            Target::Host(HostPattern::Below(name)) => egress.deny.below(name),
            Target::Network(network) => egress.deny.network(network),
        };
        let rule_on = |port: &u16| first_on(&denied, *port);
        if ports.is_empty() || !ports.iter().all(|port| rule_on(port).is_some()) {
            return;
        }
        let by = ports
            .first()
            .and_then(rule_on)
            .and_then(|id| egress.deny_rules.get(id as usize));
        self.problem(
            place,
            "a rule that can never match: a deny rule covers all of it",
            format!(
                "deny wins; take out this rule or `{}`",
                by.map_or("the deny rule", |path| path)
            ),
        );
    }
}

fn first_on(matches: &Matches<'_>, port: u16) -> Option<RuleId> {
    matches.iter().find_map(|rules| rules.on(port).next())
}

fn insert(index: &mut Index, target: &Target, ports: Option<&[u16]>, id: RuleId) {
    match target {
        Target::Host(pattern) => index.insert_host(pattern, ports, id),
        Target::Network(network) => index.insert_network(*network, ports, id),
    }
}

/// A policy of more rules than this does not fit into memory.
fn rule_id(length: usize) -> RuleId {
    RuleId::try_from(length).unwrap_or(RuleId::MAX)
}

//! May this role open this connection?

use std::net::IpAddr;

use super::{Verdict, assured};
use crate::address::{embedded, unmapped};
use crate::egress::{AllowRule, Egress, SpecialUse, special_use};
use crate::index::Matches;
use crate::set::Role;
use crate::{
    AddressClass, AuditMode, Basis, ConnectionRequest, Host, Principal, Protocol, Reason,
    TlsFinding, classify,
};

/// Judges a connection of an identified role.
pub(crate) fn judge(role: &Role, principal: &Principal, request: &ConnectionRequest) -> Verdict {
    let question = Question {
        egress: &role.egress,
        principal,
        request,
        port: request.authority.port,
        audit: role.egress.audit.unwrap_or(AuditMode::Release),
    };
    question.judge().reported(role.egress.report)
}

struct Question<'a> {
    egress: &'a Egress,
    principal: &'a Principal,
    request: &'a ConnectionRequest,
    port: u16,
    audit: AuditMode,
}

impl<'a> Question<'a> {
    fn judge(&self) -> Verdict {
        let matches = match &self.request.authority.host {
            Host::Name(name) => self.egress.allow.name(name),
            Host::Address(address) => self.egress.allow.address(unmapped(*address)),
        };
        if let Some(floor) = self.name_floor(&matches) {
            return floor;
        }
        match self.choose(&matches) {
            Some(Err(floor)) if floor.basis == Basis::Floor => floor,
            Some(chosen) => self
                .denied()
                .unwrap_or_else(|| chosen.unwrap_or_else(|verdict| verdict)),
            None => self.unmatched(&matches),
        }
    }

    fn deny(&self, reason: Reason, basis: Basis) -> Verdict {
        Verdict::deny(reason, basis, self.audit)
    }

    /// Names that no rule, or only a rule that names them, leads to.
    fn name_floor(&self, matches: &Matches<'_>) -> Option<Verdict> {
        let Host::Name(name) = &self.request.authority.host else {
            return None;
        };
        match special_use(name)? {
            SpecialUse::Local if !matches.is_empty() => None,
            SpecialUse::Local | SpecialUse::Never => {
                Some(self.deny(Reason::SpecialUseName, Basis::Floor))
            }
        }
    }

    /// The first rule that allows all of it, or the mildest of the refusals: a refusal by the policy
    /// before a floor, because a floor that another rule opens is none. `None` where no rule matches.
    fn choose(&self, matches: &Matches<'a>) -> Option<Result<Verdict, Verdict>> {
        let mut refusal: Option<Verdict> = None;
        let rules = matches.iter().flat_map(|rules| rules.on(self.port));
        for rule in rules.filter_map(|id| self.egress.allow_rules.get(id as usize)) {
            match self.rule(rule) {
                Ok(()) => {
                    let mut verdict = Verdict::allow(&rule.path, self.audit);
                    verdict.tls = rule.tls;
                    return Some(Ok(verdict));
                }
                Err(verdict) => {
                    let milder = refusal.as_ref().is_none_or(|first| {
                        first.basis == Basis::Floor && verdict.basis != Basis::Floor
                    });
                    if milder {
                        refusal = Some(verdict);
                    }
                }
            }
        }
        refusal.map(Err)
    }

    /// What no rule allows on this port.
    fn unmatched(&self, matches: &Matches<'_>) -> Verdict {
        match &self.request.authority.host {
            Host::Name(_) => {
                let refusal = self
                    .denied()
                    .unwrap_or_else(|| self.missing(Reason::HostNotAllowed, matches));
                match self.addresses(None) {
                    // INVARIANT: report mode would lift the refusal, so there the floor is what holds.
                    // A metadata service is what somebody is after, whatever the name.
                    Err(floor) if self.egress.report || floor.reason == Reason::AddressMetadata => {
                        floor
                    }
                    // Otherwise the reader has to know first that no rule leads there: a network
                    // that is opened for no rule opens nothing.
                    Ok(()) | Err(_) => refusal,
                }
            }
            Host::Address(address) => {
                let mut refusal = self.missing(Reason::IpLiteral, matches);
                match classify(*address) {
                    AddressClass::Public => self.denied().unwrap_or(refusal),
                    AddressClass::Metadata => self.deny(Reason::AddressMetadata, Basis::Floor),
                    AddressClass::Special(name) => {
                        refusal.basis = Basis::Floor;
                        match refusal.detail {
                            Some(_) => refusal,
                            None => refusal.detail(name),
                        }
                    }
                }
            }
        }
    }

    /// No rule, or none on this port.
    fn missing(&self, reason: Reason, matches: &Matches<'_>) -> Verdict {
        let near = matches
            .iter()
            .find_map(|rules| rules.any())
            .and_then(|id| self.egress.allow_rules.get(id as usize));
        match near {
            None => self.deny(reason, Basis::Default),
            Some(near) => self
                .deny(Reason::PortNotAllowed, Basis::Default)
                .rule(Some(&near.path))
                .detail(format!("port {}", self.port)),
        }
    }

    /// Whether one allow rule, which matches the destination, allows the rest.
    fn rule(&self, rule: &AllowRule) -> Result<(), Verdict> {
        match &self.request.authority.host {
            Host::Name(_) => {}
            Host::Address(address) => {
                let address = unmapped(*address);
                match classify(address) {
                    AddressClass::Metadata
                        if !self.egress.allow.names_address(address, self.port) =>
                    {
                        return Err(self.deny(Reason::AddressMetadata, Basis::Floor));
                    }
                    AddressClass::Special(name) if !rule.opens => {
                        return Err(self.deny(Reason::IpLiteral, Basis::Floor).detail(name));
                    }
                    AddressClass::Metadata | AddressClass::Special(_) | AddressClass::Public => {}
                }
            }
        }
        self.addresses(Some(rule))?;
        assured(self.principal, rule.assurance).map_err(|detail| {
            self.deny(Reason::AssuranceTooLow, Basis::Floor)
                .rule(Some(&rule.path))
                .detail(detail)
        })?;
        if rule.tls {
            self.tls().map_err(|reason| {
                let mut verdict = self.deny(reason, Basis::Default).rule(Some(&rule.path));
                // In report mode the tunnel goes on, and is looked into as the rule asks.
                verdict.tls = self.request.protocol == Protocol::Tunnel;
                verdict
            })?;
        }
        Ok(())
    }

    /// Every answered address is public, or in a network that a rule opens. One that is not denies
    /// the whole answer. An empty answer has none that is; a service never asks with one, because a
    /// name without an address is a lookup that failed.
    fn addresses(&self, rule: Option<&AllowRule>) -> Result<(), Verdict> {
        let Some(addresses) = &self.request.addresses else {
            return Ok(());
        };
        if addresses.is_empty() {
            return Err(self
                .deny(Reason::AddressNotPublic, Basis::Floor)
                .detail("no address"));
        }
        for address in addresses {
            let networks = rule.and_then(|rule| rule.networks.as_deref());
            let plain = unmapped(*address);
            match classify(plain) {
                AddressClass::Public => {}
                // The literal itself has been judged.
                _ if matches!(&self.request.authority.host, Host::Address(own) if unmapped(*own) == plain) =>
                    {}
                AddressClass::Metadata => {
                    let named = networks.is_some_and(|networks| networks.names(plain))
                        || self.egress.allow.names_address(plain, self.port);
                    if !named {
                        return Err(self
                            .deny(Reason::AddressMetadata, Basis::Floor)
                            .detail(address.to_string()));
                    }
                }
                AddressClass::Special(name) => {
                    let open = networks.is_some_and(|networks| networks.contains(plain))
                        || self.egress.opens(plain, self.port);
                    if !open {
                        return Err(self
                            .deny(Reason::AddressNotPublic, Basis::Floor)
                            .detail(format!("{address} ({name})")));
                    }
                }
            }
        }
        Ok(())
    }

    /// What the rule's TLS demands of the protocol and of the bytes seen so far.
    fn tls(&self) -> Result<(), Reason> {
        if self.request.protocol == Protocol::Http {
            return Err(Reason::TlsRequired);
        }
        let Some(finding) = &self.request.tls else {
            return Ok(());
        };
        match (finding, &self.request.authority.host) {
            (TlsFinding::ServerName(server), Host::Name(name)) if server == name => Ok(()),
            (TlsFinding::ServerName(_), _) => Err(Reason::SniMismatch),
            // RFC 6066 §3: an address is never sent as a server name.
            (TlsFinding::NoServerName, Host::Address(_)) => Ok(()),
            (TlsFinding::NoServerName, Host::Name(_)) => Err(Reason::SniMissing),
            (TlsFinding::EncryptedClientHello, _) => Err(Reason::EncryptedClientHello),
            (TlsFinding::NotTls, _) => Err(Reason::NotTls),
            (TlsFinding::Malformed, _) => Err(Reason::TlsMalformed),
            (TlsFinding::TimedOut, _) => Err(Reason::TlsTimeout),
        }
    }

    /// The deny rule that matches the host, or any address that it leads to.
    fn denied(&self) -> Option<Verdict> {
        let host = match &self.request.authority.host {
            Host::Name(name) => self.on_port(&self.egress.deny.name(name)),
            Host::Address(address) => self.denied_address(*address),
        };
        let answers = self.request.addresses.as_deref().unwrap_or(&[]);
        let id = host.or_else(|| {
            answers
                .iter()
                .find_map(|address| self.denied_address(*address))
        })?;
        Some(
            self.deny(Reason::DeniedByRule, Basis::DenyRule)
                .rule(self.egress.deny_rules.get(id as usize)),
        )
    }

    /// A deny rule for IPv4 also holds for that address inside of IPv6.
    fn denied_address(&self, address: IpAddr) -> Option<u32> {
        let on = |address| self.on_port(&self.egress.deny.address(address));
        on(address).or_else(|| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => embedded(v6).into_iter().find_map(|v4| on(IpAddr::V4(v4))),
        })
    }

    fn on_port(&self, matches: &Matches<'_>) -> Option<u32> {
        matches.iter().find_map(|rules| rules.on(self.port).next())
    }
}

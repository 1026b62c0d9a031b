//! The small languages inside of rules: host patterns, networks, relation patterns, qualified names.
//!
//! Each has one spelling. What has a second reading is an error with the spelling to use, never repaired.

mod host;
mod relation;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::address::set_aside;

pub(crate) use host::HostPattern;
pub(crate) use relation::{NamePattern, RelationPattern, column_path};

/// What is wrong with a pattern, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Refused {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The shortest prefixes of networks that one holder has: IANA gives out IPv4 in `/8`s, and no
/// registration of IPv6 to one organisation is wider than a `/16`.
const WIDEST: (u8, u8) = (8, 16);

/// Refuses what is much of the address space of everybody, where it opens something: `0.0.0.0/1` and
/// `128.0.0.0/1` are `0.0.0.0/0` in two rules. A bound on each network, not on their union, because a
/// union is gone around by leaving one address out. What is set aside as a whole (`fc00::/7`) belongs
/// to whoever uses it.
pub(crate) fn one_holder(network: &IpNet) -> Result<(), Refused> {
    let widest = match network {
        IpNet::V4(_) => WIDEST.0,
        IpNet::V6(_) => WIDEST.1,
    };
    if network.prefix_len() >= widest || set_aside(network) {
        return Ok(());
    }
    Err(Refused::new(format!(
        "`{network}` is wider than any one holder's network"
    ))
    .hint(format!(
        "name the networks; the widest is a /{} of IPv4 or a /{} of IPv6",
        WIDEST.0, WIDEST.1
    )))
}

/// Reads `10.0.0.0/8`, or one address. Host bits must be zero, so that a slip does not widen a rule.
pub(crate) fn network(text: &str) -> Result<IpNet, Refused> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => text.parse::<IpAddr>().map(IpNet::from).map_err(|_| {
            Refused::new(format!("`{text}` is no network"))
                .hint("write an address and a prefix length, like 10.0.0.0/8")
        })?,
    };
    if network != network.trunc() {
        return Err(
            Refused::new(format!("`{text}` has bits set after its prefix")).hint(format!(
                "write {} for the network, or {} for the one address",
                network.trunc(),
                network.addr()
            )),
        );
    }
    if network.prefix_len() == 0 {
        return Err(Refused::new(format!("`{text}` is every address")).hint("name the networks"));
    }
    if let IpNet::V6(v6) = network
        && v6.addr().to_ipv4_mapped().is_some()
    {
        return Err(Refused::new(format!("`{text}` is IPv4 written as IPv6"))
            .hint("write the IPv4 network; it matches both spellings"));
    }
    Ok(network)
}

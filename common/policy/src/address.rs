//! What an address is: public, or set aside by the IANA special-purpose registries, or a cloud's
//! metadata service. Looks through every embedding of IPv4 in IPv6.
//!
//! It must never call an address public because a table lacks it: outside of `2000::/3` IPv6 is special.

mod embedded;
mod registry;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

pub(crate) use embedded::embedded;

/// What an address is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Globally reachable.
    Public,
    /// A metadata service of a cloud: credentials for whoever asks.
    Metadata,
    /// Not public; the name of the registry's entry.
    Special(&'static str),
}

/// Says what an address is.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    if registry::METADATA_V4.contains(&address) {
        return AddressClass::Metadata;
    }
    let bits = address.to_bits();
    registry::V4
        .iter()
        .find(|entry| bits & entry.mask() == entry.network.to_bits())
        .map_or(AddressClass::Public, |entry| {
            AddressClass::Special(entry.name)
        })
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    if registry::METADATA_V6.contains(&address) {
        return AddressClass::Metadata;
    }
    if embedded(address)
        .iter()
        .any(|v4| classify_v4(*v4) == AddressClass::Metadata)
    {
        return AddressClass::Metadata;
    }
    // These two are only another way to write the IPv4 address: same address, same class.
    if let Some(v4) = embedded::mapped(address).or_else(|| embedded::nat64_well_known(address)) {
        return classify_v4(v4);
    }
    let bits = address.to_bits();
    if let Some(entry) = registry::V6
        .iter()
        .find(|entry| bits & entry.mask() == entry.network.to_bits())
    {
        return AddressClass::Special(entry.name);
    }
    if embedded::isatap(address).is_some_and(|v4| classify_v4(v4) != AddressClass::Public) {
        return AddressClass::Special("ISATAP of a non-public address");
    }
    AddressClass::Public
}

/// Whether a network lies within one that is set aside, or is a metadata address: to name it is to mean it.
pub(crate) fn set_aside(network: &IpNet) -> bool {
    let exact = network.prefix_len() == network.max_prefix_len();
    if exact && classify(network.addr()) == AddressClass::Metadata {
        return true;
    }
    match network {
        IpNet::V4(v4) => {
            let bits = v4.addr().to_bits();
            let within =
                |entry: &&registry::V4Entry| bits & entry.mask() == entry.network.to_bits();
            registry::V4
                .iter()
                .any(|entry| entry.length <= u32::from(v4.prefix_len()) && within(&entry))
        }
        IpNet::V6(v6) => {
            let bits = v6.addr().to_bits();
            let within =
                |entry: &&registry::V6Entry| bits & entry.mask() == entry.network.to_bits();
            registry::V6
                .iter()
                .any(|entry| entry.length <= u32::from(v6.prefix_len()) && within(&entry))
        }
    }
}

/// The address that rules and tables compare: a v4-mapped IPv6 address is its IPv4 address.
pub(crate) fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => embedded::mapped(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

//! IPv4 addresses inside IPv6 addresses: every embedding that some stack, relay or translator acts on.

use std::net::{Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

/// Every IPv4 address that the IPv6 address may lead to.
pub(crate) fn embedded(address: Ipv6Addr) -> SmallVec<[Ipv4Addr; 4]> {
    let mut found = SmallVec::new();
    found.extend(mapped(address));
    found.extend(compatible(address));
    found.extend(translated(address));
    found.extend(nat64_well_known(address));
    found.extend(nat64_local(address).into_iter().flatten());
    found.extend(six_to_four(address));
    found.extend(teredo(address).into_iter().flatten());
    found.extend(isatap(address));
    found
}

fn low(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32)
}

fn under(address: Ipv6Addr, prefix: u128, length: u32) -> Option<u128> {
    let bits = address.to_bits();
    (bits >> (128 - length) == prefix).then_some(bits)
}

/// `::ffff:0:0/96`, RFC 4291 §2.5.5.2.
pub(super) fn mapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    under(address, 0xffff, 96).map(low)
}

/// `::/96`, RFC 4291 §2.5.5.1. `::` and `::1` are addresses of their own.
fn compatible(address: Ipv6Addr) -> Option<Ipv4Addr> {
    under(address, 0, 96).filter(|bits| *bits > 1).map(low)
}

/// `::ffff:0:0:0/96`, IPv4-translated of SIIT, RFC 2765.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    under(address, 0xffff_0000, 96).map(low)
}

/// `64:ff9b::/96`, RFC 6052 §2.1.
pub(super) fn nat64_well_known(address: Ipv6Addr) -> Option<Ipv4Addr> {
    under(address, 0x0064_ff9b << 64, 96).map(low)
}

/// `64:ff9b:1::/48`, RFC 8215: the network's operator picks any of the prefix lengths of RFC 6052
/// §2.2, so each place where the IPv4 address may stand is looked at.
fn nat64_local(address: Ipv6Addr) -> Option<[Ipv4Addr; 4]> {
    let bits = under(address, 0x0064_ff9b_0001, 48)?;
    // Bits 64 to 71 are the reserved octet that the shorter forms leave out.
    let without_reserved = ((bits >> 64) << 56) | (bits & 0x00ff_ffff_ffff_ffff);
    let at = |offset: u32| low(without_reserved >> (120 - offset - 32));
    Some([at(48), at(56), at(64), low(bits)])
}

/// `2002::/16`, RFC 3056.
fn six_to_four(address: Ipv6Addr) -> Option<Ipv4Addr> {
    under(address, 0x2002, 16).map(|bits| low(bits >> 80))
}

/// `2001::/32`, RFC 4380: the server, and the client with its bits flipped.
fn teredo(address: Ipv6Addr) -> Option<[Ipv4Addr; 2]> {
    let bits = under(address, 0x2001_0000, 32)?;
    Some([low(bits >> 64), low(!bits)])
}

/// Interface identifier `0000:5efe` or `0200:5efe` before the IPv4 address, RFC 5214 §6.1.
pub(super) fn isatap(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let marker = (bits >> 32) & 0xffff_ffff;
    (marker & !0x0200_0000 == 0x5efe).then(|| low(bits))
}

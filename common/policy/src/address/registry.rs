//! The IANA special-purpose address registries (IPv4 and IPv6, complete), the multicast and reserved
//! ranges beside them, and the metadata addresses of the clouds.
//!
//! Entries that IANA marks as globally reachable (AS112, AMT, anycast of protocols) are listed too: no
//! workload has business there, and most of them are answered by whatever is nearest.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) struct V4Entry {
    pub(super) network: Ipv4Addr,
    pub(super) length: u32,
    pub(super) name: &'static str,
}

impl V4Entry {
    pub(super) fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - self.length).unwrap_or(0)
    }
}

pub(super) struct V6Entry {
    pub(super) network: Ipv6Addr,
    pub(super) length: u32,
    pub(super) name: &'static str,
}

impl V6Entry {
    pub(super) fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - self.length).unwrap_or(0)
    }
}

const fn v4(octets: [u8; 4], length: u32, name: &'static str) -> V4Entry {
    let [a, b, c, d] = octets;
    V4Entry {
        network: Ipv4Addr::new(a, b, c, d),
        length,
        name,
    }
}

const fn v6(segments: [u16; 8], length: u32, name: &'static str) -> V6Entry {
    let [a, b, c, d, e, f, g, h] = segments;
    V6Entry {
        network: Ipv6Addr::new(a, b, c, d, e, f, g, h),
        length,
        name,
    }
}

/// More specific entries come first, so that the name is the nearest one.
pub(super) const V4: &[V4Entry] = &[
    v4([0, 0, 0, 0], 32, "This host on this network"),
    v4([0, 0, 0, 0], 8, "This network"),
    v4([10, 0, 0, 0], 8, "Private-Use"),
    v4([100, 64, 0, 0], 10, "Shared Address Space"),
    v4([127, 0, 0, 0], 8, "Loopback"),
    v4([169, 254, 0, 0], 16, "Link Local"),
    v4([172, 16, 0, 0], 12, "Private-Use"),
    v4([192, 0, 0, 0], 29, "IPv4 Service Continuity Prefix"),
    v4([192, 0, 0, 8], 32, "IPv4 dummy address"),
    v4([192, 0, 0, 9], 32, "Port Control Protocol Anycast"),
    v4(
        [192, 0, 0, 10],
        32,
        "Traversal Using Relays around NAT Anycast",
    ),
    v4([192, 0, 0, 170], 31, "NAT64/DNS64 Discovery"),
    v4([192, 0, 0, 0], 24, "IETF Protocol Assignments"),
    v4([192, 0, 2, 0], 24, "Documentation (TEST-NET-1)"),
    v4([192, 31, 196, 0], 24, "AS112-v4"),
    v4([192, 52, 193, 0], 24, "AMT"),
    v4([192, 88, 99, 0], 24, "Deprecated (6to4 Relay Anycast)"),
    v4([192, 168, 0, 0], 16, "Private-Use"),
    v4([192, 175, 48, 0], 24, "Direct Delegation AS112 Service"),
    v4([198, 18, 0, 0], 15, "Benchmarking"),
    v4([198, 51, 100, 0], 24, "Documentation (TEST-NET-2)"),
    v4([203, 0, 113, 0], 24, "Documentation (TEST-NET-3)"),
    v4([224, 0, 0, 0], 4, "Multicast"),
    v4([255, 255, 255, 255], 32, "Limited Broadcast"),
    v4([240, 0, 0, 0], 4, "Reserved"),
];

/// More specific entries come first. The last ones close everything outside of `2000::/3`.
pub(super) const V6: &[V6Entry] = &[
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "Loopback Address"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "Unspecified Address"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-Compatible Address"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "IPv4-mapped Address"),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "IPv4-translated Address"),
    v6(
        [0x64, 0xff9b, 1, 0, 0, 0, 0, 0],
        48,
        "IPv4-IPv6 Translation (local use)",
    ),
    v6(
        [0x100, 0, 0, 0, 0, 0, 0, 0],
        64,
        "Discard-Only Address Block",
    ),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "Dummy IPv6 Prefix"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "TEREDO"),
    v6(
        [0x2001, 1, 0, 0, 0, 0, 0, 1],
        128,
        "Port Control Protocol Anycast",
    ),
    v6(
        [0x2001, 1, 0, 0, 0, 0, 0, 2],
        128,
        "Traversal Using Relays around NAT Anycast",
    ),
    v6(
        [0x2001, 1, 0, 0, 0, 0, 0, 3],
        128,
        "DNS-SD Service Registration Protocol Anycast",
    ),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "Benchmarking"),
    v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, "AMT"),
    v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, "AS112-v6"),
    v6(
        [0x2001, 0x10, 0, 0, 0, 0, 0, 0],
        28,
        "Deprecated (previously ORCHID)",
    ),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2"),
    v6(
        [0x2001, 0x30, 0, 0, 0, 0, 0, 0],
        28,
        "Drone Remote ID Protocol Entity Tags",
    ),
    v6(
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        "IETF Protocol Assignments",
    ),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "Documentation"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    v6(
        [0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0],
        48,
        "Direct Delegation AS112 Service",
    ),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "Documentation"),
    v6(
        [0x5f00, 0, 0, 0, 0, 0, 0, 0],
        16,
        "Segment Routing (SRv6) SIDs",
    ),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "Unique-Local"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "Link-Local Unicast"),
    v6(
        [0xfec0, 0, 0, 0, 0, 0, 0, 0],
        10,
        "Site-Local Unicast (deprecated)",
    ),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "Multicast"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 3, "Not global unicast"),
    v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, "Not global unicast"),
    v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 1, "Not global unicast"),
];

/// AWS, Azure, GCP, DigitalOcean and others share the first; then the AWS task and pod credential
/// addresses, Azure's wire server (in a public range), Alibaba, Oracle, Tencent and Scaleway.
pub(super) const METADATA_V4: &[Ipv4Addr] = &[
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(169, 254, 0, 23),
    Ipv4Addr::new(169, 254, 42, 42),
];

/// AWS instance and pod identity, GCP, Scaleway.
pub(super) const METADATA_V6: &[Ipv6Addr] = &[
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

use super::*;
use AddressClass::{Metadata, Public};

fn class(text: &str) -> AddressClass {
    classify(
        text.parse()
            .unwrap_or_else(|_| panic!("{text} is no address")),
    )
}

fn special(addresses: &[&str]) {
    for text in addresses {
        assert!(
            matches!(class(text), AddressClass::Special(_)),
            "{text}: {:?}",
            class(text)
        );
    }
}

#[test]
fn ordinary_addresses_are_public() {
    for text in [
        "93.184.216.34",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2001:200::1",
        "2620:4f:8001::1",
        "3ffe::1",
        "3fff:1000::1",
        "2000::",
        "3ffe:ffff::",
    ] {
        assert_eq!(class(text), Public, "{text}");
    }
}

#[test]
fn the_ipv4_registry_is_complete() {
    special(&[
        "0.0.0.0",
        "0.1.2.3",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.1",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.0.0.10",
        "192.0.0.170",
        "192.0.0.171",
        "192.0.0.255",
        "192.0.2.1",
        "192.31.196.1",
        "192.52.193.1",
        "192.88.99.1",
        "192.168.0.0",
        "192.168.255.255",
        "192.175.48.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.254",
        "255.255.255.255",
    ]);
}

#[test]
fn the_ipv6_registry_is_complete() {
    special(&[
        "::",
        "::1",
        "::2",
        "100::1",
        "100:0:0:1::1",
        "100:0:0:2::1",
        "64:ff9b:1::1",
        "2001::1",
        "2001:1::1",
        "2001:1::2",
        "2001:1::3",
        "2001:1::4",
        "2001:2::1",
        "2001:3::1",
        "2001:4:112::1",
        "2001:10::1",
        "2001:1f::1",
        "2001:20::1",
        "2001:2f::1",
        "2001:30::1",
        "2001:3f::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2001:db8:ffff::1",
        "2002::1",
        "2620:4f:8000::1",
        "3fff::1",
        "3fff:fff::1",
        "5f00::1",
        "fc00::1",
        "fd00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff00::1",
        "ff02::1",
        "4000::1",
        "6000::1",
        "8000::1",
        "c000::1",
        "e000::1",
        "f000::1",
        "200::1",
        "1000::1",
        "1fff::1",
    ]);
}

#[test]
fn every_embedding_is_looked_through() {
    special(&[
        // mapped, compatible, translated
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:0:127.0.0.1",
        "::ffff:0:8.8.8.8",
        // NAT64, well-known and local
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "64:ff9b:1:ffff::8.8.8.8",
        // 6to4, Teredo
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2002:808:808::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        // ISATAP
        "2606:4700::5efe:7f00:1",
        "fe80::200:5efe:a00:1",
        "2606:4700::200:5efe:a00:1",
    ]);
    assert_eq!(class("::ffff:8.8.8.8"), Public);
    assert_eq!(class("64:ff9b::8.8.8.8"), Public);
    assert_eq!(class("2606:4700::5efe:808:808"), Public);
}

#[test]
fn metadata_addresses_have_their_own_class() {
    for text in [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "169.254.0.23",
        "169.254.42.42",
    ] {
        assert_eq!(class(text), Metadata, "{text}");
    }
}

#[test]
fn a_metadata_address_is_seen_in_every_embedding() {
    for text in [
        "::ffff:169.254.169.254",
        "::a9fe:a9fe",
        "::ffff:0:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::168.63.129.16",
        "2002:a9fe:a9fe::1",
        "2002:a83f:8110::1",
        "2606:4700::5efe:a9fe:a9fe",
        "2606:4700::200:5efe:a83f:8110",
        // Teredo: the server, and the client with its bits flipped
        "2001:0:a9fe:a9fe::1",
        "2001:0:808:808:0:0:5601:5601",
        // NAT64 local use: RFC 6052's /48, /56, /64 and /96
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:a9:fe:a9fe::",
        "64:ff9b:1:0:a9:fea9:fe00::",
        "64:ff9b:1::169.254.169.254",
    ] {
        assert_eq!(class(text), Metadata, "{text}");
    }
}

#[test]
fn only_networks_that_are_private_as_a_whole_are_set_aside() {
    for text in [
        "10.0.0.0/8",
        "10.1.0.0/16",
        "127.0.0.0/8",
        "169.254.169.254/32",
        "168.63.129.16/32",
        "fd00::/8",
        "fd00:ec2::254/128",
        "::1/128",
        "fe80::/10",
    ] {
        assert!(set_aside(&text.parse().unwrap()), "{text}");
    }
    for text in [
        "8.0.0.0/5",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "93.184.216.0/24",
        "168.63.129.0/24",
        "2000::/3",
        "2606:4700::/32",
    ] {
        assert!(!set_aside(&text.parse().unwrap()), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn mapping_never_changes_the_class(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        proptest::prop_assert_eq!(classify(IpAddr::V4(v4)), classify(IpAddr::V6(v4.to_ipv6_mapped())));
    }

    #[test]
    fn public_ipv6_is_global_unicast_or_an_embedding(bits: u128) {
        let v6 = Ipv6Addr::from_bits(bits);
        if classify(IpAddr::V6(v6)) == Public {
            proptest::prop_assert!(bits >> 125 == 1 || embedded::mapped(v6).or(embedded::nat64_well_known(v6)).is_some());
        }
    }
}

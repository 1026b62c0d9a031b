use super::*;

fn index(patterns: &[(&str, Option<&[u16]>)]) -> Index {
    let mut index = Index::default();
    for (at, (pattern, ports)) in patterns.iter().enumerate() {
        index.insert_host(&HostPattern::parse(pattern).unwrap(), *ports, at as RuleId);
    }
    index
}

fn on(matches: &Matches<'_>, port: u16) -> Vec<RuleId> {
    matches.iter().flat_map(|rules| rules.on(port)).collect()
}

#[test]
fn the_most_specific_pattern_comes_first() {
    let index = index(&[
        ("*.a.test", None),
        ("x.b.a.test", None),
        ("*.b.a.test", None),
        ("b.a.test", None),
    ]);
    assert_eq!(on(&index.name("x.b.a.test"), 1), [1, 2, 0]);
    assert_eq!(on(&index.name("b.a.test"), 1), [3, 0]);
    assert_eq!(on(&index.name("a.test"), 1), [0u32; 0]);
    assert_eq!(on(&index.name("y.x.b.a.test"), 1), [2, 0]);
    assert_eq!(on(&index.name("test"), 1), [0u32; 0]);
    assert_eq!(on(&index.name("a.test.evil"), 1), [0u32; 0]);
}

#[test]
fn ports_are_told_apart() {
    let index = index(&[
        ("a.test", Some(&[443, 80])),
        ("a.test", Some(&[80])),
        ("a.test", None),
    ]);
    assert_eq!(on(&index.name("a.test"), 443), [0, 2]);
    assert_eq!(on(&index.name("a.test"), 80), [0, 1, 2]);
    assert_eq!(on(&index.name("a.test"), 81), [2]);
}

#[test]
fn covering_patterns_are_those_that_match_every_name_below() {
    let index = index(&[("*.a.test", None), ("a.test", None), ("x.a.test", None)]);
    assert_eq!(on(&index.below("a.test"), 1), [0]);
    assert_eq!(on(&index.below("x.a.test"), 1), [0]);
    assert_eq!(on(&index.below("test"), 1), [0u32; 0]);
}

#[test]
fn networks_match_from_the_narrowest() {
    let mut index = Index::default();
    for (at, network) in ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "fd00::/8"]
        .iter()
        .enumerate()
    {
        index.insert_network(network.parse().unwrap(), None, at as RuleId);
    }
    let on_address = |address: &str| on(&index.address(address.parse().unwrap()), 1);
    assert_eq!(on_address("10.1.2.3"), [2, 1, 0]);
    assert_eq!(on_address("10.1.2.4"), [1, 0]);
    assert_eq!(on_address("10.9.9.9"), [0]);
    assert_eq!(on_address("11.1.2.3"), [0u32; 0]);
    assert_eq!(on_address("fd12::1"), [3]);
    assert!(index.names_address("10.1.2.3".parse().unwrap(), 1));
    assert!(!index.names_address("10.1.2.4".parse().unwrap(), 1));
}

proptest::proptest! {
    #[test]
    fn the_trie_agrees_with_the_plain_definition(
        patterns in proptest::collection::vec("(\\*\\.)?[ab](\\.[ab]){0,3}", 0..8),
        name in "[ab](\\.[ab]){0,4}",
    ) {
        let list: Vec<(&str, Option<&[u16]>)> = patterns.iter().map(|pattern| (pattern.as_str(), None)).collect();
        let mut found = on(&index(&list).name(&name), 1);
        found.sort_unstable();
        let plain: Vec<RuleId> = patterns
            .iter()
            .enumerate()
            .filter(|(_, pattern)| match pattern.strip_prefix("*.") {
                Some(rest) => name.strip_suffix(rest).is_some_and(|before| before.len() > 1 && before.ends_with('.')),
                None => **pattern == name,
            })
            .map(|(at, _)| at as RuleId)
            .collect();
        proptest::prop_assert_eq!(found, plain);
    }
}

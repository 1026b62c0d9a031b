use super::super::tests::rows;
use super::*;

/// `pa` is referenced by `ch`, that by itself and by `whole` (parts `p1` and of that `p2`), and `p2` by `far`, with
/// actions; `quiet` references `pa` without one.
const KEYS: &str = "
    x 4294967300 5:5: 150018
    r 20000 z pa r false 0
    r 20010 public ch r false 0
    r 20020 public whole p false 0
    r 20021 public p1 p false 0
    r 20022 public p2 r false 0
    r 20030 public far r false 0
    r 20040 public quiet r false 0
    i 20021 20020
    i 20022 20021
    g 20000 20010
    g 20010 20010
    g 20010 20020
    g 20022 20030
    e 20010 20000 0
    e 20040 20000 0
    n r 7
    n i 2";

#[test]
fn keys_act_however_far_and_through_parts() {
    let mut objects = Objects::default();
    objects.replace(&rows(KEYS));
    for (changed, acted) in [
        (20000, &[20010, 20020, 20021, 20022, 20030][..]),
        (20010, &[20010, 20020, 20021, 20022, 20030]),
        // What is written itself is no action's.
        (20020, &[20030]),
        (20022, &[20030]),
        (20030, &[]),
        (20040, &[]),
    ] {
        let found: Vec<u32> = objects.acted_on([changed]).into_iter().collect();
        assert_eq!(found, acted, "{changed}");
    }
    let referencing = objects.referencing(&BTreeSet::from([20000]));
    assert_eq!(referencing, BTreeSet::from([20010, 20040]));
}

/// A domain, one over it, an array of that, a row with the array in it, and tables with columns of each.
const DOMAINS: &str = "
    x 4294967300 5:5: 150018
    t 50000 z dom 700 d 25
    t 50001 z over 700 d 50000
    t 50002 z _over 700 b 50001
    t 50003 z held 700 c 0
    r 20000 z held c false 50003
    a 20000 1 many 50002
    r 20010 public plain r false 20012
    a 20010 1 x 25
    r 20020 public one r false 20022
    a 20020 1 x 50000
    r 20030 public deep r false 20032
    a 20030 1 x 50003
    n r 4
    n t 4";

#[test]
fn domains_are_found_however_deep() {
    let mut objects = Objects::default();
    objects.replace(&rows(DOMAINS));
    let name = |name: &str| Name {
        schema: Some("z".into()),
        name: name.into(),
    };
    for (domain, relations) in [
        ("dom", &[20000, 20020, 20030][..]),
        ("over", &[20000, 20030]),
        // Only domains are checked by what they are.
        ("held", &[]),
        ("none", &[]),
    ] {
        let found: Vec<u32> = objects.made_with(&name(domain)).into_iter().collect();
        assert_eq!(found, relations, "{domain}");
    }
}

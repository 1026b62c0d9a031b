use super::*;

#[test]
fn the_sample_policy_loads() {
    let text = include_str!("../../../../config/policy.yaml");
    let set = load(&[Source {
        name: "policy.yaml".into(),
        text: text.into(),
    }])
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        set.roles()
            .map(|role| role.name().to_string())
            .collect::<Vec<_>>(),
        ["analyst", "billing-fn"]
    );
    let again = PolicySet::from_canonical(set.canonical()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(again.hash(), set.hash());
    println!("{}", set.canonical());
}

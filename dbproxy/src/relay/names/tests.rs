use super::*;

#[test]
fn no_name_is_given_twice() {
    let mut names = Names::default();
    let first = names.give();
    let second = names.give();
    assert_ne!(first, second);
    assert_ne!(first, Id::NOTHING);
}

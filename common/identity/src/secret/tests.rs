use super::Secret;

#[test]
fn debug_prints_nothing_of_the_value() {
    let secret = Secret::new(String::from("hunter2"));
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert_eq!(secret.expose(), "hunter2");
}

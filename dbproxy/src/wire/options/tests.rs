use proptest::prelude::*;

use super::*;

fn pairs(options: &str) -> Vec<(String, String)> {
    settings(options).unwrap()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn reads_every_spelling_of_a_setting() {
    for options in [
        "-c role=postgres",
        "-crole=postgres",
        "--role=postgres",
        "  -c\trole=postgres ",
        "-c ro\\le=postgres",
        "\\-c role=postgres",
    ] {
        assert_eq!(pairs(options), [pair("role", "postgres")], "{options}");
    }
}

#[test]
fn a_backslash_keeps_a_blank_within_its_word() {
    assert_eq!(
        pairs("-c search_path=evil,\\ public -c role=x"),
        [pair("search_path", "evil, public"), pair("role", "x")]
    );
}

#[test]
fn a_name_keeps_its_spelling() {
    assert_eq!(pairs("-c TimeZone=UTC"), [pair("TimeZone", "UTC")]);
}

#[test]
fn a_setting_without_a_value_is_told_as_postgresql_tells_it() {
    for (options, told) in [
        ("-c role", "-c role requires a value"),
        ("-crole", "-c role requires a value"),
        ("--role", "--role requires a value"),
        ("-c", "-c requires a value"),
    ] {
        let error = settings(options).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.code()), (told, "42601"));
    }
}

#[test]
fn dashes_in_names_are_underscores() {
    assert_eq!(pairs("--search-path=evil"), [pair("search_path", "evil")]);
}

#[test]
fn refuses_other_switches() {
    for options in [
        "-d 5",
        "-B 3",
        "-e",
        "role=postgres",
        "-fs",
        "-W 1",
        "- c",
        "-",
    ] {
        assert!(
            matches!(settings(options), Err(OptionsError::Switch(_))),
            "{options}"
        );
    }
}

#[test]
fn refuses_settings_without_a_value() {
    for options in ["-c", "-c role", "--role", "--", "--=x"] {
        assert!(
            matches!(settings(options), Err(OptionsError::NoValue(_))),
            "{options}"
        );
    }
}

#[test]
fn nothing_is_in_nothing() {
    assert_eq!(pairs(""), []);
    assert_eq!(pairs(" \t "), []);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(options in "\\PC{0,80}") {
        let _ = settings(&options);
    }
}

//! Facts about the canonical form.

use std::collections::BTreeMap;

use serde::Serialize;

use super::to_string;

#[derive(Serialize)]
struct Inner {
    z: u8,
    a: Option<u8>,
    m: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Newtype(Inner),
    Struct { b: i64, a: Vec<Inner> },
    Tuple(u8, u8),
}

#[test]
fn keys_are_sorted_at_every_depth_and_absent_fields_left_out() {
    let value = Kind::Struct {
        b: -1,
        a: vec![
            Inner {
                z: 1,
                a: None,
                m: "x",
            },
            Inner {
                z: 2,
                a: Some(3),
                m: "y",
            },
        ],
    };
    assert_eq!(
        to_string(&value).unwrap(),
        r#"{"struct":{"a":[{"m":"x","z":1},{"a":3,"m":"y","z":2}],"b":-1}}"#
    );
    assert_eq!(to_string(&Kind::Plain).unwrap(), r#""plain""#);
    assert_eq!(to_string(&Kind::Tuple(1, 2)).unwrap(), r#"{"tuple":[1,2]}"#);
    assert_eq!(
        to_string(&Kind::Newtype(Inner {
            z: 0,
            a: None,
            m: ":null"
        }))
        .unwrap(),
        r#"{"newtype":{"m":":null","z":0}}"#
    );
}

#[test]
fn strings_are_escaped_as_rfc_8785_says() {
    let text = "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"\u{002f}\u{7f}";
    assert_eq!(
        to_string(text).unwrap(),
        "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\""
    );
}

#[test]
fn keys_are_ordered_by_utf16_units_as_rfc_8785_says() {
    // RFC 8785 §3.2.3: U+1F600 (a surrogate pair) sorts before U+FB33.
    let map: BTreeMap<&str, u8> = [
        ("\u{20ac}", 1),
        ("\r", 2),
        ("\u{fb33}", 3),
        ("1", 4),
        ("\u{1f600}", 5),
        ("\u{80}", 6),
        ("\u{f6}", 7),
    ]
    .into();
    assert_eq!(
        to_string(&map).unwrap(),
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
    );
}

#[test]
fn fractions_are_refused() {
    assert!(to_string(&0.5).is_err());
}

#[test]
fn long_displayed_values_are_whole() {
    let long = "x".repeat(200);
    struct Shown<'a>(&'a str);
    impl Serialize for Shown<'_> {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(self.0)
        }
    }
    assert_eq!(to_string(&Shown(&long)).unwrap(), format!("\"{long}\""));
}

use proptest::prelude::*;

use super::*;

#[test]
fn reads_the_fields_of_an_error() {
    let fields = Fields::read(b"SFATAL\0VFATAL\0C57P01\0Mbye\0Dmore\0\0");
    assert_eq!(fields.text(b'C').as_deref(), Some("57P01"));
    assert_eq!(fields.text(b'M').as_deref(), Some("bye"));
    assert_eq!(fields.text(b'H'), None);
    assert!(fields.is_fatal());
    assert!(!Fields::read(b"VERROR\0C42601\0\0").is_fatal());
}

#[test]
fn what_is_malformed_ends_the_reading() {
    let fields = Fields::read(b"C57P01\0Mbye");
    assert_eq!(fields.iter().count(), 1);
    let fields = Fields::read(b"C57P01\0\0Mbye\0\0");
    assert_eq!(fields.iter().count(), 1);
}

#[test]
fn a_text_that_is_no_utf_8_is_there_all_the_same() {
    let fields = Fields::read(b"Wfunction \xc3\0\0");
    assert!(fields.has(b'W'));
    assert_eq!(fields.bytes(b'W'), Some(&b"function \xc3"[..]));
    assert_eq!(fields.text(b'W').as_deref(), Some("function \u{fffd}"));
}

#[test]
fn fields_are_changed_and_left_out() {
    let mut fields = Fields::read(b"SERROR\0Mone\0Htwo\0\0");
    fields.set(b'M', "three");
    fields.set(b'D', "not there");
    fields.leave_out(b"HW");
    fields.push(b'D', "four");
    assert_eq!(fields.write(), b"SERROR\0Mthree\0Dfour\0\0");
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let fields = Fields::read(&body);
        let written = fields.write();
        prop_assert!(Fields::read(&written).iter().eq(fields.iter()));
    }
}

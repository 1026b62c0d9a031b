use proptest::prelude::*;

use super::*;

#[test]
fn reads_rows_from_tags() {
    for (tag, expected) in [
        (&b"SELECT 3\0"[..], Some(3)),
        (b"INSERT 0 5\0", Some(5)),
        (b"COPY 18446744073709551615\0", Some(u64::MAX)),
        (b"COPY 18446744073709551616\0", None),
        (b"BEGIN\0", None),
        (b"CREATE TABLE\0", None),
        (b"\0", None),
        (b"7\0", None),
        (b"SELECT \0", None),
        (b"SELECT 3", None),
    ] {
        assert_eq!(rows(tag), expected, "{tag:?}");
    }
}

#[test]
fn knows_only_three_statuses() {
    assert_eq!(ready(b"I"), Ok(Status::Idle));
    assert_eq!(ready(b"X"), Err(Violation::Malformed));
    assert_eq!(ready(b""), Err(Violation::Malformed));
    assert_eq!(ready(b"II"), Err(Violation::Malformed));
}

#[test]
fn bounds_the_secret_of_a_key() {
    assert!(key_data(&[0, 0, 0, 1, 1, 2, 3, 4]).is_ok());
    assert_eq!(key_data(&[0, 0, 0, 1, 1, 2, 3]), Err(Violation::Malformed));
    assert_eq!(key_data(&[0; 261]), Err(Violation::Malformed));
    assert!(key_data(&[0; 260]).is_ok());
}

proptest! {
    #[test]
    fn no_body_makes_a_decoder_panic(body in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = ready(&body);
        let _ = parameter_status(&body);
        let _ = key_data(&body);
        let _ = authentication(&body);
        let _ = rows(&body);
    }
}

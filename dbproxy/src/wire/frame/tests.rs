use proptest::prelude::*;

use super::*;

#[test]
fn asks_for_more_until_the_header_is_there() {
    for length in 0..HEADER {
        assert_eq!(header(&b"Q\0\0\0\x04"[..length]), Ok(None));
    }
    assert_eq!(
        header(b"Q\0\0\0\x04"),
        Ok(Some(Frame {
            tag: b'Q',
            length: 5
        }))
    );
}

#[test]
fn refuses_lengths_that_do_not_count_themselves() {
    for claimed in 0u8..4 {
        assert_eq!(
            header(&[b'Q', 0, 0, 0, claimed]),
            Err(Violation::LengthTooSmall)
        );
    }
}

#[test]
fn refuses_lengths_over_a_gigabyte() {
    assert_eq!(
        header(&[b'd', 0x40, 0, 0, 0]),
        Err(Violation::LengthTooLarge)
    );
    assert_eq!(
        header(&[b'd', 0xff, 0xff, 0xff, 0xff]),
        Err(Violation::LengthTooLarge)
    );
    assert!(header(&[b'd', 0x3f, 0xff, 0xff, 0xff]).unwrap().is_some());
}

#[test]
fn gives_a_body_only_when_it_is_complete() {
    let bytes = b"Z\0\0\0\x05I";
    let frame = header(bytes).unwrap().unwrap();
    assert_eq!(body(&bytes[..5], frame), None);
    assert_eq!(body(bytes, frame), Some(&b"I"[..]));
}

proptest! {
    #[test]
    fn never_panics_and_never_claims_less_than_a_header(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(Some(frame)) = header(&bytes) {
            prop_assert!(frame.length >= HEADER);
            if let Some(body) = body(&bytes, frame) {
                prop_assert_eq!(body.len() + HEADER, frame.length);
            }
        }
    }
}

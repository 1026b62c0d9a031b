use proptest::prelude::*;

use super::*;

#[test]
fn a_query_fills_its_frame() {
    assert_eq!(query(b"select 1\0"), Ok(&b"select 1"[..]));
    assert_eq!(query(b"\0"), Ok(&b""[..]));
}

#[test]
fn refuses_a_query_with_bytes_behind_or_within_its_text() {
    for body in [
        &b"select 1"[..],
        b"select 1\0drop table t\0",
        b"select 1\0\0",
        b"",
    ] {
        assert_eq!(query(body), Err(Violation::Malformed), "{body:?}");
    }
}

#[test]
fn reads_a_parse_with_its_types() {
    let parsed = parse(b"s1\0select $1\0\0\x01\0\0\0\x17").unwrap();
    assert_eq!(parsed.name, b"s1");
    assert_eq!(parsed.sql, b"select $1");
    assert_eq!(parsed.sql_at, 3);
    assert_eq!(parsed.types, [0, 0, 0, 0x17]);
}

#[test]
fn refuses_a_parse_whose_type_count_lies() {
    assert_eq!(
        parse(b"\0select 1\0\0\x02\0\0\0\x17"),
        Err(Violation::Malformed)
    );
    assert_eq!(parse(b"\0select 1\0\0\0tail"), Err(Violation::Malformed));
    assert_eq!(parse(b"\0select 1\0\xff\xff"), Err(Violation::Malformed));
}

#[test]
fn reads_bound_values_with_every_form_of_formats() {
    let none = b"\0\0\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\0";
    assert_eq!(values(none).unwrap(), [(0, Some(&b"a"[..])), (0, None)]);
    let one_for_all = b"\0\x01\0\x01\0\x02\0\0\0\x01a\0\0\0\0\0\x01\0\0";
    assert_eq!(
        values(one_for_all).unwrap(),
        [(1, Some(&b"a"[..])), (1, Some(&b""[..]))]
    );
    let each = b"\0\x02\0\0\0\x01\0\x02\0\0\0\x01a\0\0\0\x01b\0\0";
    assert_eq!(
        values(each).unwrap(),
        [(0, Some(&b"a"[..])), (1, Some(&b"b"[..]))]
    );
}

#[test]
fn refuses_bound_values_whose_counts_or_lengths_lie() {
    for body in [
        &b""[..],
        b"\0\x01",
        b"\0\0\0\x01\0\0\0\x05ab\0\0",
        b"\0\0\0\x01\xff\xff\xff\xfe\0\0",
        b"\0\x02\0\0\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\0\0\0\0\0\0tail",
        b"\0\0\xff\xff",
    ] {
        assert_eq!(values(body), Err(Violation::Malformed), "{body:?}");
    }
}

#[test]
fn reads_the_names_of_close_and_describe() {
    assert_eq!(target(b"Ss1\0"), Ok((Target::Statement, &b"s1"[..])));
    assert_eq!(target(b"P\0"), Ok((Target::Portal, &b""[..])));
    assert_eq!(target(b"X\0"), Err(Violation::Malformed));
    assert_eq!(target(b"S"), Err(Violation::Malformed));
    assert_eq!(target(b"Sa\0b\0"), Err(Violation::Malformed));
}

#[test]
fn refuses_a_sasl_message_without_a_first_message() {
    assert_eq!(
        sasl_initial(b"SCRAM-SHA-256\0\xff\xff\xff\xff"),
        Err(Violation::Malformed)
    );
    assert_eq!(
        sasl_initial(b"SCRAM-SHA-256\0\0\0\0\x03n,,"),
        Ok(("SCRAM-SHA-256", &b"n,,"[..]))
    );
}

proptest! {
    #[test]
    fn no_body_makes_a_decoder_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = query(&body);
        let _ = parse(&body);
        if let Ok(bind) = bind(&body) {
            let _ = values(bind.values);
        }
        let _ = execute(&body);
        let _ = target(&body);
        let _ = password(&body);
        let _ = sasl_initial(&body);
    }
}

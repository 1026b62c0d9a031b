use super::{has_escapes, may_modify};

#[test]
fn a_modifier_stands_behind_the_name_of_its_type() {
    for text in [
        "SELECT 'x'::z.tm(3)",
        "SELECT CAST(NULL AS z.\"TM\" (3))",
        "SELECT z.tm /* */ (3) 'x'",
        "SELECT 'tm(3)'::regtype",
        "SELECT 'tm'\n'(3)'::regtype",
        "CREATE TABLE t (a z.tm\n(3))",
        "SELECT null::z._tm(3)",
    ] {
        assert!(may_modify(text, "tm"), "{text}");
        assert!(may_modify(text, "o\"dd") && may_modify(text, &"x".repeat(63)));
    }
    for text in [
        "SELECT x FROM z.tm",
        "SELECT x::z.tm, (3)",
        "SELECT tmx(3)",
        "SELECT x::varchar(3)",
    ] {
        assert!(!may_modify(text, "tm"), "{text}");
        assert!(!has_escapes(text), "{text}");
    }
    for text in [
        r"SELECT E'z.\x74m(3)'::regtype",
        r#"SELECT x::z.u&"\0074m"(3)"#,
    ] {
        assert!(has_escapes(text), "{text}");
    }
}

use super::*;

#[test]
fn a_string_may_be_a_row_where_it_begins_with_a_bracket() {
    for (text, may) in [
        ("SELECT '(a,1)'", true),
        ("SELECT ' \n\x0b{a}'", true),
        ("SELECT '[1,2)'", true),
        ("SELECT $$(a)$$", true),
        ("SELECT $q$(a)$q$", true),
        ("SELECT E'\\x28a)'", true),
        ("SELECT U&'\\0028a)'", true),
        ("SELECT ''\n'(a)'", true),
        ("SELECT 'a (b)', $1", false),
        ("SELECT 'a', '1'", false),
        ("SELECT (1)", false),
    ] {
        assert_eq!(may_hold_a_row(text), may, "{text}");
    }
}

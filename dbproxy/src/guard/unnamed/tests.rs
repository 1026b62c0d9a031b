use super::*;

#[test]
fn a_definition_makes_values_where_its_words_say_so() {
    for (label, text, makes) in [
        ("create table", "CREATE TABLE a (x mood)", false),
        (
            "create table",
            "CREATE TABLE a (x int DEFAULT('ok'::mood))",
            true,
        ),
        ("create table", "create table a (check(x > 1))", true),
        (
            "create table",
            "CREATE TABLE b PARTITION OF a FOR VALUES IN ('ok'::mood)",
            true,
        ),
        ("create table", "CREATE TABLE defaults (x mood)", false),
        ("create type", "CREATE TYPE a AS (x mood)", false),
        ("create index", "CREATE INDEX ON a ((x::int))", true),
        ("alter table", "ALTER TABLE a ALTER x TYPE int", true),
        ("drop table", "DROP TABLE a", false),
        ("comment on", "COMMENT ON TABLE a IS 'default'", false),
    ] {
        assert_eq!(computes(label, text), makes, "{text}");
    }
}

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

use super::*;

#[test]
fn a_definition_is_told_by_its_names_where_it_reaches_no_further() {
    for (text, told) in [
        ("CREATE TABLE a (id int)", true),
        ("create temp table a (id int)", true),
        ("create unique index on a (id)", true),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
            true,
        ),
        ("ALTER TABLE a ADD COLUMN b int", true),
        ("alter table only a rename to b", true),
        ("ALTER TABLE a DROP COLUMN b Cascade", false),
        ("ALTER TYPE t ADD ATTRIBUTE a int", false),
        ("ALTER SCHEMA a RENAME TO b", false),
        ("CREATE EXTENSION hstore", false),
        ("CREATE SCHEMA a", false),
        ("DROP TABLE a", false),
        ("/* c */ CREATE TABLE a (id int)", false),
        ("SELECT 1 INTO a", false),
        ("", false),
    ] {
        assert_eq!(is_told_by_names(text), told, "{text}");
    }
}

#[test]
fn many_names_are_asked_about_as_whatever_has_changed() {
    let mut definitions = Definitions::default();
    for index in 0..MAX_NAMES {
        definitions.add(&format!("t{index}").into());
        definitions.add(&"t0".into());
    }
    assert!(!definitions.wide);
    definitions.add(&"one more".into());
    assert!(definitions.wide);
    assert_eq!(definitions.names.len(), MAX_NAMES);
}

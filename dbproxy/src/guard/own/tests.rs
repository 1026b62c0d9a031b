use super::*;

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

/// What a statement's words say, and the relations that its facts name, in a database with these tables and `b`.
fn read(text: &str) -> (Said, Vec<RelationAccess>) {
    let mut catalog = exeat_sql::Catalog::default();
    catalog.add_type("public", "b");
    let context = exeat_sql::Context {
        catalog: Some(&catalog),
        ..exeat_sql::Context::default()
    };
    let statements = exeat_sql::read(text, &context);
    let [statement] = statements.as_slice() else {
        panic!("{text}");
    };
    let relations = match &statement.subject {
        Subject::Readable(facts) => facts.relations.clone(),
        Subject::Unreadable(_) => Vec::new(),
    };
    (statement.said, relations)
}

#[test]
fn a_table_that_nothing_else_leads_to_is_told_by_its_name() {
    for (text, only) in [
        ("CREATE TABLE a (id int PRIMARY KEY, name text)", true),
        (
            "create  table public.a (id serial, at date default now())",
            true,
        ),
        (
            "create table if not exists a (id int unique check (id > 0))",
            true,
        ),
        ("create table a (id int references b)", false),
        (
            "create table a (id int, foreign key (id) references b (id))",
            false,
        ),
        ("create table a () inherits (b)", false),
        ("create table a partition of b default", false),
        ("create table a (like b)", false),
        ("create table a of b", true),
        ("create table a as select * from b", false),
        ("create table a as table b", false),
        ("create temp table a (id int)", false),
        ("create table pg_temp.a (id int)", false),
        ("create local temporary table a (id int)", false),
        ("create index on a (id)", false),
        ("create view a as select 1", false),
        ("alter table a add column b int", false),
    ] {
        let (said, found) = read(text);
        assert_eq!(makes_only_a_table(&said, &found), only, "{text} {found:?}");
    }
}

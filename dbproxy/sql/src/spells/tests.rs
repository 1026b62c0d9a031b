use super::*;

#[test]
fn a_text_means_what_it_spells_unless_it_reaches_further() {
    for (text, plain) in [
        ("select * from other", true),
        ("create table d2 (id int primary key)", true),
        ("insert into other values (1) returning *", true),
        ("commit", true),
        ("select 1;\n", true),
        ("with x as (select 1) select * from x", true),
        ("select * from U&\"d\\0031\"", false),
        ("select E'd\\x31'::regclass", false),
        ("select * from \"a\"\"b\"", false),
        ("drop schema public cascade", false),
        ("grant select on all tables in schema public to x", false),
        ("vacuum", false),
        ("do $$ begin end $$", false),
        ("/* c */ truncate a", false),
        ("/* select */ drop schema s cascade", false),
        ("-- select\ndrop schema s cascade", false),
        ("select 1; drop owned by x", false),
        ("call p()", false),
        ("create view a as select 1", false),
    ] {
        assert_eq!(means_what_it_spells(text.as_bytes()), plain, "{text}");
    }
    let long = format!("select '{}'", "x".repeat(SEARCHED));
    assert!(!means_what_it_spells(long.as_bytes()));
}

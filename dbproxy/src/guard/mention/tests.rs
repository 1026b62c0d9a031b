use super::*;

#[test]
fn a_text_is_concerned_by_what_it_may_spell() {
    const NAMES: [&str; 2] = [
        "d1",
        "a_name_of_sixty_three_bytes_that_is_cut_for_what_is_made_with_it",
    ];
    let concerned = |text: &str| {
        let text = text.as_bytes();
        NAMES.iter().any(|name| mentions(text, name)) || !means_what_it_spells(text)
    };
    for text in [
        "select * from d1",
        "select * from D1",
        "select nextval('d1_id_seq')",
        "select '{}'::_d1[]",
        "select $1::regclass, 'public.d1'",
        "select nextval('a_name_of_sixty_three_bytes_th_id_seq')",
        "select * from U&\"d\\0031\"",
        "select E'd\\x31'::regclass",
        "select * from \"a\"\"b\"",
        "drop schema public cascade",
        "grant select on all tables in schema public to x",
        "vacuum",
        "do $$ begin end $$",
        "/* c */ truncate a",
        "/* select */ drop schema s cascade",
        "-- select\ndrop schema s cascade",
        "select 1; drop owned by x",
        "call p()",
    ] {
        assert!(concerned(text), "{text}");
    }
    for text in [
        "select * from other",
        "create table d2 (id int primary key)",
        "insert into other values (1) returning *",
        "commit",
        "select 1;\n",
        "with x as (select 1) select * from x",
    ] {
        assert!(!concerned(text), "{text}");
    }
}

use super::*;

#[test]
fn a_text_mentions_a_name_that_it_spells_or_that_was_made_of_one() {
    const NAMES: [&str; 2] = [
        "d1",
        "a_name_of_sixty_three_bytes_that_is_cut_for_what_is_made_with_it",
    ];
    let concerned = |text: &str| {
        let text = text.as_bytes();
        NAMES.iter().any(|name| mentions(text, name))
    };
    for text in [
        "select * from d1",
        "select * from D1",
        "select nextval('d1_id_seq')",
        "select '{}'::_d1[]",
        "select $1::regclass, 'public.d1'",
        "select nextval('a_name_of_sixty_three_bytes_th_id_seq')",
    ] {
        assert!(concerned(text), "{text}");
    }
    for text in [
        "select * from other",
        "create table d2 (id int primary key)",
        "insert into other values (1) returning *",
        "with x as (select 1) select * from x",
    ] {
        assert!(!concerned(text), "{text}");
    }
}

use super::*;

#[test]
fn finds_the_name_that_a_statement_names() {
    for (text, verb, name, edited_to) in [
        ("EXECUTE s(1)", Verb::Execute, "s", "EXECUTE  N (1)"),
        (
            "execute\"S\"\"x\"(1)",
            Verb::Execute,
            "S\"x",
            "execute N (1)",
        ),
        (
            "DEALLOCATE PREPARE Old",
            Verb::Deallocate,
            "old",
            "DEALLOCATE PREPARE  N ",
        ),
        (
            "FETCH ALL IN \"a b\"",
            Verb::Fetch,
            "a b",
            "FETCH ALL IN  N ",
        ),
        ("MOVE 5 c", Verb::Fetch, "c", "MOVE 5  N "),
        ("CLOSE\"c\"", Verb::Close, "c", "CLOSE N "),
        (
            "DECLARE c CURSOR FOR SELECT 1",
            Verb::Declare,
            "c",
            "DECLARE  N  CURSOR FOR SELECT 1",
        ),
        (
            "PREPARE  p (int) AS SELECT $1",
            Verb::Prepare,
            "p",
            "PREPARE   N  (int) AS SELECT $1",
        ),
    ] {
        let place = place(text, verb, name).unwrap_or_else(|| panic!("{text}"));
        let mut out = Vec::new();
        edited(
            text.as_bytes(),
            &[(place, super::super::Id::NOTHING)],
            &mut out,
        );
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out.replace("exeat_0", "N"), edited_to, "{text}");
    }
}

#[test]
fn finds_none_where_it_does_not_read_the_same_name() {
    for (text, verb, name) in [
        ("EXECUTE U&\"s\"", Verb::Execute, "s"),
        ("CLOSE U&\"s\"", Verb::Close, "s"),
        ("EXECUTE s", Verb::Execute, "t"),
        ("FETCH FROM \"C\"", Verb::Fetch, "c"),
        ("SELECT s", Verb::Select, "s"),
        ("EXECUTE", Verb::Execute, "s"),
        ("CLOSE \"c", Verb::Close, "c"),
    ] {
        assert_eq!(place(text, verb, name), None, "{text}");
    }
}

use super::*;

fn asked(text: &str) -> Question {
    question(text, 1, &Arc::default(), &Arc::default())
}

#[test]
fn a_long_string_is_a_parameter_and_where_that_is_refused_an_empty_string() {
    let long = "x".repeat(LONG);
    let cases = [
        (
            format!("INSERT INTO t VALUES ('{long}')"),
            "INSERT INTO t VALUES ( $1 )",
            "INSERT INTO t VALUES ('')",
        ),
        (
            format!("SELECT $3, E'{long}\\''||$$ {long} $$, 'short'"),
            "SELECT $3,  $4 || $5 , 'short'",
            "SELECT $3, ''||'', 'short'",
        ),
        (
            format!("SELECT bytea'{long}' /* a comment */"),
            "SELECT bytea $1  /* a comment */",
            "SELECT bytea'' /* a comment */",
        ),
        (
            format!("SELECT U&'{long}', 1"),
            "SELECT  $1 , 1",
            "SELECT '', 1",
        ),
    ];
    for (text, short, full) in cases {
        let asked = asked(&text);
        assert_eq!(asked.emptied.as_deref(), Some(full));
        assert_eq!(&*asked.text, short);
    }
}

#[test]
fn a_string_that_has_a_type_is_an_empty_one_of_it() {
    let long = "1".repeat(LONG);
    for kind in ["N", "B", "x"] {
        let asked = asked(&format!("SELECT {kind}'{long}'"));
        assert_eq!(&*asked.text, format!("SELECT {kind}''"));
        assert_eq!(asked.emptied.as_deref(), Some(&*asked.text));
    }
}

#[test]
fn texts_that_differ_in_long_strings_only_are_one_question() {
    let text = |letter: &str| format!("INSERT INTO t VALUES ('{}')", letter.repeat(LONG));
    let (one, other) = (asked(&text("a")), asked(&text("b")));
    assert!(one.is_same(&other));
    let parameter = asked("INSERT INTO t VALUES ( $1 )");
    assert_ne!(one.template, parameter.template);
}

#[test]
fn a_long_text_of_rows_is_asked_about_by_one_of_each_kind() {
    let rows = vec![format!("(1, '{}')", "x".repeat(1000)); 1000].join(", ");
    let asked = asked(&format!("INSERT INTO t VALUES {rows}"));
    assert!(asked.text.len() < 200, "{}", asked.text.len());
    assert!(asked.in_full().0.len() < 20_000);
}

use exeat_policy::UnreadableKind;

use super::*;

fn lex(sql: &str) -> Result<Lexed, Unreadable> {
    super::lex(sql, &Limits::default())
}

fn texts(sql: &str) -> Vec<&str> {
    lex(sql)
        .unwrap()
        .tokens
        .iter()
        .map(|token| token.text(sql))
        .collect()
}

fn refusal(sql: &str) -> UnreadableKind {
    lex(sql).unwrap_err().kind
}

#[test]
fn operators_end_at_comments_and_drop_trailing_signs() {
    for (sql, expected) in [
        ("a>/*x*/b", vec!["a", ">", "/*x*/", "b"]),
        ("a<=--x\nb", vec!["a", "<=", "--x", "b"]),
        ("a>-5", vec!["a", ">", "-", "5"]),
        ("a<>+1", vec!["a", "<>", "+", "1"]),
        ("a*-+-1", vec!["a", "*", "-", "+", "-", "1"]),
        ("a@-1", vec!["a", "@-", "1"]),
        ("a ->> 'b'", vec!["a", "->>", "'b'"]),
        ("a::int", vec!["a", "::", "int"]),
        ("a[1:2]", vec!["a", "[", "1", ":", "2", "]"]),
        ("1..10", vec!["1", "..", "10"]),
    ] {
        assert_eq!(texts(sql), expected, "{sql}");
    }
}

#[test]
fn literals_hide_what_looks_like_syntax() {
    for (sql, expected) in [
        ("'a''b' c", vec!["'a''b'", "c"]),
        ("'\\' c", vec!["'\\'", "c"]),
        ("E'\\'' c", vec!["E'\\''", "c"]),
        ("$$;$$ c", vec!["$$;$$", "c"]),
        ("$a$ $$ $b$ $a$ c", vec!["$a$ $$ $b$ $a$", "c"]),
        ("\"a\"\"b\" c", vec!["\"a\"\"b\"", "c"]),
        ("a$$b c", vec!["a$$b", "c"]),
        ("/* /* */ ' */ c", vec!["/* /* */ ' */", "c"]),
        ("-- ' \n c", vec!["-- ' ", "c"]),
        ("U&'d!' c", vec!["U&'d!'", "c"]),
    ] {
        assert_eq!(texts(sql), expected, "{sql}");
    }
}

#[test]
fn numbers_and_parameters_take_no_junk() {
    assert_eq!(
        texts("1 1.5 .5 5. 1e5 1.5e-3 $12"),
        ["1", "1.5", ".5", "5.", "1e5", "1.5e-3", "$12"]
    );
    assert_eq!(
        texts("1_000 0x1F 0X_ff 0o17 0b1_01 1_0.5_0e1_0 .5_0 1_0..2"),
        [
            "1_000",
            "0x1F",
            "0X_ff",
            "0o17",
            "0b1_01",
            "1_0.5_0e1_0",
            ".5_0",
            "1_0",
            "..",
            "2"
        ]
    );
    for sql in [
        "1a", "1.5x", "1e", "1ex", "$1a", "1é", "$1\u{a0}", "1.e", "0a", "1_", "1__0", "1_a",
        "1._5", "1e_5", "1e5_", "$1_0", "0x", "0xg", "0x_", "0x1_", "0x__1", "0x1g", "0o18",
        "0b12", "0x'1F'", "0b'1'",
    ] {
        assert_eq!(refusal(sql), UnreadableKind::Syntax, "{sql}");
    }
    for sql in ["0x1'a'", "1_0\"a\"", "$1'a'"] {
        assert_eq!(refusal(sql), UnreadableKind::Unsupported, "{sql}");
    }
}

#[test]
fn letters_that_nobody_folds_are_words() {
    assert_eq!(
        texts("größe straße_2 été.naïve 名前 $1 a1é$"),
        [
            "größe",
            "straße_2",
            "été",
            ".",
            "naïve",
            "名前",
            "$1",
            "a1é$"
        ]
    );
    // Another encoding has other bytes, and is cut elsewhere.
    assert_eq!(texts(&"é".repeat(31)).len(), 1);
    assert_eq!(refusal(&"é".repeat(32)), UnreadableKind::Unsupported);
}

#[test]
fn a_piece_that_ends_in_the_same_place_in_any_mode_goes_on() {
    for sql in ["E'a\\''\n'b'", "B'1'\n'0'", "X'1'\n'f'", "U&'a'\n'b'"] {
        assert_eq!(texts(sql).len(), 2, "{sql}");
    }
}

#[test]
fn what_depends_on_version_or_mode_is_refused() {
    for sql in [
        "É",
        "aÉ",
        "ǅ",
        "a\u{a0}b",
        "\u{3000}",
        "\u{feff}a",
        "a→b",
        "U&\"a\"",
        "E'a'\n'b\\'",
        "E'a'\n'b''c'",
        "X'1'\n'0''1'",
        "B'0''1'",
        "U&'a' UESCAPE '!'",
        "begin atomic",
    ] {
        assert_eq!(refusal(sql), UnreadableKind::Unsupported, "{sql}");
    }
    for sql in ["'a", "\"a", "$$a", "/* a", "$a", "\\", "{", "\"\"", "\u{1}"] {
        assert_eq!(refusal(sql), UnreadableKind::Syntax, "{sql}");
    }
    assert_eq!(refusal("a\0b"), UnreadableKind::Encoding);
}

#[test]
fn statements_end_at_semicolons_outside_of_everything() {
    let count = |sql: &str| statements(&lex(sql).unwrap()).len();
    for (sql, expected) in [
        ("", 1),
        (";", 1),
        (" -- a", 1),
        ("a", 1),
        ("a;", 1),
        ("a;b", 2),
        (";;a;;b;;", 2),
        ("a ';' b", 1),
        ("a (b; c)", 1),
        ("a /* ; */ b", 1),
        ("a -- ;\n; b", 2),
        ("a $$;$$; b", 2),
    ] {
        assert_eq!(count(sql), expected, "{sql}");
    }
}

#[test]
fn literals_do_not_count_as_text() {
    let limits = Limits {
        text: 40,
        message: 400,
    };
    let kind = |sql: &str| super::lex(sql, &limits).map(drop).map_err(|e| e.kind);
    let long = "x".repeat(300);
    for literal in [
        format!("'{long}'"),
        format!("E'{long}'"),
        format!("$${long}$$"),
        format!("U&'{long}'"),
    ] {
        assert_eq!(kind(&format!("select {literal}, 1")), Ok(()));
    }
    for sql in [
        format!("select \"{long}\""),
        format!("select 1 /* {long} */"),
        format!("select {long}"),
        format!("select 1{}", " ".repeat(300)),
        format!("select 1, '{long}{long}'"),
    ] {
        assert_eq!(kind(&sql), Err(UnreadableKind::TooLarge), "{sql}");
    }
}

#[test]
fn depth_is_capped_in_every_shape() {
    let nested = |open: &str, close: &str, levels: usize| {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    assert!(lex(&nested("(", ")", MAX_NESTING)).is_ok());
    for sql in [
        nested("(", ")", MAX_NESTING + 1),
        nested("[", "]", MAX_NESTING + 1),
        nested("(;", ")", MAX_NESTING + 1),
        nested("(1,", ")", MAX_NESTING + 1),
        nested("case when ", " end", MAX_NESTING + 1),
        format!("select 1 {}", "or 1 ".repeat(MAX_RUN)),
        format!("select {} 1", "not ".repeat(MAX_RUN + 1)),
        format!(
            "select {}1",
            "-".repeat(3).replace('-', "- ").repeat(MAX_RUN)
        ),
        format!("select 1 {}", "union select 1, 2 ".repeat(MAX_SETS + 1)),
        format!("select a{}", "::int".repeat(MAX_RUN)),
        format!("select a{}", ".a".repeat(MAX_RUN)),
        "1,".repeat(MAX_TOKENS),
        " ".repeat(Limits::default().text + 1),
    ] {
        assert_eq!(
            lex(&sql).unwrap_err().kind,
            UnreadableKind::TooLarge,
            "{}",
            sql.get(..40).unwrap()
        );
    }
    // An END that is a label closes no CASE around it.
    let labelled = nested("case when (select 1 end) then ", " end", MAX_NESTING + 1);
    assert_eq!(lex(&labelled).unwrap_err().kind, UnreadableKind::TooLarge);
    assert!(lex(&"select 1 end, (select 2 end), ".repeat(MAX_NESTING + 1)).is_ok());
    // Neither are the branches of a CASE, of any number, one beside the other.
    let branches = "when x = 1 then f(2) + 3 ".repeat(MAX_RUN);
    let cased = format!("update t set a = case {branches}else 0 end, b = (case {branches}end)");
    assert!(lex(&cased).is_ok());
    let deep = format!("select case when {}1 then 2 end", "not ".repeat(MAX_RUN));
    assert_eq!(lex(&deep).unwrap_err().kind, UnreadableKind::TooLarge);
    let within = "not ".repeat(MAX_RUN / 8) + "case when ";
    assert_eq!(
        lex(&within.repeat(8)).unwrap_err().kind,
        UnreadableKind::TooLarge
    );
    assert!(lex(&"select 1 as case; ".repeat(MAX_NESTING + 1)).is_ok());
    // A long list is not deep.
    assert!(
        lex(&format!(
            "insert into t values {}",
            "(1, 2), ".repeat(10_000)
        ))
        .is_ok()
    );
}

use exeat_policy::Subject;
use proptest::prelude::*;

use super::template_into;
use crate::{Context, read};

fn template(sql: &str) -> Option<String> {
    let mut text = Vec::new();
    template_into(sql, &mut text).then(|| String::from_utf8(text).unwrap())
}

#[test]
fn numbers_and_plain_strings_are_taken_out() {
    for (sql, expected) in [
        ("SELECT 1", "SELECT 0"),
        (
            "select id from t where a = 12 and b = 'x y' ;",
            "select id from t where a = 0 and b = '' ;",
        ),
        (
            "SELECT 1.5, .25, t1.c2 FROM t1",
            "SELECT 0, .0, t1.c2 FROM t1",
        ),
        (
            "SELECT a FROM t WHERE b = $1 LIMIT 10",
            "SELECT a FROM t WHERE b = $1 LIMIT 0",
        ),
        (
            "INSERT INTO t VALUES (1,'a'),(2,'b')",
            "INSERT INTO t VALUES (0,''),(0,'')",
        ),
        (
            "UPDATE t SET a=a-1 WHERE b='x'::text",
            "UPDATE t SET a=a-0 WHERE b=''::text",
        ),
    ] {
        assert_eq!(template(sql).as_deref(), Some(expected), "{sql}");
    }
}

#[test]
fn what_is_not_plain_has_no_template() {
    for sql in [
        "SET a = 1",
        "WITH a AS (SELECT 1) SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1 -- x",
        "SELECT 1 /* x */",
        "SELECT \"a\"",
        "SELECT E'a'",
        "SELECT e'a'",
        "SELECT U&'a'",
        "SELECT U&\"a\"",
        "SELECT b'1'",
        "SELECT $$a$$",
        "SELECT $a$a$a$",
        "SELECT 'a''b'",
        "SELECT 'a\\'",
        "SELECT 'a' 'b'",
        "SELECT 'a'\n'b'",
        "SELECT set_config('timezone', 'UTC', false)",
        "SELECT pg_catalog.SET_CONFIG ('timezone', 'UTC', false)",
        "SELECT 'a",
        "SELECT 1a",
        "SELECT 1.a",
        "SELECT 1e5",
        "SELECT 0x1f",
        "SELECT $1a",
        "SELECT 'a'b",
        "SELECT '\u{e9}'",
        "SELECT \u{e9}",
        "SELECT a\u{a0}",
        "SELECT 'a\0'",
        "SEL",
        "",
    ] {
        assert_eq!(template(sql), None, "{sql}");
    }
}

/// The facts of a statement, where it is one and can be read.
fn facts(sql: &str) -> Option<Subject> {
    match read(sql, &Context::default()).as_slice() {
        [one] => Some(one.subject.clone()),
        _ => None,
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "SELECT ",
            "INSERT INTO ",
            "UPDATE ",
            "DELETE FROM ",
            "a",
            " FROM ",
            "t",
            " WHERE ",
            "=",
            "<",
            ">",
            "-",
            "--",
            "/*",
            "*/",
            "'",
            "''",
            "\\'",
            "'x'",
            "E'",
            "$$",
            "$1",
            "1",
            "23.5",
            ".",
            ",",
            "(",
            ")",
            " ",
            "\n",
            ";",
            " UNION SELECT ",
            "ssn",
            " ORDER BY ",
            " LIMIT ",
            "::text",
            " AS ",
            "count(",
            "\"",
            "U&",
            " AND ",
        ])
        .prop_map(str::to_owned),
        "[0-9]{1,3}",
        "'[a-z ]{0,4}'",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// The invariant: who reads the template sees what who reads the statement sees.
    #[test]
    fn the_template_has_the_facts_of_the_statement(pieces in prop::collection::vec(piece(), 1..16)) {
        let sql = format!("SELECT {}", pieces.concat());
        if let Some(template) = template(&sql) {
            let (own, shared) = (facts(&sql), facts(&template));
            match (own, shared) {
                (Some(Subject::Readable(own)), Some(Subject::Readable(shared))) => prop_assert_eq!(own, shared),
                (own, shared) => {
                    let readable = |subject: &Option<Subject>| matches!(subject, Some(Subject::Readable(_)));
                    prop_assert_eq!(readable(&own), readable(&shared), "{}", sql);
                }
            }
        }
    }
}

use std::sync::Arc;

use exeat_policy::{Facts, Subject};
use proptest::prelude::*;

use super::{short_form, template_into};
use crate::{Catalog, Context, Relation, RelationKind, read};

fn template(sql: &str) -> Option<String> {
    let mut text = Vec::new();
    template_into(sql, &[], &mut text).then(|| String::from_utf8(text).unwrap())
}

fn typed(sql: &str, types: &[u32]) -> Option<String> {
    let mut text = Vec::new();
    template_into(sql, types, &mut text).then(|| String::from_utf8(text).unwrap())
}

#[test]
fn numbers_and_plain_strings_are_taken_out() {
    for (sql, expected) in [
        ("SELECT 1", "SELECT 0"),
        (
            "select id from t where a = 12 and b = 'x y' ;",
            "select id from t where a = 0 and b = ''",
        ),
        (
            "SELECT 1.5, .25, 1e5, 2.5E-3, t1.c2 FROM t1",
            "SELECT 0.0, 0.0, 0.0, 0.0, t1.c2 FROM t1",
        ),
        (
            "SELECT a  FROM t\n WHERE b = $1\tLIMIT 10",
            "SELECT a FROM t WHERE b = $1 LIMIT 0",
        ),
        (
            "UPDATE t SET a=a-1 WHERE b='x'::text",
            "UPDATE t SET a=a-0 WHERE b=''::text",
        ),
        (
            "SELECT \"a\", 'it''s', E'a\\'b', 'a\\', 'é\n' FROM \"Té\"",
            "SELECT \"a\", '', '', '', '' FROM \"Té\"",
        ),
        (
            "WITH x AS MATERIALIZED (SELECT 1) SELECT 2",
            "WITH x AS MATERIALIZED (SELECT 0) SELECT 0",
        ),
    ] {
        assert_eq!(template(sql).as_deref(), Some(expected), "{sql}");
    }
}

#[test]
fn what_decides_postgresqls_choice_stays() {
    for (sql, expected) in [
        // int4, int8, numeric.
        ("SELECT f(2147483647)", "SELECT f(0)"),
        ("SELECT f(0002147483647)", "SELECT f(0)"),
        ("SELECT f(2147483648)", "SELECT f(2147483648)"),
        ("SELECT f(-2147483648)", "SELECT f(-2147483648)"),
        ("SELECT f(2147483649)", "SELECT f(9999999999)"),
        ("SELECT f(9223372036854775807)", "SELECT f(9999999999)"),
        (
            "SELECT f(9223372036854775808)",
            "SELECT f(9223372036854775808)",
        ),
        ("SELECT f(9223372036854775809)", "SELECT f(0.0)"),
        ("SELECT f(99999999999999999999999)", "SELECT f(0.0)"),
        ("SELECT f(1.5)", "SELECT f(0.0)"),
        // Positions of columns.
        (
            "SELECT a, 5 FROM t GROUP BY 1, (2), f(3) HAVING 4 > 3 ORDER BY 2 DESC, 1 LIMIT 7",
            "SELECT a, 0 FROM t GROUP BY 1, (2), f(3) HAVING 0 > 0 ORDER BY 2 DESC, 1 LIMIT 0",
        ),
        (
            "SELECT DISTINCT ON (1) a FROM t WHERE b = 5",
            "SELECT DISTINCT ON (1) a FROM t WHERE b = 0",
        ),
        (
            "SELECT a FROM t ORDER BY a IS DISTINCT FROM 4, 2",
            "SELECT a FROM t ORDER BY a IS DISTINCT FROM 4, 2",
        ),
        (
            "SELECT sum(a) OVER (ORDER BY b), 5 FROM t",
            "SELECT sum(a) OVER (ORDER BY b), 0 FROM t",
        ),
        // Modifiers of types.
        ("SELECT '1'::varchar(10)", "SELECT ''::varchar(10)"),
        ("SELECT '1'::float(24)", "SELECT ''::float(24)"),
        ("SELECT a::s.t(3), 5", "SELECT a::s.t(3), 0"),
        ("SELECT a::\"t\"(3)", "SELECT a::\"t\"(3)"),
        (
            "SELECT CAST(a AS numeric(10, 2)), a::character varying (3)",
            "SELECT CAST(a AS numeric(10, 2)), a::character varying (3)",
        ),
        // Names.
        (
            "SELECT 't'::regclass, 'x'::text",
            "SELECT 't'::regclass, ''::text",
        ),
        (
            "SELECT 't' :: pg_catalog.regtype, CAST('t' AS regproc), regclass 't'",
            "SELECT 't' :: pg_catalog.regtype, CAST('t' AS regproc), regclass 't'",
        ),
        (
            "SELECT nextval('s'), setval('s', 5), lower('x')",
            "SELECT nextval('s'), setval('s', 0), lower('')",
        ),
        (
            "SELECT \"nextval\"('s'), \"regclass\"('t'), CAST('t' AS \"regclass\"), 't'::\"regclass\"",
            "SELECT \"nextval\"('s'), \"regclass\"('t'), CAST('t' AS \"regclass\"), 't'::\"regclass\"",
        ),
    ] {
        assert_eq!(template(sql).as_deref(), Some(expected), "{sql}");
    }
}

#[test]
fn lists_of_any_length_are_one_template() {
    for (expected, texts) in [
        (
            "SELECT a IN (0)",
            &["SELECT a IN (1)", "SELECT a IN ( -7 )"][..],
        ),
        (
            "SELECT a IN (0,0)",
            &[
                "SELECT a IN (1, 2)",
                "SELECT a IN (1,2,3)",
                "SELECT a IN (1, -2, 3, -2147483648)",
            ],
        ),
        (
            "SELECT a NOT IN ('','')",
            &[
                "SELECT a NOT IN ('x', 'y')",
                "SELECT a NOT IN ('x', NULL, 'y', null)",
            ],
        ),
        (
            "SELECT a IN (0,9999999999)",
            &[
                "SELECT a IN (1, 2147483648)",
                "SELECT a IN (2147483649, 2)",
                "SELECT a IN (-9223372036854775808, 2)",
            ],
        ),
        (
            "SELECT a IN (true,true)",
            &[
                "SELECT a IN (true, FALSE)",
                "SELECT a IN (false, false, true)",
            ],
        ),
        ("SELECT a IN (lower(''),b,lower(''))", &[]),
        (
            "SELECT a IN (lower(''),lower(''),b)",
            &["SELECT a IN (lower('x'), b, lower('y'), lower('z'))"],
        ),
        (
            "SELECT ARRAY[[0,0],[0,0]], a[0]",
            &[
                "SELECT ARRAY[[1,2],[3,4]], a[7]",
                "SELECT ARRAY[[1,2,3],[4,5,6],[7,8,9]], a[1]",
            ],
        ),
        (
            "SELECT a = ANY(ARRAY['','']::text[])",
            &["SELECT a = ANY(ARRAY['x', 'y', 'z']::text[])"],
        ),
        (
            "INSERT INTO \"t\" (\"a\") VALUES(0,''),(0,'') RETURNING a",
            &[
                "INSERT INTO \"t\" (\"a\") VALUES (1,'a'),(2,'b') RETURNING a",
                "INSERT INTO \"t\" (\"a\") VALUES (1, NULL), (-2, 'b'), (3, 'c') RETURNING a",
            ],
        ),
        // What is in a column counts, not which rows have it.
        ("INSERT INTO t VALUES('',0.0),(0,0)", &[]),
        (
            "INSERT INTO t VALUES('',0),(0,0.0)",
            &[
                "INSERT INTO t VALUES (1, 2), (NULL, 1.5)",
                "INSERT INTO t VALUES (NULL, 2.5), (1, 1.5), (1, 2)",
            ],
        ),
        (
            "INSERT INTO t VALUES(now(),default),(now(),default)",
            &["INSERT INTO t VALUES (now(), DEFAULT), (now(), default), (now(), DEFAULT)"],
        ),
        (
            "SELECT a FROM (VALUES(0),(0)) v(a) ORDER BY 1",
            &["SELECT a FROM (VALUES (1), (2), (3)) v(a) ORDER BY 1"],
        ),
        (
            "SELECT a IN (VALUES(0),(0))",
            &["SELECT a IN (VALUES (1), (2), (3))"],
        ),
        ("SELECT a IN (SELECT 0, 0)", &["SELECT a IN (SELECT 1, 2)"]),
        // Arguments count.
        ("SELECT f(0, 0)", &["SELECT f(1, 2)"]),
        ("SELECT f(0, 0, 0)", &["SELECT f(1, 2, 3)"]),
        ("SELECT (0, 0) = (0, 0)", &["SELECT (1, 2) = (3, 4)"]),
        // A name is not a keyword behind a dot.
        ("SELECT s.values(0, 0, 0)", &["SELECT s.values(1, 2, 3)"]),
    ] {
        for sql in texts {
            assert_eq!(template(sql).as_deref(), Some(expected), "{sql}");
        }
        // A template that is SQL is its own.
        let own = template(expected).unwrap();
        if !texts.is_empty() {
            assert_eq!(own, expected);
        }
    }
}

#[test]
fn parameters_of_lists_count_by_their_declared_types() {
    for (types, expected, texts) in [
        (
            &[][..],
            "INSERT INTO t VALUES($,$),($,$) RETURNING $3",
            &[
                "INSERT INTO t VALUES ($1, $2), ($3, $4) RETURNING $5",
                "INSERT INTO t VALUES ($1, $2), ($3, $4), ($5, $6) RETURNING $7",
            ][..],
        ),
        (
            &[20, 25, 20, 25],
            "INSERT INTO t VALUES($\u{2}20,$\u{2}25),($\u{2}20,$\u{2}25)",
            &["INSERT INTO t VALUES ($1, $2), ($3, $4)"],
        ),
        (
            &[20, 25, 23, 25],
            "INSERT INTO t VALUES($\u{2}20,$\u{2}25),($\u{2}23,$\u{2}25)",
            &["INSERT INTO t VALUES ($1, $2), ($3, $4)"],
        ),
        (
            &[0, 25],
            "SELECT a FROM t WHERE a IN ($,$::int,$::int) AND b = $4",
            &[],
        ),
        (
            &[],
            "SELECT a FROM t WHERE c = $1 AND a IN ($::int,$::int) AND b = $3",
            &[
                "SELECT a FROM t WHERE c = $1 AND a IN ($2::int, $3::int) AND b = $4",
                "SELECT a FROM t WHERE c = $1 AND a IN ($2::int, $3::int, $4::int) AND b = $5",
            ],
        ),
        (
            &[23],
            "SELECT a FROM t WHERE c = $1\u{2}23 AND a IN ($)",
            &["SELECT a FROM t WHERE c = $1 AND a IN ($2)"],
        ),
    ] {
        for sql in texts {
            assert_eq!(typed(sql, types).as_deref(), Some(expected), "{sql}");
        }
    }
    // One that is used elsewhere too, or out of turn, decides more than its own place.
    for sql in [
        "INSERT INTO t VALUES ($1), ($2) RETURNING $2",
        "INSERT INTO t VALUES ($1), ($1)",
        "SELECT a IN ($1, $2) AND b = $1",
        "INSERT INTO t VALUES ($1, $9), ($10, $9)",
    ] {
        assert_eq!(template(sql), None, "{sql}");
    }
    assert_ne!(
        template("SELECT a IN ($2, $1)"),
        template("SELECT a IN ($1, $2)")
    );
}

#[test]
fn the_short_form_has_one_row_or_element_per_kind() {
    for (sql, text, parameters) in [
        (
            "SELECT id FROM t WHERE a IN (1, 2, 3) AND b = 'it''s'",
            "SELECT id FROM t WHERE a IN (1,1) AND b = 'it''s'",
            &[][..],
        ),
        (
            "INSERT INTO t VALUES ('a', 1), ('b', 2.5), (NULL, 3), ('c', -4)",
            "INSERT INTO t VALUES('a',1),('a',2.5)",
            &[],
        ),
        (
            "INSERT INTO t VALUES ($1,$2),($3,$4),($5,$6) ON CONFLICT (a) DO UPDATE SET b = $7 WHERE c = $7",
            "INSERT INTO t VALUES($1,$2),($1,$2) ON CONFLICT (a) DO UPDATE SET b = $3 WHERE c = $3",
            &[1, 2, 7],
        ),
        (
            "SELECT $1 FROM t WHERE a IN ($2::int, $3::int, $4::int) AND b = ANY(ARRAY[1,2,3])",
            "SELECT $1 FROM t WHERE a IN ($2::int,$2::int) AND b = ANY(ARRAY[1,1])",
            &[1, 2],
        ),
        (
            "WITH v AS (VALUES (1), (2), (3)) SELECT '(1), (2)' FROM v ORDER BY 1",
            "WITH v AS (VALUES(1),(1)) SELECT '(1), (2)' FROM v ORDER BY 1",
            &[],
        ),
    ] {
        let short = short_form(sql, &[]).unwrap_or_else(|| panic!("{sql}"));
        assert_eq!(
            (short.text.as_str(), &*short.parameters),
            (text, parameters)
        );
        if parameters.is_empty() {
            assert_eq!(template(&short.text), template(sql), "{sql}");
        }
    }
    // Types go with the parameters.
    let sql = "INSERT INTO t VALUES ($1), ($2), ($3), ($4)";
    let short = short_form(sql, &[20, 20, 1700, 20]).unwrap();
    assert_eq!(short.text, "INSERT INTO t VALUES($1),($2)");
    assert_eq!(short.parameters, [1, 3]);
}

#[test]
fn a_statement_without_long_lists_is_its_own_short_form() {
    for sql in [
        "SELECT 1",
        "SELECT a IN (1, 2)",
        "SELECT a IN (1, 'x', 2.5, b, c)",
        "INSERT INTO t VALUES (1), (2)",
        "INSERT INTO t VALUES (1, 'a')",
        "SELECT f(1, 2, 3)",
        "SET a = 1",
        "SELECT a IN (1, 2, 3",
        "SELECT a IN (1, 2, 3) -- x",
    ] {
        assert_eq!(short_form(sql, &[]), None, "{sql}");
    }
}

#[test]
fn what_is_not_plain_has_no_template() {
    for sql in [
        "SET a = 1",
        "EXPLAIN SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1 -- x",
        "SELECT 1 /* x */",
        "SELECT \"a\"\"b\"",
        "SELECT \"\"",
        "SELECT U&'a'",
        "SELECT U&\"a\"",
        "SELECT b'1'",
        "SELECT N'1'",
        "SELECT $$a$$",
        "SELECT $a$a$a$",
        "SELECT 'a' 'b'",
        "SELECT 'a'\n'b'",
        "SELECT E'a'\n'b'",
        "SELECT E'a\\",
        "SELECT set_config('timezone', 'UTC', false)",
        "SELECT pg_catalog.SET_CONFIG ('timezone', 'UTC', false)",
        "SELECT \"set_config\"('timezone', 'UTC', false)",
        "SELECT 'a",
        "SELECT 1a",
        "SELECT 1.a",
        "SELECT 1.",
        "SELECT 1e",
        "SELECT 0x1f",
        "SELECT 1_000",
        "SELECT $1a",
        "SELECT $01",
        "SELECT $0",
        "SELECT $99999999",
        "SELECT 'a'b",
        "SELECT \u{e9}",
        "SELECT a\u{a0}",
        "SELECT 'a\0'",
        "SELECT a FROM t values (a), u",
        "INSERT INTO t VALUES (1), (2, 3)",
        "INSERT INTO t VALUES (1]",
        "SELECT (1",
        "SELECT 1)",
        "SEL",
        "",
    ] {
        assert_eq!(template(sql), None, "{sql}");
    }
}

#[test]
fn a_number_never_grows_together_with_what_stands_before_it() {
    // What touches a number that begins with its dot has no template.
    for before in [
        "a", "a.b", "\"a\"", "$1", "$10", "1.5", "1e5", "'x'", "E'x'", "a.", "..", "1.", "f.",
    ] {
        for whole in [
            format!("SELECT {before}.5"),
            format!("SELECT a IN ({before}.5, 2)"),
            format!("INSERT INTO t VALUES (1, {before}.5)"),
            format!("SELECT a FROM t ORDER BY {before}.5"),
        ] {
            assert_eq!(template(&whole), None, "{whole}");
        }
    }
    // What can't be taken for a part of it may touch it, and so may anything behind white space.
    for (sql, expected) in [
        ("SELECT $1 .5", "SELECT $1 0.0"),
        ("SELECT a .5", "SELECT a 0.0"),
        ("SELECT 1 .5", "SELECT 0 0.0"),
        ("SELECT a. 5", "SELECT a. 0"),
        (
            "SELECT (a).5, a[1].5, a[.5]",
            "SELECT (a)0.0, a[0]0.0, a[0.0]",
        ),
        (
            "SELECT -.5, a-.5, @.5, a<-.5, a=.5, 'x'::.5",
            "SELECT -0.0, a-0.0, @0.0, a<-0.0, a=0.0, ''::0.0",
        ),
        ("SELECT $1-5, $1.a, $1[5]", "SELECT $1-0, $1.a, $1[0]"),
        ("SELECT a IN ($1, .5, -.5)", "SELECT a IN ($,0.0,0.0)"),
    ] {
        assert_eq!(template(sql).as_deref(), Some(expected), "{sql}");
    }
}

/// Statements with a hole for each constant; the same text with other constants of a kind.
fn filled() -> impl Strategy<Value = (String, String)> {
    const SHAPES: [&str; 8] = [
        "SELECT a, f(@) FROM t WHERE b IN (@@) AND c = @",
        "INSERT INTO t (a, b) VALUES @@@ RETURNING a, @",
        "UPDATE t SET a = @, b = - @ WHERE c = ANY (ARRAY[@@])",
        "DELETE FROM t WHERE (a, b) IN ((@, @), (@, @)) OR c - @ > 0",
        "WITH v (x) AS (VALUES @@@) SELECT x FROM v, t WHERE t.a = @ ORDER BY 1",
        "SELECT DISTINCT ON (a) a, CAST(@ AS numeric(3, 2)) FROM t LIMIT @",
        "SELECT t.a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.b IN (@@) AND u.c = @)",
        "SELECT ARRAY[[@@], [@@]], lower(@) FROM t GROUP BY 1, a",
    ];
    let constant = || {
        prop::sample::select(vec![
            "1",
            "2147483647",
            "2147483648",
            "-2147483648",
            "3000000000",
            "9223372036854775808",
            "99999999999999999999",
            "1.5",
            "2e3",
            "'x'",
            "''",
            "E'\\n'",
            "NULL",
            "TRUE",
            "false",
            "lower('x')",
            "t.a",
            "-7",
            "+7",
        ])
    };
    let list = move || prop::collection::vec(constant(), 1..6);
    (prop::sample::select(&SHAPES[..]), list(), list()).prop_map(|(shape, first, second)| {
        let fill = |constants: &[&str]| {
            let mut next = constants.iter().cycle().copied();
            let mut one = || next.next().unwrap_or("1").to_owned();
            let mut text = String::new();
            let mut rest = shape;
            while let Some(at) = rest.find('@') {
                text.push_str(&rest[..at]);
                let holes = rest[at..].bytes().take_while(|byte| *byte == b'@').count();
                let rows = constants.len();
                match holes {
                    1 => text.push_str(&one()),
                    2 => text.push_str(&(0..rows).map(|_| one()).collect::<Vec<_>>().join(", ")),
                    _ => {
                        let rows = (0..rows).map(|_| format!("({}, {})", one(), one()));
                        text.push_str(&rows.collect::<Vec<_>>().join(", "));
                    }
                }
                rest = &rest[at + holes..];
            }
            text.push_str(rest);
            text
        };
        (fill(&first), fill(&second))
    })
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

/// Pieces that could grow together.
fn glued() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "$1",
        "$10",
        "$",
        "1",
        "0",
        "10",
        "1.5",
        ".5",
        "5.",
        ".",
        "..",
        "e5",
        "E'x'",
        "'x'",
        "''",
        "\"a\"",
        "a",
        "a0",
        "_1",
        "-",
        "+",
        "--",
        "/",
        "*",
        "@",
        "<",
        "=",
        ":",
        "::",
        "&",
        "U",
        " IN (",
        "ARRAY[",
        "(",
        ")",
        "[",
        "]",
        ",",
        " ",
        "\n",
        " ORDER BY ",
        "nextval",
        "regclass",
        "varchar(",
        "2147483648",
        "3000000000",
    ])
}

/// A catalog that knows enough for a constant to count: operators and functions of somebody's own.
fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    for table in ["t", "u"] {
        catalog.add_relation(Relation {
            schema: "public".into(),
            name: table.into(),
            kind: RelationKind::Table,
            columns: vec!["a".into(), "b".into(), "c".into()],
        });
    }
    for name in ["lower", "f"] {
        catalog.add_function("public", name);
    }
    for operator in ["-", "+", "="] {
        catalog.add_operator("public", operator);
    }
    catalog
}

/// The facts of each statement, `None` for those that can't be read.
fn known(sql: &str, asks: bool) -> Vec<Option<Arc<Facts>>> {
    let catalog = catalog();
    let context = Context {
        catalog: Some(&catalog),
        asks,
        ..Context::default()
    };
    let statements = read(sql, &context);
    let facts = |subject| match subject {
        Subject::Readable(facts) => Some(facts),
        Subject::Unreadable(_) => None,
    };
    statements
        .into_iter()
        .map(|one| facts(one.subject))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The invariant: who reads the template sees what who reads the statement sees.
    #[test]
    fn the_template_has_the_facts_of_the_statement(pieces in prop::collection::vec(piece(), 1..16)) {
        let sql = format!("SELECT {}", pieces.concat());
        if let Some(template) = template(&sql).filter(|text| !text.contains('$')) {
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

    /// What could be mistaken for a template has it as its own: whatever touches whatever.
    #[test]
    fn a_template_is_its_own_template(pieces in prop::collection::vec(glued(), 1..8)) {
        let sql = format!("SELECT {}", pieces.concat());
        if let Some(once) = template(&sql)
            && let Some(twice) = template(&once)
        {
            prop_assert_eq!(once, twice, "{}", sql);
        }
    }

    /// Two statements of one template have the same facts; so has the short form.
    #[test]
    fn statements_of_one_template_have_the_same_facts((first, second) in filled()) {
        for asks in [false, true] {
            let own = known(&first, asks);
            if template(&first).is_some() && template(&first) == template(&second) {
                prop_assert_eq!(&own, &known(&second, asks), "{} and {}", first, second);
            }
            if let Some(short) = short_form(&first, &[]) {
                prop_assert_eq!(&own, &known(&short.text, asks), "{} and {}", first, short.text);
            }
        }
    }
}

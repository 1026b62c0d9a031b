use super::*;
use crate::wire::write;

const BLIND: Sight = Sight {
    rows: false,
    code: Foreign::Anywhere,
    ..Sight::ALL
};

fn body(fields: &[(u8, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (letter, value) in fields {
        body.push(*letter);
        write::string(&mut body, value);
    }
    body.push(0);
    body
}

fn told(fields: &[(u8, &str)], sight: Sight) -> String {
    let reads = |schema: &str, table: &str, columns: &[&str]| {
        (schema, table) == ("public", "orders") && columns.iter().all(|column| *column == "id")
    };
    let body = body(fields);
    let told = disclosed(&body, sight, reads).unwrap_or(body);
    let fields = Fields::read(&told);
    let fields = fields.iter().map(|(letter, value)| {
        format!("{}={}", char::from(letter), String::from_utf8_lossy(value))
    });
    fields.collect::<Vec<_>>().join("|")
}

#[test]
fn nothing_is_kept_back_from_who_may_read_it() {
    let fields = [(b'C', "23514"), (b'D', "Failing row contains (1, CANARY).")];
    assert!(told(&fields, Sight::ALL).contains("CANARY"));
}

#[test]
fn values_are_withheld_wherever_they_stand() {
    for fields in [
        &[
            (b'C', "23502"),
            (b'M', "null value"),
            (b'D', "Failing row contains (1, CANARY)."),
        ][..],
        &[
            (b'C', "23514"),
            (b'M', "violates check"),
            (b'D', "Failing row contains (CANARY)."),
        ],
        &[
            (b'C', "22P02"),
            (b'M', "invalid input syntax for type integer: \"CANARY\""),
        ],
        &[(b'C', "22003"), (b'M', "value \"CANARY\" is out of range")],
        &[
            (b'C', "23505"),
            (b'M', "duplicate"),
            (b'D', "Key (email)=(CANARY) already exists."),
            (b's', "public"),
            (b't', "orders"),
        ],
        &[
            (b'C', "23505"),
            (b'M', "duplicate"),
            (b'D', "Key (id)=(CANARY) already exists."),
            (b's', "public"),
            (b't', "customers"),
        ],
        &[
            (b'C', "23505"),
            (b'M', "duplicate"),
            (b'D', "Key (lower(email))=(CANARY) already exists."),
            (b's', "public"),
            (b't', "orders"),
        ],
        &[
            (b'C', "23P01"),
            (b'M', "conflicting key"),
            (
                b'D',
                "Key (x)=(CANARY) conflicts with existing key (x)=(CANARY).",
            ),
        ],
        &[
            (b'C', "P0001"),
            (b'M', "not enough"),
            (b'W', "SQL statement \"SELECT 'CANARY'\""),
        ],
        &[
            (b'C', "42703"),
            (b'M', "column CANARY"),
            (b'W', "PL/pgSQL function f()"),
            (b'q', "SELECT 'CANARY'"),
        ],
        &[
            (b'C', "P0001"),
            (b'M', "no"),
            (b'H', "CANARY"),
            (b'D', "CANARY"),
        ],
    ] {
        let told = told(fields, BLIND);
        assert!(!told.contains("CANARY"), "{told}");
        assert!(told.contains(&format!(
            "C={}",
            Fields::read(&body(fields)).text(b'C').unwrap()
        )));
    }
}

#[test]
fn a_key_of_columns_that_the_role_reads_is_told() {
    let fields = [
        (b'C', "23505"),
        (
            b'M',
            "duplicate key value violates unique constraint \"orders_pkey\"",
        ),
        (b'D', "Key (id)=(1) already exists."),
        (b's', "public"),
        (b't', "orders"),
        (b'n', "orders_pkey"),
    ];
    assert!(told(&fields, BLIND).contains("Key (id)=(1) already exists."));
    assert!(told(&fields, BLIND).contains("n=orders_pkey"));
}

#[test]
fn whatever_looks_a_value_up_does_not_tell_it_where_rows_are_not_theirs() {
    let defines = Sight {
        defined: false,
        ..Sight::ALL
    };
    for (code, message) in [
        ("42P01", "relation \"CANARY\" does not exist"),
        ("42704", "type \"CANARY\" does not exist"),
        (
            "42703",
            "column \"CANARY\" of relation \"t\" does not exist",
        ),
        ("42883", "function \"CANARY\" does not exist"),
        ("42725", "more than one function named \"CANARY\""),
        ("3F000", "schema \"CANARY\" does not exist"),
        ("42601", "syntax error in tsquery: \"CANARY\""),
        ("42602", "invalid name syntax: CANARY"),
        ("42809", "\"CANARY\" is not a sequence"),
        ("42501", "permission denied for sequence CANARY"),
        ("42501", "permission denied for large object CANARY"),
        (
            "0A000",
            "cross-database references are not implemented: \"a.b.CANARY\"",
        ),
        ("54000", "word is too long in tsquery: \"CANARY\""),
        ("55000", "currval of sequence \"CANARY\" is not yet defined"),
        ("58P01", "could not open file \"CANARY\""),
        ("XX000", "cache lookup failed for CANARY"),
    ] {
        let fields = [(b'C', code), (b'M', message)];
        let placed = [fields[0], fields[1], (b'P', "8")];
        for sight in [
            defines,
            Sight {
                rows: false,
                ..Sight::ALL
            },
        ] {
            let withheld = format!("C={code}|M=an error that may quote values ({code})");
            assert_eq!(told(&fields, sight), withheld, "{message}");
            assert!(told(&placed, sight).contains(message), "{message}");
        }
        assert!(told(&fields, Sight::ALL).contains(message));
    }
    for (code, message) in [
        ("42P07", "relation \"t\" already exists"),
        ("40001", "could not serialize access"),
        (
            "23514",
            "new row for relation \"t\" violates check constraint \"c\"",
        ),
    ] {
        let fields = [(b'C', code), (b'M', message)];
        assert!(told(&fields, defines).contains(message), "{message}");
    }
    for (code, file, message) in [
        ("42501", "aclchk.c", "permission denied for table t"),
        (
            "42704",
            "indexcmds.c",
            "data type jsonpath has no default operator class for access method \"btree\"",
        ),
        (
            "0A000",
            "tablecmds.c",
            "cannot alter type of a column used by a view or rule",
        ),
    ] {
        let fields = [(b'C', code), (b'M', message), (b'F', file)];
        assert!(told(&fields, defines).contains(message), "{message}");
    }
}

#[test]
fn in_another_language_no_more_is_told() {
    let acts = Sight {
        acted: false,
        ..Sight::ALL
    };
    let key = [
        (b'C', "23503"),
        (b'M', "verletzt Fremdschlüssel-Constraint"),
        (
            b'D',
            "Schlüssel (v)=(CANARY) ist nicht in Tabelle vorhanden.",
        ),
    ];
    let quoted = [(b'C', "42704"), (b'M', "Typ »CANARY« existiert nicht")];
    let bound = [
        (b'C', "22000"),
        (b'M', "CANARY"),
        (b'W', "portal sin nombre con parámetro $1 = '...'"),
        (b'R', "exec_stmt_raise"),
    ];
    for (fields, sight) in [
        (&key[..], acts),
        (&quoted, Sight::of_code(Foreign::Anywhere)),
        (&bound, Sight::of_code(Foreign::Anywhere)),
    ] {
        let told = told(fields, sight);
        assert!(!told.contains("CANARY"), "{told}");
    }
}

#[test]
fn what_a_function_raises_is_told_without_its_context() {
    let fields = [
        (b'C', "P0001"),
        (b'M', "insufficient stock"),
        (b'W', "PL/pgSQL function f() line 3 at RAISE"),
    ];
    let sight = Sight::of_code(Foreign::Anywhere);
    assert_eq!(told(&fields, sight), "C=P0001|M=insufficient stock");
    // A trigger of a table whose rows the role may not read.
    assert!(!told(&fields, BLIND).contains("insufficient stock"));
}

#[test]
fn what_is_withheld_of_a_notice_is_called_one() {
    for (severity, code, words) in [
        ("NOTICE", "00000", "a notice"),
        ("NOTICE", "42P01", "a notice"),
        ("WARNING", "01000", "a notice"),
        ("ERROR", "P0001", "an error"),
        ("FATAL", "P0001", "an error"),
    ] {
        let fields = [
            (b'V', severity),
            (b'C', code),
            (b'M', "CANARY"),
            (b'W', "PL/pgSQL function f() line 3 at RAISE"),
        ];
        let message = format!("M={words} in a function or trigger ({code})");
        let told = told(&fields, BLIND);
        assert!(told.contains(&message), "{severity}: {told}");
    }
}

#[test]
fn errors_of_the_statement_itself_are_told_where_only_code_is_somebody_elses() {
    let sight = Sight::of_code(Foreign::Anywhere);
    let own = [
        (b'C', "22P02"),
        (b'M', "invalid input syntax for type integer: \"x\""),
    ];
    let placed = [own[0], own[1], (b'P', "8")];
    assert!(told(&placed, sight).contains("\"x\""));
    // Without a place it may be from a function that PostgreSQL put into the statement.
    assert!(!told(&own, sight).contains("\"x\""));
    let plain = [(b'C', "22012"), (b'M', "division by zero")];
    assert!(told(&plain, sight).contains("division by zero"));
    let within = [own[0], own[1], (b'W', "PL/pgSQL function f()")];
    assert!(!told(&within, sight).contains("\"x\""));
}

#[test]
fn the_origins_of_a_row_description_are_read_to_its_end() {
    let mut body = vec![0, 2];
    for (name, table, number) in [("id", 16_400_u32, 1_i16), ("sum", 0, 0)] {
        write::string(&mut body, name);
        body.extend(table.to_be_bytes());
        body.extend(number.to_be_bytes());
        body.extend([0; 12]);
    }
    assert_eq!(origins(&body), Ok(vec![(16_400, 1), (0, 0)]));
    for cut in 0..body.len() {
        assert_eq!(origins(&body[..cut]), Err(Violation::Malformed), "{cut}");
    }
    body.push(0);
    assert_eq!(origins(&body), Err(Violation::Malformed));
}

#[test]
fn the_code_of_a_constraint_covers_only_what_the_server_itself_has_found() {
    for (file, passes) in [("nbtinsert.c", true), ("pl_exec.c", false), ("", false)] {
        let fields = [
            (b'C', "23505"),
            (b'M', "the words"),
            (b'W', "PL/pgSQL function f() line 1"),
            (b'F', file),
        ];
        assert_eq!(told(&fields, BLIND).contains("the words"), passes, "{file}");
    }
}

#[test]
fn code_tells_nothing_by_the_names_that_it_gives() {
    let names = [
        (b's', "public"),
        (b't', "orders"),
        (b'c', "CANARY"),
        (b'd', "CANARY"),
        (b'n', "CANARY"),
    ];
    let raised = |file| {
        let words = [
            (b'C', "23505"),
            (b'M', "x"),
            (b'D', "Key (id)=(CANARY) already exists."),
            (b'W', "PL/pgSQL function f() line 1 at RAISE"),
            (b'F', file),
        ];
        told(&[&words[..], &names[..]].concat(), BLIND)
    };
    assert!(!raised("pl_exec.c").contains("CANARY"));
    assert!(raised("nbtinsert.c").contains("n=CANARY"));
}

#[test]
fn values_that_the_client_itself_has_sent_are_no_code() {
    let sight = Sight::of_code(Foreign::Anywhere);
    for (context, passes) in [
        ("COPY orders, line 1, column id: \"x\"", true),
        ("unnamed portal parameter $1 = 'x'", true),
        ("portal \"p\" parameter $1 = 'x'", true),
        ("extended query with parameters: $1 = 'x'", true),
        (
            "PL/pgSQL function f() line 1 at RAISE\nunnamed portal parameter $1 = 'x'",
            false,
        ),
        ("SQL function \"f\" statement 1\nCOPY orders, line 1", false),
        (
            "COPY orders, line 1: \"x\"\nSQL statement \"COPY orders FROM …\"",
            false,
        ),
    ] {
        let fields = [(b'C', "22P02"), (b'M', "the words"), (b'W', context)];
        assert_eq!(
            told(&fields, sight).contains("the words"),
            passes,
            "{context}"
        );
    }
}

#[test]
fn what_raise_says_stays_whatever_its_code() {
    let function = "PL/pgSQL function f() line 1 at RAISE";
    let row = Sight::of_code(Foreign::Anywhere);
    for code in ["P0099", "45000", "22023", "PT404", "23505"] {
        let fields = |routine: &'static str, context: &'static str| {
            [
                (b'C', code),
                (b'M', "no bad values"),
                (b'W', context),
                (b'F', "pl_exec.c"),
                (b'R', routine),
            ]
        };
        let said = told(&fields("exec_stmt_raise", function), row);
        assert!(said.contains("no bad values"), "{said}");
        // To who may not read the row; of a check of what is bound; of what is no RAISE.
        let blind = told(&fields("exec_stmt_raise", function), BLIND);
        assert!(!blind.contains("no bad values"), "{blind}");
        let bound = "PL/pgSQL function f() line 1 at RAISE\nunnamed portal parameter $1 = '...'";
        let bound = told(&fields("exec_stmt_raise", bound), row);
        assert!(!bound.contains("no bad values"), "{bound}");
        let other = told(&fields("exec_stmt_assert", function), row);
        assert!(!other.contains("no bad values"), "{other}");
    }
}

#[test]
fn a_value_of_json_that_is_wrong_is_told_to_who_has_sent_it() {
    let fields = |context: &'static str| {
        [
            (b'C', "22P02"),
            (b'M', "invalid input syntax for type json"),
            (b'W', context),
        ]
    };
    let sight = |code| Sight::of_code(code);
    let bound = "JSON data, line 1: {bad\nunnamed portal parameter $1 = '...'";
    let copied = "JSON data, line 1: {bad\nCOPY t, line 1, column j: \"{bad\"";
    let code = "JSON data, line 1: {CANARY\nPL/pgSQL function f() line 1 at RETURN";
    let within = "JSON data, line 1: {CANARY\nSQL function \"f\" statement 1\nCOPY t, line 1";
    for (context, code, open) in [
        (bound, Foreign::Anywhere, true),
        (copied, Foreign::Anywhere, true),
        (code, Foreign::Anywhere, false),
        (within, Foreign::Anywhere, false),
        ("JSON data, line 1: {CANARY", Foreign::Anywhere, false),
        ("JSON data, line 1: {bad", Foreign::InPlans, true),
        (code, Foreign::InPlans, false),
    ] {
        let told = told(&fields(context), sight(code));
        assert_eq!(told.contains("JSON data"), open, "{context}: {told}");
        assert_eq!(told.contains("type json"), open, "{context}: {told}");
    }
}

#[test]
fn what_has_no_context_is_the_statements_where_only_plans_run_code() {
    let fields = [(b'C', "22012"), (b'M', "division by \"zero\"")];
    let sight = |code| Sight::of_code(code);
    assert!(told(&fields, sight(Foreign::InPlans)).contains("zero"));
    assert!(!told(&fields, sight(Foreign::Anywhere)).contains("zero"));
    assert_eq!(
        sight(Foreign::InPlans).least(sight(Foreign::Nowhere)).code,
        Foreign::InPlans
    );
}

#[test]
fn what_a_key_writes_is_withheld_and_what_the_statement_itself_does_is_not() {
    let blind = Sight {
        acted: false,
        ..Sight::ALL
    };
    let action = "SQL statement \"UPDATE ONLY \"public\".\"ch\" SET \"pid\" = $1\"";
    for (fields, is_withheld) in [
        (
            &[
                (b'C', "23514"),
                (b'D', "Failing row contains (5, CANARY)."),
                (b'W', action),
            ][..],
            true,
        ),
        (
            &[(b'C', "22P02"), (b'M', "bad \"CANARY\""), (b'W', action)],
            true,
        ),
        (
            &[
                (b'C', "23514"),
                (b'M', "violates \"c\""),
                (b'D', "Failing row contains (5, CANARY)."),
            ],
            false,
        ),
        (&[(b'C', "22P02"), (b'M', "bad \"CANARY\"")], false),
        (
            &[
                (b'C', "22P02"),
                (b'M', "bad \"CANARY\""),
                (b'W', "JSON data, line 1: CANARY"),
            ],
            false,
        ),
        // Behind the action, keys and constraints of what it has written.
        (
            &[
                (b'C', "23503"),
                (b'D', "Key (sec)=(CANARY) is not present in table \"x\"."),
                (b's', "public"),
                (b't', "ch"),
            ],
            true,
        ),
        (
            &[
                (b'C', "23505"),
                (b'D', "Key (id)=(CANARY) already exists."),
                (b's', "public"),
                (b't', "orders"),
            ],
            false,
        ),
    ] {
        assert_eq!(
            !told(fields, blind).contains("CANARY"),
            is_withheld,
            "{fields:?}"
        );
    }
}

#[test]
fn what_a_definition_looks_at_is_withheld_and_what_it_says_is_not() {
    let blind = Sight {
        defined: false,
        ..Sight::ALL
    };
    for (fields, is_withheld) in [
        (&[(b'C', "22P02"), (b'M', "bad \"CANARY\"")][..], true),
        (
            &[(b'C', "23505"), (b'D', "Key (v)=(CANARY) is duplicated.")],
            true,
        ),
        (
            &[(b'C', "22P02"), (b'M', "bad \"CANARY\""), (b'P', "35")],
            false,
        ),
        (
            &[
                (b'C', "2BP01"),
                (b'D', "view CANARY depends on table t"),
                (b'H', "Use CASCADE"),
            ],
            false,
        ),
        (
            &[
                (b'C', "42P07"),
                (b'M', "relation \"CANARY\" already exists"),
            ],
            false,
        ),
    ] {
        assert_eq!(
            !told(fields, blind).contains("CANARY"),
            is_withheld,
            "{fields:?}"
        );
    }
}

#[test]
fn a_key_of_the_referenced_table_is_not_taken_for_one_of_the_table_that_the_fields_name() {
    let key = |detail| {
        let fields = [
            (b'C', "23503"),
            (b'D', detail),
            (b's', "public"),
            (b't', "orders"),
        ];
        told(&fields, BLIND).contains("CANARY")
    };
    assert!(key("Key (id)=(CANARY) is not present in table \"x\"."));
    assert!(!key(
        "Key (id)=(CANARY) is still referenced from table \"orders\"."
    ));
    assert!(!key(
        "Key (id)=() is not present in table \"x) is still referenced CANARY\"."
    ));
}

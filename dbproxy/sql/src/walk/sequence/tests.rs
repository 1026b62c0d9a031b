use exeat_policy::Subject;

use super::parts;
use crate::{Context, read};

#[test]
fn names_are_read_as_regclass_reads_them() {
    for (text, name) in [
        ("s", "s"),
        ("Orders_Id_Seq", "orders_id_seq"),
        ("public.s", "public.s"),
        ("\"Odd Name\"", "Odd Name"),
        ("public.\"A\"", "public.A"),
        ("\"public\".s", "public.s"),
        ("a.b.c", "a.b.c"),
    ] {
        assert_eq!(parts(text).unwrap().join("."), name);
    }
    let long = "x".repeat(64);
    for text in [
        "",
        "1234",
        "1a",
        "-",
        " s",
        "s ",
        "public .s",
        "a\"b",
        "\"a\"\"b\"",
        "\"a",
        "\"\"",
        "a.",
        ".a",
        "größe",
        &long,
    ] {
        assert_eq!(parts(text), None, "{text}");
    }
}

/// What a definition does to which sequence.
fn used(sql: &str) -> Vec<String> {
    let statements = read(sql, &Context::default());
    let Subject::Readable(facts) = &statements[0].subject else {
        panic!("{sql}: {:?}", statements[0].subject);
    };
    let said = facts.sequences.iter().map(|used| {
        let name = used.sequence.as_ref().map(ToString::to_string);
        format!("{:?} {}", used.access, name.unwrap_or_default())
    });
    said.collect()
}

#[test]
fn definitions_say_which_sequences_they_use() {
    for (sql, expected) in [
        (
            "create table t (id int default nextval('s'))",
            "Next public.s",
        ),
        (
            "alter table only a.t alter column id set default nextval('a.t_id_seq'::regclass)",
            "Next a.t_id_seq",
        ),
        (
            "alter table t alter id set default pg_catalog.nextval('a.\"S\"'::pg_catalog.regclass)",
            "Next a.S",
        ),
        (
            "create table t (a int default currval('s') + setval('s', 1))",
            "Read public.s, Set public.s",
        ),
        // Which one it is is not known: a rule for the function is needed.
        ("create table t (id int default nextval('12345'))", "Next "),
        (
            "create table t (id int default nextval('a' || 'b'))",
            "Next ",
        ),
        ("create table t (id int default nextval(E's'))", "Next "),
        (
            "create table t (id int default nextval('s'::text::regclass))",
            "Next ",
        ),
        (
            "create table t (id int default nextval('s'::x.regclass))",
            "Next ",
        ),
        (
            "create table t (id int default ('s'::regclass).nextval)",
            "Next ",
        ),
        (
            "create cast (text as int) with function nextval(regclass)",
            "Next ",
        ),
        (
            "create table t (id int default nextval('s') + ('x'::regclass).nextval)",
            "Next , Next public.s",
        ),
        // Somebody's own function of that name.
        ("create table t (id int default mine.nextval('s'))", ""),
        ("create table t (id serial)", ""),
    ] {
        assert_eq!(used(sql).join(", "), expected, "{sql}");
    }
}

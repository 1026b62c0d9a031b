use exeat_policy::{Confirmation, Facts, Name, Subject, Verb};

use crate::{Catalog, Context, Relation, RelationKind, Statement, read};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    catalog.add_relation(Relation {
        schema: "public".into(),
        name: "t".into(),
        kind: RelationKind::Table,
        columns: vec!["a".into(), "b".into()],
    });
    for schema in ["pg_catalog", "public"] {
        catalog.add_function(schema, "lower");
    }
    catalog.add_function("pg_catalog", "abs");
    catalog.add_function("pg_catalog", "to_json");
    catalog.add_operator("public", "=");
    catalog
}

fn asked(sql: &str, catalog: Option<&Catalog>) -> Vec<Statement> {
    let context = Context {
        catalog,
        asks: true,
        ..Context::default()
    };
    read(sql, &context)
}

fn facts(statement: &Statement) -> &Facts {
    match &statement.subject {
        Subject::Readable(facts) => facts,
        Subject::Unreadable(unreadable) => panic!("{unreadable:?}"),
    }
}

#[test]
fn questions_are_what_postgresql_analyses_by_itself() {
    for (sql, questions) in [
        ("SELECT 1", &["SELECT 1"][..]),
        (" (SELECT 1) ; VALUES (2)", &["(SELECT 1)", "VALUES (2)"]),
        ("TABLE t", &["TABLE t"]),
        (
            "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x UNION SELECT 2",
            &["WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x UNION SELECT 2"],
        ),
        ("INSERT INTO t VALUES (1)", &["INSERT INTO t VALUES (1)"]),
        ("UPDATE t SET a = 1", &["UPDATE t SET a = 1"]),
        ("DELETE FROM t", &["DELETE FROM t"]),
        (
            "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE",
            &["MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE"],
        ),
        ("EXPLAIN (ANALYZE) SELECT 1", &["SELECT 1"]),
        ("EXPLAIN ANALYZE VERBOSE DELETE FROM t", &["DELETE FROM t"]),
        ("EXPLAIN DECLARE c CURSOR FOR SELECT 1", &["SELECT 1"]),
        ("EXPLAIN CREATE TABLE n AS SELECT 1", &["SELECT 1"]),
        (
            "PREPARE p (int) AS UPDATE t SET a = $1",
            &["UPDATE t SET a = $1"],
        ),
        (
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1 FOR UPDATE",
            &["SELECT 1 FOR UPDATE"],
        ),
        ("COPY (SELECT 1 a) TO STDOUT (FORMAT csv)", &["SELECT 1 a"]),
        (
            "COPY (DELETE FROM t RETURNING a) TO STDOUT",
            &["DELETE FROM t RETURNING a"],
        ),
        (
            "CREATE TEMP TABLE n (a) AS (VALUES (1)) WITH NO DATA",
            &["(VALUES (1))"],
        ),
        (
            "CREATE OR REPLACE VIEW n AS SELECT 1 WITH CHECK OPTION",
            &["SELECT 1"],
        ),
        (
            "CREATE MATERIALIZED VIEW n AS SELECT 1 WITH DATA",
            &["SELECT 1"],
        ),
        (
            "SELECT a INTO TEMP n FROM t UNION SELECT 2",
            &["SELECT a             FROM t UNION SELECT 2"],
        ),
        // It names itself.
        ("CREATE RECURSIVE VIEW n (a) AS SELECT a FROM n", &[]),
        ("COPY t FROM STDIN WHERE a > 1", &[]),
        ("COPY t TO STDOUT", &[]),
        ("CREATE TABLE n (a int DEFAULT abs(1))", &[]),
        ("CREATE SCHEMA s CREATE VIEW v AS SELECT 1", &[]),
        ("TRUNCATE t", &[]),
        ("EXECUTE p(1)", &[]),
        ("BEGIN", &[]),
        ("", &[]),
    ] {
        for statements in [asked(sql, None), read(sql, &Context::default())] {
            let texts: Vec<_> = statements
                .iter()
                .flat_map(|statement| statement.question_texts(sql))
                .collect();
            assert_eq!(texts, questions, "{sql}: {statements:?}");
        }
    }
}

#[test]
fn prepare_says_which_types_it_declares() {
    let sql = "SELECT 1; PREPARE p (int, public.mood[]) AS SELECT $1";
    let statements = asked(sql, None);
    let declared: Vec<_> = statements[1]
        .declared
        .iter()
        .map(|range| &sql[range.clone()])
        .collect();
    assert_eq!(declared, ["int", "public.mood[]"]);
}

#[test]
fn what_postgresql_is_asked_about_is_not_refused_for_its_names() {
    let catalog = catalog();
    for sql in [
        "SELECT 1 FROM nowhere",
        "SELECT 1 FROM s.nowhere",
        "SELECT nothing FROM t",
        "SELECT nothing",
        "SELECT t.nothing FROM t",
        "SELECT n.nothing FROM t",
        "SELECT n.* FROM t",
        "SELECT x.to_json FROM abs(1) x",
        "SELECT t.to_json FROM t",
        "SELECT (t).to_json FROM t",
        "INSERT INTO nowhere VALUES (1)",
        "UPDATE nowhere SET a = 1",
        "DELETE FROM nowhere",
        "EXPLAIN SELECT nothing FROM nowhere",
        "PREPARE p AS SELECT nothing FROM nowhere",
        "DECLARE c CURSOR FOR SELECT nothing FROM nowhere",
        "COPY (SELECT nothing FROM nowhere) TO STDOUT",
        "CREATE TABLE n AS SELECT nothing FROM nowhere",
        "CREATE VIEW n AS SELECT nothing FROM nowhere",
        "SELECT nothing INTO n FROM nowhere",
    ] {
        for catalog in [None, Some(&catalog)] {
            let statements = asked(sql, catalog);
            let [statement] = statements.as_slice() else {
                panic!("{sql}: {statements:?}");
            };
            let facts = facts(statement);
            assert_eq!(facts.confirmation, Confirmation::Unconfirmed, "{sql}");
            assert!(facts.functions.iter().all(|f| &*f.name == "abs"), "{sql}");
        }
    }
}

#[test]
fn what_is_no_question_stays_strict() {
    let catalog = catalog();
    for sql in [
        "COPY t FROM STDIN WHERE t.to_json IS NULL",
        "COPY nowhere TO STDOUT",
        "TRUNCATE nowhere",
        "LOCK nowhere",
    ] {
        let statements = asked(sql, Some(&catalog));
        assert!(
            matches!(statements[0].subject, Subject::Unreadable(_)),
            "{sql}: {statements:?}"
        );
    }
}

#[test]
fn only_what_is_certain_is_said_of_a_question() {
    let catalog = catalog();
    let read = |sql: &str, catalog: Option<&Catalog>| {
        let statements = asked(sql, catalog);
        let f = facts(&statements[0]);
        let relations = f.relations.iter().map(|access| {
            let exeat_policy::Columns::Named(names) = &access.columns else {
                return format!("{} {:?} *", access.relation, access.access);
            };
            let names: Vec<_> = names.iter().map(|name| &**name).collect();
            format!(
                "{} {:?} {}",
                access.relation,
                access.access,
                names.join(" ")
            )
        });
        let names = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut all: Vec<_> = relations.collect();
        all.extend(names(&f.functions));
        all.extend(names(&f.operators));
        all.extend(names(&f.types));
        all.join(", ")
    };
    for (sql, without, with) in [
        ("SELECT a FROM t", "t Select ", "public.t Select a"),
        ("SELECT * FROM t", "t Select *", "public.t Select a b"),
        ("SELECT x.* FROM u x", "u Select *", "u Select *"),
        (
            "SELECT a FROM t, u",
            "t Select , u Select ",
            "u Select , public.t Select a",
        ),
        // The inner one may have it.
        (
            "SELECT 1 FROM t WHERE EXISTS (SELECT 1 FROM u WHERE a = 1)",
            "t Select , u Select ",
            "u Select , public.t Select ",
        ),
        // Which of them is called, PostgreSQL says.
        (
            "SELECT lower('a'), abs(1)",
            "abs, lower",
            "lower, pg_catalog.abs",
        ),
        ("SELECT s.f(1), f(2)", "f, s.f", "f, s.f"),
        ("SELECT 1 = 1, 1 <=> 2", "", ""),
        ("SELECT 1 OPERATOR(s.=) 1", "s.=", "s.="),
        ("SELECT 'x'::mood, 'x'::s.mood", "s.mood", "s.mood"),
        ("SELECT 'x' COLLATE x, 'x' COLLATE s.x", "s.x", "s.x"),
        (
            "SELECT coalesce(1), CURRENT_USER",
            "coalesce, current_user",
            "coalesce, current_user",
        ),
        // The values are fewer than the columns.
        ("INSERT INTO t VALUES (1)", "t Insert ", "public.t Insert "),
        (
            "INSERT INTO t (b) VALUES (1)",
            "t Insert b",
            "public.t Insert b",
        ),
        ("UPDATE t SET b = 1", "t Update b", "public.t Update b"),
        ("DELETE FROM t", "t Delete *", "public.t Delete *"),
        (
            "CREATE TABLE n AS SELECT a FROM t",
            "t Select , public.n Define *",
            "public.n Define *, public.t Select a",
        ),
    ] {
        assert_eq!(read(sql, None), without, "{sql}");
        assert_eq!(read(sql, Some(&catalog)), with, "{sql}");
    }
}

#[test]
fn verbs_settings_and_names_are_said_as_ever() {
    let statements = asked("SELECT set_config('a.b', 'c', true)", Some(&catalog()));
    let setting = &facts(&statements[0]).settings[0];
    assert_eq!(
        (&*setting.name, setting.value.as_deref()),
        ("a.b", Some("c"))
    );
    let statements = asked("PREPARE p AS SELECT $2", None);
    assert_eq!(facts(&statements[0]).verb, Verb::Prepare);
    assert_eq!(statements[0].prepared.as_deref(), Some("p"));
}

#[test]
fn copy_is_asked_about_as_the_statements_that_it_equals() {
    for (sql, equal) in [
        (
            "COPY t (a, \"B c\") FROM STDIN",
            &["INSERT INTO t (a, \"B c\") OVERRIDING SYSTEM VALUE VALUES (NULL, NULL)"][..],
        ),
        ("COPY public.t FROM STDIN", &[]),
        (
            "COPY t (a) FROM STDIN WHERE a > 1",
            &[
                "INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (NULL)",
                "SELECT FROM ONLY t WHERE a > 1",
            ],
        ),
        ("COPY public.t TO STDOUT", &["SELECT * FROM ONLY public.t"]),
        (
            "COPY t (a, \"B c\") TO STDOUT (FORMAT csv)",
            &["SELECT a, \"B c\" FROM ONLY t"],
        ),
        ("COPY (SELECT a FROM t) TO STDOUT", &[]),
        // What is marked gets the defaults of the columns that it names.
        (
            "COPY t (a, \"B c\") FROM STDIN (FORMAT csv, \"default\" '\\D')",
            &[
                "INSERT INTO t (a, \"B c\") OVERRIDING SYSTEM VALUE VALUES (NULL, NULL)",
                "INSERT INTO t (a, \"B c\") OVERRIDING SYSTEM VALUE VALUES (DEFAULT, DEFAULT)",
            ],
        ),
    ] {
        assert_eq!(asked(sql, None)[0].equal, equal, "{sql}");
    }
}

#[test]
fn types_that_are_left_to_postgresql_are_told() {
    let statements = asked("SELECT 'x'::mood, held '(1)', 'x'::text, 'x'::s.mood", None);
    let told: Vec<_> = statements[0].types.iter().map(Name::to_string).collect();
    assert_eq!(told, ["held", "mood"]);
}

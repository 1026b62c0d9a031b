use std::sync::Arc;

use exeat_policy::{Access, Columns, Facts, Subject};

use crate::{Catalog, Context, Relation, RelationKind, read};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    for (schema, name, columns) in [
        ("public", "t", &["a", "b", "c"][..]),
        ("public", "u", &["a", "d"]),
        ("other", "t", &["x"]),
    ] {
        let system = ["tableoid", "ctid"];
        let columns = system
            .iter()
            .chain(columns)
            .map(|column| Arc::from(*column))
            .collect();
        catalog.add_relation(Relation {
            schema: schema.into(),
            name: name.into(),
            kind: RelationKind::Table,
            columns,
        });
    }
    catalog
}

fn facts(sql: &str, catalog: Option<&Catalog>) -> Arc<Facts> {
    match &read(
        sql,
        &Context {
            catalog,
            ..Context::default()
        },
    )[0]
    .subject
    {
        Subject::Readable(facts) => Arc::clone(facts),
        Subject::Unreadable(unreadable) => panic!("{sql}: {unreadable:?}"),
    }
}

/// `public.t select(a b)` per access.
fn relations(facts: &Facts) -> Vec<String> {
    let columns = |columns: &Columns| match columns {
        Columns::All => "*".to_owned(),
        Columns::Named(names) => names
            .iter()
            .map(|name| &**name)
            .collect::<Vec<_>>()
            .join(" "),
    };
    let access = |access: Access| format!("{access:?}").to_lowercase();
    let mut all: Vec<String> = facts
        .relations
        .iter()
        .map(|r| {
            format!(
                "{} {}({})",
                r.relation,
                access(r.access),
                columns(&r.columns)
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn columns_are_attributed_exactly_with_a_catalog() {
    let catalog = catalog();
    for (sql, expected) in [
        ("select a from t", &["public.t select(a)"][..]),
        ("select * from t", &["public.t select(a b c)"]),
        (
            "select b, d from t, u",
            &["public.t select(b)", "public.u select(d)"],
        ),
        (
            "select 1 from t natural join u",
            &["public.t select(a)", "public.u select(a)"],
        ),
        (
            "select x.b from t x join u using (a)",
            &["public.t select(a b)", "public.u select(a)"],
        ),
        ("select z from t as q(x, y, z)", &["public.t select(c)"]),
        ("select count(*) from t", &["public.t select()"]),
        ("select t from t", &["public.t select(a b c)"]),
        ("select x from other.t", &["other.t select(x)"]),
        ("select ctid from t", &["public.t select(ctid)"]),
        (
            "select a from t where exists (select 1 from u where d = b)",
            &["public.t select(a b)", "public.u select(d)"],
        ),
        ("insert into t values (1)", &["public.t insert(a b c)"]),
        (
            "insert into t (a) select d from u returning b",
            &[
                "public.t insert(a)",
                "public.t select(b)",
                "public.u select(d)",
            ],
        ),
        ("update t set a = 1", &["public.t update(a)"]),
        (
            "update t set a = u.d from u where t.b = u.a",
            &[
                "public.t select(b)",
                "public.t update(a)",
                "public.u select(a d)",
            ],
        ),
        (
            "delete from t where c = 1",
            &["public.t delete(*)", "public.t select(c)"],
        ),
        (
            "insert into t (a) values (1) on conflict (a) do update set b = excluded.c where t.c = 1",
            &[
                "public.t insert(a)",
                "public.t select(a c)",
                "public.t update(b)",
            ],
        ),
        (
            "merge into t using u on t.a = u.a when matched then update set b = u.d when not matched then insert (c) values (1)",
            &[
                "public.t insert(c)",
                "public.t select(a)",
                "public.t update(b)",
                "public.u select(a d)",
            ],
        ),
        (
            "select a from t for update",
            &["public.t lock()", "public.t select(a)"],
        ),
        (
            "select t.a from t, u for update of u",
            &["public.t select(a)", "public.u lock()", "public.u select()"],
        ),
        ("copy t (b) to stdout", &["public.t select(b)"]),
        ("copy t from stdin", &["public.t insert(a b c)"]),
        (
            "copy t (a, b) from stdin where c > 0 and t.b = 1",
            &["public.t insert(a b)", "public.t select(b c)"],
        ),
        (
            "truncate t, u",
            &["public.t truncate(*)", "public.u truncate(*)"],
        ),
        (
            "create table n as select a from t",
            &["public.n define(*)", "public.t select(a)"],
        ),
        (
            "create view n as select a from t",
            &["public.n define(*)", "public.t select(a)"],
        ),
        (
            "with recursive x(n) as (select a from t union all select n + 1 from x) select n from x",
            &["public.t select(a)"],
        ),
    ] {
        assert_eq!(relations(&facts(sql, Some(&catalog))), expected, "{sql}");
    }
}

#[test]
fn columns_are_counted_on_all_candidates_without_a_catalog() {
    for (sql, expected) in [
        ("select a from t", &["public.t select(a)"][..]),
        ("select * from t", &["public.t select(*)"]),
        (
            "select b from t, u",
            &["public.t select(b)", "public.u select(b)"],
        ),
        (
            "select 1 from t natural join u",
            &["public.t select(*)", "public.u select(*)"],
        ),
        (
            "select t.b from t join u using (a)",
            &["public.t select(a b)", "public.u select(a)"],
        ),
        ("select z from t as q(x, y, z)", &["public.t select(*)"]),
        ("select t from t", &["public.t select(*)"]),
        ("select a from pg_class", &["pg_catalog.pg_class select(a)"]),
        (
            "select 1 from t where exists (select 1 from u where x = 1)",
            &["public.t select(x)", "public.u select(x)"],
        ),
        ("insert into t values (1)", &["public.t insert(*)"]),
        (
            "update t set a = 1 where b = 2",
            &["public.t select(b)", "public.t update(a)"],
        ),
    ] {
        assert_eq!(relations(&facts(sql, None)), expected, "{sql}");
    }
}

#[test]
fn a_catalog_without_system_relations_does_not_hide_them() {
    let mut catalog = catalog();
    catalog.add_relation(Relation {
        schema: "public".into(),
        name: "pg_stats".into(),
        kind: RelationKind::Table,
        columns: vec!["a".into()],
    });
    assert_eq!(
        relations(&facts("select a from pg_stats", Some(&catalog))),
        ["pg_catalog.pg_stats select(a)"]
    );
}

#[test]
fn names_that_a_catalog_lacks_are_unresolved() {
    let catalog = catalog();
    for (sql, words) in [
        ("select 1 from v", "relation \"v\" does not exist"),
        (
            "select 1 from other.u",
            "relation \"other.u\" does not exist",
        ),
        ("select d from t", "column \"d\" does not exist"),
        ("select t.d from t", "column t.d does not exist"),
        (
            "select v.a from t",
            "missing FROM-clause entry for table \"v\"",
        ),
        (
            "select v.* from t",
            "missing FROM-clause entry for table \"v\"",
        ),
        ("select t.to_json from t", "column t.to_json does not exist"),
        ("copy v from stdin", "relation \"v\" does not exist"),
        ("truncate t, v", "relation \"v\" does not exist"),
    ] {
        let subject = &read(
            sql,
            &Context {
                catalog: Some(&catalog),
                ..Context::default()
            },
        )[0]
        .subject;
        let kind = match words.starts_with("column") {
            true => exeat_policy::UnreadableKind::UnresolvedColumn,
            false => exeat_policy::UnreadableKind::UnresolvedRelation,
        };
        assert!(
            matches!(subject, Subject::Unreadable(u) if u.kind == kind && &*u.detail == words),
            "{sql}: {subject:?}"
        );
    }
}

#[test]
fn functions_operators_types_and_settings_are_named() {
    let names =
        |names: &[exeat_policy::Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let f = facts(
        "select lower(a), s.f(b), current_user, extract(year from c), (d).g, a @@@ b, a operator(s.+) b, a::s.t, 'x' collate s.c from t",
        None,
    );
    assert_eq!(
        names(&f.functions),
        ["current_user", "extract", "g", "lower", "s.f"]
    );
    assert_eq!(names(&f.operators), ["@@@", "s.+"]);
    assert_eq!(names(&f.types), ["s.c", "s.t"]);
    for (sql, name, value) in [
        ("set role x", "role", Some("x")),
        (
            "set local \"Search_Path\" to a, 'b'",
            "search_path",
            Some("a, b"),
        ),
        ("set schema 'x'", "search_path", Some("x")),
        ("set time zone 'UTC'", "timezone", Some("UTC")),
        ("set names 'utf8'", "client_encoding", Some("utf8")),
        (
            "set session authorization default",
            "session_authorization",
            None,
        ),
        (
            "set transaction read write",
            "transaction_read_only",
            Some("off"),
        ),
        (
            "set session characteristics as transaction read only",
            "default_transaction_read_only",
            Some("on"),
        ),
        ("begin read write", "transaction_read_only", Some("off")),
        ("set work_mem = '1GB'", "work_mem", Some("1GB")),
        ("set a.b to default", "a.b", None),
        ("set x = -1", "x", Some("-1")),
        ("select set_config('A.b', 'c''d', true)", "a.b", Some("c'd")),
        (
            "select 1 where pg_catalog.set_config('Role', $2, false) is null",
            "role",
            Some("$2"),
        ),
        ("reset all", "all", None),
        ("reset role", "role", None),
        ("reset session authorization", "session_authorization", None),
    ] {
        let f = facts(sql, None);
        let found: Vec<_> = f
            .settings
            .iter()
            .map(|s| (&*s.name, s.value.as_deref()))
            .collect();
        assert_eq!(found, [(name, value)], "{sql}");
    }
}

#[test]
fn set_config_is_a_function_where_another_one_may_be_meant() {
    let sql = "select set_config('a.b', 'c', true)";
    let mut catalog = catalog();
    catalog.add_function("pg_catalog", "set_config");
    assert!(facts(sql, Some(&catalog)).functions.is_empty());
    catalog.add_function("other", "set_config");
    assert!(facts(sql, Some(&catalog)).functions.is_empty());
    catalog.add_function("public", "set_config");
    let f = facts(sql, Some(&catalog));
    let functions: Vec<_> = f.functions.iter().map(ToString::to_string).collect();
    assert_eq!(functions, ["pg_catalog.set_config", "public.set_config"]);
    assert!(f.settings.is_empty());
}

#[test]
fn statements_say_what_they_prepare() {
    for (sql, prepared) in [
        ("prepare p as select $3", Some("p")),
        ("execute \"P\"(1)", Some("P")),
        ("deallocate p", Some("p")),
        ("deallocate all", None),
        ("declare c cursor for select 1", Some("c")),
        ("fetch 10 from c", Some("c")),
        ("close c", Some("c")),
        ("select $1, $2", None),
    ] {
        let statement = &read(sql, &Context::default())[0];
        assert_eq!(statement.prepared.as_deref(), prepared, "{sql}");
    }
}

#[test]
fn functions_of_a_catalog_count_for_every_schema_of_the_path() {
    let mut catalog = catalog();
    catalog.add_function("pg_catalog", "lower");
    catalog.add_function("public", "lower");
    catalog.add_function("public", "tax");
    catalog.add_operator("public", "+");
    let f = facts(
        "select lower('a'), tax(1), coalesce(1), 1 + 1",
        Some(&catalog),
    );
    let functions: Vec<_> = f.functions.iter().map(ToString::to_string).collect();
    assert_eq!(
        functions,
        ["coalesce", "pg_catalog.lower", "public.lower", "public.tax"]
    );
    let operators: Vec<_> = f.operators.iter().map(ToString::to_string).collect();
    assert_eq!(operators, ["public.+"]);
}

#[test]
fn the_sign_of_an_option_compares_nothing() {
    let mut catalog = catalog();
    catalog.add_operator("public", "=");
    for (sql, compares) in [
        ("alter index t_i set (fillfactor = 60)", false),
        ("alter table t set (autovacuum_enabled = false)", false),
        (
            "create index i on t (a) with (fillfactor = 60) where a = 1",
            true,
        ),
        ("create table n (a int) with (fillfactor = 60)", false),
        (
            "create view v with (security_barrier = true) as select 1",
            false,
        ),
        (
            "create function f() returns int language sql set work_mem = '1MB' as 'select 1'",
            false,
        ),
        ("create table n (a int check (a = 1))", true),
        ("alter table t add check (a = 1)", true),
    ] {
        let f = facts(sql, Some(&catalog));
        assert_eq!(!f.operators.is_empty(), compares, "{sql}: {f:?}");
    }
}

#[test]
fn a_field_is_no_function_where_the_catalog_has_none_of_its_name() {
    let sql = "select (b).city, (b).name, (b).address, (b).mood, (t.c).street.name from t";
    let names = |catalog: &Catalog| -> Vec<String> {
        let f = facts(sql, Some(catalog));
        assert_eq!(relations(&f), ["public.t select(b c)"]);
        f.functions.iter().map(ToString::to_string).collect()
    };
    let mut known = catalog();
    // Without functions any of them may be one.
    assert_eq!(names(&known), ["address", "city", "mood", "name", "street"]);
    known.add_function("pg_catalog", "name");
    known.add_function("other", "city");
    known.add_type("public", "mood");
    known.add_type("other", "street");
    // The row type of a relation is nothing to cast to by the notation of a field.
    known.add_type("public", "address");
    assert_eq!(names(&known), ["address", "mood", "pg_catalog.name"]);
    known.add_relation(Relation {
        schema: "public".into(),
        name: "address".into(),
        kind: RelationKind::Composite,
        columns: vec!["city".into()],
    });
    assert_eq!(names(&known), ["mood", "pg_catalog.name"]);
}

use super::*;

#[test]
fn relation_patterns_have_one_spelling() {
    for (pattern, message, hint) in [
        ("orders", "says no schema", "public.orders"),
        ("shop.public.orders", "too many parts", ""),
        ("public.Orders", "capital letters", "`\"Orders\"`"),
        (
            "public.orders()",
            "empty list of columns",
            "leave the brackets out",
        ),
        (
            "public.orders(*)",
            "`*` is no column",
            "leave the brackets out",
        ),
        ("public.orders(a, a)", "stands here twice", ""),
        ("public.orders(a", "no `)`", ""),
        ("public.orders(a) b", "can't be read", ""),
        ("public.*(a)", "takes no columns", ""),
        ("'*.orders'", "is no name", "`*.*`"),
        ("'*'", "is no name", "`*.*`"),
        ("'*.*(a)'", "is no name", "`*.*`"),
        ("public.1a", "is no name", ""),
        ("'public.\"a'", "not closed", ""),
        ("public.", "is no name", ""),
        ("pg_catalog.*", "password hashes", "preset: [introspection]"),
    ] {
        let all = problems(&grants(&format!("select: {pattern}")));
        assert!(
            matches!(all.as_slice(), [(9, 21, said, hinted)] if said.contains(message) && hinted.contains(hint)),
            "{all:?}"
        );
    }
    for pattern in [
        "public.orders",
        "public.orders( id ,total )",
        "'public.\"ORDERS\"(\"Id\")'",
        "'\"My Schema\".\"a.b\"'",
        "public.*",
        "'*.*'",
        "pg_catalog.pg_class",
        "public.straße",
    ] {
        assert!(
            load(&[source("p", &grants(&format!("select: {pattern}")))]).is_ok(),
            "{pattern}"
        );
    }
}

#[test]
fn database_rules_that_can_never_match_are_errors() {
    for (rule, message) in [
        ("delete: public.t(a)", "columns in a rule about whole rows"),
        ("update: pg_catalog.pg_settings", "only ever read"),
        ("define: pg_catalog.*", "only ever read"),
        ("call: [set_config]", "goes around the reading"),
        ("call: [pg_catalog.query_to_xml]", "goes around the reading"),
        ("call: []", "an empty list"),
        ("set: [role]", "`role` is pinned"),
        ("set: [search_path]", "`search_path` is pinned"),
        ("set: [client_encoding]", "`client_encoding` is pinned"),
        ("set: [Work_Mem]", "is no parameter"),
        ("statement: [select]", "no kind of statement"),
        ("statement: [lisen]", "no kind of statement"),
        ("statement: [create extnsion]", "is no statement"),
        ("statement: ['create']", "no kind of statement"),
        ("statement: ['* extension']", "no kind of statement"),
        ("statement: ['*']", "no kind of statement"),
        ("statement: [reindex]", "no kind of statement"),
        ("statement: [comment]", "no kind of statement"),
        ("set: ['*']", "is no parameter"),
        ("set: ['*.*']", "is no parameter"),
        ("set: ['a.b.*']", "is no parameter"),
        ("set: ['.*']", "is no parameter"),
        ("call: [pg_catalog.*]", "holds functions that read files"),
        ("call: ['*']", "is no name"),
        ("call: ['*.f']", "is no name"),
        ("operator: ['pg_catalog.+']", "can never match"),
        ("operator: ['pg_catalog.*']", "can never match"),
        ("type: [pg_catalog.int4]", "can never match"),
        ("operator: ['x.**.']", "too many parts"),
        ("call: [f.*, f.*]", "a second time"),
        ("set: [a.*, a.*]", "a second time"),
        ("preset: [applcation]", "unknown word `applcation`"),
        ("rule: all", "unknown word `all`"),
        ("operator: ['<->']", "is no name"),
        ("type: [status]", "says no schema"),
        ("call: [lower, lower]", "a second time"),
        ("preset: [builtins, builtins]", "a second time"),
    ] {
        let all = problems(&grants(rule));
        assert!(
            matches!(all.as_slice(), [(9, _, said, _)] if said.contains(message)),
            "{rule}: {all:?}"
        );
    }
    let shadowed =
        |allow: &str, deny: &str| format!("{}        deny:\n          - {deny}\n", grants(allow));
    for (allow, deny) in [
        ("select: public.t", "select: public.t"),
        ("select: public.t(a, b)", "select: public.t(a, b, c)"),
        ("select: public.t(a)", "select: public.*"),
        ("insert: public.*", "insert: public.*"),
        ("call: [f]", "call: [pg_catalog.f]"),
        ("set: [jit]", "set: [jit]"),
        ("statement: [listen]", "statement: [listen]"),
        ("statement: [create role]", "statement: ['create *']"),
        ("statement: ['drop *']", "statement: ['drop *']"),
        ("select: public.t", "select: '*.*'"),
        ("delete: public.*", "delete: '*.*'"),
        ("select: '*.*'", "select: '*.*'"),
        ("call: [ext.f]", "call: [ext.*]"),
        ("call: [ext.*]", "call: ['*.*']"),
        ("operator: ['ext.+']", "operator: ['ext.*']"),
        ("type: [ext.t]", "type: [ext.t]"),
        ("set: [myapp.x]", "set: [myapp.*]"),
        ("set: [myapp.*]", "set: [myapp.*]"),
    ] {
        let all = problems(&shadowed(allow, deny));
        assert!(
            matches!(all.as_slice(), [(9, _, said, _)] if said.contains("can never match")),
            "{allow} {deny}: {all:?}"
        );
    }
    assert!(
        load(&[source(
            "p",
            &shadowed("select: public.t", "select: public.t(a)")
        )])
        .is_ok()
    );
    assert!(
        load(&[source(
            "p",
            &shadowed("select: public.t(a, b)", "select: public.t(a)")
        )])
        .is_ok()
    );
    refused(
        &format!(
            "{}          - select: public.t(a)\n",
            grants("select: public.t(a, b)")
        ),
        10,
        21,
        "an earlier rule already says this",
        "",
    );
    refused(
        &format!("{HEAD}    databases: {{ d: {{ as: x, mask: {{ t.email: email }} }} }}\n"),
        5,
        38,
        "is no column",
        "schema.table.column",
    );
}

#[test]
fn masks_that_no_rule_has_to_do_with_are_errors() {
    let masked = |rules: &str, mask: &str| {
        format!("{}        mask:\n          {mask}: email\n", grants(rules))
    };
    for rules in [
        "select: public.t(email)",
        "select: public.t(email)\n        deny: []",
    ] {
        refused(
            &masked(rules, "public.t.email"),
            9,
            21,
            "can never match: `mask` shuts every column of it",
            "take out this rule or the masks",
        );
    }
    refused(
        &format!(
            "{}        deny:\n          - select: public.t(ssn)\n        mask:\n          public.t.email: email\n",
            grants("select: public.t(email, ssn)")
        ),
        9,
        21,
        "`mask` shuts every column of it",
        "",
    );
    refused(
        &masked("select: public.t(id, email)", "public.t.emial"),
        11,
        11,
        "can never matter: no rule grants `emial`",
        "check the spelling",
    );
    refused(
        &format!(
            "{}        deny:\n          - select: public.t(email)\n        mask:\n          public.t.email: email\n",
            grants("select: public.t(id, email)")
        ),
        13,
        11,
        "can never matter: a deny rule covers the column",
        "deny[0]",
    );
    for (rules, mask) in [
        ("select: public.t(id, email)", "public.t.email"),
        ("select: public.t", "public.t.email"),
        ("select: public.*", "public.t.email"),
        // No rule speaks of the relation: a guard.
        ("select: public.u(id)", "public.t.email"),
        ("update: public.t(email)", "public.t.email"),
    ] {
        assert!(
            load(&[source("p", &masked(rules, mask))]).is_ok(),
            "{rules} {mask}"
        );
    }
}

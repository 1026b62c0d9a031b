//! The relations that statements touch, and which rules cover them.

use super::*;

#[test]
fn granted_columns_are_read() {
    let policy = policy(ANALYST);
    for columns in [&["id", "total"][..], &["id"], &["total"], &[]] {
        allowed(
            &run(&policy, select("public.orders", Some(columns))),
            ORDERS,
        );
    }
    allowed(&run(&policy, facts(Verb::Select)), SHOP);
    let aggregated = Facts {
        functions: vec![name("pg_catalog.sum"), name("count")],
        ..select("public.orders", Some(&["id"]))
    };
    allowed(&run(&policy, aggregated), ORDERS);
}

#[test]
fn other_columns_and_relations_are_not() {
    let policy = policy(ANALYST);
    let decision = run(
        &policy,
        select("public.orders", Some(&["id", "ssn", "zip"])),
    );
    denied(&decision, Reason::ColumnNotAllowed, Basis::Default);
    assert_eq!(
        decision.detail.as_deref(),
        Some("select on public.orders(ssn, zip)")
    );
    denied(
        &run(&policy, select("public.orders", None)),
        Reason::ColumnNotAllowed,
        Basis::Default,
    );
    denied(
        &run(
            &policy,
            select("public.orders", Some(&["ctid", "xmin", "tableoid"])),
        ),
        Reason::ColumnNotAllowed,
        Basis::Default,
    );
    for relation in [
        "public.secrets",
        "evil.orders",
        "public.ORDERS",
        "orders",
        "pg_catalog.pg_authid",
        "pg_catalog.pg_stats",
        "pg_catalog.pg_class",
        "information_schema.columns",
    ] {
        for columns in [Some(&["id"][..]), Some(&[]), None] {
            denied(
                &run(&policy, select(relation, columns)),
                Reason::RelationNotAllowed,
                Basis::Default,
            );
        }
    }
}

#[test]
fn every_piece_has_to_be_covered() {
    let policy = policy(ANALYST);
    let relations = vec![
        access(Access::Select, "public.orders", Some(&["id"])),
        access(Access::Select, "public.secrets", Some(&["id"])),
    ];
    denied(
        &run(
            &policy,
            Facts {
                relations,
                ..facts(Verb::Select)
            },
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    let relations = vec![
        access(Access::Delete, "public.orders", None),
        access(Access::Select, "public.orders", Some(&["id"])),
    ];
    denied(
        &run(
            &policy,
            Facts {
                relations,
                ..facts(Verb::Select)
            },
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
}

#[test]
fn the_rules_of_a_relation_add_up() {
    let policy = grants(
        "allow:\n  - select: public.t(a)\n  - select: public.t(b)\n  - select: public.u(a)\n  - select: public.u",
    );
    allowed(&run(&policy, select("public.t", Some(&["a", "b"]))), SHOP_0);
    denied(
        &run(&policy, select("public.t", None)),
        Reason::ColumnNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(&policy, select("public.u", None)),
        "roles.analyst.databases.shop.allow[3]",
    );
    allowed(
        &run(&policy, select("public.u", Some(&["later"]))),
        "roles.analyst.databases.shop.allow[3]",
    );
}

#[test]
fn a_schema_pattern_covers_every_relation_of_it() {
    let policy = grants("allow:\n  - select: app.*\n  - define: app.*");
    allowed(&run(&policy, select("app.anything", None)), SHOP_0);
    denied(
        &run(&policy, select("apps.anything", None)),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    denied(
        &run(
            &policy,
            touch(Verb::Insert, Access::Insert, "app.anything", None),
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &policy,
            touch(Verb::Define, Access::Define, "app.new", None),
        ),
        "roles.analyst.databases.shop.allow[1]",
    );
    denied(
        &run(
            &policy,
            touch(Verb::Define, Access::Define, "public.new", None),
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
}

#[test]
fn each_access_has_its_own_rule() {
    let all = [
        ("select", Verb::Select, Access::Select),
        ("insert", Verb::Insert, Access::Insert),
        ("update", Verb::Update, Access::Update),
        ("delete", Verb::Delete, Access::Delete),
        ("truncate", Verb::Truncate, Access::Truncate),
        ("define", Verb::Define, Access::Define),
    ];
    for (word, ..) in all {
        let policy = grants(&format!("allow:\n  - {word}: public.t"));
        for (other, verb, kind) in all {
            let decision = run(&policy, touch(verb, kind, "public.t", None));
            assert_eq!(
                decision.effect == Effect::Allow,
                word == other,
                "{word} {other} {decision:?}"
            );
        }
    }
}

#[test]
fn who_may_change_rows_may_lock_them() {
    let locked = || Facts {
        relations: vec![
            access(Access::Select, "public.t", Some(&["a"])),
            access(Access::Lock, "public.t", None),
        ],
        ..facts(Verb::Select)
    };
    allowed(
        &run(
            &grants("allow:\n  - select: public.t\n  - update: public.t(a)"),
            locked(),
        ),
        SHOP_0,
    );
    denied(
        &run(
            &grants("allow:\n  - select: public.t\n  - insert: public.t"),
            locked(),
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    let table = || touch(Verb::Lock, Access::Lock, "public.t", None);
    denied(
        &run(&grants("allow:\n  - update: public.t"), table()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    denied(
        &run(&grants("allow:\n  - statement: [lock]"), table()),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &grants("allow:\n  - statement: [lock]\n  - update: public.t"),
            table(),
        ),
        SHOP_0,
    );
    let allow = "allow:\n  - statement: [lock]\n  - select: public.*\n  - update: public.*\n  - define: public.*\ndeny:\n";
    for (deny, rows, held) in [
        ("  - define: public.t", false, true),
        ("  - select: public.t", true, true),
        ("  - select: public.t(a)", false, false),
        ("  - define: public.u", false, false),
    ] {
        let policy = grants(&format!("{allow}{deny}"));
        let of = |facts| run(&policy, facts).effect == Effect::Allow;
        assert_eq!(of(table()), !held, "{deny}");
        let behind = Facts {
            behind: table().relations,
            ..touch(Verb::Lock, Access::Lock, "public.v", None)
        };
        assert_eq!(of(behind), !held, "{deny}");
        let rows_of_t = Facts {
            relations: vec![
                access(Access::Select, "public.t", Some(&["b"])),
                access(Access::Lock, "public.t", None),
            ],
            ..facts(Verb::Select)
        };
        assert_eq!(of(rows_of_t), !rows, "{deny}");
    }
}

#[test]
fn deny_wins_in_databases_too() {
    let policy = grants(
        "allow:\n  - select: public.*\n  - update: public.t\n  - call: [f, lower]\n  - set: [work_mem, jit]\n  - statement: [listen]\ndeny:\n  - select: public.t(ssn)\n  - select: public.secrets\n  - update: public.t(id)\n  - call: [public.f]\n  - set: [search_path]\n  - statement: [notify, explain]",
    );
    let deny = |facts, at: usize| {
        let decision = run(&policy, facts);
        denied(&decision, Reason::DeniedByRule, Basis::DenyRule);
        assert_eq!(
            &*decision.rule.unwrap().path,
            format!("roles.analyst.databases.shop.deny[{at}]")
        );
    };
    allowed(&run(&policy, select("public.t", Some(&["a"]))), SHOP_0);
    allowed(&run(&policy, select("public.t", Some(&[]))), SHOP_0);
    deny(select("public.t", Some(&["a", "ssn"])), 0);
    deny(select("public.t", None), 0);
    deny(select("public.secrets", Some(&["id"])), 1);
    deny(select("public.secrets", Some(&[])), 1);
    deny(
        touch(Verb::Update, Access::Update, "public.t", Some(&["id"])),
        2,
    );
    deny(touch(Verb::Update, Access::Update, "public.t", None), 2);
    allowed(
        &run(
            &policy,
            touch(Verb::Update, Access::Update, "public.t", Some(&["a"])),
        ),
        "roles.analyst.databases.shop.allow[1]",
    );
    deny(call(&["public.f"]), 3);
    allowed(
        &run(&policy, call(&["f"])),
        "roles.analyst.databases.shop.allow[2]",
    );
    deny(facts(Verb::Notify), 5);
    deny(facts(Verb::Explain), 5);
    allowed(
        &run(&policy, facts(Verb::Listen)),
        "roles.analyst.databases.shop.allow[4]",
    );
}

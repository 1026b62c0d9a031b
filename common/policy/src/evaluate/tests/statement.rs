use super::*;
use crate::{AuditMode, Unreadable, UnreadableKind};

const ANALYST: &str = "
version: 1
roles:
  analyst:
    identities: [{ token: analyst }]
    databases:
      shop:
        as: analyst_ro
        allow:
          - select: public.orders(id, total)
          - call: [count, sum, min, max, avg, abs, round, coalesce, nullif, lower, upper, rank, row_number, now]
";

fn rules(database: &str) -> PolicySet {
    let indented: String = database
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    policy(&format!(
        "version: 1\nroles:\n  analyst:\n    identities: [{{ token: analyst }}]\n    databases:\n      shop:\n        as: rw\n{indented}"
    ))
}

fn select(relation: &str, columns: Option<&[&str]>) -> Facts {
    touch(Verb::Select, Access::Select, relation, columns)
}

fn touch(verb: Verb, kind: Access, relation: &str, columns: Option<&[&str]>) -> Facts {
    Facts {
        relations: vec![access(kind, relation, columns)],
        ..facts(verb)
    }
}

fn set(name: &str, value: Option<&str>) -> Facts {
    Facts {
        settings: vec![setting(name, value)],
        ..facts(Verb::Set)
    }
}

fn call(functions: &[&str]) -> Facts {
    Facts {
        functions: functions.iter().map(|it| name(it)).collect(),
        ..facts(Verb::Select)
    }
}

const ORDERS: &str = "roles.analyst.databases.shop.allow[0]";
const SHOP: &str = "roles.analyst.databases.shop";

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
fn writes_are_denied_to_who_only_reads() {
    let policy = policy(ANALYST);
    for (verb, kind) in [
        (Verb::Insert, Access::Insert),
        (Verb::Update, Access::Update),
        (Verb::Delete, Access::Delete),
        (Verb::Merge, Access::Update),
        (Verb::CopyIn, Access::Insert),
        (Verb::Truncate, Access::Truncate),
        (Verb::Define, Access::Define),
        (Verb::Select, Access::Lock),
    ] {
        denied(
            &run(&policy, touch(verb, kind, "public.orders", Some(&["id"]))),
            Reason::RelationNotAllowed,
            Basis::Default,
        );
    }
    for verb in [
        Verb::Lock,
        Verb::Maintain,
        Verb::Listen,
        Verb::Notify,
        Verb::Define,
    ] {
        denied(
            &run(&policy, facts(verb)),
            Reason::StatementNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn a_write_that_names_nothing_is_denied() {
    let policy = rules(
        "allow:\n  - insert: public.t\n  - update: public.t\n  - delete: public.t\n  - truncate: public.t\n  - select: public.t",
    );
    for verb in [
        Verb::Insert,
        Verb::Update,
        Verb::Delete,
        Verb::Merge,
        Verb::CopyIn,
        Verb::Truncate,
        Verb::Call,
    ] {
        denied(
            &run(&policy, facts(verb)),
            Reason::StatementNotAllowed,
            Basis::Default,
        );
        denied(
            &run(&policy, touch(verb, Access::Select, "public.t", None)),
            Reason::StatementNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn the_rules_of_a_relation_add_up() {
    let policy = rules(
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

const SHOP_0: &str = "roles.analyst.databases.shop.allow[0]";

#[test]
fn a_schema_pattern_covers_every_relation_of_it() {
    let policy = rules("allow:\n  - select: app.*\n  - define: app.*");
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
        let policy = rules(&format!("allow:\n  - {word}: public.t"));
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
            &rules("allow:\n  - select: public.t\n  - update: public.t(a)"),
            locked(),
        ),
        SHOP_0,
    );
    denied(
        &run(
            &rules("allow:\n  - select: public.t\n  - insert: public.t"),
            locked(),
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    let table = || touch(Verb::Lock, Access::Lock, "public.t", None);
    denied(
        &run(&rules("allow:\n  - update: public.t"), table()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    denied(
        &run(&rules("allow:\n  - statement: [lock]"), table()),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &rules("allow:\n  - statement: [lock]\n  - update: public.t"),
            table(),
        ),
        SHOP_0,
    );
}

#[test]
fn deny_wins_in_databases_too() {
    let policy = rules(
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

#[test]
fn functions_are_pg_catalogs_unless_they_say_otherwise() {
    let policy = rules("allow:\n  - call: [lower, public.mine, 'pg_catalog.upper']");
    for function in [
        "lower",
        "pg_catalog.lower",
        "upper",
        "pg_catalog.upper",
        "public.mine",
    ] {
        allowed(&run(&policy, call(&[function])), SHOP_0);
    }
    for function in [
        "mine",
        "public.lower",
        "evil.lower",
        "evil.mine",
        "pg_read_file",
        "dblink",
        "public.get_all_secrets",
        "nextval",
        "pg_sleep",
        "LOWER",
    ] {
        denied(
            &run(&policy, call(&[function])),
            Reason::FunctionNotAllowed,
            Basis::Default,
        );
    }
    denied(
        &run(&policy, call(&["lower", "evil.f"])),
        Reason::FunctionNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &policy,
            Facts {
                verb: Verb::Call,
                ..call(&["public.mine"])
            },
        ),
        SHOP_0,
    );
}

#[test]
fn operators_and_types_of_others_need_their_rule() {
    let policy =
        rules("allow:\n  - operator: ['vectors.<->', 'app.@@@']\n  - type: [public.status]");
    let with = |operators: &[&str], types: &[&str]| Facts {
        operators: operators.iter().map(|it| name(it)).collect(),
        types: types.iter().map(|it| name(it)).collect(),
        ..facts(Verb::Select)
    };
    allowed(&run(&policy, with(&["vectors.<->"], &[])), SHOP_0);
    allowed(
        &run(&policy, with(&[], &["public.status"])),
        "roles.analyst.databases.shop.allow[1]",
    );
    for operator in ["evil.>", "@@@", "evil.<->"] {
        denied(
            &run(&policy, with(&[operator], &[])),
            Reason::OperatorNotAllowed,
            Basis::Default,
        );
    }
    for foreign in ["evil.dom", "status", "evil.status"] {
        denied(
            &run(&policy, with(&[], &[foreign])),
            Reason::TypeNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn harmless_settings_need_no_rule() {
    let policy = policy(ANALYST);
    for (name, value) in [
        ("application_name", Some("x")),
        ("timezone", Some("UTC")),
        ("extra_float_digits", Some("3")),
        ("datestyle", Some("ISO")),
        ("intervalstyle", Some("iso_8601")),
        ("client_min_messages", Some("warning")),
        ("bytea_output", Some("hex")),
        ("client_encoding", Some("UTF8")),
        ("client_encoding", Some("utf-8")),
        ("client_encoding", Some("UNICODE")),
        ("transaction_isolation", Some("serializable")),
        ("transaction_read_only", Some("on")),
        ("default_transaction_read_only", Some("ON")),
        ("transaction_deferrable", Some("on")),
        ("application_name", None),
        ("all", None),
    ] {
        allowed(&run(&policy, set(name, value)), SHOP);
    }
}

#[test]
fn other_settings_need_one() {
    let policy = policy(ANALYST);
    for (name, value) in [
        ("default_transaction_read_only", Some("off")),
        ("transaction_read_only", Some("off")),
        ("transaction_read_only", Some("false")),
        ("statement_timeout", Some("0")),
        ("statement_timeout", None),
        ("idle_in_transaction_session_timeout", Some("0")),
        ("lock_timeout", Some("0")),
        ("work_mem", Some("100GB")),
        ("app.user_id", Some("42")),
        ("plan_cache_mode", Some("auto")),
        ("jit", Some("off")),
        ("enable_seqscan", Some("off")),
        ("unknown", None),
    ] {
        denied(
            &run(&policy, set(name, value)),
            Reason::SettingNotAllowed,
            Basis::Default,
        );
    }
    let granted = rules("allow:\n  - set: [work_mem, app.user_id]");
    allowed(&run(&granted, set("work_mem", Some("64MB"))), SHOP_0);
    allowed(&run(&granted, set("app.user_id", Some("42"))), SHOP_0);
    denied(
        &run(&granted, set("app.user", Some("42"))),
        Reason::SettingNotAllowed,
        Basis::Default,
    );
}

#[test]
fn pinned_settings_stay_even_in_report_mode() {
    for policy in [policy(ANALYST), rules("mode: report\nallow: []")] {
        for (name, value) in [
            ("role", Some("postgres")),
            ("role", Some("none")),
            ("role", None),
            ("session_authorization", Some("postgres")),
            ("session_authorization", None),
            ("search_path", Some("evil")),
            ("search_path", None),
            ("standard_conforming_strings", Some("off")),
            ("standard_conforming_strings", Some("on")),
            ("backslash_quote", Some("on")),
            ("escape_string_warning", Some("off")),
            ("client_encoding", Some("SJIS")),
            ("client_encoding", Some("GB18030")),
            ("client_encoding", Some("utf16")),
            ("row_security", Some("off")),
            ("session_preload_libraries", Some("x")),
            ("local_preload_libraries", Some("x")),
            ("dynamic_library_path", Some("/tmp")),
            ("session_replication_role", Some("replica")),
            ("all", Some("x")),
        ] {
            denied(
                &run(&policy, set(name, value)),
                Reason::SettingNotAllowed,
                Basis::Floor,
            );
        }
        // The settings of any statement count, not only of SET.
        let begin = Facts {
            verb: Verb::Transaction,
            ..set("role", Some("postgres"))
        };
        denied(
            &run(&policy, begin),
            Reason::SettingNotAllowed,
            Basis::Floor,
        );
    }
}

#[test]
fn ways_around_the_reading_stay_shut_even_in_report_mode() {
    let policy = rules("mode: report\nallow: []");
    for function in [
        "set_config",
        "pg_catalog.set_config",
        "query_to_xml",
        "table_to_xml",
        "ts_stat",
        "database_to_xml",
    ] {
        denied(
            &run(&policy, call(&[function])),
            Reason::FunctionNotAllowed,
            Basis::Floor,
        );
    }
    denied(
        &run(
            &policy,
            touch(
                Verb::Update,
                Access::Update,
                "pg_catalog.pg_settings",
                Some(&["setting"]),
            ),
        ),
        Reason::RelationNotAllowed,
        Basis::Floor,
    );
    denied(
        &run(
            &policy,
            touch(Verb::Delete, Access::Delete, "pg_catalog.pg_class", None),
        ),
        Reason::RelationNotAllowed,
        Basis::Floor,
    );
}

#[test]
fn what_can_not_be_read_is_denied_even_in_report_mode() {
    for policy in [policy(ANALYST), rules("mode: report\nallow: []")] {
        for kind in [
            UnreadableKind::TooLarge,
            UnreadableKind::Encoding,
            UnreadableKind::Syntax,
            UnreadableKind::Unsupported,
            UnreadableKind::Disagreement,
            UnreadableKind::Unresolved,
        ] {
            let subject = Subject::Unreadable(Arc::new(Unreadable {
                kind,
                detail: "why".into(),
                offset: Some(3),
            }));
            let Request::Statement(request) = statement_request(facts(Verb::Select)) else {
                panic!()
            };
            let decision = evaluate(
                &policy,
                &Request::Statement(StatementRequest { subject, ..request }),
            );
            denied(&decision, Reason::Unreadable, Basis::Floor);
            assert_eq!(decision.detail.as_deref(), Some("why"));
        }
    }
}

#[test]
fn only_granted_definitions_may_stay_unconfirmed() {
    let policy = rules("allow:\n  - define: app.*\n  - select: app.*\n  - insert: app.*");
    let unconfirmed = |facts| Facts {
        confirmation: Confirmation::Unconfirmed,
        ..facts
    };
    allowed(
        &run(
            &policy,
            unconfirmed(touch(Verb::Define, Access::Define, "app.t", None)),
        ),
        SHOP_0,
    );
    denied(
        &run(
            &policy,
            unconfirmed(touch(Verb::Define, Access::Define, "public.t", None)),
        ),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    denied(
        &run(&policy, unconfirmed(select("app.t", None))),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(
            &policy,
            unconfirmed(touch(Verb::Insert, Access::Insert, "app.t", None)),
        ),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(&policy, unconfirmed(facts(Verb::Select))),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(&policy, unconfirmed(facts(Verb::Show))),
        Reason::Unconfirmed,
        Basis::Default,
    );
    denied(
        &run(
            &policy,
            unconfirmed(touch(Verb::Explain, Access::Define, "app.t", None)),
        ),
        Reason::Unconfirmed,
        Basis::Default,
    );
}

#[test]
fn what_lives_in_no_schema_is_granted_by_its_statement() {
    let extension = || Facts {
        label: "create extension".into(),
        ..touch(Verb::Define, Access::Define, "dblink", None)
    };
    denied(
        &run(&rules("allow:\n  - define: public.*"), extension()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &rules("allow:\n  - statement: [create extension]"),
            extension(),
        ),
        SHOP_0,
    );
    denied(
        &run(&rules("allow:\n  - statement: [create role]"), extension()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    let vacuum = || touch(Verb::Maintain, Access::Maintain, "vacuum", None);
    denied(
        &run(&rules("allow:\n  - define: public.*"), vacuum()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(&rules("allow:\n  - statement: [maintain]"), vacuum()),
        SHOP_0,
    );
    let one = || touch(Verb::Maintain, Access::Maintain, "public.t", None);
    denied(
        &run(&rules("allow:\n  - statement: [maintain]"), one()),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &rules("allow:\n  - statement: [maintain]\n  - define: public.t"),
            one(),
        ),
        SHOP_0,
    );
}

#[test]
fn statements_around_a_statement_need_no_rule() {
    let policy = policy(ANALYST);
    for verb in [
        Verb::Transaction,
        Verb::Show,
        Verb::Explain,
        Verb::Prepare,
        Verb::Execute,
        Verb::Deallocate,
        Verb::Declare,
        Verb::Fetch,
        Verb::Close,
        Verb::Discard,
        Verb::Empty,
        Verb::Set,
        Verb::CopyOut,
    ] {
        allowed(&run(&policy, facts(verb)), SHOP);
        denied(
            &run(
                &policy,
                touch(verb, Access::Select, "public.orders", Some(&["ssn"])),
            ),
            Reason::ColumnNotAllowed,
            Basis::Default,
        );
        denied(
            &run(&policy, touch(verb, Access::Delete, "public.orders", None)),
            Reason::RelationNotAllowed,
            Basis::Default,
        );
    }
}

#[test]
fn masked_columns_can_not_be_read() {
    let policy = rules(
        "allow:\n  - select: public.customers\n  - update: public.customers\nmask: { public.customers.email: email }",
    );
    allowed(
        &run(&policy, select("public.customers", Some(&["id"]))),
        SHOP_0,
    );
    let decision = run(&policy, select("public.customers", Some(&["email", "id"])));
    denied(&decision, Reason::ColumnMasked, Basis::Default);
    assert_eq!(decision.detail.as_deref(), Some("public.customers.email"));
    denied(
        &run(&policy, select("public.customers", None)),
        Reason::ColumnMasked,
        Basis::Default,
    );
    allowed(
        &run(
            &policy,
            touch(
                Verb::Update,
                Access::Update,
                "public.customers",
                Some(&["email"]),
            ),
        ),
        "roles.analyst.databases.shop.allow[1]",
    );
}

#[test]
fn report_mode_allows_what_the_rules_deny() {
    let policy = rules(
        "mode: report\nallow:\n  - select: public.orders(id)\ndeny:\n  - select: public.secrets",
    );
    for (facts, reason) in [
        (select("public.orders", None), Reason::ColumnNotAllowed),
        (select("public.other", None), Reason::RelationNotAllowed),
        (select("public.secrets", None), Reason::DeniedByRule),
        (call(&["evil.f"]), Reason::FunctionNotAllowed),
        (facts(Verb::Notify), Reason::StatementNotAllowed),
        (set("work_mem", Some("1GB")), Reason::SettingNotAllowed),
    ] {
        let decision = run(&policy, facts);
        assert_eq!(
            (decision.effect, decision.reason, decision.basis),
            (Effect::Allow, reason, Basis::Report),
            "{decision:?}"
        );
    }
}

#[test]
fn presets_allow_their_lists() {
    let policy = rules("allow:\n  - preset: [builtins, introspection]");
    for function in [
        "count",
        "coalesce",
        "pg_catalog.now",
        "extract",
        "jsonb_build_object",
        "pg_get_viewdef",
        "current_setting",
        "gen_random_uuid",
    ] {
        allowed(&run(&policy, call(&[function])), SHOP_0);
    }
    for function in [
        "public.count",
        "set_config",
        "pg_sleep",
        "nextval",
        "pg_read_file",
        "lo_get",
        "ts_rewrite",
        "xpath",
        "pg_advisory_lock",
    ] {
        assert_eq!(
            run(&policy, call(&[function])).effect,
            Effect::Deny,
            "{function}"
        );
    }
    allowed(&run(&policy, select("pg_catalog.pg_class", None)), SHOP_0);
    allowed(
        &run(&policy, select("information_schema.columns", None)),
        SHOP_0,
    );
    for relation in [
        "pg_catalog.pg_authid",
        "pg_catalog.pg_statistic",
        "pg_catalog.pg_stat_activity",
        "public.pg_class",
        "pg_class",
    ] {
        denied(
            &run(&policy, select(relation, None)),
            Reason::RelationNotAllowed,
            Basis::Default,
        );
    }
    denied(
        &run(
            &policy,
            touch(Verb::Update, Access::Update, "pg_catalog.pg_class", None),
        ),
        Reason::RelationNotAllowed,
        Basis::Floor,
    );
    let builtins = rules("allow:\n  - preset: [builtins]");
    denied(
        &run(&builtins, select("pg_catalog.pg_class", None)),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
}

#[test]
fn writes_are_strict_and_reads_released_unless_the_database_says_otherwise() {
    let policy =
        rules("allow:\n  - select: public.t\n  - insert: public.t\n  - call: [nextval, lower]");
    let mode = |facts| run(&policy, facts).obligations.audit;
    assert_eq!(mode(select("public.t", None)), AuditMode::Release);
    assert_eq!(mode(facts(Verb::Show)), AuditMode::Release);
    assert_eq!(mode(call(&["lower"])), AuditMode::Release);
    assert_eq!(mode(call(&["nextval"])), AuditMode::Strict);
    assert_eq!(mode(call(&["public.f"])), AuditMode::Strict);
    assert_eq!(
        mode(touch(Verb::Insert, Access::Insert, "public.t", None)),
        AuditMode::Strict
    );
    // A data-modifying CTE.
    assert_eq!(
        mode(touch(Verb::Select, Access::Delete, "public.t", None)),
        AuditMode::Strict
    );
    let written = rules("audit: written\nallow:\n  - insert: public.t");
    assert_eq!(
        run(
            &written,
            touch(Verb::Insert, Access::Insert, "public.t", None)
        )
        .obligations
        .audit,
        AuditMode::Written
    );
}

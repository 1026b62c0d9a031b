//! What each kind of statement needs beside the rules for what it touches.

use super::*;

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
fn to_listen_no_more_is_introspection_or_needs_a_rule() {
    let labelled = |verb, label: &str| Facts {
        label: label.into(),
        ..facts(verb)
    };
    let unlisten = || labelled(Verb::Listen, "unlisten");
    let pooled = grants("allow:\n  - preset: [introspection]");
    for policy in [&pooled, &grants("allow:\n  - statement: [listen]")] {
        assert_eq!(run(policy, unlisten()).effect, Effect::Allow);
    }
    let refused = |policy: &PolicySet, facts| {
        denied(
            &run(policy, facts),
            Reason::StatementNotAllowed,
            Basis::Default,
        );
    };
    refused(&policy(ANALYST), unlisten());
    for other in [
        labelled(Verb::Listen, "listen"),
        labelled(Verb::Notify, "unlisten"),
        labelled(Verb::Maintain, "unlisten"),
    ] {
        refused(&pooled, other);
    }
    let unlistening = "allow:\n  - preset: [introspection]\ndeny:\n  - statement: [listen]";
    denied(
        &run(&grants(unlistening), unlisten()),
        Reason::DeniedByRule,
        Basis::DenyRule,
    );
}

#[test]
fn a_write_that_names_nothing_is_denied() {
    let policy = grants(
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
fn only_granted_definitions_may_stay_unconfirmed() {
    let policy = grants("allow:\n  - define: app.*\n  - select: app.*\n  - insert: app.*");
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
        &run(&grants("allow:\n  - define: public.*"), extension()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &grants("allow:\n  - statement: [create extension]"),
            extension(),
        ),
        SHOP_0,
    );
    denied(
        &run(&grants("allow:\n  - statement: [create role]"), extension()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    let vacuum = || touch(Verb::Maintain, Access::Maintain, "vacuum", None);
    denied(
        &run(&grants("allow:\n  - define: public.*"), vacuum()),
        Reason::StatementNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(&grants("allow:\n  - statement: [maintain]"), vacuum()),
        SHOP_0,
    );
    let one = || touch(Verb::Maintain, Access::Maintain, "public.t", None);
    denied(
        &run(&grants("allow:\n  - statement: [maintain]"), one()),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
    allowed(
        &run(
            &grants("allow:\n  - statement: [maintain]\n  - define: public.t"),
            one(),
        ),
        SHOP_0,
    );
}

#[test]
fn temporary_code_needs_its_statement_but_may_go_away() {
    let defines = |label: &str| Facts {
        label: label.into(),
        relations: vec![access(Access::Define, "pg_temp.f", None)],
        ..facts(Verb::Define)
    };
    let policy = grants("allow:\n  - define: pg_temp.*");
    for label in [
        "create table",
        "create view",
        "drop table",
        "drop function",
        "drop aggregate",
        "drop trigger",
    ] {
        allowed(
            &run(&policy, defines(label)),
            "roles.analyst.databases.shop.allow[0]",
        );
    }
    for label in [
        "create function",
        "alter function",
        "create trigger",
        "create operator",
    ] {
        denied(
            &run(&policy, defines(label)),
            Reason::StatementNotAllowed,
            Basis::Default,
        );
    }
    let other = grants("allow:\n  - select: pg_temp.*");
    denied(
        &run(&other, defines("drop function")),
        Reason::RelationNotAllowed,
        Basis::Default,
    );
}

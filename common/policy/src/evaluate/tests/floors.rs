//! What no rule opens, in report mode neither.

use super::*;
use crate::{Unreadable, UnreadableKind};

#[test]
fn ways_around_the_reading_stay_shut_even_in_report_mode() {
    let policy = grants("mode: report\nallow: []");
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
    for policy in [policy(ANALYST), grants("mode: report\nallow: []")] {
        for kind in [
            UnreadableKind::TooLarge,
            UnreadableKind::Encoding,
            UnreadableKind::Syntax,
            UnreadableKind::Unsupported,
            UnreadableKind::Disagreement,
            UnreadableKind::UnresolvedRelation,
            UnreadableKind::UnresolvedColumn,
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

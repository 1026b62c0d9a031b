use std::sync::Arc;

use exeat_policy::{Access, RelationAccess, Subject};
use exeat_sql::Context;

use super::super::{Reading, Understood};
use crate::analysis::{Outcome, Question, Reached};

fn path() -> [Arc<str>; 1] {
    ["public".into()]
}

/// The question of the last statement of a text, and what is known of it with this outcome.
fn last(sql: &str, outcomes: &[Outcome]) -> (Option<Question>, Understood) {
    let path = path();
    let context = Context {
        catalog: None,
        search_path: &path,
        asks: true,
    };
    let reading = Reading::of(sql, &context, &exeat_sql::Limits::default());
    let statement = reading.statements.last().unwrap();
    (
        reading.reach(statement, &path),
        reading.known_with_reach(statement, outcomes, &path),
    )
}

fn detail(known: &Understood) -> &str {
    match &known.subject {
        Subject::Unreadable(why) => &why.detail,
        Subject::Readable(_) => "",
    }
}

#[test]
fn only_what_cascades_has_a_question() {
    assert!(last("DROP TABLE staging.t", &[]).0.is_none());
    assert!(
        last("REVOKE SELECT ON staging.t FROM x CASCADE", &[])
            .0
            .is_none()
    );
    let asked = last("DROP TABLE staging.t CASCADE", &[]).0.unwrap();
    assert_eq!(asked.reaches, Some(Access::Define));
    let asked = last("TRUNCATE t CASCADE", &[]).0.unwrap();
    assert_eq!(asked.reaches, Some(Access::Truncate));
}

#[test]
fn a_cascade_without_an_answer_is_refused() {
    for outcomes in [
        vec![],
        vec![Outcome::Locked],
        vec![Outcome::Unknown("no".into())],
    ] {
        let (_, known) = last("DROP TABLE staging.t CASCADE", &outcomes);
        assert!(!detail(&known).is_empty(), "{outcomes:?}");
    }
}

#[test]
fn what_is_answered_joins_the_facts() {
    let (_, known) = last(
        "DROP TABLE staging.t CASCADE",
        &[Outcome::Reached(Arc::new(Reached::default()))],
    );
    let Subject::Readable(facts) = &known.subject else {
        panic!("{}", detail(&known));
    };
    let names: Vec<String> = facts
        .relations
        .iter()
        .map(|RelationAccess { relation, .. }| relation.to_string())
        .collect();
    assert_eq!(names, ["staging.t"]);
}

#[test]
fn a_reach_that_the_same_message_may_change_is_not_known() {
    let nothing = [Outcome::Reached(Arc::new(Reached::default()))];
    for (sql, hidden) in [
        (
            "ALTER TABLE staging.a RENAME TO t; DROP TABLE staging.t CASCADE",
            true,
        ),
        (
            "CREATE TABLE staging.t (id int); DROP TABLE staging.t CASCADE",
            false,
        ),
        ("DROP TABLE staging.a; DROP TABLE staging.t CASCADE", false),
        (
            "CREATE TABLE b (id int REFERENCES t); TRUNCATE t CASCADE",
            true,
        ),
        ("SELECT 1; TRUNCATE t CASCADE", false),
    ] {
        let (question, known) = last(sql, &nothing);
        assert_eq!(detail(&known).contains("in one message"), hidden, "{sql}");
        assert_eq!(question.is_none(), hidden, "{sql}");
    }
}

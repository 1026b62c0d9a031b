//! The SQL cases: what is allowed answers as the database answers, what is denied never gets there,
//! and the table is honest: past the proxy, what is denied leaks or acts.

mod table;

use exeat_tests::database::Database;
use exeat_tests::wire::{Message, Wire, sqlstate};
use table::{ALLOWED, DENIED, Past};

/// The schema of the cases.
const FIXTURE: &str = include_str!("sql/fixture.sql");

#[test]
fn every_denied_row_leaks_or_acts_past_the_proxy() {
    let database = Database::start(FIXTURE);
    let mut wrong = Vec::new();
    for (id, sql, past) in DENIED {
        let mut session = Wire::past_the_proxy(&database, "postgres");
        let alone = matches!(past, Past::RunsAlone);
        if !alone {
            session.query("BEGIN");
        }
        let answer = session.query(sql);
        let error = sqlstate(&answer);
        let honest = match past {
            Past::Leaks(text) => holds(&answer, text),
            Past::Runs | Past::RunsAlone => error.is_none(),
            Past::Refused(_) => error.is_some(),
        };
        if !honest {
            let said = answer.iter().find(|message| message.kind == 'E').and_then(|message| message.field('M'));
            wrong.push(format!("{id}: {sql}: {past:?}, but {said:?}"));
        }
        if !alone {
            session.query("ROLLBACK");
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_allowed_row_runs_without_the_proxy() {
    let database = Database::start(FIXTURE);
    let mut session = Wire::past_the_proxy(&database, "postgres");
    for (id, sql) in ALLOWED {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{id}: {sql}");
    }
}

#[test]
fn no_two_rows_have_the_same_name() {
    let mut names: Vec<&str> =
        ALLOWED.iter().map(|(id, _)| *id).chain(DENIED.iter().map(|(id, ..)| *id)).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// Whether rows, copied data or errors hold `text`.
fn holds(answer: &[Message], text: &str) -> bool {
    answer
        .iter()
        .filter(|message| matches!(message.kind, 'D' | 'd' | 'E'))
        .any(|message| String::from_utf8_lossy(&message.body).contains(text))
}

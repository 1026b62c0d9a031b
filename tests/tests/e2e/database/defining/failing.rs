//! Messages in which PostgreSQL itself refuses a statement that stands behind others: those before it have run by
//! then, and their BEGIN, COMMIT and ROLLBACK hold. What the policy denies lets none of the message run.

use exeat_tests::wire::sqlstate;

use super::{RESET, are_answered_as_without_the_proxy, lab, session};

/// Messages, in the order in which one session sends them, and what is left of them in `own.kept` is asked
/// for at the end.
const MESSAGES: &[&[&str]] = &[
    // Transaction words before it.
    &[
        "BEGIN",
        "INSERT INTO own.kept VALUES (1, 1)",
        "COMMIT; SELECT nope FROM own.kept",
        "ROLLBACK",
    ],
    &[
        "BEGIN",
        "SELECT 1 / 0",
        "ROLLBACK; SELECT nope FROM own.kept",
        "SELECT 1",
    ],
    &[
        "BEGIN; SELECT nope FROM own.kept",
        "INSERT INTO own.kept VALUES (2, 2)",
        "ROLLBACK",
    ],
    &["INSERT INTO own.kept VALUES (3, 3); COMMIT; SELECT nope FROM own.kept"],
    &["BEGIN; INSERT INTO own.kept VALUES (3, 3); COMMIT; SELECT nope FROM own.kept; SELECT 1"],
    &[
        "INSERT INTO own.kept VALUES (3, 3); BEGIN; SELECT nope FROM own.kept",
        "COMMIT",
    ],
    &[
        "BEGIN; INSERT INTO own.kept VALUES (4, 4); SAVEPOINT s; SELECT nope FROM own.kept",
        "ROLLBACK TO s",
        "COMMIT",
    ],
    &[
        "BEGIN; INSERT INTO own.kept VALUES (4, 4); SAVEPOINT s",
        "SELECT 1 / 0",
        "ROLLBACK TO s; SELECT lower(id, id) FROM own.kept",
        "ROLLBACK TO SAVEPOINT s; RELEASE s; COMMIT; SELECT * FROM own.nope",
    ],
    &[
        "BEGIN",
        "INSERT INTO own.kept VALUES (5, 5); COMMIT AND CHAIN; SELECT nope FROM own.kept",
        "SELECT 1",
        "ROLLBACK",
    ],
    &[
        "BEGIN; SELECT 1 / 0",
        "ROLLBACK AND CHAIN; SELECT nope FROM own.kept",
        "COMMIT",
    ],
    &["ROLLBACK; SELECT nope FROM own.kept", "SELECT 1"],
    &["SAVEPOINT s; SELECT nope FROM own.kept"],
    &["COMMIT AND CHAIN; SELECT nope FROM own.kept"],
    &[
        "BEGIN; COMMIT; BEGIN; INSERT INTO own.kept VALUES (6, 6); END; SELECT 'x'::int",
        "SELECT 1",
    ],
    // None: the message is one transaction.
    &["INSERT INTO own.kept VALUES (7, 7); SELECT nope FROM own.kept"],
    &[
        "INSERT INTO own.kept VALUES (7, 7) RETURNING v; SELECT id FROM own.kept; SELECT * FROM own.nope; SELECT 1",
    ],
    &[
        "SET application_name = 'x'; SELECT nope FROM own.kept",
        "SHOW application_name",
    ],
    &["SELECT nope FROM own.kept; INSERT INTO own.kept VALUES (8, 8)"],
    &["SELECT 'é'; SELECT 1, /* ü */ \"ä\" FROM own.kept"],
    &["SELECT 1; VACUUM own.kept; SELECT nope FROM own.kept"],
    &[
        "BEGIN",
        "INSERT INTO own.kept VALUES (9, 9); SELECT nope FROM own.kept; SELECT 1",
        "SELECT 2",
        "COMMIT",
    ],
    &[
        "BEGIN",
        "SELECT 1 / 0",
        "SELECT 1; SELECT nope FROM own.kept",
        "ROLLBACK",
    ],
    // What is wrong is found elsewhere than in a query.
    &["BEGIN; COPY own.nope FROM STDIN", "SELECT 1", "ROLLBACK"],
    &["INSERT INTO own.kept VALUES (1, 1); COMMIT; LOCK TABLE own.nope"],
    &["INSERT INTO own.kept VALUES (1, 1); COMMIT; TRUNCATE own.nope"],
    &["INSERT INTO own.kept VALUES (1, 1); COMMIT; DROP TABLE own.nope"],
    &["INSERT INTO own.kept VALUES (1, 1); COMMIT; CREATE VIEW own.w AS SELECT nope FROM own.kept"],
    &[
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; PREPARE p AS SELECT nope FROM own.kept",
        "SELECT 1",
    ],
    &[
        "BEGIN; DECLARE c CURSOR FOR SELECT nope FROM own.kept",
        "SELECT 1",
        "ROLLBACK",
    ],
    &["BEGIN; FETCH 1 FROM c", "SELECT 1", "ROLLBACK"],
    // Names that stand for nothing.
    &[
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; EXECUTE nope",
        "SELECT 1",
    ],
    &["BEGIN; EXECUTE nope", "SELECT 1", "ROLLBACK"],
    &[
        "BEGIN",
        "SELECT 1 / 0",
        "ROLLBACK; EXECUTE nope",
        "SELECT 1",
    ],
    &[
        "PREPARE p AS SELECT v FROM own.kept",
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; DEALLOCATE p; EXECUTE p",
        "EXECUTE p",
    ],
    &[
        "PREPARE p AS INSERT INTO own.kept VALUES (1, 1); EXECUTE p; COMMIT; EXECUTE nope",
        "DEALLOCATE p",
    ],
    &[
        "PREPARE p AS SELECT id FROM own.parent",
        "DROP TABLE own.parent",
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; EXECUTE p",
        "DEALLOCATE p",
    ],
    // The grammar is looked at before all.
    &["INSERT INTO own.kept VALUES (1, 1); COMMIT; SELEC 1"],
    &[
        "BEGIN; SELECT nope FROM own.kept; SELECT FROM WHERE",
        "SELECT 1",
    ],
];

#[test]
fn what_stands_before_an_error_has_happened_as_without_the_proxy() {
    are_answered_as_without_the_proxy(MESSAGES);
}

#[test]
fn a_denial_lets_nothing_of_a_message_run_whatever_fails_beside_it() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    database.admin(RESET);
    let made = session.query("PREPARE secret AS SELECT id, total FROM public.orders");
    assert_eq!(sqlstate(&made), None, "{made:?}");
    for message in [
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; SELECT nope FROM own.kept; SELECT ssn FROM orders",
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; SELECT ssn FROM orders; SELECT nope FROM own.kept",
        "INSERT INTO own.kept VALUES (1, 1); COMMIT; DELETE FROM orders; EXECUTE nope",
    ] {
        let answer = session.query(message);
        let told: Vec<_> = answer.iter().map(|message| message.kind).collect();
        assert_eq!(told, ['E', 'Z'], "{message}: {answer:?}");
        let left = database.admin("SELECT count(*) FROM own.kept");
        assert_eq!(left.ok(), "0", "{message}");
    }
    lab.finish(exeat);
}

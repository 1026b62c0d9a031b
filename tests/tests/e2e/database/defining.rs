//! Messages whose later statements use what their earlier ones define: answered as PostgreSQL answers the
//! one message, and judged by what names mean when each statement runs.

mod failing;
mod midway;
mod random;

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, sqlstate};

use super::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE SCHEMA own;
CREATE TABLE public.orders (id int, total int, ssn text);
CREATE TABLE own.kept (id int PRIMARY KEY, v int);
CREATE TABLE own.parent (id int PRIMARY KEY);
CREATE FUNCTION own.boom() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''boom''; END';
";

const RESET: &str = "\
DROP SCHEMA own CASCADE; CREATE SCHEMA own;
CREATE TABLE own.kept (id int PRIMARY KEY, v int);
CREATE TABLE own.parent (id int PRIMARY KEY);
CREATE FUNCTION own.boom() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''boom''; END';
TRUNCATE public.orders;
INSERT INTO public.orders VALUES (1, 10, 'secret'), (2, 20, 'secret')";

/// What is left of it.
const LEFT: &str = "SELECT id, v FROM own.kept ORDER BY id";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: own.*
          - select: pg_temp.*
          - select: public.orders(id, total)
          - insert: own.*
          - insert: pg_temp.*
          - update: own.*
          - update: pg_temp.*
          - delete: own.*
          - delete: pg_temp.*
          - truncate: own.*
          - truncate: pg_temp.*
          - define: own.*
          - define: pg_temp.*
          - call: [\"own.*\", count, sum, now, lower, generate_series, pg_sleep]
          - set: [application_name]
          - statement: [do, lock, maintain, listen, notify]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// Messages, in the order in which one session sends them; each is refused in one piece because something
/// in it means what an earlier part of it makes of it, or stands beside one that is.
const MESSAGES: &[&[&str]] = &[
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1), (2); SELECT * FROM own.m ORDER BY id",
    ],
    &["CREATE TABLE own.m (id int);\n;; INSERT INTO own.m VALUES (1) /* one */ ; -- the end\n"],
    // The last one is about a name.
    &[
        "CREATE TEMP TABLE q (a int); PREPARE s AS SELECT a FROM q; EXECUTE s; DEALLOCATE s",
        "SELECT 1",
    ],
    &[
        "CREATE TEMP TABLE q (a int); PREPARE s AS SELECT 1",
        "EXECUTE s",
        "DEALLOCATE s",
    ],
    &[
        "BEGIN; CREATE TEMP TABLE q (a int); DECLARE c CURSOR FOR SELECT a FROM q; FETCH c; CLOSE c",
        "COMMIT",
    ],
    &["CREATE TEMP TABLE q (a int); DISCARD PLANS; DEALLOCATE ALL"],
    // An error takes all along.
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); SELECT 1 / 0; SELECT 2",
        "SELECT 3",
    ],
    &[
        "CREATE TABLE own.m (id int); SELECT x FROM own.m; SELECT 2",
        "SELECT * FROM own.m",
    ],
    &["CREATE TABLE own.m (id int); SELECT * FROM own.n"],
    &["CREATE TABLE own.m (id int); SELECT \"é\" FROM own.m"],
    &[
        "CREATE TABLE own.m (id int); SELECT 'é' AS \"ä\", id FROM own.m; INSERT INTO own.m VALUES ('x')",
    ],
    &["CREATE TABLE own.m (id int); CREATE TABLE own.m (id int); SELECT * FROM own.m"],
    // In a block of the client's.
    &[
        "BEGIN",
        "CREATE TABLE own.m (id int); SELECT * FROM own.m",
        "INSERT INTO own.m VALUES (1)",
        "COMMIT",
        "SELECT * FROM own.m",
    ],
    &[
        "BEGIN",
        "CREATE TABLE own.m (id int); SELECT nope FROM own.m",
        "SELECT 1",
        "ROLLBACK",
    ],
    &[
        "BEGIN",
        "CREATE TABLE own.m (id int); SELECT 1/0 FROM own.m; SELECT own.boom()",
        "SELECT 1",
        "COMMIT",
        "SELECT 1",
    ],
    &[
        "BEGIN",
        "SELECT own.boom()",
        "CREATE TABLE own.m (id int); SELECT * FROM own.m",
        "ROLLBACK; SELECT * FROM own.kept",
    ],
    // Blocks in the message.
    &[
        "BEGIN; CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); COMMIT; SELECT * FROM own.m",
    ],
    &[
        "BEGIN; CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1)",
        "SELECT * FROM own.m",
        "ROLLBACK",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); BEGIN; INSERT INTO own.m VALUES (1); SELECT 1",
        "SELECT * FROM own.m",
        "ROLLBACK",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); START TRANSACTION; SELECT * FROM own.m; BEGIN; SELECT 4",
        "COMMIT",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); COMMIT; INSERT INTO own.m VALUES (2); SELECT 1 / 0",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); ROLLBACK; SELECT * FROM own.m",
        "SELECT 1",
    ],
    &["CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); END WORK; SELECT * FROM own.m"],
    &[
        "CREATE TABLE own.m (id int); SELECT * FROM own.m; COMMIT AND CHAIN; SELECT 1",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); SELECT * FROM own.m; SAVEPOINT s; SELECT 1",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); SELECT * FROM own.m; ROLLBACK TO s",
        "SELECT * FROM own.m",
    ],
    &[
        "BEGIN; CREATE TABLE own.m (id int); SAVEPOINT s; INSERT INTO own.m VALUES (1); ROLLBACK TO s; SELECT * FROM own.m; COMMIT",
        "SELECT * FROM own.m",
    ],
    &[
        "BEGIN; CREATE TABLE own.m (id int); SELECT * FROM own.m; COMMIT AND CHAIN; SELECT 1",
        "ROLLBACK",
        "SELECT * FROM own.m",
    ],
    &[
        "BEGIN; CREATE TABLE own.m (id int); SELECT nope FROM own.m; COMMIT",
        "SELECT 1",
        "ROLLBACK",
    ],
    // What may not run in a block, and what must.
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); VACUUM own.m",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); REINDEX TABLE CONCURRENTLY own.m",
        "SELECT * FROM own.m",
    ],
    &["CREATE TABLE own.m (id int); LOCK TABLE own.m; SELECT * FROM own.m"],
    &[
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1), (2); DECLARE c CURSOR FOR SELECT * FROM own.m ORDER BY id; FETCH 1 FROM c; FETCH ALL FROM c",
        "FETCH 1 FROM c",
    ],
    &[
        "CREATE TABLE own.m (id int); PREPARE p AS SELECT * FROM own.m; EXECUTE p",
        "EXECUTE p",
        "DEALLOCATE p",
    ],
    &[
        "CREATE TABLE own.m (id int); SET LOCAL application_name = 'x'; SELECT * FROM own.m",
        "SHOW application_name",
    ],
    // What fails at the end comes in the place of the last completion.
    &[
        "CREATE TABLE own.m (id int REFERENCES own.parent DEFERRABLE INITIALLY DEFERRED); INSERT INTO own.m VALUES (1); SELECT 1",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int REFERENCES own.parent DEFERRABLE INITIALLY DEFERRED); INSERT INTO own.m VALUES (1); COMMIT; SELECT 1",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE own.m (id int REFERENCES own.parent DEFERRABLE INITIALLY DEFERRED); INSERT INTO own.m VALUES (1) RETURNING id",
        "SELECT * FROM own.m",
    ],
    // Others than CREATE TABLE.
    &[
        "ALTER TABLE own.kept ADD COLUMN w int DEFAULT 7; INSERT INTO own.kept VALUES (1, 2); SELECT w FROM own.kept",
        "SELECT w FROM own.kept",
    ],
    &[
        "DROP TABLE own.kept; SELECT * FROM own.kept",
        "SELECT * FROM own.kept",
    ],
    &[
        "ALTER TABLE own.kept RENAME COLUMN v TO w; SELECT w FROM own.kept",
        "SELECT * FROM own.kept",
    ],
    &["CREATE FUNCTION own.two() RETURNS int LANGUAGE sql AS 'SELECT 2'; SELECT own.two()"],
    &[
        "CREATE TEMP TABLE orders (id int); INSERT INTO orders VALUES (7); SELECT * FROM orders; DROP TABLE orders; SELECT id FROM orders",
    ],
    &[
        "CREATE TEMP TABLE x (id int) ON COMMIT DROP; INSERT INTO x VALUES (7); SELECT * FROM x",
        "SELECT * FROM x",
    ],
    &[
        "CREATE TABLE own.m AS SELECT generate_series(1, 3) AS n; SELECT count(*) FROM own.m; DELETE FROM own.m WHERE n > 1; SELECT * FROM own.m",
    ],
    &[
        "DO 'BEGIN EXECUTE ''CREATE TEMP TABLE t (i int)''; END'; INSERT INTO t VALUES (3); SELECT i FROM t",
    ],
    &["CREATE VIEW own.w AS SELECT id FROM orders; SELECT * FROM own.w"],
    &[
        "CREATE TABLE own.m (id int); SELECT own.boom(); SELECT 1",
        "SELECT * FROM own.m",
    ],
    &[
        "CREATE TABLE IF NOT EXISTS own.kept (id int); SELECT * FROM own.kept; DROP TABLE IF EXISTS own.nothing; SELECT 5",
    ],
];

/// What of the answers has to be the same.
fn told(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .filter_map(|message| {
            let field = |kind| message.field(kind).unwrap_or_default();
            match message.kind {
                'S' | 'A' => None,
                'E' | 'N' => Some(format!(
                    "{} {} {} {} {} at {}",
                    message.kind,
                    field('V'),
                    field('C'),
                    field('M'),
                    field('D'),
                    field('P')
                )),
                // Numbers of tables are others in each run.
                'T' => Some(format!("T {}", columns(&message.body))),
                kind => Some(format!("{kind} {}", message.body.escape_ascii())),
            }
        })
        .collect()
}

fn columns(body: &[u8]) -> String {
    let mut rest = &body[2..];
    let mut names = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        names.push(String::from_utf8_lossy(&rest[..end]).into_owned());
        rest = &rest[end + 19..];
    }
    names.join(", ")
}

fn answers(session: &mut Wire, messages: &[&str]) -> Vec<String> {
    messages
        .iter()
        .flat_map(|sql| told(&session.query(sql)))
        .collect()
}

/// Scripts, each sent by a session of its own past the proxy and by one through it, on the same ground: the
/// answers are the same, and so is what is left of it when the session is gone.
fn are_answered_as_without_the_proxy(scripts: &[&[&str]]) {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut admin = Wire::past_the_proxy(&database, "postgres");
    // While one is live no other waits for the whole catalog.
    let _live = session(&exeat);
    let mut wrong = Vec::new();
    for messages in scripts {
        let mut on_fresh_ground = |open: &dyn Fn() -> Wire| {
            admin.rows(RESET);
            let answers = answers(&mut open(), messages);
            (answers, told(&admin.query(LEFT)))
        };
        let expected = on_fresh_ground(&|| Wire::past_the_proxy(&database, "postgres"));
        let got = on_fresh_ground(&|| session(&exeat));
        if got != expected {
            wrong.push(format!(
                "{messages:#?}\n  direct  {expected:#?}\n  proxied {got:#?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lab.finish(exeat);
}

#[test]
fn a_message_that_defines_and_uses_is_answered_as_without_the_proxy() {
    are_answered_as_without_the_proxy(MESSAGES);
}

/// What a name means after something that hid it is gone is judged then, and what is denied takes the rest
/// of its message along.
#[test]
fn a_message_does_not_reach_by_a_definition_what_its_role_may_not() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut admin = Wire::past_the_proxy(&database, "postgres");
    for message in [
        "DROP TABLE pg_temp.orders; SELECT lower(ssn) FROM orders",
        "DROP TABLE pg_temp.orders; COPY (SELECT ssn FROM orders) TO STDOUT",
        "DROP TABLE pg_temp.orders; INSERT INTO orders VALUES (9)",
        "DROP TABLE pg_temp.orders; DROP TABLE orders",
        "DROP TABLE orders; DROP TABLE orders",
        "DROP TABLE orders; ALTER TABLE orders RENAME COLUMN total TO other",
        "DROP TABLE orders; TRUNCATE orders",
        "DISCARD TEMP; SELECT ssn FROM orders",
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); DELETE FROM public.orders",
        "CREATE TABLE own.m (id int); INSERT INTO own.m VALUES (1); SELECT ssn FROM public.orders",
    ] {
        admin.rows(RESET);
        let mut session = session(&exeat);
        let made = session.query("CREATE TEMP TABLE orders (id int, total int, ssn text)");
        assert_eq!(sqlstate(&made), None, "{made:?}");
        let answer = session.query(message);
        assert_eq!(
            sqlstate(&answer).as_deref(),
            Some("42501"),
            "{message}: {answer:?}"
        );
        assert!(
            answer.iter().all(|message| message.kind != 'D'),
            "{answer:?}"
        );
        let ready = answer.last().map(|ready| ready.body.clone());
        assert_eq!(ready, Some(b"I".to_vec()), "{message}");
        let left = admin.rows("SELECT count(total) FROM public.orders");
        assert_eq!(left, "2", "{message}");
        let made = admin.rows("SELECT to_regclass('own.m') IS NULL");
        assert_eq!(made, "t", "{message}");
    }
    lab.finish(exeat);
}

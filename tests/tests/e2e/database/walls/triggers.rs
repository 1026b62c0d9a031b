//! Code that a write runs without naming it: triggers, rules, checks and the like. What it makes for the
//! session alone hides what all see, and what has been judged for that must not be read there.

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::Lab;
use exeat_tests::wire::{Message, Wire, bind, execute, frame, parse, query, sqlstate, sync};

use super::{has_canary, session};
use crate::database::lab_with;

/// Every table but `orders` hides it when it is written in one way; its name says in which.
const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE orders (id int, total int);
INSERT INTO orders VALUES (1, 10);
CREATE TABLE secrets (id int, v int);
INSERT INTO secrets VALUES (1, 424242);
CREATE FUNCTION hide() RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN CREATE OR REPLACE TEMP VIEW orders AS SELECT id, v AS total FROM secrets; RETURN 1; END $$;
CREATE FUNCTION hides(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN hide(); END $$;
CREATE FUNCTION hiding() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN PERFORM hide(); IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
CREATE TABLE quiet (id int PRIMARY KEY);
CREATE TABLE plain (id int);
CREATE TRIGGER t AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE changed (id int);
INSERT INTO changed VALUES (1);
CREATE TRIGGER t BEFORE UPDATE OR DELETE ON changed FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE emptied (id int);
CREATE TRIGGER t AFTER TRUNCATE ON emptied FOR EACH STATEMENT EXECUTE FUNCTION hiding();
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE middle (id int PRIMARY KEY REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO middle VALUES (1), (2);
CREATE TABLE child (id int, m int REFERENCES middle ON DELETE SET NULL ON UPDATE CASCADE);
INSERT INTO child VALUES (1, 1), (2, 2);
CREATE TRIGGER t AFTER UPDATE ON child FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE late (id int);
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE ruled (id int);
CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT hide();
CREATE TABLE ruled_on (id int);
CREATE RULE r AS ON INSERT TO ruled_on DO INSTEAD INSERT INTO plain VALUES (NEW.id);
CREATE VIEW open AS SELECT id FROM plain;
CREATE VIEW outer_view AS SELECT id FROM open;
CREATE VIEW instead AS SELECT id FROM quiet;
CREATE TRIGGER t INSTEAD OF INSERT ON instead FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE parted (id int) PARTITION BY LIST (id);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN (1);
CREATE TRIGGER t AFTER INSERT ON parted_a FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE over (id int) PARTITION BY LIST (id);
CREATE TABLE over_a PARTITION OF over FOR VALUES IN (1);
CREATE TRIGGER t AFTER INSERT ON over FOR EACH ROW EXECUTE FUNCTION hiding();
CREATE TABLE checked (id int CHECK (hides(id) > 0));
CREATE TABLE made (id int, m int GENERATED ALWAYS AS (hides(id)) STORED);
CREATE TABLE indexed (id int);
CREATE INDEX ON indexed (hides(id));
CREATE FUNCTION twice(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN hide(); END $$;
CREATE OPERATOR *** (LEFTARG = int, RIGHTARG = int, FUNCTION = twice);
CREATE TABLE rowed (id int);
INSERT INTO rowed VALUES (1);
ALTER TABLE rowed ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON rowed USING (hides(id) > 0);
CREATE VIEW seeing AS SELECT hide() AS id;
CREATE DOMAIN wary AS int CHECK (hides(VALUE) > 0);
CREATE TABLE domained (id wary);
CREATE SCHEMA staging;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
GRANT ALL ON SCHEMA staging, public TO app;
";

const POLICY: &str = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.orders(id, total)
          - select: public.quiet
          - select: public.plain
          - select: public.changed
          - select: public.parent
          - select: public.middle
          - select: public.rowed
          - insert: public.quiet
          - insert: public.plain
          - insert: public.late
          - insert: public.ruled
          - insert: public.ruled_on
          - insert: public.open
          - insert: public.outer_view
          - insert: public.instead
          - insert: public.parted
          - insert: public.over
          - insert: public.over_a
          - insert: public.checked
          - insert: public.made
          - insert: public.indexed
          - insert: public.domained
          - select: public.seeing
          - update: public.quiet
          - update: public.changed
          - update: public.parent
          - delete: public.quiet
          - delete: public.changed
          - delete: public.parent
          - truncate: public.emptied
          - truncate: public.quiet
          - define: staging.*
          - define: pg_temp.*
          - select: staging.*
          - insert: staging.*
          - insert: pg_temp.*
          - operator: ['public.***']
          - call: [abs, public.hide, public.hides, public.twice]
        deny:
          - select: public.secrets
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// A simple message; a COPY gets one row.
fn run(session: &mut Wire, sql: &str) -> Vec<Message> {
    session.send(query(sql));
    let mut messages = Vec::new();
    while let Some(message) = session.message() {
        if message.kind == 'G' {
            session.send(frame('d', b"1\n")).send(frame('c', b""));
        }
        let ready = message.kind == 'Z';
        messages.push(message);
        if ready {
            break;
        }
    }
    messages
}

/// Each of them hides `orders`.
const WRITES: &[&str] = &[
    "SELECT public.hide()",
    "SELECT 1 OPERATOR(public.***) 1",
    "SELECT id FROM rowed",
    "INSERT INTO plain VALUES (1)",
    "INSERT INTO plain SELECT 1",
    "COPY plain FROM STDIN",
    "WITH w AS (INSERT INTO plain VALUES (1) RETURNING id) SELECT id FROM w",
    "EXPLAIN ANALYZE INSERT INTO plain VALUES (1)",
    "MERGE INTO plain p USING orders o ON false WHEN NOT MATCHED THEN INSERT VALUES (1)",
    "UPDATE changed SET id = 1",
    "DELETE FROM changed",
    "MERGE INTO changed c USING orders o ON c.id = o.id WHEN MATCHED THEN UPDATE SET id = 1",
    "TRUNCATE emptied",
    "DELETE FROM parent",
    "UPDATE parent SET id = id + 10",
    "INSERT INTO late VALUES (1)",
    "INSERT INTO ruled VALUES (1)",
    "INSERT INTO ruled_on VALUES (1)",
    "INSERT INTO open VALUES (1)",
    "INSERT INTO outer_view VALUES (1)",
    "INSERT INTO instead VALUES (1)",
    "COPY instead FROM STDIN",
    "INSERT INTO parted VALUES (1)",
    "COPY parted FROM STDIN",
    "INSERT INTO over VALUES (1)",
    "INSERT INTO over_a VALUES (1)",
    "INSERT INTO checked VALUES (1)",
    "INSERT INTO made (id) VALUES (1)",
    "COPY made (id) FROM STDIN",
    "INSERT INTO indexed VALUES (1)",
    "COPY indexed FROM STDIN",
];

/// Each of them shows what `orders` means.
const READS: &[&[&str]] = &[
    &["SELECT abs(total) FROM orders"],
    &["COPY (SELECT total FROM orders) TO STDOUT"],
    &["COPY orders (total) TO STDOUT"],
    &[
        "DECLARE c CURSOR WITH HOLD FOR SELECT total FROM orders",
        "FETCH ALL FROM c",
    ],
    &["PREPARE p AS SELECT total FROM orders", "EXECUTE p"],
];

/// What the whole script brings back; nothing of it may be a canary.
fn script(exeat: &Process, script: &[&str], open: &mut Vec<String>) {
    let mut session = session(exeat);
    for sql in script {
        if has_canary(&run(&mut session, sql)) {
            open.push(format!("{script:?}"));
        }
    }
}

#[test]
fn what_a_write_makes_unseen_is_seen_before_the_next_message() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut open = Vec::new();
    for (index, write) in WRITES.iter().enumerate() {
        // The reads differ in what they do with a table, not in how it came to be hidden.
        let reads = if index % 8 == 3 { READS } else { &READS[..1] };
        for read in reads {
            script(&exeat, &[&[*write], *read].concat(), &mut open);
            if !write.starts_with("DELETE") {
                continue;
            }
            let filled = "DELETE FROM child; DELETE FROM parent; DELETE FROM changed;
             INSERT INTO changed VALUES (1); INSERT INTO parent VALUES (1), (2);
             INSERT INTO middle VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2)";
            database.admin(filled).exits(0);
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

/// The same within a block, within one message, and where the reading statement is there before.
const SHAPES: &[&[&str]] = &[
    &["BEGIN", "{w}", "SELECT abs(total) FROM orders"],
    &["BEGIN", "{w}", "COMMIT", "SELECT abs(total) FROM orders"],
    &["{w}; SELECT abs(total) FROM orders"],
    &["{w}; COMMIT; SELECT abs(total) FROM orders"],
    &["BEGIN; {w}; COMMIT; SELECT abs(total) FROM orders"],
    &["PREPARE p AS SELECT total FROM orders", "{w}", "EXECUTE p"],
    &["PREPARE p AS SELECT total FROM orders", "{w}; EXECUTE p"],
    &[
        "PREPARE w AS {w}",
        "EXECUTE w; SELECT abs(total) FROM orders",
    ],
    &["{w}; COPY (SELECT total FROM orders) TO STDOUT"],
    &[
        "CREATE TEMP TABLE mine (id int)",
        "{w}",
        "SELECT abs(total) FROM orders",
    ],
    &["CREATE TEMP TABLE mine (id int); {w}; SELECT abs(total) FROM orders"],
    &[
        "BEGIN",
        "{w}",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "SELECT abs(total) FROM orders",
    ],
    &["BEGIN; {w}; SET CONSTRAINTS ALL IMMEDIATE; SELECT abs(total) FROM orders"],
];

#[test]
fn what_a_write_makes_unseen_is_seen_in_blocks_and_messages() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut open = Vec::new();
    let writes = [
        "SELECT public.hide()",
        "SELECT hides(1)",
        "INSERT INTO plain VALUES (1)",
        "INSERT INTO late VALUES (1)",
        "INSERT INTO outer_view VALUES (1)",
        "DELETE FROM parent",
        "SELECT id FROM seeing",
        "SELECT 1 OPERATOR(public.***) 1",
        "INSERT INTO domained VALUES (1)",
    ];
    for write in writes {
        for shape in SHAPES {
            let lines: Vec<String> = shape
                .iter()
                .map(|line| line.replace("{w}", write))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            script(&exeat, &lines, &mut open);
        }
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn what_a_write_makes_unseen_is_seen_within_a_pipeline() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let read = "SELECT abs(total) FROM orders";
    for write in [
        "SELECT public.hide()",
        "INSERT INTO plain VALUES (1)",
        "INSERT INTO late VALUES (1)",
    ] {
        for synced in [true, false] {
            let between = if synced { sync() } else { Vec::new() };
            let all =
                |first: Vec<u8>, second: Vec<u8>| [first, between.clone(), second, sync()].concat();
            let ran = [parse("w", write), bind("", "w"), execute("")].concat();
            let mut one = session(&exeat);
            one.send(all(
                ran.clone(),
                [parse("r", read), bind("", "r"), execute("")].concat(),
            ));
            let mut answers = one.until_ready();
            if synced {
                answers.extend(one.until_ready());
            }
            assert!(!has_canary(&answers), "{write} {synced} {answers:?}");
            // The reading statement is there before.
            let mut one = session(&exeat);
            one.send([parse("r", read), sync()].concat());
            one.until_ready();
            one.send(all(ran, [bind("", "r"), execute("")].concat()));
            let mut answers = one.until_ready();
            if synced {
                answers.extend(one.until_ready());
            }
            assert!(!has_canary(&answers), "{write} {synced} {answers:?}");
        }
    }
}

#[test]
fn what_the_code_of_an_open_transaction_changes_for_all_is_seen_within_it() {
    let (lab, database) = lab();
    database
        .admin(
            "CREATE TABLE turned (id int);
             CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
               ALTER TABLE public.orders RENAME TO was;
               CREATE VIEW public.orders AS SELECT id, v AS total FROM public.secrets;
               GRANT SELECT ON public.orders TO app;
               RETURN NEW; END $$;
             CREATE TRIGGER t AFTER INSERT ON turned FOR EACH ROW EXECUTE FUNCTION turn();
             GRANT ALL ON turned TO app",
        )
        .exits(0);
    lab.set_policy(&POLICY.replace("insert: public.late", "insert: public.turned"));
    let exeat = lab.start();
    let mut open = Vec::new();
    for read in READS {
        let read: Vec<&str> = read.iter().map(|sql| sql.trim()).collect();
        let lines = [&["BEGIN", "INSERT INTO turned VALUES (1)"], &*read].concat();
        script(&exeat, &lines, &mut open);
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn what_an_event_trigger_makes_unseen_is_seen() {
    let (lab, database) = lab();
    database
        .admin(
            "CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS
               $$ BEGIN PERFORM public.hide(); END $$;
             CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
               EXECUTE FUNCTION noticed()",
        )
        .exits(0);
    let exeat = lab.start();
    let mut open = Vec::new();
    for define in [
        "CREATE TABLE staging.one (id int)",
        "CREATE TEMP TABLE one (id int)",
    ] {
        script(
            &exeat,
            &[define, "SELECT abs(total) FROM orders"],
            &mut open,
        );
        let both = format!("{define}; SELECT abs(total) FROM orders");
        script(&exeat, &[&both], &mut open);
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn a_trigger_that_is_new_to_the_session_counts_at_once() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut open = Vec::new();
    let make = "CREATE TRIGGER t AFTER INSERT ON pg_temp.mine FOR EACH ROW EXECUTE FUNCTION public.hiding()";
    let lines = [
        "CREATE TEMP TABLE mine (id int)",
        make,
        "INSERT INTO pg_temp.mine VALUES (1)",
        "SELECT abs(total) FROM orders",
    ];
    script(&exeat, &lines, &mut open);
    script(&exeat, &[&lines.join("; ")], &mut open);
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn what_writes_and_runs_nothing_of_others_goes_on_as_before() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for sql in [
        "INSERT INTO quiet VALUES (1)",
        "UPDATE quiet SET id = 2",
        "INSERT INTO plain VALUES (1)",
        "INSERT INTO quiet VALUES (3); INSERT INTO quiet VALUES (4)",
        "TRUNCATE quiet",
    ] {
        assert_eq!(sqlstate(&run(&mut session, sql)), None, "{sql}");
    }
    // Only what may have hidden something is followed by a question.
    let log = database.log();
    assert_eq!(log.matches("SELECT 'looked'").count(), 1, "{log}");
}

//! `exeat policy explain` and `test` beside a server against the running proxy: for the same text, role and
//! database they say the same, of every statement, with the same facts.

use std::net::Ipv4Addr;

use exeat_tests::audit::text;
use exeat_tests::database::Database;
use exeat_tests::exeat::{Process, exeat};
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::run::{run, run_with};
use exeat_tests::wire::{Wire, sqlstate};
use serde_json::{Value, json};

use super::url;

const SCHEMA: &str = "\
CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password';
CREATE TABLE orders (id int PRIMARY KEY, total int, ssn text);
CREATE SCHEMA staging;
CREATE TABLE staging.base (id int PRIMARY KEY, seen int);
CREATE VIEW pv AS SELECT id, seen FROM staging.base;
CREATE TABLE staging.alone (id serial PRIMARY KEY);
CREATE TABLE staging.keyed (id int PRIMARY KEY);
CREATE TABLE keys (id int REFERENCES staging.keyed);
CREATE FUNCTION checks(text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN true; END $$;
CREATE FUNCTION pair(int, int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN true; END $$;
CREATE OPERATOR @%@ (FUNCTION = pair, LEFTARG = int, RIGHTARG = int);
CREATE DOMAIN wary AS text CHECK (checks(VALUE));
CREATE TYPE held AS (a wary);
CREATE TABLE left_out (id int, w wary);
CREATE TABLE holding (id int, h held);
CREATE TABLE predicated (id int);
CREATE INDEX ON predicated (id) WHERE 1 @%@ 2;
CREATE TABLE indexed (id int);
CREATE INDEX ON indexed (id) WHERE checks('x');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE INDEX ON parent (id) WHERE checks('x');
CREATE TABLE child (id int REFERENCES parent);
CREATE TABLE parted (id int) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted DEFAULT;
INSERT INTO parent VALUES (1);
";

/// Roles by their names, and what a session of each is recognised by.
const ROLES: &[(&str, Ipv4Addr)] = &[
    ("narrow", Ipv4Addr::new(127, 0, 0, 2)),
    ("wide", Ipv4Addr::new(127, 0, 0, 3)),
    ("open", Ipv4Addr::new(127, 0, 0, 4)),
];

const POLICY: &str = "\
version: 1
rule_sets:
  common:
    allow:
      - select: public.*
      - insert: public.*
      - truncate: public.*
      - define: staging.*
      - operator: [public.*]
      - call: [abs]
    deny:
      - select: public.orders(ssn)
      - truncate: public.parted_1
      - truncate: staging.*
roles:
  narrow:
    identities: [{ source: 127.0.0.2/32 }]
    databases:
      shop: { as: app, use: [common] }
  wide:
    identities: [{ source: 127.0.0.3/32 }]
    databases:
      shop:
        as: app
        use: [common]
        allow: [{ call: [public.*] }]
        deny: [{ call: [public.pair] }]
  open:
    identities: [{ source: 127.0.0.4/32 }]
    databases:
      shop: { as: app, allow: [{ rule: everything }] }
";

/// The role, what it sends in one message, and why that is denied.
const TEXTS: &[(&str, &str, &str)] = &[
    ("narrow", "SELECT id, total FROM orders", "allowed"),
    ("narrow", "SELECT ssn FROM orders", "denied_by_rule"),
    // What CASCADE reaches.
    (
        "narrow",
        "DROP TABLE staging.base CASCADE",
        "relation_not_allowed",
    ),
    (
        "narrow",
        "DROP TABLE staging.keyed CASCADE",
        "relation_not_allowed",
    ),
    ("narrow", "DROP TABLE staging.alone CASCADE", "allowed"),
    ("narrow", "TRUNCATE parent CASCADE", "allowed"),
    (
        "wide",
        "DROP SCHEMA staging CASCADE",
        "relation_not_allowed",
    ),
    ("open", "DROP TABLE staging.base CASCADE", "allowed"),
    // Domains of columns that are left out, or filled by COPY.
    (
        "narrow",
        "INSERT INTO left_out (id) VALUES (1)",
        "function_not_allowed",
    ),
    (
        "narrow",
        "INSERT INTO left_out DEFAULT VALUES",
        "function_not_allowed",
    ),
    (
        "narrow",
        "COPY left_out (w) FROM STDIN",
        "function_not_allowed",
    ),
    ("wide", "INSERT INTO left_out (id) VALUES (1)", "allowed"),
    // Functions of indexes.
    (
        "narrow",
        "INSERT INTO indexed VALUES (1)",
        "function_not_allowed",
    ),
    ("narrow", "SELECT id FROM indexed", "allowed"),
    ("wide", "INSERT INTO indexed VALUES (1)", "allowed"),
    // Foreign keys.
    ("narrow", "INSERT INTO child VALUES (1)", "allowed"),
    ("wide", "INSERT INTO child VALUES (1)", "allowed"),
    // What the planner runs; a deny rule behind an operator.
    ("narrow", "SELECT id FROM predicated", "allowed"),
    ("wide", "SELECT id FROM predicated", "denied_by_rule"),
    (
        "wide",
        "SELECT id FROM orders WHERE id @%@ 2",
        "denied_by_rule",
    ),
    // Types that PREPARE declares, and what EXECUTE then runs.
    (
        "narrow",
        "PREPARE p(wary) AS SELECT 1",
        "function_not_allowed",
    ),
    ("wide", "PREPARE p(wary) AS SELECT 1", "allowed"),
    (
        "wide",
        "PREPARE p(wary) AS SELECT id FROM orders; EXECUTE p('x')",
        "unreadable",
    ),
    (
        "wide",
        "PREPARE p(int) AS SELECT total FROM orders WHERE id = $1; EXECUTE p(1)",
        "allowed",
    ),
    (
        "open",
        "PREPARE p(wary) AS SELECT id FROM orders; EXECUTE p('x')",
        "allowed",
    ),
    // Constants with brackets.
    ("narrow", "SELECT '(x)'::held", "function_not_allowed"),
    (
        "narrow",
        "INSERT INTO holding VALUES (1, '(x)')",
        "function_not_allowed",
    ),
    (
        "narrow",
        "SELECT id FROM holding WHERE h = '(x)'",
        "function_not_allowed",
    ),
    (
        "narrow",
        "SELECT id FROM orders WHERE '(x)' = 'x'",
        "allowed",
    ),
    ("wide", "SELECT '(x)'::held", "allowed"),
    ("wide", "INSERT INTO holding VALUES (1, '(x)')", "allowed"),
    (
        "wide",
        "SELECT id FROM holding WHERE h = '(x)'",
        "unreadable",
    ),
    // Parts of tables that no query names.
    ("narrow", "TRUNCATE parted", "denied_by_rule"),
    ("narrow", "TRUNCATE ONLY orders", "allowed"),
    (
        "narrow",
        "LOCK TABLE parted IN ACCESS SHARE MODE",
        "statement_not_allowed",
    ),
    // Definitions that make values.
    (
        "narrow",
        "CREATE TABLE staging.m (w public.wary DEFAULT 'x')",
        "function_not_allowed",
    ),
    ("narrow", "CREATE TABLE staging.m (id int)", "allowed"),
    // What is not there, or no SQL.
    ("narrow", "SELECT id FROM nosuch", "unreadable"),
    ("narrow", "TRUNCATE nosuch", "unreadable"),
    ("narrow", "SELEC 1", "unreadable"),
    (
        "narrow",
        "SELECT 'é'; SELECT id FROM orders WHERE WHERE",
        "unreadable",
    ),
    ("open", "SELECT id FROM nosuch", "allowed"),
    ("open", "SELEC 1", "allowed"),
    // What stands behind changes, and behind code.
    (
        "narrow",
        "CREATE TABLE staging.m (id int); SELECT id FROM orders",
        "allowed",
    ),
    (
        "narrow",
        "CREATE TABLE staging.m (id int); SELECT ssn FROM orders",
        "denied_by_rule",
    ),
    (
        "narrow",
        "CREATE TABLE staging.m (id int); SELECT ssn FROM orders; SET ROLE app",
        "setting_not_allowed",
    ),
    (
        "narrow",
        "ALTER TABLE staging.base ADD COLUMN more int; DROP TABLE staging.base CASCADE",
        "relation_not_allowed",
    ),
    (
        "narrow",
        "ALTER TABLE staging.alone ADD COLUMN more int; DROP TABLE staging.alone CASCADE",
        "allowed",
    ),
    (
        "narrow",
        "CREATE TABLE staging.m (id int); INSERT INTO left_out (id) VALUES (1)",
        "function_not_allowed",
    ),
    (
        "wide",
        "SELECT checks('x'); SELECT id FROM orders",
        "allowed",
    ),
    (
        "wide",
        "SELECT checks('x'); SELECT id FROM predicated",
        "denied_by_rule",
    ),
];

fn lab() -> (Lab, Database) {
    let database = Database::start(SCHEMA);
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| {
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
    });
    (lab, database)
}

/// What `explain` says of these texts of a role.
fn explained(lab: &Lab, database: &Database, role: &str, texts: &[&str]) -> Vec<Value> {
    let mut command = exeat(["policy", "explain", "--role", role, "--database", "shop"]);
    command.arg("--policy").arg(lab.path("policy.yaml"));
    command.args(["--sql", "-", "--database-url", &url(database, "app")]);
    let ran = run_with(&command, &format!("{}\n", texts.join("\n")));
    let lines = ran.stdout.lines().map(serde_json::from_str);
    let told: Vec<Value> = lines.map(Result::unwrap).collect();
    assert_eq!(told.len(), texts.len(), "{ran:#?}");
    told
}

/// A session of the role, in a transaction that is not to be committed.
fn session(exeat: &Process, role: &str) -> Wire {
    let (_, source) = ROLES.iter().find(|(name, _)| *name == role).unwrap();
    let mut session = Wire::connect_from(*source, exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", role), ("database", "shop")], "");
    assert_eq!(sqlstate(&answer), None, "{answer:?}");
    session.query("BEGIN");
    session
}

/// What two decisions on a statement must have in common.
fn decided(decision: &Value, subject: &Value) -> Value {
    let of = |key| decision.get(key).cloned().unwrap_or_default();
    json!({ "effect": of("effect"), "reason": of("reason"), "detail": of("detail"), "facts": subject })
}

#[test]
fn every_text_is_judged_as_the_service_judges_it() {
    let (lab, database) = lab();
    let mut all = Vec::new();
    for (role, _) in ROLES {
        let of = TEXTS.iter().filter(|(of, ..)| of == role);
        let texts: Vec<&str> = of.map(|(_, sql, _)| *sql).collect();
        let told = explained(&lab, &database, role, &texts);
        all.extend(told.into_iter().map(|told| (*role, told)));
    }
    let exeat = lab.start();
    let mut wrong = Vec::new();
    let mut expected = Vec::new();
    for (role, told) in &all {
        let sql = text(told, "/question/sql").unwrap();
        let row = TEXTS
            .iter()
            .find(|(of, text, _)| of == role && *text == sql);
        let (.., reason) = row.unwrap();
        if told["reason"] != *reason {
            wrong.push(format!("{role}: {sql}: {reason}, but explain: {told:#}"));
        }
        let mut session = session(&exeat, role);
        let answer = session.query(sql);
        let denied = told["decision"] == "deny";
        if denied && sqlstate(&answer).as_deref() != told["sqlstate"].as_str() {
            wrong.push(format!(
                "{role}: {sql}: {answer:?}, but {}",
                told["sqlstate"]
            ));
        }
        drop(session);
        // Where one is denied, the service tells only of that one, and of those that ran before it.
        let decisions = told["decisions"].as_array().unwrap().iter();
        let decisions = decisions.map(|one| decided(one, &one["facts"]["judged"]));
        expected.push((*role, sql, decisions.collect::<Vec<_>>(), denied));
    }
    let records = lab.finish(exeat);
    let mut recorded = records.decisions().into_iter().filter(|record| {
        let sql = text(record, "/statement/sql");
        sql.is_some_and(|sql| sql != "BEGIN")
    });
    for (role, sql, decisions, denied) in expected {
        let mut told = Vec::new();
        while told.len() < decisions.len() {
            let record = recorded.next().unwrap();
            told.push(decided(
                &record["decision"],
                &record["request"]["statement"]["subject"],
            ));
            if told.last().unwrap()["effect"] == "deny" {
                break;
            }
        }
        let same = match denied {
            // Each is one of explain's; the denial is the one that explain calls decisive.
            true => told.iter().all(|one| decisions.contains(one)),
            false => told == decisions,
        };
        if !same {
            wrong.push(format!(
                "{role}: {sql}: {told:#?}, but explain: {decisions:#?}"
            ));
        }
    }
    assert_eq!(recorded.next(), None);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn cases_are_decided_as_the_service_decides_them() {
    let (lab, database) = lab();
    let case = |(at, (role, sql, reason)): (usize, &(&str, &str, &str))| {
        let expect = match *reason {
            "allowed" => "allow",
            _ => "deny",
        };
        json!({
            "name": at.to_string(), "role": role, "database": "shop", "sql": sql,
            "expect": expect, "reason": reason,
        })
    };
    let cases: Vec<Value> = TEXTS.iter().enumerate().map(case).collect();
    let file = lab.path("policy.test.yaml");
    std::fs::write(&file, json!({ "cases": cases }).to_string()).unwrap();
    let mut test = exeat(["policy", "test", "--quiet"]);
    test.arg(file)
        .args(["--database-url", &url(&database, "app")]);
    run(&test).exits(0);
}

#[test]
fn what_a_message_makes_itself_is_not_known_before_it_runs() {
    let (lab, database) = lab();
    let sql = "CREATE TABLE staging.m (id int); INSERT INTO staging.m VALUES (1)";
    let told = explained(&lab, &database, "narrow", &[sql]).remove(0);
    assert_eq!(told["decision"], "deny", "{told:#}");
    assert_eq!(told["decisions"][0].get("waits"), None, "{told:#}");
    let second = &told["decisions"][1];
    assert_eq!(second["waits"], true, "{told:#}");
    let detail = text(second, "/detail").unwrap();
    assert!(detail.contains("known only when"), "{told:#}");
    let reply = &second["facts"]["postgresql"][0]["error"];
    assert_eq!(reply["code"], "42P01", "{told:#}");
    assert_eq!(reply["position"], 46, "{told:#}");
}

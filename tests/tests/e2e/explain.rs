//! `exeat policy explain` and `test` with a server: the verdict is the service's, and the facts of both readers
//! are there to see; without one they say so.

use exeat_tests::audit::text;
use exeat_tests::database::Database;
use exeat_tests::exeat::exeat;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::run::{Ran, run, run_with};
use exeat_tests::wire::{Wire, sqlstate};
use serde_json::Value;

mod same;

const SCHEMA: &str = "\
CREATE TABLE orders (id int PRIMARY KEY, total int, ssn text);
CREATE VIEW leaky AS SELECT id, ssn FROM orders;
CREATE FUNCTION reveal(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.orders LIMIT 1';
CREATE FUNCTION chr(bigint) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.orders LIMIT 1';
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE ROLE boss LOGIN PASSWORD 'boss-password'; GRANT app TO boss;
CREATE ROLE stranger LOGIN PASSWORD 'stranger-password';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ token: app }, { source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
          - call: [abs, chr]
        deny:
          - select: public.orders(ssn)
";

/// The statement, and the SQLSTATE that it meets with; `None` where it runs.
const STATEMENTS: &[(&str, Option<&str>)] = &[
    ("SELECT id, total FROM orders", None),
    ("SELECT x.reveal FROM abs(1) AS x", Some("42501")),
    ("SELECT id FROM leaky", Some("42501")),
    ("SELECT * FROM nosuch", Some("42P01")),
    ("SELECT 'é'; SELECT id, nosuch FROM orders", Some("42703")),
    ("SELECT chr(65)", None),
    ("SELECT chr(3000000000)", Some("42501")),
    ("SELEC 1", Some("42601")),
];

fn lab() -> (Lab, Database) {
    let database = Database::start(SCHEMA);
    let lab = Lab::new(POLICY);
    lab.set_up(|setup| {
        setup.database = Some(Upstream::of(&database, &[("app", "app-password")]));
    });
    (lab, database)
}

fn url(database: &Database, user: &str) -> String {
    let port = database.port();
    format!("postgresql://{user}:{user}-password@127.0.0.1:{port}/postgres")
}

fn explain(lab: &Lab, sql: &str, more: &[&str]) -> Ran {
    let mut command = exeat(["policy", "explain", "--role", "app", "--database", "shop"]);
    command.arg("--policy").arg(lab.path("policy.yaml"));
    run(command.args(["--sql", sql]).args(more))
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"))
}

#[test]
fn the_verdict_with_a_server_is_the_services() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    session.start(&[("user", "app"), ("database", "shop")], "");
    // As the role itself, and as one of its members.
    let (own, member) = (url(&database, "app"), url(&database, "boss"));
    let mut reasons = Vec::new();
    for (sql, expected) in STATEMENTS {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer).as_deref(), *expected, "{sql}");
        for url in [&own, &member] {
            let told = json(&explain(&lab, sql, &["--json", "--database-url", url]));
            assert_eq!(told["sqlstate"].as_str(), *expected, "{told:#}");
            assert_eq!(told["decision"] == "allow", expected.is_none(), "{told:#}");
            assert_eq!(told.get("offline"), None, "{told:#}");
            let decisions = told["decisions"].as_array().unwrap();
            for error in decisions.iter().filter_map(|one| one.get("error")) {
                let said = answer.iter().map(|message| &message.body);
                let said: Vec<_> = said.map(|body| String::from_utf8_lossy(body)).collect();
                let field = |letter: &str, value: String| {
                    let field = format!("{letter}{value}\0");
                    assert!(
                        said.iter().any(|body| body.contains(&field)),
                        "{field} in {said:?}"
                    );
                };
                field("M", error["message"].as_str().unwrap().to_owned());
                field("P", error["position"].to_string());
            }
            if url == &own && told["decision"] == "deny" {
                reasons.push(told["reason"].as_str().unwrap().to_owned());
            }
        }
    }
    drop(session);
    assert_eq!(lab.finish(exeat).denials(), reasons);
}

#[test]
fn the_facts_are_shown_as_each_reader_saw_them() {
    let (lab, database) = lab();
    let url = url(&database, "app");
    let facts = |sql: &str| {
        let told = json(&explain(&lab, sql, &["--json", "--database-url", &url]));
        told["decisions"][0]["facts"].clone()
    };
    let name = |value: &Value| text(value, "/name").unwrap().to_owned();
    let view = facts("SELECT id FROM leaky");
    let checks = &view["postgresql"][0]["checks"];
    assert_eq!(name(&checks["relations"][0]["relation"]), "leaky");
    assert_eq!(name(&checks["behind"][0]["relation"]), "orders");
    assert_eq!(view["judged"]["readable"]["behind"], checks["behind"]);
    assert_eq!(view["judged"]["readable"]["confirmation"], "analysed");
    assert_eq!(view["own"]["readable"].get("behind"), None, "{view:#}");
    let call = facts("SELECT x.reveal FROM abs(1) AS x");
    let functions = &call["postgresql"][0]["checks"]["functions"];
    let functions: Vec<_> = functions.as_array().unwrap().iter().map(name).collect();
    assert_eq!(functions, ["abs", "reveal"]);
    let unknown = facts("SELECT * FROM nosuch");
    let error = &unknown["postgresql"][0]["error"];
    assert_eq!(error["code"], "42P01");
    assert_eq!(error["message"], "relation \"nosuch\" does not exist");
    assert_eq!(error["position"], 15);
    assert_eq!(unknown["judged"]["unreadable"]["kind"], "rejected");
    explain(&lab, "SELECT * FROM nosuch", &["--database-url", &url])
        .exits(1)
        .says("error   42P01: relation \"nosuch\" does not exist (at character 15)");
    let setting = facts("SET work_mem = '1MB'");
    assert_eq!(setting["postgresql"], Value::Array(Vec::new()));
}

#[test]
fn without_a_server_the_commands_say_that_postgresql_was_not_asked() {
    let (lab, database) = lab();
    let offline = explain(&lab, "SELECT chr(3000000000)", &[]);
    assert!(
        offline
            .stderr
            .starts_with("offline: PostgreSQL was not asked"),
        "{offline:#?}"
    );
    let told = json(&explain(&lab, "SELECT id FROM orders", &["--json"]));
    assert!(text(&told, "/offline").unwrap().starts_with("offline: "));
    assert_eq!(told["decisions"][0]["facts"]["postgresql"], Value::Null);
    let cases = "\
cases:
  - { name: a view, role: app, database: shop, sql: SELECT id FROM leaky, expect: deny, reason: denied_by_rule }
";
    std::fs::write(lab.path("policy.test.yaml"), cases).unwrap();
    let test = |more: &[&str]| {
        let mut command = exeat(["policy", "test"]);
        run(command.arg(lab.path("policy.test.yaml")).args(more))
    };
    test(&[]).exits(1).says("offline: PostgreSQL was not asked");
    let url = url(&database, "app");
    let asked = test(&["--database-url", &url]);
    asked.exits(0);
    assert!(!asked.all().contains("offline"), "{asked:#?}");
    // What the server does not have is judged without it.
    test(&["--database-url", &url, "--database", "other"])
        .exits(1)
        .says("offline");
}

#[test]
fn a_server_that_cannot_be_asked_ends_the_command() {
    let (lab, database) = lab();
    let ask = |url: &str| explain(&lab, "SELECT 1", &["--database-url", url]);
    ask(&url(&database, "stranger"))
        .exits(69)
        .says("permission denied to set role \"app\"");
    ask(&url(&database, "app").replace("app-password", "wrong"))
        .exits(69)
        .says("28P01");
    ask("mysql://app@127.0.0.1/shop").exits(64);
    let url = url(&database, "app");
    let mut catalog = exeat(["policy", "catalog", "--as", "app", "--database", "shop"]);
    let printed = run(catalog.arg("--config").arg(lab.configuration()));
    std::fs::write(lab.path("shop.json"), printed.ok()).unwrap();
    let file = lab.text("shop.json");
    explain(
        &lab,
        "SELECT 1",
        &["--catalog", &file, "--database-url", &url],
    )
    .exits(64)
    .says("leave one out");
    drop(database);
    ask(&url).exits(69);
}

#[test]
fn lines_of_questions_are_asked_of_the_server() {
    let (lab, database) = lab();
    let mut command = exeat(["policy", "explain", "--role", "app", "--database", "shop"]);
    command.arg("--policy").arg(lab.path("policy.yaml"));
    command.args(["--sql", "-", "--database-url", &url(&database, "app")]);
    let ran = run_with(&command, "SELECT id FROM orders\nSELECT ssn FROM leaky\n");
    let effects: Vec<_> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["reason"].clone())
        .collect();
    assert_eq!(effects, ["allowed", "denied_by_rule"], "{ran:#?}");
}

//! `second_wall: require` in the service: nobody gets in through a database role that can do more than its
//! policy, nor where it can't be told; once that is mended it goes on without a restart.

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream, admin};
use exeat_tests::wait;
use exeat_tests::wire::{Wire, sqlstate};

use super::{ADMIN, command};

const SCHEMA: &str = "\
CREATE TABLE orders (id int, total int, ssn text); INSERT INTO orders VALUES (1, 10, 'secret');
CREATE ROLE app LOGIN PASSWORD 'app-password'; GRANT ALL ON orders TO app;
CREATE ROLE watcher LOGIN PASSWORD 'watcher-password';
";

fn policy(columns: &str) -> String {
    format!(
        "version: 1\nroles:\n  app:\n    identities: [{{ token: app }}, {{ source: 127.0.0.0/8 }}]\n    databases:\n      shop: {{ as: app, allow: [{{ select: 'public.orders({columns})' }}] }}\n"
    )
}

fn lab(mode: &'static str) -> (Lab, Database) {
    let database = Database::start(&format!("{ADMIN}\n{SCHEMA}"));
    let lab = Lab::new(&policy("id, total"));
    lab.set_up(|setup| {
        let users = [("watcher", "watcher-password"), ("app", "app-password")];
        setup.database = Some(Upstream::of(&database, &users));
        setup.second_wall = Some(mode);
    });
    (lab, database)
}

/// The SQLSTATE of a try to get in, nothing where it succeeds.
fn enter(exeat: &Process) -> Option<String> {
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    sqlstate(&answer)
}

fn grants(lab: &Lab, database: &Database) {
    command(
        database,
        &lab.path("policy.yaml"),
        &["grants", "--apply", "--yes"],
    )
    .exits(0);
}

#[test]
fn require_refuses_a_role_that_can_do_more_and_lets_it_in_once_it_is_mended() {
    let (lab, database) = lab("require");
    let exeat = lab.start();
    let mut session = Wire::connect(exeat.addresses.dbproxy[1]);
    let answer = session.start(&[("user", "app"), ("database", "shop")], "");
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"));
    let refusal = answer.iter().find(|message| message.kind == 'E').unwrap();
    let hint = refusal.field('H').unwrap();
    assert!(
        hint.contains("exeat policy drift --database shop"),
        "{hint}"
    );
    assert!(
        !database.log().contains("app|app|"),
        "the database was reached as app"
    );
    grants(&lab, &database);
    wait::until_true("the role is let in", || enter(&exeat).is_none());

    // A policy that allows less than the database does: at once.
    lab.set_policy(&policy("id"));
    wait::until_true("the narrower policy is required", || {
        enter(&exeat).as_deref() == Some("42501")
    });
    grants(&lab, &database);
    wait::until_true("the narrower role is let in", || enter(&exeat).is_none());

    let records = lab.finish(exeat);
    assert!(records.refusals().contains(&"second_wall"));
    let compared: Vec<_> = records.of_kind("wall_compared").collect();
    assert!(compared.len() >= 2, "{compared:#?}");
    let beyond = |at: usize| {
        compared[at]
            .pointer("/beyond")
            .and_then(serde_json::Value::as_u64)
    };
    assert!(
        beyond(0) > Some(0) && beyond(compared.len() - 1) == Some(0),
        "{compared:#?}"
    );
}

#[test]
fn require_refuses_where_it_can_not_be_told_and_recovers() {
    let (lab, database) = lab("require");
    grants(&lab, &database);
    database.admin("ALTER ROLE watcher NOLOGIN").exits(0);
    let exeat = lab.start();
    assert_eq!(enter(&exeat).as_deref(), Some("57P03"));
    database.admin("ALTER ROLE watcher LOGIN").exits(0);
    wait::until_true("it can be told", || enter(&exeat).is_none());
    let records = lab.finish(exeat);
    assert!(records.refusals().contains(&"second_wall_unknown"));
}

#[test]
fn require_wants_a_database_role_for_each_policy_role() {
    let (lab, database) = lab("require");
    let two = policy("id, total")
        + "  other:\n    identities: [{ token: other }]\n    databases:\n      shop: { as: app, allow: [{ select: 'public.orders(id)' }] }\n";
    lab.set_policy(&two);
    grants(&lab, &database);
    let exeat = lab.start();
    assert_eq!(enter(&exeat).as_deref(), Some("42501"));
    lab.finish(exeat);
}

#[test]
fn warn_lets_in_counts_and_puts_on_record() {
    let (lab, _database) = lab("warn");
    let exeat = lab.start();
    assert_eq!(enter(&exeat), None);
    let metrics = wait::until("the difference is counted", || {
        let metrics = admin(&exeat, "/metrics").stdout;
        metrics
            .contains("exeat_dbproxy_drift_differences{")
            .then_some(metrics)
    });
    assert!(
        metrics.contains("exeat_dbproxy_drift_checks_total{outcome=\"drift\"} 1"),
        "{metrics}"
    );
    let records = lab.finish(exeat);
    assert_eq!(records.of_kind("wall_compared").count(), 1);
}

#[test]
fn off_does_not_look() {
    let (lab, database) = lab("off");
    let exeat = lab.start();
    assert_eq!(enter(&exeat), None);
    let records = lab.finish(exeat);
    assert_eq!(records.of_kind("wall_compared").count(), 0);
    assert!(!database.log().contains("exeat second wall"));
}

//! Statements that depend on each other: transactions, pipelines, prepared statements, and what a
//! denial among them leaves behind.

use exeat_tests::exeat::exeat;
use exeat_tests::run::run;
use exeat_tests::wire::{
    bind, cstr, describe_portal, execute, frame, kinds, parse, sqlstate, sync,
};

use super::{lab, session};

#[test]
fn a_denied_statement_leaves_the_transaction_failed_on_both_sides() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("BEGIN");
    assert_eq!(
        sqlstate(&session.query("INSERT INTO payments (amount) VALUES (1)")),
        None
    );
    let denied = session.query("SELECT ssn FROM orders");
    assert_eq!(sqlstate(&denied).as_deref(), Some("42501"));
    assert_eq!(
        denied.last().map(|ready| ready.body.clone()),
        Some(b"E".to_vec())
    );
    assert_eq!(
        sqlstate(&session.query("SELECT 1")).as_deref(),
        Some("25P02")
    );
    let ended = session.query("COMMIT");
    assert!(
        String::from_utf8_lossy(&ended[0].body).starts_with("ROLLBACK"),
        "{ended:?}"
    );
    assert_eq!(
        ended.last().map(|ready| ready.body.clone()),
        Some(b"I".to_vec())
    );
    let count = session.query("SELECT count(*) FROM payments");
    assert!(
        String::from_utf8_lossy(&count[1].body).ends_with('0'),
        "{count:?}"
    );
    lab.finish(exeat);
}

#[test]
fn a_message_with_several_statements_runs_wholly_or_not_at_all() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let both = session.query("INSERT INTO payments (amount) VALUES (1); SELECT ssn FROM orders");
    assert_eq!(kinds(&both), "EZ");
    let fine =
        session.query("INSERT INTO payments (amount) VALUES (2); SELECT id FROM orders; SELECT 1");
    assert_eq!(sqlstate(&fine), None);
    assert_eq!(kinds(&fine).matches('C').count(), 3);
    let count = session.query("SELECT count(*) FROM payments");
    assert!(
        String::from_utf8_lossy(&count[1].body).ends_with('1'),
        "{count:?}"
    );
    lab.finish(exeat);
}

#[test]
fn after_a_denial_in_a_pipeline_everything_up_to_sync_is_skipped() {
    let (lab, database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let pipeline = [
        parse("", "SELECT ssn FROM orders"),
        bind("", ""),
        describe_portal(""),
        execute(""),
        parse("", "INSERT INTO payments (amount) VALUES (77)"),
        bind("", ""),
        execute(""),
        sync(),
    ];
    session.send(pipeline.concat());
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), "EZ");
    assert_eq!(sqlstate(&answer).as_deref(), Some("42501"));
    assert!(!database.log().contains("(77)"));
    // What stands before the denial has run, what stands after it has not.
    let pipeline = [
        parse("", "SELECT id FROM orders"),
        bind("", ""),
        execute(""),
        parse("", "SELECT ssn FROM orders"),
        bind("", ""),
        execute(""),
        sync(),
    ];
    session.send(pipeline.concat());
    let answer = session.until_ready();
    assert_eq!(kinds(&answer), "12DDCEZ");
    assert_eq!(sqlstate(&session.query("SELECT 1")), None);
    lab.finish(exeat);
}

#[test]
fn prepared_statements_and_portals_share_their_names_with_sql() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    session.query("PREPARE p AS SELECT id FROM orders");
    session.send([bind("", "p"), execute(""), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "2DDCZ");
    session.query("BEGIN");
    assert_eq!(
        sqlstate(&session.query("DECLARE c CURSOR FOR SELECT id FROM orders")),
        None
    );
    session.send([execute("c"), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "DDCZ");
    session.query("ROLLBACK");
    // A name that the proxy has not seen prepared is never bound.
    session.send([bind("", "unknown"), execute(""), sync()].concat());
    assert!(sqlstate(&session.until_ready()).is_some());
    assert!(sqlstate(&session.query("EXECUTE unknown")).is_some());
    lab.finish(exeat);
}

#[test]
fn types_of_parameters_are_the_servers_own_or_denied() {
    let (lab, database) = lab();
    database
        .admin("CREATE FUNCTION spy(int) RETURNS bool LANGUAGE sql AS 'SELECT true'; CREATE DOMAIN evil AS int CHECK (spy(VALUE));")
        .exits(0);
    let oid: u32 = database
        .admin("SELECT 'evil'::regtype::oid")
        .ok()
        .parse()
        .unwrap();
    let exeat = lab.start();
    let mut session = session(&exeat);
    let typed = |oid: u32| {
        let sql = cstr("SELECT id FROM orders WHERE id = $1");
        frame(
            'P',
            &[cstr(""), sql, vec![0, 1], oid.to_be_bytes().to_vec()].concat(),
        )
    };
    session.send([typed(oid), sync()].concat());
    assert_eq!(sqlstate(&session.until_ready()).as_deref(), Some("42501"));
    session.send([typed(23), sync()].concat());
    assert_eq!(kinds(&session.until_ready()), "1Z");
    lab.finish(exeat);
}

#[test]
fn a_catalog_answers_questions_away_from_its_database() {
    let (lab, database) = lab();
    let config = lab.configuration();
    let catalog = |database: &str| {
        let named = ["policy", "catalog", "--as", "app", "--database", database];
        run(exeat(named).arg("--config").arg(&config))
    };
    let printed = catalog("shop");
    std::fs::write(lab.path("shop.json"), printed.ok()).unwrap();
    catalog("none").exits(78).says("no database `none`");
    drop(database);
    catalog("shop").exits(69).says("check the database");
    let explain = |sql: &str, more: &[&str]| {
        let mut command = exeat(["policy", "explain", "--role", "app", "--database", "shop"]);
        command.arg("--policy").arg(lab.path("policy.yaml"));
        run(command.args(["--sql", sql]).args(more))
    };
    let shop = lab.text("shop.json");
    let known = [
        "--catalog",
        shop.as_str(),
        "--search-path",
        "elsewhere,public",
    ];
    explain("SELECT id FROM orders", &known).exits(0);
    explain("SELECT * FROM payments", &known).exits(0);
    explain("SELECT * FROM orders", &known)
        .exits(1)
        .says("public.orders(ssn)");
    // Without the catalog the first schema of the path is taken for it.
    explain("SELECT id FROM orders", &known[2..])
        .exits(1)
        .says("elsewhere.orders");
}

//! What changes under live sessions: the policy, revocations, certificates; and how a process ends.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use exeat_tests::audit::text;
use exeat_tests::exeat::Process;
use exeat_tests::lab::admin;
use exeat_tests::run::{run, run_with};
use exeat_tests::wait;
use exeat_tests::wire::sqlstate;
use rustix::process::Signal;

use crate::world::{exchange, policy, session, tunnel, world};

/// `/sessions` of the admin listener.
fn sessions(exeat: &Process) -> serde_json::Value {
    serde_json::from_str(admin(exeat, "/sessions").ok()).unwrap()
}

#[test]
fn a_policy_change_judges_live_sessions_again_and_ends_only_those_now_denied() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut first = tunnel(&world, &exeat, &token);
    let mut database = session(&world, &exeat, &token);
    assert_eq!(
        sqlstate(&database.query("SELECT id, total FROM orders")),
        None
    );
    // One column less: the tunnel stays, the statement is denied, the session stays.
    world
        .lab
        .set_policy(&policy(world.origin.port(), "api.test", "id"));
    wait::until("the column is gone", || {
        (sqlstate(&database.query("SELECT total FROM orders")).as_deref() == Some("42501"))
            .then_some(())
    });
    assert_eq!(sqlstate(&database.query("SELECT id FROM orders")), None);
    exchange(&mut first).expect("the tunnel is still allowed");
    // Another host: the tunnel ends, the database session stays.
    world
        .lab
        .set_policy(&policy(world.origin.port(), "other.test", "id"));
    wait::until("the tunnel ends", || {
        exchange(&mut first).is_err().then_some(())
    });
    assert_eq!(sqlstate(&database.query("SELECT id FROM orders")), None);
    // No such role any more: the database session ends.
    world
        .lab
        .set_policy("version: 1\nroles:\n  other:\n    identities: [{ token: other }]\n");
    let last = database.to_end();
    assert!(last.iter().any(|message| message.kind == 'E'), "{last:?}");
    let records = world.lab.finish(exeat);
    assert_eq!(records.of_kind("policy_activated").count(), 4);
    assert!(
        records
            .completions()
            .into_iter()
            .any(|done| text(done, "/outcome") == Some("denied"))
    );
}

#[test]
fn an_invalid_policy_is_refused_and_the_old_one_stays() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut live = tunnel(&world, &exeat, &token);
    world
        .lab
        .set_policy("version: 1\nroles:\n  app: { identitys: [] }\n");
    exeat.signal(Signal::HUP);
    wait::until_true("the refusal is counted", || {
        let metrics = admin(&exeat, "/metrics");
        metrics.ok().lines().any(|line| {
            line.starts_with("exeat_reloads_total")
                && line.contains("refused")
                && !line.ends_with(" 0")
        })
    });
    exchange(&mut live).expect("the old policy stays");
    drop(tunnel(&world, &exeat, &token));
    assert!(exeat.log().contains("identitys"), "{}", exeat.log());
    let records = world.lab.finish(exeat);
    assert_eq!(records.of_kind("policy_refused").count(), 1);
}

#[test]
fn sighup_reloads_without_dropping_anything() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut live = tunnel(&world, &exeat, &token);
    let mut database = session(&world, &exeat, &token);
    let other = format!(
        "{}\n  more:\n    identities: [{{ token: more }}]\n",
        policy(world.origin.port(), "api.test", "id, total").trim_end()
    );
    world.lab.set_policy(&other);
    exeat.signal(Signal::HUP);
    let more = world.lab.token("more");
    wait::until("the new role is known", || {
        let mut curl = world.lab.curl(&exeat, "more", &more);
        curl.args(["-i", "https://api.test:1/"]);
        run(&curl).all().contains("403").then_some(())
    });
    exchange(&mut live).unwrap();
    assert_eq!(
        sqlstate(&database.query("SELECT id, total FROM orders")),
        None
    );
    world.lab.finish(exeat);
}

#[test]
fn a_revoked_token_ends_its_live_sessions() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut live = tunnel(&world, &exeat, &token);
    let mut database = session(&world, &exeat, &token);
    world.lab.identity(["revoke", "app"]).exits(0);
    wait::until("the tunnel ends", || {
        exchange(&mut live).is_err().then_some(())
    });
    database.to_end();
    world.lab.finish(exeat);
}

#[test]
fn live_sessions_are_listed_and_counted() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let live = tunnel(&world, &exeat, &token);
    let database = session(&world, &exeat, &token);
    let listed = sessions(&exeat).to_string();
    assert!(listed.contains("\"app\""), "{listed}");
    assert!(
        listed.contains("gateway") && listed.contains("dbproxy"),
        "{listed}"
    );
    assert!(!listed.contains(&token), "a token is listed");
    assert_eq!(admin(&exeat, "/healthz").ok(), "ok");
    assert_eq!(admin(&exeat, "/readyz").ok(), "ready");
    let metrics = admin(&exeat, "/metrics");
    for name in [
        "exeat_decisions_total",
        "exeat_decision_seconds",
        "exeat_sessions",
        "exeat_bytes_total",
    ] {
        assert!(
            metrics.ok().contains(name),
            "{name} is missing: {}",
            metrics.stdout
        );
    }
    drop((live, database));
    wait::until_true("nobody is there any more", || {
        sessions(&exeat).as_array().is_none_or(Vec::is_empty)
    });
    world.lab.finish(exeat);
}

#[test]
fn sigterm_lets_live_sessions_end_and_takes_no_new_ones() {
    let world = world();
    world.lab.set_up(|setup| setup.drain = Some("20s"));
    let token = world.lab.token("app");
    let mut exeat = world.lab.start();
    let (gateway, mut live) = (exeat.gateway(), tunnel(&world, &exeat, &token));
    exeat.signal(Signal::TERM);
    wait::until_true("it takes no new connection", || {
        std::net::TcpStream::connect(gateway).is_err() || exeat.log().contains("drain")
    });
    exchange(&mut live).expect("the live tunnel goes on");
    assert!(exeat.ended().is_none());
    drop(live);
    let status = wait::until("it ends when the last session has", || exeat.ended());
    assert!(status.success(), "{status}");
    world.lab.check_log();
}

#[test]
fn sigterm_ends_what_does_not_end_by_itself_in_time() {
    let world = world();
    world.lab.set_up(|setup| setup.drain = Some("1s"));
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut live = tunnel(&world, &exeat, &token);
    let _database = session(&world, &exeat, &token);
    assert!(exeat.stop().success());
    assert!(exchange(&mut live).is_err());
    world.lab.check_log();
}

#[test]
fn a_second_process_on_the_same_log_is_refused() {
    let world = world();
    let exeat = world.lab.start();
    let second = Process::refused(&world.lab.configuration());
    assert!(matches!(second.status, 69 | 73..=77), "{second:?}");
    assert_eq!(
        second
            .stderr
            .lines()
            .filter(|line| line.starts_with("exeat: "))
            .count(),
        1,
        "{second:?}"
    );
    world.lab.finish(exeat);
}

#[test]
fn an_unusable_configuration_or_policy_says_where_and_exits_78() {
    let world = world();
    world
        .lab
        .set_policy("version: 1\nroles:\n  app: { identitys: [] }\n");
    let refused = Process::refused(&world.lab.configuration());
    refused.exits(78).says("identitys").says("^");
    let broken = world.lab.path("broken.yaml");
    std::fs::write(&broken, "version: 1\npolicies: x\n").unwrap();
    Process::refused(&broken)
        .exits(78)
        .says("policies")
        .says("broken.yaml:2");
    let missing = Process::refused(&world.lab.path("missing.yaml"));
    assert!(matches!(missing.status, 66 | 78), "{missing:?}");
}

#[test]
fn a_rotated_listener_certificate_is_served_without_dropping_sessions() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut database = session(&world, &exeat, &token);
    let serial = || {
        let mut openssl = Command::new("sh");
        openssl.args([
            "-c",
            "openssl s_client -connect \"$1\" </dev/null 2>/dev/null | openssl x509 -noout -serial",
            "sh",
        ]);
        openssl.arg(exeat.addresses.gateway[1].to_string());
        run(&openssl).ok().to_owned()
    };
    let before = serial();
    let out = world.lab.text("issued");
    world
        .lab
        .identity([
            "issue",
            "exeat",
            "--force",
            "--out",
            &out,
            "--server",
            "--dns",
            "localhost",
            "--dns",
            "127.0.0.1",
        ])
        .exits(0);
    wait::until_true("the new certificate is served", || serial() != before);
    assert_eq!(sqlstate(&database.query("SELECT 1")), None);
    world.lab.finish(exeat);
}

#[test]
fn an_idle_psql_session_survives_a_reload_that_does_not_concern_it() {
    let world = world();
    let token = world.lab.token("app");
    let exeat = world.lab.start();
    let mut psql: Child = world
        .lab
        .psql(&exeat, &format!("user=app password={token}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = psql.stdin.take().unwrap();
    writeln!(stdin, "SELECT id FROM orders;").unwrap();
    let mut first = [0; 2];
    psql.stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    exeat.signal(Signal::HUP);
    writeln!(stdin, "SELECT total FROM orders;").unwrap();
    drop(stdin);
    let output = psql.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "10\n");
    assert_eq!(
        run_with(
            &world
                .lab
                .psql(&exeat, &format!("user=app password={token}")),
            "SELECT 2"
        )
        .ok(),
        "2"
    );
    world.lab.finish(exeat);
}

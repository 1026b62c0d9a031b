//! The log as an auditor meets it: found, shown, followed, proven, and caught when it was changed.

use std::fs;

use exeat_tests::audit::text;
use exeat_tests::exeat::exeat;
use exeat_tests::lab::Lab;
use exeat_tests::run::{Ran, run};

use crate::gateway;

/// A lab whose log has an allowed and a denied connection; the process has ended.
fn lab() -> Lab {
    let (lab, origin) = gateway::lab();
    let token = lab.token("fn-a");
    let exeat = lab.start();
    for host in ["api.test", "other.test"] {
        let mut curl = lab.curl(&exeat, "fn-a", &token);
        curl.arg("--cacert").arg(lab.ca());
        curl.arg(format!("https://{host}:{}/", origin.port()));
        run(&curl);
    }
    lab.finish(exeat);
    lab
}

fn audit(lab: &Lab, folder: &str, arguments: &[&str]) -> Ran {
    let log = lab.text(folder);
    run(exeat(["audit", "--log", &log]).args(arguments))
}

#[test]
fn records_are_found_shown_and_followed_and_every_reading_is_a_record() {
    let lab = lab();
    let found = audit(
        &lab,
        "audit",
        &["search", "--decision", "deny", "--role", "fn-a"],
    );
    found.exits(0).says("host_not_allowed").says("other.test");
    assert!(!found.all().contains("api.test"), "{found:?}");
    let by = |arguments: &[&str]| audit(&lab, "audit", &[&["search"], arguments].concat()).status;
    assert_eq!(by(&["--destination", "api.test"]), 0);
    assert_eq!(by(&["--destination", "nowhere.test"]), 1);
    assert_eq!(by(&["--service", "gateway", "--since", "1h"]), 0);
    assert_eq!(by(&["--principal", "token:fn-a"]), 0);
    assert_eq!(by(&["--until", "1h"]), 1);
    let json = audit(
        &lab,
        "audit",
        &["search", "--reason", "host_not_allowed", "--json"],
    );
    let record: serde_json::Value = serde_json::from_str(json.ok()).unwrap();
    let id = text(&record, "/id").unwrap();
    audit(&lab, "audit", &["show", id])
        .exits(0)
        .says("other.test")
        .says("fn-a");
    audit(&lab, "audit", &["tail"]).exits(0).says("other.test");
    let again = audit(&lab, "audit", &["search", "--json", "--limit", "0"]);
    assert!(again.ok().matches("log_read").count() >= 8, "{again:?}");
    audit(&lab, "audit", &["verify"]).exits(0);
}

#[test]
fn whatever_is_done_to_a_copy_of_the_log_is_found() {
    let lab = lab();
    let copy = |name: &str| {
        let mut cp = std::process::Command::new("cp");
        cp.arg("-R").args([lab.path("audit"), lab.path(name)]);
        run(&cp).exits(0);
        let segments = fs::read_dir(lab.path(name).join("segments")).unwrap();
        segments
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
            .unwrap()
    };
    let change = |name: &str, edit: &dyn Fn(Vec<String>) -> Vec<String>| {
        let segment = copy(name);
        let lines = fs::read_to_string(&segment)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        fs::write(&segment, edit(lines).join("\n") + "\n").unwrap();
        audit(&lab, name, &["verify"])
    };
    let changed = change("changed", &|lines| {
        lines
            .into_iter()
            .map(|line| line.replacen("other.test", "order.test", 1))
            .collect()
    });
    changed.exits(1).says("record");
    change("removed", &|mut lines| {
        lines.remove(lines.len() / 2);
        lines
    })
    .exits(1);
    change("swapped", &|mut lines| {
        let last = lines.len() - 1;
        lines.swap(last - 1, last - 2);
        lines
    })
    .exits(1);
    change("doubled", &|mut lines| {
        let middle = lines.len() / 2;
        lines.insert(middle, lines[middle].clone());
        lines
    })
    .exits(1);
    // Behind the newest checkpoint nothing is signed yet, as after a crash: that is said.
    change("continued", &|mut lines| {
        let line = lines[lines.len() / 2].clone();
        lines.push(line);
        lines
    })
    .exits(0)
    .says("1 leaves came after the newest checkpoint");
    change("cut", &|mut lines| {
        lines.truncate(lines.len() / 2);
        lines
    })
    .exits(1);
    audit(&lab, "audit", &["verify"]).exits(0);
}

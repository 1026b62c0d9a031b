//! `exeat identity …` as a user runs it: the real binary on a folder of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts test functions, not their helpers"
)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

struct Stage {
    directory: tempfile::TempDir,
}

impl Stage {
    fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn with_ca() -> Self {
        let stage = Self::empty();
        assert_eq!(stage.status(&["init"]), 0);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exeat"));
        command
            .arg("identity")
            .args(arguments)
            .current_dir(self.directory.path());
        command.env_remove("EXEAT_IDENTITY");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn status(&self, arguments: &[&str]) -> i32 {
        self.run(arguments).status.code().unwrap()
    }

    fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn list(&self) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.stdout(&["list", "--json"])).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_makes_a_private_ca_once() {
    let stage = Stage::empty();
    let told = stage.stdout(&["init", "--trust-domain", "corp.example"]);
    assert!(told.contains("spiffe://corp.example/"), "{told}");
    assert_eq!(mode(&stage.path("identity/ca.key")), 0o600);
    assert_eq!(mode(&stage.path("identity")), 0o700);
    let key = std::fs::read(stage.path("identity/ca.key")).unwrap();
    let again = stage.run(&["init"]);
    assert_eq!(again.status.code(), Some(73));
    let line = String::from_utf8(again.stderr).unwrap();
    assert!(
        line.starts_with("exeat: identity: ") && line.lines().count() == 1,
        "{line}"
    );
    assert_eq!(std::fs::read(stage.path("identity/ca.key")).unwrap(), key);
}

#[test]
fn every_command_before_init_says_to_run_it() {
    let stage = Stage::empty();
    for arguments in [
        &["issue", "a"][..],
        &["token", "a"],
        &["password", "a"],
        &["revoke", "a"],
        &["list"],
    ] {
        let output = stage.run(arguments);
        assert_eq!(output.status.code(), Some(66), "{arguments:?}");
        assert!(
            String::from_utf8(output.stderr)
                .unwrap()
                .contains("exeat identity init")
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn issue_writes_a_certificate_and_a_private_key_and_never_over_others() {
    let stage = Stage::with_ca();
    let told = stage.stdout(&["issue", "billing-fn", "--ttl", "30m", "--out", "certs"]);
    assert!(
        told.contains("spiffe://exeat.internal/role/billing-fn"),
        "{told}"
    );
    assert_eq!(mode(&stage.path("certs/billing-fn.key")), 0o600);
    let first = std::fs::read(stage.path("certs/billing-fn.pem")).unwrap();
    assert_eq!(stage.status(&["issue", "billing-fn", "--out", "certs"]), 73);
    assert_eq!(
        std::fs::read(stage.path("certs/billing-fn.pem")).unwrap(),
        first
    );
    assert_eq!(stage.list().len(), 1, "a refused certificate is not noted");
    assert_eq!(
        stage.status(&["issue", "billing-fn", "--out", "certs", "--force"]),
        0
    );
    assert_ne!(
        std::fs::read(stage.path("certs/billing-fn.pem")).unwrap(),
        first
    );
}

#[test]
fn issue_refuses_names_that_are_none() {
    let stage = Stage::with_ca();
    for name in [
        "a/b",
        "..",
        "spiffe://other.example/role/x",
        "spiffe://exeat.internal/",
        "ä",
    ] {
        assert_eq!(stage.status(&["issue", name]), 64, "{name}");
    }
    assert_eq!(stage.status(&["issue", "x", "--ttl", "never"]), 64);
    assert_eq!(stage.status(&["issue", "x", "--ttl", "20000d"]), 64);
    assert_eq!(stage.status(&["issue", "x", "--server"]), 64);
    assert_eq!(stage.status(&["issue", "x", "--dns", "localhost"]), 64);
    assert_eq!(
        stage.status(&["issue", "x", "--server", "--dns", "no name"]),
        64
    );
    assert_eq!(
        stage.status(&["issue", "../x", "--server", "--dns", "localhost"]),
        64
    );
    assert!(stage.list().is_empty());
}

#[test]
fn issue_makes_server_certificates_for_names_and_addresses() {
    let stage = Stage::with_ca();
    let told = stage.stdout(&[
        "issue",
        "gateway",
        "--server",
        "--dns",
        "localhost",
        "--dns",
        "127.0.0.1",
        "--dns",
        "*.gw.example",
    ]);
    assert!(
        told.contains("localhost, 127.0.0.1, *.gw.example"),
        "{told}"
    );
    let list = stage.list();
    assert_eq!(list[0]["kind"], "server_certificate");
    assert!(list[0].get("spiffe").is_none());
}

#[test]
fn a_token_is_on_standard_output_once_and_nowhere_in_the_store() {
    let stage = Stage::with_ca();
    let token = stage.stdout(&["token", "billing-fn", "--ttl", "7d"]);
    let token = token.trim_end();
    assert!(exeat_identity::token::well_formed(token), "{token}");
    for entry in std::fs::read_dir(stage.path("identity")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(token) && !text.contains(&token[6..]));
    }
    assert!(!stage.stdout(&["list"]).contains(token));
}

#[test]
fn a_password_comes_from_standard_input_or_is_made_up() {
    let stage = Stage::with_ca();
    let generated = stage.stdout(&["password", "billing-fn"]);
    assert_eq!(generated.trim_end().len(), 32);
    let mut child = stage
        .command(&["password", "report-fn", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"hunter2\nrest\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let store = std::fs::read_to_string(stage.path("identity/store.json")).unwrap();
    assert!(!store.contains("hunter2") && !store.contains(generated.trim_end()));
    assert_eq!(store.matches("SCRAM-SHA-256$4096:").count(), 2);
    let mut empty = stage.command(&["password", "x", "--stdin"]);
    assert_eq!(
        empty.stdin(Stdio::null()).output().unwrap().status.code(),
        Some(64)
    );
}

#[test]
fn revoke_takes_an_id_a_serial_or_all_of_a_name() {
    let stage = Stage::with_ca();
    for arguments in [
        &["token", "a"][..],
        &["token", "a"],
        &["password", "a"],
        &["issue", "a"],
        &["issue", "b"],
    ] {
        assert_eq!(stage.status(arguments), 0);
    }
    let list = stage.list();
    let id = list[0]["id"].as_str().unwrap();
    assert_eq!(
        stage.stdout(&["revoke", id]),
        format!("Revoked token {id}\n")
    );
    assert_eq!(
        stage.status(&["revoke", id]),
        1,
        "nothing is left to revoke"
    );
    let serial = list[4]["id"].as_str().unwrap();
    assert_eq!(
        stage.stdout(&["revoke", serial]),
        format!("Revoked certificate {serial}\n")
    );
    assert_eq!(stage.stdout(&["revoke", "a"]).lines().count(), 3);
    assert!(stage.list().iter().all(|entry| entry["state"] == "revoked"));
    assert_eq!(stage.status(&["revoke", "nobody"]), 1);
}

#[test]
fn the_folder_comes_from_the_option_or_the_environment() {
    let stage = Stage::empty();
    assert_eq!(stage.status(&["init", "--directory", "elsewhere"]), 0);
    assert_eq!(stage.status(&["list"]), 66);
    assert_eq!(stage.status(&["list", "-D", "elsewhere"]), 0);
    let mut command = stage.command(&["list"]);
    assert!(
        command
            .env("EXEAT_IDENTITY", "elsewhere")
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn concurrent_commands_lose_nothing() {
    let stage = Stage::with_ca();
    let children: Vec<_> = (0..6)
        .map(|number| {
            let mut command = stage.command(&["token", &format!("role-{number}")]);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(stage.list().len(), 6);
}

#[test]
fn help_tells_a_stranger_how_to_begin() {
    let help = Stage::empty().stdout(&["--help"]);
    for word in [
        "init",
        "issue",
        "token",
        "password",
        "revoke",
        "list",
        "EXEAT_IDENTITY",
        "Start with",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

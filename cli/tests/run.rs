//! `exeat run` as a process: what stops a start, with which status and which line, and the orderly end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const POLICY: &str = "\
version: 1
roles:
  fn:
    identities: [{ source: 192.0.2.0/24 }]
    egress: { allow: [{ host: api.example.com }] }
";
const CONFIG: &str = "\
version: 1
policy: policy.yaml
audit: { directory: audit }
admin: { address: 127.0.0.1:0 }
gateway:
  listeners: [{ address: 127.0.0.1:0 }]
";

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    std::fs::write(folder.path().join("exeat.yaml"), config).unwrap();
    folder
}

fn exeat(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exeat"));
    command
        .args(arguments.iter().take(1))
        .arg("--config")
        .arg(config)
        .args(arguments.iter().skip(1));
    command.stdin(Stdio::null());
    command
}

/// Runs to the end: status, standard output, standard error.
fn run(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let output = exeat(&folder.path().join("exeat.yaml"), arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A process that is ready, and where it listens.
struct Running {
    child: Child,
    gateway: SocketAddr,
    admin: SocketAddr,
}

impl Running {
    fn start(folder: &TempDir) -> Self {
        let ready = folder.path().join("ready.json");
        let mut command = exeat(&folder.path().join("exeat.yaml"), &["run", "--ready-file"]);
        let mut child = command.arg(&ready).stderr(Stdio::piped()).spawn().unwrap();
        let addresses = until(|| {
            assert!(
                child.try_wait().unwrap().is_none(),
                "{}",
                stderr(&mut child)
            );
            let text = std::fs::read_to_string(&ready).ok()?;
            serde_json::from_str::<serde_json::Value>(&text).ok()
        });
        let address = |value: &serde_json::Value| value.as_str().unwrap().parse().unwrap();
        let gateway = address(addresses.pointer("/gateway/0").unwrap());
        Self {
            child,
            gateway,
            admin: address(addresses.pointer("/admin").unwrap()),
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end: status and standard error.
    fn end(mut self) -> (i32, String) {
        let status = self.child.wait().unwrap();
        (status.code().unwrap(), stderr(&mut self.child))
    }
}

fn stderr(child: &mut Child) -> String {
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nothing within a minute"
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_valid_configuration_is_told_and_touches_nothing() {
    let folder = folder(CONFIG);
    let (status, out, err) = run(&folder, &["run", "--check"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(
        out.contains("valid; policy ") && out.contains("with 1 roles"),
        "{out}"
    );
    assert!(!folder.path().join("audit").exists());
}

#[test]
fn the_sample_configuration_is_valid() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/exeat.yaml");
    let output = exeat(&config, &["run", "--check"]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_mistake_in_the_configuration_is_status_78_with_a_caret() {
    let folder = folder(&CONFIG.replace("listeners", "listener"));
    for arguments in [&["run"][..], &["run", "--check"], &["gateway"]] {
        let (status, _, err) = run(&folder, arguments);
        assert_eq!(status, 78, "{err}");
        assert!(err.contains("exeat.yaml:6:3") && err.contains("^"), "{err}");
    }
}

#[test]
fn a_mistake_in_the_policy_is_status_78_with_a_caret() {
    let folder = folder(CONFIG);
    std::fs::write(
        folder.path().join("policy.yaml"),
        POLICY.replace("egress", "egres"),
    )
    .unwrap();
    let (status, _, err) = run(&folder, &["run"]);
    assert_eq!(status, 78, "{err}");
    assert!(err.contains("policy.yaml") && err.contains("^"), "{err}");
}

#[test]
fn what_is_missing_is_status_66_and_named() {
    let folder = folder(CONFIG);
    std::fs::remove_file(folder.path().join("policy.yaml")).unwrap();
    let (status, _, err) = run(&folder, &["run"]);
    assert_eq!(status, 66, "{err}");
    assert!(
        err.starts_with("exeat: policy: ") && err.contains("policy.yaml"),
        "{err}"
    );
    std::fs::remove_file(folder.path().join("exeat.yaml")).unwrap();
    let (status, _, err) = run(&folder, &["run"]);
    assert_eq!(status, 66, "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn a_port_in_use_is_status_69_and_leaves_the_log_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = folder(&CONFIG.replace(
        "listeners: [{ address: 127.0.0.1:0 }]",
        &format!("listeners: [{{ address: '{address}' }}]"),
    ));
    let (status, _, err) = run(&folder, &["run"]);
    assert_eq!(status, 69, "{err}");
    assert!(
        err.contains(&address.to_string()) && err.contains("; stop what listens there"),
        "{err}"
    );
    assert!(!folder.path().join("audit").exists());
}

#[test]
fn a_second_process_on_the_log_is_status_69() {
    let folder = folder(CONFIG);
    let running = Running::start(&folder);
    let (status, _, err) = run(&folder, &["run"]);
    assert_eq!(status, 69, "{err}");
    assert!(err.contains("another process writes"), "{err}");
    running.signal(Signal::TERM);
    assert_eq!(running.end().0, 0);
}

#[test]
fn a_command_for_a_service_that_is_not_configured_is_status_78() {
    let folder = folder(CONFIG);
    let (status, _, err) = run(&folder, &["dbproxy"]);
    assert_eq!(status, 78);
    assert!(err.contains("`dbproxy` is not configured"), "{err}");
}

#[test]
fn sigterm_ends_with_0_after_the_sessions_and_a_hangup_does_not_end_at_all() {
    let folder = folder(CONFIG);
    let running = Running::start(&folder);
    running.signal(Signal::HUP);
    let session = TcpStream::connect(running.gateway).unwrap();
    TcpStream::connect(running.admin).unwrap();
    running.signal(Signal::TERM);
    // Accepting stops although a session is live.
    until(|| TcpStream::connect(running.gateway).is_err().then_some(()));
    drop(session);
    let (status, err) = running.end();
    assert_eq!(status, 0, "{err}");
    assert!(err.contains("draining") && err.contains("drained"), "{err}");
}

#[test]
fn a_second_signal_does_not_wait_for_sessions() {
    let folder = folder(CONFIG);
    let running = Running::start(&folder);
    let _session = TcpStream::connect(running.gateway).unwrap();
    running.signal(Signal::INT);
    until(|| TcpStream::connect(running.gateway).is_err().then_some(()));
    running.signal(Signal::INT);
    assert_eq!(running.end().0, 0);
}

#[test]
fn logs_are_json_lines_where_asked() {
    let folder = folder(CONFIG);
    let ready = folder.path().join("ready.json");
    let mut command = exeat(
        &folder.path().join("exeat.yaml"),
        &["run", "--log-format", "json", "--ready-file"],
    );
    let child = command.arg(&ready).stderr(Stdio::piped()).spawn().unwrap();
    until(|| ready.exists().then_some(()));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_wrong_log_filter_and_a_wrong_option_are_status_64() {
    let folder = folder(CONFIG);
    assert_eq!(run(&folder, &["run", "--log", "exeat=loudly"]).0, 64);
    assert_eq!(run(&folder, &["run", "--loud"]).0, 64);
}

#[test]
fn the_schema_is_printed_without_a_configuration() {
    let output = Command::new(env!("CARGO_BIN_EXE_exeat"))
        .args(["run", "--schema"])
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
}

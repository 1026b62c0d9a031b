//! The `exeat` binary: its commands run to their end, and `exeat run` as a process that is waited
//! for, signalled, killed and never left behind.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::run::{Ran, run};
use crate::wait;

/// The folder that this build's programs are in.
pub fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    // Test programs are one folder deeper.
    if folder.ends_with("deps") {
        folder.parent().unwrap().to_owned()
    } else {
        folder.to_owned()
    }
}

/// The binary of this build.
pub fn binary() -> PathBuf {
    let binary =
        std::env::var_os("EXEAT_BIN").map_or_else(|| target_folder().join("exeat"), PathBuf::from);
    assert!(
        binary.is_file(),
        "{} is not built: run `cargo build -p exeat` first",
        binary.display()
    );
    binary
}

/// A command of the binary.
pub fn exeat<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env("NO_COLOR", "1");
    command
}

/// Runs a command of the binary to its end.
pub fn run_exeat<I: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = I>) -> Ran {
    run(&exeat(arguments))
}

/// Where a process listens.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The gateway's listeners, in the order of the configuration.
    pub gateway: Vec<SocketAddr>,
    /// The proxy's listeners.
    pub dbproxy: Vec<SocketAddr>,
    /// The admin listener.
    pub admin: Option<SocketAddr>,
}

impl Addresses {
    /// Reads a ready file.
    fn read(path: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let list = |name: &str| -> Vec<SocketAddr> {
            let listed = value
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            listed
                .iter()
                .map(|entry| entry.as_str().unwrap().parse().unwrap())
                .collect()
        };
        let admin = value
            .get("admin")
            .and_then(Value::as_str)
            .map(|text| text.parse().unwrap());
        Some(Self {
            gateway: list("gateway"),
            dbproxy: list("dbproxy"),
            admin,
        })
    }
}

/// A running `exeat run`.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub addresses: Addresses,
}

impl Process {
    /// Starts it and waits until it is ready. `folder` takes its log and its ready file.
    #[track_caller]
    pub fn start(config: &Path, folder: &Path) -> Self {
        let log = folder.join("exeat.log");
        let lines = File::options().create(true).append(true).open(log).unwrap();
        Self::start_logging_to(config, folder, lines.into())
    }

    /// The same, with its log lines sent elsewhere.
    #[track_caller]
    pub fn start_logging_to(config: &Path, folder: &Path, lines: Stdio) -> Self {
        let ready = folder.join("ready.json");
        std::fs::remove_file(&ready).ok();
        let log = folder.join("exeat.log");
        let mut child = Self::spawn(config, &ready, lines);
        let addresses = wait::until("exeat run is ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("exeat run ended at once ({status}):\n{}", tail(&log));
            }
            Addresses::read(&ready)
        });
        Self {
            child,
            log,
            addresses,
        }
    }

    /// Starts it where it must refuse, and gives what it left.
    pub fn refused(config: &Path) -> Ran {
        run(&exeat([Path::new("run"), Path::new("--config"), config]))
    }

    fn spawn(config: &Path, ready: &Path, lines: Stdio) -> Child {
        exeat([
            Path::new("run"),
            Path::new("--config"),
            config,
            Path::new("--ready-file"),
            ready,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(lines)
        .spawn()
        .unwrap()
    }

    /// The first listener of the gateway.
    pub fn gateway(&self) -> SocketAddr {
        self.addresses.gateway[0]
    }

    /// The first listener of the proxy.
    pub fn dbproxy(&self) -> SocketAddr {
        self.addresses.dbproxy[0]
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGTERM, and the wait for its end.
    #[track_caller]
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        wait::until("exeat run ends after SIGTERM", || self.ended())
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of exeat's log\n{}", tail(&self.log));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

//! `exeat demo`: the tour goes as told, and whichever way it ends nothing of it is left.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use exeat_tests::exeat::exeat;
use exeat_tests::wait;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The longest silence between two lines, on a machine that does much else.
const SILENCE: Duration = Duration::from_secs(60);

/// A demo whose temporary folder is the test's.
struct Demo {
    child: Child,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("exeat-").tempdir().unwrap();
        // PostgreSQL runs as another account where the test runs as root.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut child = exeat([&["demo"], arguments].concat())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Who is not heard any more has failed already.
                send.send(line).ok();
            }
        });
        Self {
            child,
            lines,
            folder,
        }
    }

    /// The lines up to one that holds `needle`, or to the end.
    fn until(&self, needle: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(SILENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => panic!("silence after {lines:#?}"),
            }
            if !needle.is_empty() && lines.iter().any(|line| line.contains(needle)) {
                return lines;
            }
        }
    }

    /// Its end: the exit status, the last line, and nothing in its folder or of its processes.
    fn ends_without_a_trace(mut self) -> Vec<String> {
        let lines = self.until("");
        let status = wait::until("the demo ends", || self.child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        let last = lines.last().map(String::as_str);
        assert_eq!(last, Some("everything that the demo made is removed"));
        let left: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(living_in(self.folder.path()), Vec::<String>::new());
        lines
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Its children are on a leash: they go with it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Processes that work in this folder or name it, by their command lines.
fn living_in(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let at = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            let is = command.contains(folder) || at.starts_with(folder);
            is.then(|| command.replace('\0', " "))
        })
        .collect()
}

#[test]
fn the_tour_goes_as_told_and_leaves_nothing() {
    let demo = Demo::start(&["--tour", "once"]);
    let lines = demo.ends_without_a_trace();
    let summary = lines.iter().find(|line| line.ends_with("went as told"));
    let words: Vec<&str> = summary.unwrap().split_whitespace().collect();
    assert_eq!(words[0], words[2], "{lines:#?}");
    assert!(words[0].parse::<u32>().unwrap() >= 20, "{words:?}");
}

#[test]
fn a_demo_that_stays_up_ends_on_an_interrupt_and_leaves_nothing() {
    let demo = Demo::start(&["--tour", "none"]);
    let lines = demo.until("Ctrl-C ends everything");
    assert!(lines.iter().any(|line| line.contains("try it from")));
    assert!(!living_in(demo.folder.path()).is_empty());
    kill_process(Pid::from_child(&demo.child), Signal::INT).unwrap();
    demo.ends_without_a_trace();
}

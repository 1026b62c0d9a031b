//! Runs a program to its end, with a deadline, and keeps what it printed.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a program left.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The command line, for messages.
    pub line: String,
    /// The exit status; 124 where the deadline ended it, 128 + signal where a signal did.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// The standard output without white space at its ends; panics where the status is not 0.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.status, 0, "{self:#?}");
        self.stdout.trim()
    }

    /// Panics where the status is not this one.
    #[track_caller]
    pub fn exits(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// Both outputs.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Panics where neither output holds `text`.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.all().contains(text), "`{text}` is missing: {self:#?}");
        self
    }
}

/// Runs `command` with nothing on its standard input.
pub fn run(command: &Command) -> Ran {
    run_with(command, "")
}

/// Runs `command` with `input` on its standard input, for a minute at most.
pub fn run_with(command: &Command, input: &str) -> Ran {
    use std::os::unix::process::ExitStatusExt as _;

    let mut guarded = Command::new("timeout");
    guarded
        .args(["--kill-after=5", "60"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guarded.env(name, value),
            None => guarded.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        guarded.current_dir(directory);
    }
    let mut child = guarded.spawn().expect("`timeout` of coreutils runs");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let output = std::thread::scope(|scope| {
        // A program that does not read its input to the end closes it: no failure of the test's.
        scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
        child
            .wait_with_output()
            .expect("the program can be waited for")
    });
    Ran {
        line: format!("{command:?}"),
        status: output
            .status
            .code()
            .unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default()),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// `curl` without the user's configuration and without proxies from the environment.
pub fn curl() -> Command {
    let mut curl = Command::new("curl");
    curl.args(["-q", "--silent", "--show-error", "--max-time", "30"]);
    for name in [
        "http_proxy",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ] {
        curl.env_remove(name);
    }
    curl
}

/// The Python that `psycopg` was installed for.
pub fn python() -> Command {
    let venv = crate::exeat::target_folder().join("../venv/bin/python");
    let python = std::env::var_os("EXEAT_PYTHON").map_or(venv, Into::into);
    assert!(
        python.is_file(),
        "no Python with psycopg at {}: run `tests/prepare.sh psycopg`",
        python.display()
    );
    Command::new(python)
}

//! A child process that never outlives its parent, however the parent ends.
//!
//! The child runs under a small shell that holds the read end of a pipe; the parent holds the write
//! end. When the parent lets go (drop, exit, even SIGKILL), the shell sees the end of the pipe and
//! ends the child. It must never touch a process that it did not start itself.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result};

/// The watcher reads the pipe in the background, so that the shell ends as soon as the child does.
const SCRIPT: &str = r#"signal=$1; shift; exec 3<&0
"$@" </dev/null 3<&- & child=$!
{ cat >/dev/null <&3; kill -"$signal" "$child"; } >/dev/null 2>&1 &
exec 3<&-
wait "$child"
"#;

/// The user and group that a child runs as, where they differ from the caller's.
pub(crate) type Account = Option<(u32, u32)>;

/// A running child.
#[derive(Debug)]
pub(crate) struct Leash {
    shell: Child,
}

impl Leash {
    /// Starts `command` (its program, arguments and environment) as `account`, with its output
    /// appended to `log`; `signal` (`TERM`, `QUIT`) is what ends it.
    pub(crate) fn start(
        command: &Command,
        account: Account,
        signal: &str,
        log: &Path,
    ) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;

        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("log file {}", log.display()))?;
        let mut shell = Command::new("sh");
        shell
            .args(["-c", SCRIPT, "leash", signal])
            .arg(command.get_program())
            .args(command.get_args())
            // A Ctrl-C on the terminal is the parent's to handle: it ends its children in order.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some((user, group)) = account {
            shell.uid(user).gid(group).current_dir("/");
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let shell = shell
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { shell })
    }

    /// The child's exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.shell.try_wait()?)
    }
}

impl Drop for Leash {
    /// Ends the child and waits for it.
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // The wait only fails where it was waited for already: both are the end.
        self.shell.wait().ok();
    }
}

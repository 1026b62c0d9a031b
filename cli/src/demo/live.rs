//! The live part of the tour: a tunnel and a database session stay open while the policy changes
//! under them.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::stage::Stage;
use super::step::{self, Report, shell_command};

/// How long a line, or the end of a process, may take.
const PATIENCE: Duration = Duration::from_secs(20);

const TUNNEL: &str = r#"curl -sSN --cacert "$CA" --proxy "$ANALYST_PROXY" https://reports.partners.example:$PORT/feed"#;
const SESSION: &str = r#"psql -XAtq "$ANALYST_DB" 2>&1"#;
const QUERY: &str = "SELECT id, total FROM orders WHERE id = 1;";
const EDIT: &str = r#"sed -i -e 's/"\*.partners.example"/"archive.partners.example"/' \
  -e 's/public.orders(id, customer_id, total, status)/public.orders(id, status)/' "$POLICY""#;

/// A process whose lines can be waited for.
struct Talker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl fmt::Debug for Talker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Talker")
            .field("pid", &self.child.id())
            .finish_non_exhaustive()
    }
}

impl Talker {
    fn start(command: &str, stage: &Stage) -> Result<Self> {
        let mut child = shell_command(command, stage)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("running `{command}`"))?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let (sender, lines) = sync_channel(1024);
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // A full channel drops a line of the feed; nobody listens after the end.
                sender.try_send(line).ok();
            }
        });
        let stdin = child.stdin.take();
        Ok(Self {
            child,
            stdin,
            lines,
        })
    }

    fn line(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    fn say(&mut self, text: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("its input is piped")?;
        writeln!(stdin, "{text}")?;
        Ok(stdin.flush()?)
    }

    /// Waits until it has ended, and says whether it did.
    fn ends(&mut self) -> Result<bool> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.child.try_wait()?.is_some() {
                return Ok(true);
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        Ok(false)
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// An open tunnel and an open database session.
#[derive(Debug)]
pub(crate) struct Live {
    tunnel: Talker,
    session: Talker,
}

impl Live {
    /// Opens both.
    pub(crate) fn open(stage: &Stage) -> Result<Self> {
        let tunnel = Talker::start(&format!("exec {TUNNEL} 2>&1"), stage)?;
        let session = Talker::start(&format!("exec {SESSION}"), stage)?;
        Ok(Self { tunnel, session })
    }

    /// Shows both at work, edits the policy, and shows what became of them.
    pub(crate) fn edit_policy(mut self, stage: &Stage, report: &mut Report) -> Result<()> {
        step::title("analyst has a feed open …");
        step::command("$", TUNNEL);
        let line = self.tunnel.line().unwrap_or_default();
        step::output(&line);
        report.note(
            "an open tunnel",
            "it flows",
            &missing(&line, "reports.partners.example: line"),
        );

        step::title("… and a database session");
        step::command("$", SESSION);
        let before = self.ask(QUERY)?;
        report.note(
            "an open session",
            "it answers",
            &missing(&before, "1|120.00"),
        );

        step::title("the policy loses the feed's host and the column `total`");
        step::command("$", EDIT);
        let edited = Instant::now();
        let status = shell_command(EDIT, stage).status()?;
        let mut failed = Vec::new();
        if !status.success() {
            failed.push(format!("the edit ended with {status}"));
        }
        if !self.tunnel.ends()? {
            failed.push("the feed still flows".to_owned());
        }
        let told = format!("the feed ends {} ms later", edited.elapsed().as_millis());
        report.note("the feed ends", &told, &failed);

        step::title(
            "the database session is still there: what is still allowed is answered, the rest is denied",
        );
        let kept = self.ask("SELECT id, status FROM orders WHERE id = 1;")?;
        let denied = self.ask(QUERY)?;
        let failed = [missing(&kept, "1|paid"), missing(&denied, "total")].concat();
        report.note("the session is judged anew", "without a reconnect", &failed);
        Ok(())
    }

    /// Types a statement into the session and gives the first line that comes back.
    fn ask(&mut self, sql: &str) -> Result<String> {
        step::command("shop=>", sql);
        self.session.say(sql)?;
        let line = self.session.line().unwrap_or_default();
        step::output(&line);
        // The rest of an error message, as far as it is there already.
        while let Ok(more) = self.session.lines.recv_timeout(Duration::from_millis(100)) {
            step::output(&more);
        }
        Ok(line)
    }
}

fn missing(text: &str, expected: &str) -> Vec<String> {
    if text.contains(expected) {
        Vec::new()
    } else {
        vec![format!("`{expected}` did not come")]
    }
}

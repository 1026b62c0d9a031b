//! One command of the tour: shown as it is, run as it is shown, and held against what it must do.

use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result};

use super::stage::Stage;

const TITLE: Style = Style::new().bold();
const COMMAND: Style = AnsiColor::Cyan.on_default();
const OUTPUT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// The most lines of a command's output that are shown.
const LINES: usize = 12;

/// A command and what it must do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// What it shows, in words.
    pub(crate) title: &'static str,
    /// The shell command, with the variables of the stage's `env` file.
    pub(crate) command: &'static str,
    /// What must come of it, in words.
    pub(crate) told: &'static str,
    /// Whether the command must succeed.
    pub(crate) succeeds: bool,
    /// What its output must hold.
    pub(crate) says: &'static [&'static str],
    /// What its output must not hold.
    pub(crate) never: &'static [&'static str],
}

/// What became of the steps.
#[derive(Debug, Default)]
pub(crate) struct Report {
    as_told: usize,
    otherwise: Vec<String>,
}

impl Report {
    /// Whether nothing went otherwise than told.
    pub(crate) fn as_told(&self) -> bool {
        self.otherwise.is_empty()
    }

    /// Notes and prints the outcome of a step: what was told, and what is missing from it.
    pub(crate) fn note(&mut self, title: &str, told: &str, missing: &[String]) {
        if missing.is_empty() {
            self.as_told += 1;
            anstream::println!("   {GOOD}✓ {told}{GOOD:#}\n");
        } else {
            self.otherwise.push(title.to_owned());
            anstream::println!(
                "   {BAD}✗ told: {told}; but {}{BAD:#}\n",
                missing.join("; ")
            );
        }
    }

    /// Prints the sum.
    pub(crate) fn print(&self) {
        let all = self.as_told + self.otherwise.len();
        if self.as_told() {
            anstream::println!("{GOOD}{all} of {all} steps went as told{GOOD:#}\n");
        } else {
            anstream::println!(
                "{BAD}{} of {all} steps went otherwise than told:{BAD:#}",
                self.otherwise.len()
            );
            for title in &self.otherwise {
                anstream::println!("  {title}");
            }
            anstream::println!();
        }
    }
}

/// Prints the heading of a part of the tour.
pub(crate) fn heading(text: &str) {
    anstream::println!(
        "{TITLE}── {text} {}{TITLE:#}\n",
        "─".repeat(72_usize.saturating_sub(text.chars().count()))
    );
}

/// Prints a step's title.
pub(crate) fn title(text: &str) {
    anstream::println!(" {TITLE}{text}{TITLE:#}");
}

/// Prints a command line as it is typed.
pub(crate) fn command(prompt: &str, text: &str) {
    for (number, line) in text.lines().enumerate() {
        let prompt = if number == 0 { prompt } else { " " };
        anstream::println!("   {COMMAND}{prompt} {line}{COMMAND:#}");
    }
}

/// Prints what a command printed, without empty lines and cut to what a reader takes in.
pub(crate) fn output(text: &str) {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    for line in lines.iter().take(LINES) {
        anstream::println!("   {OUTPUT}{line}{OUTPUT:#}");
    }
    if let Some(more) = lines.len().checked_sub(LINES).filter(|more| *more > 0) {
        anstream::println!("   {OUTPUT}… {more} more lines{OUTPUT:#}");
    }
}

/// Runs a step and notes its outcome.
pub(crate) fn take(step: &Step, stage: &Stage, report: &mut Report) -> Result<()> {
    title(step.title);
    command("$", step.command);
    let started = Instant::now();
    let ran = shell(step.command, stage)?;
    let text = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
    output(&text);
    let mut missing = Vec::new();
    if ran.status.success() != step.succeeds {
        missing.push(format!("it ended with {}", ran.status));
    }
    for expected in step
        .says
        .iter()
        .filter(|expected| !text.contains(**expected))
    {
        missing.push(format!("`{expected}` is not in its output"));
    }
    for leaked in step.never.iter().filter(|leaked| text.contains(**leaked)) {
        missing.push(format!("`{leaked}` is in its output"));
    }
    let told = format!("{} ({} ms)", step.told, started.elapsed().as_millis());
    report.note(step.title, &told, &missing);
    Ok(())
}

/// Runs a shell command with the stage's variables.
fn shell(command: &str, stage: &Stage) -> Result<Output> {
    shell_command(command, stage)
        .output()
        .with_context(|| format!("running `{command}`"))
}

/// A shell command with the stage's variables, nothing on its standard input.
pub(crate) fn shell_command(command: &str, stage: &Stage) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .envs(stage.variables())
        .stdin(Stdio::null());
    shell
}

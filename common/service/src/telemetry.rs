//! Process logs: tracing as text or JSON lines on standard error. Not the audit log: nothing here is
//! evidence, and nothing that is secret is ever given to it.
//!
//! INVARIANT: whatever becomes of standard error (a closed terminal, a pipe that nobody reads, a full disk), nothing
//! waits for it and nothing ends with it: a thread of its own writes, and lines that it can't take are counted.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// The form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Why logging can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("the log filter `{filter}` can't be read: {error}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        error: tracing_subscriber::filter::ParseError,
    },
    /// It was started before.
    #[error("logging was started twice: {0}")]
    Twice(#[from] TryInitError),
}

/// So many lines wait for standard error at most.
const LINES: usize = 16_384;

/// Counts the lines that were lost.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// Lines that were lost since the start, since nobody read standard error in time.
pub fn lost_lines() -> u64 {
    let lost = LOST.get().map_or(0, ErrorCounter::dropped_lines);
    u64::try_from(lost).unwrap_or(u64::MAX)
}

/// What is still to be written is written when this is dropped; for a second at most.
#[derive(Debug)]
#[must_use]
pub struct Lines(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// Starts logging to standard error. `filter` as tracing's `EnvFilter` has it, e.g. `info` or
/// `info,exeat_gateway=debug`. Panics are lines too.
pub fn install(format: Format, filter: &str) -> Result<Lines, TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| TelemetryError::Filter {
        filter: filter.to_owned(),
        error,
    })?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .thread_name("exeat-log")
        .finish(std::io::stderr());
    LOST.get_or_init(|| writer.error_counter());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(writer);
    match format {
        Format::Text => lines
            .with_ansi(std::io::stderr().is_terminal())
            .finish()
            .try_init()?,
        Format::Json => lines.json().flatten_event(true).finish().try_init()?,
    }
    std::panic::set_hook(Box::new(panicked));
    Ok(Lines(guard))
}

/// The standard library's hook writes to standard error itself, and waits for it.
fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    tracing::error!(
        place,
        thread = std::thread::current().name(),
        backtrace = backtrace.map(tracing::field::display),
        "panicked: {}",
        info.payload_as_str().unwrap_or("(no message)")
    );
}

//! Exit statuses (sysexits) and the one line that a failed command leaves on standard error:
//! `exeat: <what>: <why>; <what to do>`.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// The exit statuses of the binary, by `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// The question was answered with no (denied, does not verify, a test failed).
    No = 1,
    /// The command line is wrong.
    Usage = 64,
    /// An input file does not exist or can't be read.
    NoInput = 66,
    /// Something that is needed is not there (an address in use, another process on the folder).
    Unavailable = 69,
    /// A fault of the program itself.
    Software = 70,
    /// An output can't be created.
    CantCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// Not permitted.
    NoPermission = 77,
    /// The configuration or the policy is unusable.
    Config = 78,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// An error that knows its exit status. Return it through `anyhow` from a subcommand.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    /// A failure with this status; the message is `<what>: <why>; <what to do>`, or a whole
    /// diagnostic with its caret.
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints the error and gives its exit status: that of a [`Failure`], `EX_IOERR` for a bare IO
/// error, `EX_SOFTWARE` for anything else. A reader that went away (`exeat … | head`) is no failure.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let status = match (
        error.downcast_ref::<Failure>(),
        error.downcast_ref::<std::io::Error>(),
    ) {
        (Some(failure), _) => failure.status,
        (None, Some(io)) if io.kind() == std::io::ErrorKind::BrokenPipe => {
            return ExitCode::SUCCESS;
        }
        (None, Some(_)) => Status::Io,
        (None, None) => Status::Software,
    };
    let line = format!("{error:#}");
    // The status tells it too, where standard error can't be written.
    writeln!(anstream::stderr(), "exeat: {}", line.trim_end()).ok();
    status.into()
}

//! Where the log is, recording that it is read, and what its errors mean for the exit status.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use exeat_audit::{AuditError, ReadError, Recorded, record_read};

use crate::exit::{Failure, Status};

/// Where the log is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The log's folder
    #[arg(
        long,
        short = 'l',
        global = true,
        value_name = "DIR",
        env = "EXEAT_AUDIT_LOG"
    )]
    log: Option<PathBuf>,
    /// The configuration file that names the log's folder
    #[arg(
        long,
        short = 'c',
        global = true,
        value_name = "FILE",
        conflicts_with = "log"
    )]
    config: Option<PathBuf>,
}

impl Place {
    /// The log's folder.
    pub(super) fn directory(&self) -> Result<PathBuf, Failure> {
        let directory = match (&self.config, &self.log) {
            (Some(file), _) => {
                exeat_service::config::load(file)
                    .map_err(|error| Failure::new(Status::Config, error.to_string()))?
                    .audit
                    .directory
            }
            (None, Some(log)) => log.clone(),
            (None, None) => {
                let why = "audit: no log is named; give --log DIR or --config FILE";
                return Err(Failure::new(Status::Usage, why));
            }
        };
        if !directory.join("segments").is_dir() {
            let why = format!(
                "audit: there is no log in `{}`; give its folder with --log",
                directory.display()
            );
            return Err(Failure::new(Status::NoInput, why));
        }
        Ok(directory)
    }
}

/// Puts this reading on record, before anything is read.
pub(super) fn record(log: &Path, command: &str) -> Result<(), Failure> {
    let words: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match record_read(log, command, &words.join(" ")) {
        Ok(Recorded::ByWriter | Recorded::ByReader) => Ok(()),
        Ok(Recorded::Copy) => {
            anstream::eprintln!(
                "exeat: this log has no secret key, so it is a copy; reading it is not on record"
            );
            Ok(())
        }
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &AuditError) -> Failure {
    let (status, advice) = match error {
        AuditError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => (
            Status::NoPermission,
            "run it as the user of the service, or read a copy",
        ),
        AuditError::Tampered(_) => (Status::No, "see `exeat audit verify`"),
        _ => (
            Status::Unavailable,
            "nothing is shown that can't be recorded",
        ),
    };
    Failure::new(
        status,
        format!("audit: this reading can't be recorded: {error}; {advice}"),
    )
}

/// An error of reading as a failure of the command.
pub(super) fn unreadable(error: &ReadError) -> Failure {
    match error {
        ReadError::Log(error) => failed(error),
        ReadError::Leaf { .. } => {
            let why = format!("audit: {error}; see `exeat audit verify`");
            Failure::new(Status::No, why)
        }
    }
}

/// An error of the log as a failure of the command.
pub(super) fn failed(error: &AuditError) -> Failure {
    let status = match error {
        AuditError::Io { source, .. } => match source.kind() {
            ErrorKind::NotFound => Status::NoInput,
            ErrorKind::PermissionDenied => Status::NoPermission,
            _ => Status::Io,
        },
        AuditError::Key { .. } | AuditError::Tampered(_) => Status::No,
        AuditError::Locked(_)
        | AuditError::Backlog(_)
        | AuditError::Failed(_)
        | AuditError::Closed => Status::Unavailable,
        AuditError::Encode(_) => Status::Software,
    };
    Failure::new(status, format!("audit: {error}; see `exeat audit --help`"))
}

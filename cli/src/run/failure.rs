//! What stops a start, as the one line (or the diagnostic with its caret) that an operator needs, and
//! the exit status that a supervisor acts on.

use std::fmt::Display;
use std::io;
use std::path::Path;

use exeat_audit::AuditError;
use exeat_service::StartError;
use exeat_service::config::{Config, Diagnostics};
use exeat_service::listen::BindError;
use exeat_service::policy::PolicyError;
use exeat_service::telemetry::TelemetryError;

use crate::exit::{Failure, Status};

pub(crate) fn config(error: Diagnostics) -> Failure {
    let status = if error.is_unreadable() {
        Status::NoInput
    } else {
        Status::Config
    };
    Failure::new(status, error.to_string())
}

pub(super) fn telemetry(error: TelemetryError) -> Failure {
    Failure::new(Status::Usage, format!("{error}; write e.g. `--log info`"))
}

pub(super) fn bind(error: BindError) -> Failure {
    let (status, advice) = match error.error.kind() {
        io::ErrorKind::AddrInUse => (
            Status::Unavailable,
            "stop what listens there, or configure another address",
        ),
        io::ErrorKind::AddrNotAvailable => {
            (Status::Unavailable, "configure an address of this machine")
        }
        io::ErrorKind::PermissionDenied => (
            Status::NoPermission,
            "configure a port above 1023, or grant CAP_NET_BIND_SERVICE",
        ),
        _ => (Status::Unavailable, "configure another address"),
    };
    Failure::new(status, format!("can't listen on {error}; {advice}"))
}

pub(super) fn start(error: StartError, config: &Config) -> Failure {
    match error {
        StartError::Policy(error) => policy(&error),
        StartError::Identity(error) => identity(&error, config),
        StartError::Audit(error) => audit(&error, config),
    }
}

pub(super) fn policy(error: &PolicyError) -> Failure {
    match error {
        PolicyError::Invalid(diagnostics) => Failure::new(Status::Config, diagnostics.to_string()),
        PolicyError::Unreadable { .. } | PolicyError::Empty(_) => Failure::new(
            Status::NoInput,
            format!("policy: {error}; name an existing file or folder in `policy`"),
        ),
    }
}

pub(super) fn identity(error: &impl Display, config: &Config) -> Failure {
    let file = config.file.display();
    Failure::new(
        Status::Config,
        format!("identity: {error}; see `identity` in {file}"),
    )
}

pub(super) fn service(plane: &str, error: &dyn Display, config: &Config) -> Failure {
    let file = config.file.display();
    Failure::new(
        Status::Config,
        format!("{plane}: {error}; see `{plane}` in {file}"),
    )
}

pub(super) fn ready_file(error: &io::Error, file: &Path) -> Failure {
    Failure::new(
        Status::CantCreate,
        format!(
            "{}: {error}; name a file that can be written with --ready-file",
            file.display()
        ),
    )
}

pub(super) fn threads(why: &str) -> Failure {
    let message =
        format!("the serving threads ended by themselves: {why}; start it again, and report this");
    Failure::new(Status::Software, message)
}

fn audit(error: &AuditError, config: &Config) -> Failure {
    let (status, advice) = match error {
        AuditError::Locked(_) => (
            Status::Unavailable,
            "stop the other process, or configure another folder",
        ),
        AuditError::Tampered(_) => (
            Status::Io,
            "run `exeat audit verify` on it, keep it as evidence, and start with a new folder",
        ),
        AuditError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => (
            Status::NoPermission,
            "let the user that runs exeat write there",
        ),
        AuditError::Io { .. } => (Status::Io, "look at the disk, or configure another folder"),
        _ => (Status::Io, "nothing is let through without a log"),
    };
    let directory = config.audit.directory.display();
    Failure::new(
        status,
        format!("audit log in {directory}: {error}; {advice}"),
    )
}

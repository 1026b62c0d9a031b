//! Policies from files, as the services read them, with errors for people at a terminal.

use std::io::{ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};

use exeat_policy::{Diagnostics, PolicySet, Source};
use exeat_service::policy::{PolicyError, load};

use crate::exit::{Failure, Status};

/// Reads the policy that these files and folders are together.
pub(super) fn policy(paths: &[PathBuf]) -> Result<PolicySet, Failure> {
    load(paths).map_err(|error| match &error {
        PolicyError::Invalid(diagnostics) => invalid("policy", diagnostics),
        PolicyError::Unreadable { path, error } => unreadable(path, error),
        PolicyError::Empty(_) => Failure::new(
            Status::NoInput,
            format!("policy: {error}; name a file, or another folder"),
        ),
    })
}

/// Reads one file as text.
pub(super) fn source(path: &Path) -> Result<Source, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Source {
        name: path.display().to_string(),
        text,
    })
}

/// The problems of a file, in colour where a person looks.
pub(super) fn invalid(what: &str, diagnostics: &Diagnostics) -> Failure {
    let colour = std::io::stderr().is_terminal();
    let count = match diagnostics.len() {
        1 => "1 problem".to_owned(),
        more => format!("{more} problems"),
    };
    Failure::new(
        Status::Config,
        format!(
            "{what}: {count}; nothing of it is used\n{}",
            diagnostics.render(colour)
        ),
    )
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let status = match error.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory => Status::NoInput,
        ErrorKind::PermissionDenied => Status::NoPermission,
        ErrorKind::InvalidData => Status::Config,
        _ => Status::Io,
    };
    Failure::new(
        status,
        format!("policy: {}: {error}; check the path", path.display()),
    )
}

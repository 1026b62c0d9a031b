//! Errors of the identity crate as the one line and the exit status of a command.

use std::io::ErrorKind;

use exeat_identity::ca::CaError;
use exeat_identity::credentials::CredentialError;
use exeat_identity::store::StoreError;

use crate::exit::{Failure, Status};

pub(super) fn of_store(error: &StoreError) -> Failure {
    let status = match error {
        StoreError::Missing(_) => Status::NoInput,
        StoreError::Exists(_) => Status::CantCreate,
        StoreError::Malformed { .. } => Status::Config,
        StoreError::Io { source, .. } => match source.kind() {
            ErrorKind::PermissionDenied => Status::NoPermission,
            ErrorKind::NotFound => Status::NoInput,
            ErrorKind::AlreadyExists => Status::CantCreate,
            _ => Status::Io,
        },
    };
    let advice = match error {
        // These say what to do themselves.
        StoreError::Missing(_) | StoreError::Exists(_) => "",
        StoreError::Malformed { .. } => "; restore the file from a backup",
        StoreError::Io { .. } => "; check the folder and its permissions",
    };
    Failure::new(status, format!("identity: {error}{advice}"))
}

pub(super) fn of_ca(error: &CaError) -> Failure {
    let (status, advice) = match error {
        CaError::Store(error) => return of_store(error),
        CaError::Name { .. } => (Status::Usage, "give the role's name as the policy has it"),
        CaError::OtherDomain { .. } => (Status::Usage, "give an ID of this trust domain"),
        CaError::Outlives(_) => (Status::Usage, "ask for a shorter --ttl, or make a new CA"),
        CaError::TooShort => (Status::Usage, "ask for a longer --ttl"),
        CaError::NoNames => (Status::Usage, "add --dns NAME"),
        CaError::KeyMismatch(_) | CaError::X509(_) => {
            (Status::Config, "restore ca.pem and ca.key from a backup")
        }
        CaError::Random(_) => (Status::Unavailable, "try again"),
    };
    Failure::new(status, format!("identity: {error}; {advice}"))
}

pub(super) fn of_credential(error: &CredentialError) -> Failure {
    let (status, advice) = match error {
        CredentialError::Store(error) => return of_store(error),
        CredentialError::Ca(error) => return of_ca(error),
        CredentialError::Random(_) => (Status::Unavailable, "try again"),
        CredentialError::Name => (Status::Usage, "give the role's name as the policy has it"),
        CredentialError::EmptyPassword => (Status::Usage, "send one line on standard input"),
        CredentialError::TooLong => (Status::Usage, "ask for a shorter --ttl"),
        CredentialError::NotFound(_) => (Status::No, "see `exeat identity list`"),
    };
    Failure::new(status, format!("identity: {error}; {advice}"))
}

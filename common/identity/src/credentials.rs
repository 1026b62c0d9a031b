//! Tokens and passwords: made, and taken back. What `exeat identity` does beside the CA.

use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use zeroize::Zeroize as _;

use crate::ca::{self, CaError};
use crate::scram::Verifier;
use crate::secret::Secret;
use crate::store::{PasswordRecord, Store, StoreError, TokenRecord};
use crate::token::{self, RandomUnavailable};

const ID_BYTES: usize = 6;
const GENERATED_PASSWORD_BYTES: usize = 24;
const MAX_NAME_BYTES: usize = 256;

/// Why a token or password could not be made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list of revoked certificates.
    #[error(transparent)]
    Ca(#[from] CaError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] RandomUnavailable),
    /// A name that could not be told from another one.
    #[error("a name has 1 to 256 printable characters without spaces")]
    Name,
    /// An empty password.
    #[error("the password is empty")]
    EmptyPassword,
    /// A lifetime beyond what a date can hold.
    #[error("the lifetime is too long")]
    TooLong,
    /// Nothing of this id, serial or name.
    #[error("nothing that could be revoked has the id, serial or name `{0}`")]
    NotFound(String),
}

impl CredentialError {
    /// The class of the error.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => error.kind(),
            Self::Ca(error) => error.kind(),
            Self::Random(_) => "credential_random",
            Self::Name => "credential_name",
            Self::EmptyPassword => "credential_empty_password",
            Self::TooLong => "credential_too_long",
            Self::NotFound(_) => "credential_not_found",
        }
    }
}

/// Makes a token and keeps its digest. The token itself is in the answer only.
pub fn create_token(
    store: &Store,
    name: &str,
    lifetime: Option<Duration>,
    now: Timestamp,
) -> Result<(Secret<String>, TokenRecord), CredentialError> {
    check_name(name)?;
    let token = token::mint()?;
    let expires = match lifetime {
        Some(lifetime) => Some(
            now.checked_add(lifetime)
                .map_err(|_overflow| CredentialError::TooLong)?,
        ),
        None => None,
    };
    let record = TokenRecord {
        id: format!("tok-{}", random_hex(ID_BYTES)?),
        name: name.to_owned(),
        sha256: hex(&token::digest_of(token.expose())),
        created: now,
        expires,
        revoked: None,
    };
    store.edit(|contents| {
        contents.forget_ended(now);
        contents.tokens.push(record.clone());
        Ok::<_, CredentialError>(())
    })?;
    Ok((token, record))
}

/// A password for a machine: 192 random bits, base64url.
pub fn generate_password() -> Result<Secret<String>, RandomUnavailable> {
    let mut random = [0_u8; GENERATED_PASSWORD_BYTES];
    rand::fill(&mut random).map_err(|_unspecified| RandomUnavailable)?;
    let password = Secret::new(URL_SAFE_NO_PAD.encode(random));
    random.zeroize();
    Ok(password)
}

/// Stores the verifier of a name's password, in place of an earlier one.
pub fn set_password(
    store: &Store,
    name: &str,
    password: &Secret<String>,
    now: Timestamp,
) -> Result<PasswordRecord, CredentialError> {
    check_name(name)?;
    let verifier = Verifier::make(password.expose())?.ok_or(CredentialError::EmptyPassword)?;
    let record = PasswordRecord {
        name: name.to_owned(),
        verifier: verifier.to_string(),
        created: now,
        revoked: None,
    };
    store.edit(|contents| {
        contents.passwords.retain(|known| known.name != name);
        contents.passwords.push(record.clone());
        Ok::<_, CredentialError>(())
    })?;
    Ok(record)
}

/// One thing that was revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// A token, by its id.
    Token(String),
    /// A password, by its name.
    Password(String),
    /// A certificate, by its serial.
    Certificate(String),
}

/// Takes back what a token's id, a certificate's serial, or a name stands for; a name stands for all
/// that was given to it. What is revoked already, or has ended, stays as it is.
pub fn revoke(store: &Store, what: &str, now: Timestamp) -> Result<Vec<Revoked>, CredentialError> {
    store.edit(|contents| {
        let mut revoked = Vec::new();
        for token in &mut contents.tokens {
            if (token.id == what || token.name == what) && token.revoked.is_none() {
                token.revoked = Some(now);
                revoked.push(Revoked::Token(token.id.clone()));
            }
        }
        for password in &mut contents.passwords {
            if password.name == what && password.revoked.is_none() {
                password.revoked = Some(now);
                revoked.push(Revoked::Password(password.name.clone()));
            }
        }
        let mut certificates = false;
        for certificate in &mut contents.certificates {
            let named = certificate.serial == what
                || certificate.name == what
                || certificate.spiffe.as_deref() == Some(what);
            if named && certificate.revoked.is_none() && certificate.expires > now {
                certificate.revoked = Some(now);
                certificates = true;
                revoked.push(Revoked::Certificate(certificate.serial.clone()));
            }
        }
        if revoked.is_empty() {
            return Err(CredentialError::NotFound(what.to_owned()));
        }
        if certificates {
            ca::write_revocations(store, contents, now)?;
        }
        Ok(revoked)
    })
}

fn check_name(name: &str) -> Result<(), CredentialError> {
    let printable = |letter: char| !letter.is_control() && !letter.is_whitespace();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(printable) {
        return Err(CredentialError::Name);
    }
    Ok(())
}

fn random_hex(bytes: usize) -> Result<String, RandomUnavailable> {
    let mut random = vec![0_u8; bytes];
    rand::fill(&mut random).map_err(|_unspecified| RandomUnavailable)?;
    Ok(hex(&random))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;

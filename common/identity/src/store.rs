//! The folder that `exeat identity` keeps: tokens, SCRAM verifiers and issued certificates, as one
//! file, `store.json`.
//!
//! Readers take no lock: the file is replaced by a rename, so it is the old one or the new one, whole.
//! Writers take the lock for read, change and rename together. No secret is ever stored: a token is a
//! SHA-256, a password a SCRAM verifier, a certificate its serial.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::spiffe::TrustDomainName;

pub(crate) mod file;

/// The file in the folder.
pub const STORE_FILE: &str = "store.json";
const LOCK_FILE: &str = ".lock";
const VERSION: u32 = 1;
/// How long what has ended stays on the list.
const KEPT_DAYS: i64 = 30;
/// A store beyond this is not one of ours.
const MAX_STORE_BYTES: u64 = 256 * 1024 * 1024;

/// Why the store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder holds no store.
    #[error("{0} holds no identity store; run `exeat identity init` first")]
    Missing(PathBuf),
    /// There is a store already.
    #[error("{0} holds an identity store already; it is never overwritten")]
    Exists(PathBuf),
    /// The file can't be understood.
    #[error("{path} is no identity store: {detail}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StoreError {
    /// The class of the error: metric label and audit field.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "store_missing",
            Self::Exists(_) => "store_exists",
            Self::Malformed { .. } => "store_malformed",
            Self::Io { .. } => "store_io",
        }
    }
}

/// Writes a file that only its owner can read, whole or not at all; makes its folder where needed.
/// Refuses to overwrite unless told to.
pub fn write_private(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), StoreError> {
    let io = |source| StoreError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        file::make_directory(parent).map_err(io)?;
    }
    if overwrite {
        file::replace(path, bytes).map_err(io)
    } else {
        file::create(path, bytes).map_err(io)
    }
}

/// A token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRecord {
    /// Names this token to `revoke` and `list`.
    pub id: String,
    /// What the policy calls it: `token: NAME`.
    pub name: String,
    /// SHA-256 of the token, lower-case hex.
    pub sha256: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// A password as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordRecord {
    /// What the policy calls it: `scram: NAME`, and the user of the startup packet.
    pub name: String,
    /// `SCRAM-SHA-256$iterations:salt$stored-key:server-key`.
    pub verifier: String,
    /// When it was set.
    pub created: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateUse {
    /// A workload proves its role with it.
    Client,
    /// A listener proves its name with it.
    Server,
}

/// A certificate that the built-in CA issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRecord {
    /// The serial number, lower-case hex.
    pub serial: String,
    /// The role or SPIFFE ID as given to `issue`.
    pub name: String,
    /// The SPIFFE ID in it; server certificates carry none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spiffe: Option<String>,
    /// What it is for.
    #[serde(rename = "use")]
    pub usage: CertificateUse,
    /// When it was issued.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// Everything in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    version: u32,
    /// The trust domain of the built-in CA.
    pub trust_domain: TrustDomainName,
    /// Feeds the verifiers that unknown names get (see `scram`), so that they stay the same over
    /// restarts and on every node that shares the store. Base64 of 32 random bytes.
    mock_key: String,
    /// The number of the last certificate revocation list.
    pub crl_number: u64,
    /// The tokens.
    pub tokens: Vec<TokenRecord>,
    /// The passwords.
    pub passwords: Vec<PasswordRecord>,
    /// The certificates.
    pub certificates: Vec<CertificateRecord>,
}

impl Contents {
    /// An empty store for a trust domain.
    pub fn new(trust_domain: TrustDomainName, mock_key: &[u8; 32]) -> Self {
        Self {
            version: VERSION,
            trust_domain,
            mock_key: STANDARD.encode(mock_key),
            crl_number: 0,
            tokens: Vec::new(),
            passwords: Vec::new(),
            certificates: Vec::new(),
        }
    }

    /// Forgets tokens and certificates that ended long ago: short-lived ones would pile up for ever.
    /// Nothing can be proven with them, listed or not.
    pub(crate) fn forget_ended(&mut self, now: Timestamp) {
        let ended_long_ago = |expires: Timestamp| {
            now.duration_since(expires) > jiff::SignedDuration::from_hours(24 * KEPT_DAYS)
        };
        self.tokens
            .retain(|token| !token.expires.is_some_and(ended_long_ago));
        self.certificates
            .retain(|certificate| !ended_long_ago(certificate.expires));
    }

    pub(crate) fn mock_key(&self) -> Option<[u8; 32]> {
        STANDARD.decode(&self.mock_key).ok()?.try_into().ok()
    }
}

/// A folder with a store in it.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Names the folder; reads nothing.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Reads the store.
    pub fn read(&self) -> Result<Contents, StoreError> {
        let path = self.path(STORE_FILE);
        let text = match file::read(&path, MAX_STORE_BYTES) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Missing(self.directory.clone()));
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let malformed = |detail: String| StoreError::Malformed {
            path: path.clone(),
            detail,
        };
        let contents: Contents =
            serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if contents.version != VERSION {
            return Err(malformed(format!(
                "version {} is not {VERSION}",
                contents.version
            )));
        }
        if contents.mock_key().is_none() {
            return Err(malformed("mock_key is no base64 of 32 bytes".to_owned()));
        }
        Ok(contents)
    }

    /// Reads, changes and writes the store under the lock. Nothing is written where the change fails.
    pub fn edit<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Contents) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock()?;
        let mut contents = self.read()?;
        let value = change(&mut contents)?;
        self.write(&contents)?;
        Ok(value)
    }

    /// Makes the folder where needed and takes its lock; released on drop.
    pub(crate) fn lock(&self) -> Result<fs::File, StoreError> {
        let path = self.path(LOCK_FILE);
        let io = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        file::make_directory(&self.directory).map_err(io)?;
        let lock = file::open_lock(&path).map_err(io)?;
        lock.lock().map_err(io)?;
        Ok(lock)
    }

    /// INVARIANT: the caller holds the lock.
    pub(crate) fn write(&self, contents: &Contents) -> Result<(), StoreError> {
        let path = self.path(STORE_FILE);
        let mut text =
            serde_json::to_vec_pretty(contents).map_err(|error| StoreError::Malformed {
                path: path.clone(),
                detail: error.to_string(),
            })?;
        text.push(b'\n');
        file::replace(&path, &text).map_err(|source| StoreError::Io { path, source })
    }
}

#[cfg(test)]
mod tests;

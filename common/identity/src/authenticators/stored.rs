//! The store's tokens and passwords, indexed for lookup.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use exeat_policy::{IdentityFailure, UnixMillis};
use jiff::Timestamp;

use crate::scram::{ScramVerifier, Verifier};
use crate::secret::Secret;
use crate::store::{Contents, PasswordRecord, TokenRecord};
use crate::token::{self, TokenDigest};

struct Token {
    digest: TokenDigest,
    name: Arc<str>,
    expires_at: Option<UnixMillis>,
    revoked: bool,
}

struct Password {
    verifier: Option<Verifier>,
    digest: VerifierDigest,
    name: Arc<str>,
}

/// The SHA-256 of a verifier.
pub(super) type VerifierDigest = [u8; 32];

/// What the store knows.
pub(super) struct Stored {
    tokens: HashMap<TokenDigest, Token>,
    passwords: HashMap<Arc<str>, Password>,
    mock_key: Secret<[u8; 32]>,
}

impl Stored {
    /// Without a store: no token fits, no password fits.
    pub(super) fn empty() -> Self {
        Self {
            tokens: HashMap::new(),
            passwords: HashMap::new(),
            mock_key: process_key(),
        }
    }

    pub(super) fn of(contents: Contents) -> Self {
        let mock_key = contents.mock_key().map_or_else(process_key, Secret::new);
        let tokens = contents.tokens.into_iter().filter_map(indexed);
        let passwords = contents.passwords.into_iter().map(password);
        Self {
            tokens: tokens.map(|token| (token.digest, token)).collect(),
            passwords: passwords
                .map(|password| (Arc::clone(&password.name), password))
                .collect(),
            mock_key,
        }
    }

    /// The name of a token, and when it ends.
    pub(super) fn token(
        &self,
        digest: &TokenDigest,
        now: UnixMillis,
    ) -> Result<(Arc<str>, Option<UnixMillis>), IdentityFailure> {
        // The map compares digests of what the caller chose, which tells nothing about the stored
        // ones; the comparison that counts takes the same time whatever differs.
        let token = self
            .tokens
            .get(digest)
            .ok_or(IdentityFailure::CredentialsInvalid)?;
        verify_slices_are_equal(&token.digest, digest)
            .map_err(|_unspecified| IdentityFailure::CredentialsInvalid)?;
        if token.revoked {
            return Err(IdentityFailure::CredentialsRevoked);
        }
        if token.expires_at.is_some_and(|end| now >= end) {
            return Err(IdentityFailure::CredentialsExpired);
        }
        Ok((Arc::clone(&token.name), token.expires_at))
    }

    /// The name of a password that an exchange proved. `proven` is what it was proven against, where
    /// that is longer ago: a password that was replaced since has been taken back.
    pub(super) fn password(
        &self,
        name: &str,
        proven: Option<&VerifierDigest>,
    ) -> Result<Arc<str>, IdentityFailure> {
        let password = self
            .passwords
            .get(name)
            .ok_or(IdentityFailure::CredentialsInvalid)?;
        let replaced = proven.is_some_and(|proven| *proven != password.digest);
        if password.verifier.is_none() || replaced {
            return Err(IdentityFailure::CredentialsRevoked);
        }
        Ok(Arc::clone(&password.name))
    }

    /// Tells the verifier of a name from an earlier or later one.
    pub(super) fn verifier_digest(&self, name: &str) -> Option<VerifierDigest> {
        self.passwords.get(name).map(|password| password.digest)
    }

    pub(super) fn has_passwords(&self) -> bool {
        !self.passwords.is_empty()
    }

    pub(super) fn scram_verifier(&self, name: &str) -> ScramVerifier {
        // Made in any case, so that a known name does not answer sooner than an unknown one.
        let mock = ScramVerifier::mock(&self.mock_key, name);
        self.passwords
            .get(name)
            .and_then(|password| password.verifier.clone())
            .map_or(mock, ScramVerifier::stored)
    }
}

fn indexed(record: TokenRecord) -> Option<Token> {
    let digest = parse_hex(&record.sha256)?;
    Some(Token {
        digest,
        name: record.name.into(),
        expires_at: record.expires.map(Timestamp::as_millisecond),
        revoked: record.revoked.is_some(),
    })
}

fn password(record: PasswordRecord) -> Password {
    // A verifier that can't be read is one that nothing fits.
    let verifier = record
        .verifier
        .parse()
        .ok()
        .filter(|_verifier| record.revoked.is_none());
    Password {
        verifier,
        digest: token::digest_of(&record.verifier),
        name: record.name.into(),
    }
}

fn parse_hex(text: &str) -> Option<TokenDigest> {
    let mut digest = TokenDigest::default();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// One per process, so that an unknown name gets the same salt over reloads.
fn process_key() -> Secret<[u8; 32]> {
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    Secret::new(*KEY.get_or_init(|| {
        let mut key = [0_u8; 32];
        // Without random numbers the mock salts are guessable; nothing can be proven with them anyway.
        aws_lc_rs::rand::fill(&mut key).ok();
        key
    }))
}

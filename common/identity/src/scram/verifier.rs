//! What is stored of a password, in the form of PostgreSQL's `pg_authid.rolpassword`.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use aws_lc_rs::{hmac, pbkdf2, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize as _;

use super::ScramError;
use crate::secret::Secret;
use crate::token::{RandomUnavailable, sha256};

/// The same for all verifiers made here and for the mock ones: a differing number would tell which
/// names exist.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(4096) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};
const SALT_BYTES: usize = 16;
const SCHEME: &str = "SCRAM-SHA-256";

/// A SCRAM-SHA-256 verifier: enough to check a proof, not enough to make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub(super) iterations: NonZeroU32,
    pub(super) salt: Vec<u8>,
    pub(super) stored_key: [u8; 32],
    pub(super) server_key: [u8; 32],
}

impl Verifier {
    /// Makes a verifier for a password, with a random salt. `None` where nothing is left of the
    /// password: PostgreSQL's clients refuse to send an empty one.
    pub fn make(password: &str) -> Result<Option<Self>, RandomUnavailable> {
        let mut salt = [0_u8; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_unspecified| RandomUnavailable)?;
        Ok(Self::derive(password, &salt, ITERATIONS))
    }

    pub(super) fn derive(password: &str, salt: &[u8], iterations: NonZeroU32) -> Option<Self> {
        let salted = salted_password(password, salt, iterations)?;
        let mut client_key = sign(salted.expose(), b"Client Key");
        let verifier = Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: sha256(&client_key),
            server_key: sign(salted.expose(), b"Server Key"),
        };
        client_key.zeroize();
        Some(verifier)
    }

    /// A verifier that no password fits, always the same one for a name and key.
    pub(crate) fn mock(key: &[u8; 32], name: &str) -> Self {
        let part = |label: &str| sign(key, format!("{label}\0{name}").as_bytes());
        Self {
            iterations: ITERATIONS,
            salt: part("salt").into_iter().take(SALT_BYTES).collect(),
            stored_key: part("stored key"),
            server_key: part("server key"),
        }
    }
}

impl fmt::Display for Verifier {
    /// PostgreSQL's form. This is what the store holds; it must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, stored) = (
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key),
        );
        let server = STANDARD.encode(self.server_key);
        write!(f, "{SCHEME}${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl FromStr for Verifier {
    type Err = ScramError;

    fn from_str(text: &str) -> Result<Self, ScramError> {
        parse(text).ok_or(ScramError::Malformed("no SCRAM-SHA-256 verifier"))
    }
}

fn parse(text: &str) -> Option<Verifier> {
    let (scheme, rest) = text.split_once('$')?;
    let (head, keys) = rest.split_once('$')?;
    let (iterations, salt) = head.split_once(':')?;
    let (stored, server) = keys.split_once(':')?;
    let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?;
    let key = |text: &str| STANDARD.decode(text).ok()?.try_into().ok();
    if scheme != SCHEME {
        return None;
    }
    Some(Verifier {
        iterations: iterations.parse().ok()?,
        salt,
        stored_key: key(stored)?,
        server_key: key(server)?,
    })
}

/// A verifier as an exchange gets it: the stored one, or one that looks the same and never fits, for
/// a name that has none.
#[derive(Clone, Debug)]
pub struct ScramVerifier {
    pub(super) verifier: Verifier,
    pub(super) real: bool,
}

impl ScramVerifier {
    /// A stored verifier.
    pub fn stored(verifier: Verifier) -> Self {
        Self {
            verifier,
            real: true,
        }
    }

    /// Whether a password is stored at all. Only to pick the method that a role is asked to use: an
    /// exchange goes the same way for both.
    pub fn is_stored(&self) -> bool {
        self.real
    }

    /// A verifier that never fits, stable per name.
    pub fn mock(key: &Secret<[u8; 32]>, name: &str) -> Self {
        Self {
            verifier: Verifier::mock(key.expose(), name),
            real: false,
        }
    }
}

/// `SaltedPassword` (RFC 5802, section 3). `None` where nothing is left of the password.
pub(super) fn salted_password(
    password: &str,
    salt: &[u8],
    iterations: NonZeroU32,
) -> Option<Secret<[u8; 32]>> {
    // As PostgreSQL and libpq: where SASLprep refuses the text, its bytes are taken as they are.
    let prepared = stringprep::saslprep(password).unwrap_or(password.into());
    if prepared.is_empty() {
        return None;
    }
    let mut salted = [0_u8; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        iterations,
        salt,
        prepared.as_bytes(),
        &mut salted,
    );
    let secret = Secret::new(salted);
    salted.zeroize();
    Some(secret)
}

pub(super) fn sign(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut out = [0_u8; 32];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    out
}

#[cfg(test)]
mod tests;

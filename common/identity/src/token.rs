//! Tokens of the built-in store: `exeat_` and 48 characters of base64url.
//!
//! 32 random bytes and a 4-byte checksum. The checksum lets a scanner, and us, tell a mangled token
//! from an unknown one without a lookup. Only the SHA-256 of the whole text is ever stored: a fast hash
//! is right here, because there is no dictionary of 256-bit random values.

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize as _;

use crate::secret::Secret;

/// What every token starts with.
pub const PREFIX: &str = "exeat_";
const RANDOM_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const BODY_BYTES: usize = RANDOM_BYTES + CHECKSUM_BYTES;
const TEXT_BYTES: usize = PREFIX.len() + BODY_BYTES / 3 * 4;

/// The SHA-256 of a token.
pub type TokenDigest = [u8; 32];

/// The system's random generator failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RandomUnavailable;

/// Makes a new token. The caller shows it once and keeps its [`digest_of`] only.
pub fn mint() -> Result<Secret<String>, RandomUnavailable> {
    let mut random = [0_u8; RANDOM_BYTES];
    rand::fill(&mut random).map_err(|_unspecified| RandomUnavailable)?;
    let mut body = random.to_vec();
    body.extend_from_slice(&checksum(&random));
    let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&body));
    random.zeroize();
    body.zeroize();
    Ok(Secret::new(text))
}

/// Whether a text has the form of a token, checksum included.
pub fn well_formed(text: &str) -> bool {
    if text.len() != TEXT_BYTES {
        return false;
    }
    let Some(encoded) = text.strip_prefix(PREFIX) else {
        return false;
    };
    let mut body = [0_u8; BODY_BYTES];
    let decoded = URL_SAFE_NO_PAD.decode_slice(encoded, &mut body);
    let intact = decoded == Ok(BODY_BYTES)
        && body
            .split_first_chunk::<RANDOM_BYTES>()
            .is_some_and(|(random, sum)| {
                constant_time::verify_slices_are_equal(&checksum(random), sum).is_ok()
            });
    body.zeroize();
    intact
}

/// What is stored of a token.
pub fn digest_of(text: &str) -> TokenDigest {
    sha256(text.as_bytes())
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0_u8; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

fn checksum(random: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut labelled = b"exeat token checksum".to_vec();
    labelled.extend_from_slice(random);
    let [a, b, c, d, ..] = sha256(&labelled);
    labelled.zeroize();
    [a, b, c, d]
}

#[cfg(test)]
mod tests;

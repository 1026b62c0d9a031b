//! An issuer's public keys (JWKS, RFC 7517). Each key has one algorithm, fixed here by its type.
//!
//! A key that can't be used is left out, so that an issuer may publish newer kinds beside the ones we take.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;

use super::parse::{Header, Parts};
use crate::token::sha256;

/// What identifies a key's bytes, whatever it is called.
pub(super) type Thumbprint = [u8; 32];

/// More keys than this per issuer are not loaded.
const MAX_KEYS: usize = 64;
/// 2048 bits.
const MIN_RSA_MODULUS_BYTES: usize = 256;
const MAX_RSA_MODULUS_BYTES: usize = 1024;
const COORDINATE_BYTES: usize = 32;

/// Why no key verified a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// None of this id and algorithm.
    Unknown,
    /// The signature is wrong.
    Signature,
}

#[derive(Clone)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
    thumbprint: Thumbprint,
}

/// The usable keys of an issuer.
#[derive(Clone, Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct RawKeySet {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads a JWKS document; the error says why it has no usable key.
    pub(super) fn parse(document: &[u8]) -> Result<Self, String> {
        let raw: RawKeySet = serde_json::from_slice(document)
            .map_err(|error| format!("no JWKS document: {error}"))?;
        let keys: Vec<_> = raw
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(read)
            .collect();
        if keys.is_empty() {
            return Err(
                "no RSA (2048 bits or more), P-256 or Ed25519 key for signatures in it".to_owned(),
            );
        }
        Ok(Self { keys })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn holds(&self, thumbprint: &Thumbprint) -> bool {
        self.keys.iter().any(|key| key.thumbprint == *thumbprint)
    }

    pub(super) fn holds_all_of(&self, other: &Self) -> bool {
        other.keys.iter().all(|key| self.holds(&key.thumbprint))
    }

    /// Verifies a token; gives the key that fits.
    pub(super) fn verify(
        &self,
        header: &Header,
        parts: &Parts<'_>,
    ) -> Result<Thumbprint, KeyError> {
        let mut error = KeyError::Unknown;
        for key in self.candidates(header) {
            error = KeyError::Signature;
            let fits = crypto::verify(
                parts.signature,
                parts.signed.as_bytes(),
                &key.key,
                key.algorithm,
            );
            if matches!(fits, Ok(true)) {
                return Ok(key.thumbprint);
            }
        }
        Err(error)
    }

    /// The keys of the token's algorithm and key id. A token without an id fits only an issuer with a
    /// single key of that algorithm: trying all of them would let any key stand in for another.
    fn candidates<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a Key> {
        let of_algorithm = self
            .keys
            .iter()
            .filter(|key| key.algorithm == header.algorithm);
        let single = of_algorithm.clone().count() == 1;
        of_algorithm.filter(move |key| match &header.key_id {
            Some(id) => key.id.as_ref() == Some(id),
            None => single,
        })
    }
}

fn read(value: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let for_signatures = match &jwk.common.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)) => false,
    };
    let may_verify = jwk
        .common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let coordinate = |text: &str| bytes(text).filter(|bytes| bytes.len() == COORDINATE_BYTES);
    let (algorithm, declared, material) = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let modulus = bytes(&rsa.n)?;
            let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
            if !(MIN_RSA_MODULUS_BYTES..=MAX_RSA_MODULUS_BYTES).contains(&significant) {
                return None;
            }
            (
                Algorithm::RS256,
                KeyAlgorithm::RS256,
                [modulus, bytes(&rsa.e)?],
            )
        }
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => (
            Algorithm::ES256,
            KeyAlgorithm::ES256,
            [coordinate(&ec.x)?, coordinate(&ec.y)?],
        ),
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => (
            Algorithm::EdDSA,
            KeyAlgorithm::EdDSA,
            [coordinate(&pair.x)?, Vec::new()],
        ),
        // Symmetric keys above all: HMAC is never accepted. The enum is open.
        _ => return None,
    };
    let agrees = jwk
        .common
        .key_algorithm
        .is_none_or(|algorithm| algorithm == declared);
    if !for_signatures || !may_verify || !agrees {
        return None;
    }
    let [first, second] = material;
    let labelled = [
        format!("{algorithm:?}.{}.", first.len()).into_bytes(),
        first,
        second,
    ]
    .concat();
    Some(Key {
        key: DecodingKey::from_jwk(&jwk).ok()?,
        id: jwk.common.key_id,
        algorithm,
        thumbprint: sha256(&labelled),
    })
}

//! The three parts of a compact JWS, read strictly: unpadded canonical base64url, JSON objects without
//! doubled members, numbers that are numbers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::Deserialize;

use super::JwtError;

/// Values of `typ` under which an identity is sent; others are tokens for another purpose (RFC 8725, 3.11).
const TYPES: [&str; 4] = ["JWT", "at+jwt", "application/jwt", "application/at+jwt"];

/// The parts as they are in the text.
#[derive(Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: &'a str,
    /// `header.payload`: what is signed.
    pub(super) signed: &'a str,
}

pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: Option<String>,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    // Present means that there is something that must be understood, and we understand none of it.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    zip: bool,
}

#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: Audience,
    #[serde(deserialize_with = "seconds")]
    pub(super) exp: i64,
    #[serde(default, deserialize_with = "some_seconds")]
    pub(super) nbf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

pub(super) fn split(token: &str) -> Result<Parts<'_>, JwtError> {
    const SHAPE: JwtError = JwtError::Malformed("not three parts");
    let (signed, signature) = token.rsplit_once('.').ok_or(SHAPE)?;
    let (header, payload) = signed.split_once('.').ok_or(SHAPE)?;
    if header.is_empty() || payload.is_empty() || signature.is_empty() || payload.contains('.') {
        return Err(SHAPE);
    }
    Ok(Parts {
        header,
        payload,
        signature,
        signed,
    })
}

pub(super) fn header(part: &str) -> Result<Header, JwtError> {
    let raw: RawHeader = serde_json::from_slice(&decode(part)?)
        .map_err(|_error| JwtError::Malformed("the header is no JOSE header"))?;
    if raw.crit || raw.zip {
        return Err(JwtError::Malformed(
            "critical header parameters are not understood",
        ));
    }
    let known = |typ: &String| TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known));
    if !raw.typ.as_ref().is_none_or(known) {
        return Err(JwtError::Malformed("the token is of another type"));
    }
    let algorithm = match raw.alg.as_str() {
        "RS256" => Algorithm::RS256,
        "ES256" => Algorithm::ES256,
        "EdDSA" => Algorithm::EdDSA,
        _ => return Err(JwtError::Algorithm),
    };
    Ok(Header {
        algorithm,
        key_id: raw.kid,
    })
}

pub(super) fn claims(part: &str) -> Result<Claims, JwtError> {
    let claims: Claims = serde_json::from_slice(&decode(part)?).map_err(|_error| {
        JwtError::Malformed("iss, sub, aud or exp is missing or no such value")
    })?;
    if claims.sub.is_empty() {
        return Err(JwtError::Malformed("the subject is empty"));
    }
    Ok(claims)
}

pub(super) fn is_object(part: &str) -> bool {
    decode(part).is_ok_and(|bytes| {
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_ok()
    })
}

fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_error| JwtError::Malformed("not base64url"))
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_value| true)
}

/// A NumericDate (RFC 7519): seconds, with a fraction perhaps, which is dropped.
fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    number
        .as_i64()
        .or_else(|| {
            number
                .as_f64()
                .filter(|number| number.abs() < 1e15)
                .map(|number| number as i64)
        })
        .ok_or_else(|| serde::de::Error::custom("out of range"))
}

fn some_seconds<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    seconds(deserializer).map(Some)
}

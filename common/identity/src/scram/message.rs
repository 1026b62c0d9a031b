//! The four messages, as the other side wrote them (RFC 5802, section 7). Extensions are refused, the
//! optional ones too: what we don't understand is not ignored.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ScramError;

/// PostgreSQL's own messages stay far below.
const MAX_MESSAGE_BYTES: usize = 4096;
const MAX_NONCE_BYTES: usize = 256;

/// The flag at the start of the GS2 header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BindingFlag {
    /// `n`: the client does not know channel binding.
    Unsupported,
    /// `y`: the client does, and believes that the server does not.
    NotOffered,
    /// `p=tls-server-end-point`.
    EndPoint,
}

/// `client-first-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: BindingFlag,
    /// The GS2 header with its last comma: what `c=` must repeat.
    pub(super) header: &'a str,
    /// `client-first-message-bare`: a part of what is signed.
    pub(super) bare: &'a str,
    pub(super) nonce: &'a str,
}

/// `client-final-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientFinal<'a> {
    /// The decoded `c=`.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// The message up to its proof: a part of what is signed.
    pub(super) without_proof: &'a str,
    pub(super) proof: [u8; 32],
}

/// `server-first-message`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerFirst<'a> {
    /// All of it: a part of what is signed.
    pub(super) text: &'a str,
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: NonZeroU32,
}

pub(super) fn client_first(message: &[u8]) -> Result<ClientFirst<'_>, ScramError> {
    let text = text(message)?;
    let (flag, rest) = text
        .split_once(',')
        .ok_or(ScramError::Malformed("no GS2 header"))?;
    let (authorization, bare) = rest
        .split_once(',')
        .ok_or(ScramError::Malformed("no GS2 header"))?;
    let flag = match flag {
        "n" => BindingFlag::Unsupported,
        "y" => BindingFlag::NotOffered,
        "p=tls-server-end-point" => BindingFlag::EndPoint,
        other if other.starts_with("p=") => return Err(ScramError::BindingType),
        _ => return Err(ScramError::Malformed("unknown channel binding flag")),
    };
    if !authorization.is_empty() {
        return Err(ScramError::AuthorizationIdentity);
    }
    if bare.starts_with("m=") {
        return Err(ScramError::MandatoryExtension);
    }
    // The name is what the startup packet said; PostgreSQL's clients send an empty one or `*` here.
    let (name, nonce) = bare
        .split_once(',')
        .ok_or(ScramError::Malformed("no nonce"))?;
    if !name.starts_with("n=") {
        return Err(ScramError::Malformed("no user name"));
    }
    let nonce = nonce
        .strip_prefix("r=")
        .ok_or(ScramError::Malformed("no nonce"))?;
    check_nonce(nonce)?;
    let header = text
        .get(..text.len().saturating_sub(bare.len()))
        .unwrap_or_default();
    Ok(ClientFirst {
        flag,
        header,
        bare,
        nonce,
    })
}

pub(super) fn client_final(message: &[u8]) -> Result<ClientFinal<'_>, ScramError> {
    let text = text(message)?;
    let mut attributes = text.split(',');
    let binding = attribute(&mut attributes, "c=", "no channel binding data")?;
    let nonce = attribute(&mut attributes, "r=", "no nonce")?;
    let proof = attribute(&mut attributes, "p=", "no proof")?;
    if attributes.next().is_some() {
        return Err(ScramError::Malformed("attributes after the proof"));
    }
    check_nonce(nonce)?;
    let tail = ",p=".len().saturating_add(proof.len());
    let without_proof = text
        .get(..text.len().saturating_sub(tail))
        .unwrap_or_default();
    let binding = STANDARD
        .decode(binding)
        .map_err(|_error| ScramError::Malformed("channel binding data is no base64"))?;
    let proof = hash(proof).ok_or(ScramError::Malformed("the proof is no base64 of 32 bytes"))?;
    Ok(ClientFinal {
        binding,
        nonce,
        without_proof,
        proof,
    })
}

pub(super) fn server_first(message: &[u8]) -> Result<ServerFirst<'_>, ScramError> {
    let text = text(message)?;
    let mut attributes = text.split(',');
    let nonce = attribute(&mut attributes, "r=", "no nonce")?;
    let salt = attribute(&mut attributes, "s=", "no salt")?;
    let iterations = attribute(&mut attributes, "i=", "no iteration count")?;
    if attributes.next().is_some() {
        return Err(ScramError::Malformed(
            "attributes after the iteration count",
        ));
    }
    check_nonce(nonce)?;
    let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty());
    Ok(ServerFirst {
        text,
        nonce,
        salt: salt.ok_or(ScramError::Malformed("the salt is no base64"))?,
        iterations: iterations
            .parse()
            .map_err(|_error| ScramError::Malformed("the iteration count is no number"))?,
    })
}

/// The signature of `server-final-message`; an error that the server tells instead is [`ScramError::Proof`].
pub(super) fn server_final(message: &[u8]) -> Result<[u8; 32], ScramError> {
    let text = text(message)?;
    if text.starts_with("e=") {
        return Err(ScramError::Proof);
    }
    text.strip_prefix("v=")
        .and_then(hash)
        .ok_or(ScramError::Malformed("no signature of the server"))
}

fn attribute<'a>(
    attributes: &mut std::str::Split<'a, char>,
    prefix: &str,
    missing: &'static str,
) -> Result<&'a str, ScramError> {
    let attribute = attributes.next().ok_or(ScramError::Malformed(missing))?;
    if attribute.starts_with("m=") {
        return Err(ScramError::MandatoryExtension);
    }
    attribute
        .strip_prefix(prefix)
        .ok_or(ScramError::Malformed(missing))
}

fn hash(base64: &str) -> Option<[u8; 32]> {
    STANDARD.decode(base64).ok()?.try_into().ok()
}

fn text(message: &[u8]) -> Result<&str, ScramError> {
    if message.len() > MAX_MESSAGE_BYTES {
        return Err(ScramError::Malformed("too long"));
    }
    std::str::from_utf8(message).map_err(|_error| ScramError::Malformed("not UTF-8"))
}

/// Printable ASCII without the comma. An attribute that trails the nonce comes with a comma.
fn check_nonce(nonce: &str) -> Result<(), ScramError> {
    let printable = |byte: u8| matches!(byte, 0x21..=0x7e) && byte != b',';
    if nonce.is_empty() || nonce.len() > MAX_NONCE_BYTES || !nonce.bytes().all(printable) {
        return Err(ScramError::Malformed("bad nonce"));
    }
    Ok(())
}

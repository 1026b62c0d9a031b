//! The client's two messages (RFC 5802, section 7). Extensions are refused, the optional ones too:
//! what we don't understand is not ignored.

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
    let mut next = |prefix: &str, missing: &'static str| match attributes.next() {
        Some(attribute) if attribute.starts_with("m=") => Err(ScramError::MandatoryExtension),
        Some(attribute) => attribute
            .strip_prefix(prefix)
            .ok_or(ScramError::Malformed(missing)),
        None => Err(ScramError::Malformed(missing)),
    };
    let binding = next("c=", "no channel binding data")?;
    let nonce = next("r=", "no nonce")?;
    let proof = next("p=", "no proof")?;
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
    let proof = STANDARD
        .decode(proof)
        .ok()
        .and_then(|proof| proof.try_into().ok());
    let proof = proof.ok_or(ScramError::Malformed("the proof is no base64 of 32 bytes"))?;
    Ok(ClientFinal {
        binding,
        nonce,
        without_proof,
        proof,
    })
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

//! The one form of a destination (DESIGN: "one authority everywhere"): made once at the edge from what
//! the client wrote, and compared, resolved, dialled and shown in this form only.
//!
//! It must never repair what a client wrote: no percent-decoding, no user info, no zone ids, no
//! `inet_aton` spellings, no IDNA mapping of raw Unicode. What is not plainly legal is an error.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use thiserror::Error;

use crate::{Authority, Host};

#[cfg(test)]
mod tests;

/// The longest name in its text form without the trailing dot (RFC 1035 §2.3.4: 255 octets on the wire).
const NAME_BYTES: usize = 253;
/// RFC 1035 §2.3.4.
const LABEL_BYTES: usize = 63;

/// Why a text is no authority. The client is to blame for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// There is no host.
    #[error("the host is empty")]
    HostMissing,
    /// There is no port.
    #[error("the port is missing")]
    PortMissing,
    /// The port is not a plain decimal number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535 without sign or leading zero")]
    Port,
    /// A byte that no host name holds, raw non-ASCII and white space among them.
    #[error("the host holds a character that is not legal in a name")]
    Character,
    /// A name of more than 253 bytes.
    #[error("the host name is longer than 253 bytes")]
    TooLong,
    /// An empty label, one of more than 63 bytes, or one that starts or ends with a hyphen.
    #[error(
        "a label of the host name is empty, longer than 63 bytes, or starts or ends with a hyphen"
    )]
    Label,
    /// A label that starts with `xn--` and is not valid IDNA.
    #[error("an internationalised label of the host name is not valid")]
    ALabel,
    /// The last label is a number, and the whole is no IPv4 address in its one canonical spelling.
    #[error("the host ends in a number and is not an IPv4 address in dotted decimal form")]
    Numeric,
    /// Brackets around what is no IPv6 address, a zone id, or an IPv6 address without brackets.
    #[error("the host is not an IPv6 address in brackets without a zone")]
    Ipv6,
}

impl AuthorityError {
    /// The stable name of the error, for metrics and records.
    pub fn kind(self) -> &'static str {
        match self {
            Self::HostMissing => "host_missing",
            Self::PortMissing => "port_missing",
            Self::Port => "port",
            Self::Character => "character",
            Self::TooLong => "too_long",
            Self::Label => "label",
            Self::ALabel => "a_label",
            Self::Numeric => "numeric",
            Self::Ipv6 => "ipv6",
        }
    }

    /// What the client may be told: all of it, since it only speaks of the client's own bytes.
    pub fn public_message(self) -> String {
        self.to_string()
    }
}

impl Authority {
    /// Reads `host:port`, where the host is a name, an IPv4 address or an IPv6 address in brackets.
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        let (host, port) = if text.starts_with('[') {
            let (host, port) = text.split_once(']').ok_or(AuthorityError::Ipv6)?;
            let host = host.strip_prefix('[').unwrap_or(host);
            let port = if port.is_empty() {
                return Err(AuthorityError::PortMissing);
            } else {
                port.strip_prefix(':').ok_or(AuthorityError::Port)?
            };
            (Host::Address(IpAddr::V6(ipv6(host)?)), port)
        } else {
            let (host, port) = text.split_once(':').ok_or(AuthorityError::PortMissing)?;
            if port.contains(':') {
                return Err(AuthorityError::Port);
            }
            (Host::parse(host)?, port)
        };
        Ok(Self {
            host,
            port: parse_port(port)?,
        })
    }

    /// Joins a host in text form (IPv6 in brackets) and a port.
    pub fn new(host: &str, port: u16) -> Result<Self, AuthorityError> {
        if port == 0 {
            return Err(AuthorityError::Port);
        }
        Ok(Self {
            host: Host::parse(host)?,
            port,
        })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Host {
    /// Reads a host without a port: a name, an IPv4 address or an IPv6 address in brackets.
    pub fn parse(text: &str) -> Result<Self, AuthorityError> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(AuthorityError::Ipv6)?;
            return Ok(Self::Address(IpAddr::V6(ipv6(inner)?)));
        }
        if text.contains(':') {
            return Err(AuthorityError::Ipv6);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(AuthorityError::HostMissing);
        }
        if !text.bytes().all(is_host_byte) {
            return Err(AuthorityError::Character);
        }
        if name.len() > NAME_BYTES {
            return Err(AuthorityError::TooLong);
        }
        let mut last = name;
        for label in name.split('.') {
            check_label(label)?;
            last = label;
        }
        if is_number(last) {
            // A dotted quad with a trailing dot is neither a name nor an address.
            let address: Ipv4Addr = text.parse().map_err(|_| AuthorityError::Numeric)?;
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        if name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Ok(Self::Name(Arc::from(name.to_ascii_lowercase())));
        }
        Ok(Self::Name(Arc::from(name)))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

fn check_label(label: &str) -> Result<(), AuthorityError> {
    if label.is_empty()
        || label.len() > LABEL_BYTES
        || label.starts_with('-')
        || label.ends_with('-')
    {
        return Err(AuthorityError::Label);
    }
    if label
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
    {
        let label = label.to_ascii_lowercase();
        let (unicode, outcome) = idna::domain_to_unicode(&label);
        let back = idna::domain_to_ascii(&unicode);
        if outcome.is_err() || unicode.is_ascii() || back.ok().as_deref() != Some(label.as_str()) {
            return Err(AuthorityError::ALabel);
        }
    }
    Ok(())
}

/// Whether a last label makes the whole an IPv4 spelling for some parser (the WHATWG URL standard's
/// "ends in a number": decimal, octal or hex digits). INVARIANT: such a host is never a name.
fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn ipv6(text: &str) -> Result<Ipv6Addr, AuthorityError> {
    text.parse().map_err(|_| AuthorityError::Ipv6)
}

fn parse_port(text: &str) -> Result<u16, AuthorityError> {
    if text.is_empty() {
        return Err(AuthorityError::PortMissing);
    }
    if text.starts_with('0') || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AuthorityError::Port);
    }
    text.parse().map_err(|_| AuthorityError::Port)
}

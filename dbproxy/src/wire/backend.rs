//! The messages of a server that the proxy must understand; all others pass by their header alone.

use super::{Reader, Violation};

/// The status in ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not in a transaction block.
    Idle,
    /// In a transaction block.
    Transaction,
    /// In a failed transaction block.
    Failed,
}

impl Status {
    /// The byte on the wire.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Transaction => b'T',
            Self::Failed => b'E',
        }
    }
}

/// The status of a ReadyForQuery.
pub(crate) fn ready(body: &[u8]) -> Result<Status, Violation> {
    match body {
        b"I" => Ok(Status::Idle),
        b"T" => Ok(Status::Transaction),
        b"E" => Ok(Status::Failed),
        _ => Err(Violation::Malformed),
    }
}

/// A ParameterStatus: name and value.
pub(crate) fn parameter_status(body: &[u8]) -> Result<(&str, &str), Violation> {
    let mut reader = Reader::new(body);
    let name = reader.string().ok_or(Violation::Malformed)?;
    let value = reader.string().ok_or(Violation::Malformed)?;
    if !reader.is_empty() {
        return Err(Violation::Malformed);
    }
    let name = str::from_utf8(name).map_err(|_| Violation::NotUtf8)?;
    let value = str::from_utf8(value).map_err(|_| Violation::NotUtf8)?;
    Ok((name, value))
}

/// A BackendKeyData: the process id and the secret.
pub(crate) fn key_data(body: &[u8]) -> Result<(u32, &[u8]), Violation> {
    let mut reader = Reader::new(body);
    let process = reader.u32().ok_or(Violation::Malformed)?;
    match reader.rest() {
        secret if (4..=256).contains(&secret.len()) => Ok((process, secret)),
        _ => Err(Violation::Malformed),
    }
}

/// What an Authentication message asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authentication<'a> {
    /// It is done.
    Ok,
    /// The password as it is.
    Cleartext,
    /// The password as an MD5 with this salt.
    Md5([u8; 4]),
    /// One of these mechanisms, NUL-terminated each.
    Sasl(&'a [u8]),
    /// The server's next message.
    SaslContinue(&'a [u8]),
    /// The server's last message.
    SaslFinal(&'a [u8]),
    /// Anything else: Kerberos, GSSAPI, SSPI, or unknown.
    Other(u32),
}

/// An Authentication message.
pub(crate) fn authentication(body: &[u8]) -> Result<Authentication<'_>, Violation> {
    let mut reader = Reader::new(body);
    let code = reader.u32().ok_or(Violation::Malformed)?;
    let rest = reader.rest();
    Ok(match code {
        0 => Authentication::Ok,
        3 => Authentication::Cleartext,
        5 => Authentication::Md5(rest.try_into().map_err(|_| Violation::Malformed)?),
        10 => Authentication::Sasl(rest),
        11 => Authentication::SaslContinue(rest),
        12 => Authentication::SaslFinal(rest),
        other => Authentication::Other(other),
    })
}

/// The number of rows in a CommandComplete tag (`INSERT 0 5`, `SELECT 3`), where it has one.
pub(crate) fn rows(body: &[u8]) -> Option<u64> {
    let tag = body.strip_suffix(b"\0")?;
    let number = tag.rsplit(|byte| *byte == b' ').next()?;
    if number.is_empty() || number.len() == tag.len() {
        return None;
    }
    number.iter().try_fold(0u64, |sum, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests;

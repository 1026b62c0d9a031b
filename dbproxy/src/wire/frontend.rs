//! The messages that a client sends after its start-up.

use super::{Reader, Violation};

/// What a Close or Describe names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

impl Target {
    /// The byte on the wire.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }
}

/// A Parse message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parse<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) sql: &'a [u8],
    /// Where the text begins in the body.
    pub(crate) sql_at: usize,
    /// The type OIDs, four bytes each, big endian; 0 leaves a type to the server.
    pub(crate) types: &'a [u8],
}

/// The names of a Bind message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bind<'a> {
    pub(crate) portal: &'a [u8],
    pub(crate) statement: &'a [u8],
    /// What follows the names: formats, values, result formats.
    pub(crate) values: &'a [u8],
}

/// The text of a Query message: exactly one string that fills the body. PostgreSQL refuses trailing
/// bytes; a proxy that ignored them would read another statement than the server.
pub(crate) fn query(body: &[u8]) -> Result<&[u8], Violation> {
    whole_string(body)
}

/// A Parse message.
pub(crate) fn parse(body: &[u8]) -> Result<Parse<'_>, Violation> {
    let mut reader = Reader::new(body);
    let name = reader.string().ok_or(Violation::Malformed)?;
    let sql_at = name.len() + 1;
    let sql = reader.string().ok_or(Violation::Malformed)?;
    let count = usize::from(reader.u16().ok_or(Violation::Malformed)?);
    let types = reader.bytes(count * 4).ok_or(Violation::Malformed)?;
    if !reader.is_empty() {
        return Err(Violation::Malformed);
    }
    Ok(Parse {
        name,
        sql,
        sql_at,
        types,
    })
}

/// The names of a Bind message; the body may be cut anywhere behind them.
pub(crate) fn bind(body: &[u8]) -> Result<Bind<'_>, Violation> {
    let mut reader = Reader::new(body);
    let portal = reader.string().ok_or(Violation::Malformed)?;
    let statement = reader.string().ok_or(Violation::Malformed)?;
    Ok(Bind {
        portal,
        statement,
        values: reader.rest(),
    })
}

/// One bound value: its format code and its bytes, `None` for NULL.
pub(crate) type Value<'a> = (u16, Option<&'a [u8]>);

/// The bound values of a whole Bind message (see [`Bind::values`]), checked to its end.
pub(crate) fn values(values: &[u8]) -> Result<Vec<Value<'_>>, Violation> {
    let mut reader = Reader::new(values);
    let mut formats = Vec::new();
    for _ in 0..reader.u16().ok_or(Violation::Malformed)? {
        formats.push(reader.u16().ok_or(Violation::Malformed)?);
    }
    let count = usize::from(reader.u16().ok_or(Violation::Malformed)?);
    let mut found = Vec::new();
    for position in 0..count {
        let format = match formats.as_slice() {
            [] => 0,
            [all] => *all,
            each => *each.get(position).ok_or(Violation::Malformed)?,
        };
        let length = reader.i32().ok_or(Violation::Malformed)?;
        let bytes = match usize::try_from(length) {
            Ok(length) => Some(reader.bytes(length).ok_or(Violation::Malformed)?),
            Err(_) if length == -1 => None,
            Err(_) => return Err(Violation::Malformed),
        };
        found.push((format, bytes));
    }
    for _ in 0..reader.u16().ok_or(Violation::Malformed)? {
        reader.u16().ok_or(Violation::Malformed)?;
    }
    if !reader.is_empty() {
        return Err(Violation::Malformed);
    }
    Ok(found)
}

/// The portal of an Execute message, and how many rows it asks for (0: all).
pub(crate) fn execute(body: &[u8]) -> Result<(&[u8], u32), Violation> {
    let mut reader = Reader::new(body);
    let portal = reader.string().ok_or(Violation::Malformed)?;
    let rows = reader.u32().ok_or(Violation::Malformed)?;
    if !reader.is_empty() {
        return Err(Violation::Malformed);
    }
    Ok((portal, rows))
}

/// What a Close or Describe message names.
pub(crate) fn target(body: &[u8]) -> Result<(Target, &[u8]), Violation> {
    let (kind, name) = body.split_first().ok_or(Violation::Malformed)?;
    let target = match kind {
        b'S' => Target::Statement,
        b'P' => Target::Portal,
        _ => return Err(Violation::Malformed),
    };
    Ok((target, whole_string(name)?))
}

/// A message without a body.
pub(crate) fn empty(body: &[u8]) -> Result<(), Violation> {
    if body.is_empty() {
        Ok(())
    } else {
        Err(Violation::Malformed)
    }
}

/// The password of a PasswordMessage.
pub(crate) fn password(body: &[u8]) -> Result<&str, Violation> {
    str::from_utf8(whole_string(body)?).map_err(|_| Violation::NotUtf8)
}

/// The mechanism and the first message of a SASLInitialResponse.
pub(crate) fn sasl_initial(body: &[u8]) -> Result<(&str, &[u8]), Violation> {
    let mut reader = Reader::new(body);
    let mechanism = reader.string().ok_or(Violation::Malformed)?;
    let length = reader.i32().ok_or(Violation::Malformed)?;
    // PostgreSQL allows -1 for "no first message"; SCRAM always has one.
    let length = usize::try_from(length).map_err(|_| Violation::Malformed)?;
    let message = reader.bytes(length).ok_or(Violation::Malformed)?;
    if !reader.is_empty() {
        return Err(Violation::Malformed);
    }
    let mechanism = str::from_utf8(mechanism).map_err(|_| Violation::NotUtf8)?;
    Ok((mechanism, message))
}

fn whole_string(body: &[u8]) -> Result<&[u8], Violation> {
    match body.split_last() {
        Some((0, text)) if memchr::memchr(0, text).is_none() => Ok(text),
        _ => Err(Violation::Malformed),
    }
}

#[cfg(test)]
mod tests;

//! The first packet of a connection, which has no tag: a length, a code, and what the code says.

use super::{Reader, Violation};

/// PostgreSQL's own cap of a start-up packet (`MAX_STARTUP_PACKET_LENGTH`).
pub(crate) const MAX: usize = 10_000;

const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
const CANCEL: u32 = 80_877_102;

/// The newest protocol that the proxy speaks.
pub(crate) const NEWEST: u32 = (3 << 16) | 2;

/// What the first bytes of a connection ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// SSLRequest: TLS, please.
    Ssl,
    /// GSSENCRequest: encryption by GSSAPI, please.
    Gss,
    /// The first byte of a TLS record: TLS without asking.
    DirectTls,
    /// CancelRequest.
    Cancel(CancelKey),
    /// StartupMessage.
    Startup(Startup),
}

/// The key of a CancelRequest.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CancelKey {
    pub(crate) process: u32,
    pub(crate) secret: Vec<u8>,
}

impl std::fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelKey")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

/// A StartupMessage of protocol 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Startup {
    /// The minor version that was asked for.
    pub(crate) minor: u16,
    pub(crate) user: String,
    /// The database; PostgreSQL's default is the user's name.
    pub(crate) database: String,
    /// The `options` parameter as it came.
    pub(crate) options: Option<String>,
    /// The `replication` parameter as it came.
    pub(crate) replication: Option<String>,
    /// Everything else: configuration parameters as they are spelled, in the order of the packet. Of one
    /// that comes twice the last counts, as in PostgreSQL.
    pub(crate) settings: Vec<(String, String)>,
    /// Names of `_pq_.` protocol options; none is known to this version.
    pub(crate) extensions: Vec<String>,
}

/// A first packet that can't be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StartupError {
    /// The bytes break the format.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// A protocol other than 3.
    #[error("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2")]
    Version { major: u16, minor: u16 },
    /// No user name, as PostgreSQL words it.
    #[error("no PostgreSQL user name specified in startup packet")]
    NoUser,
    /// Two users or two databases. PostgreSQL takes the last one; what stands between may have taken
    /// the first.
    #[error("the startup packet names two users or two databases")]
    Duplicate,
}

impl StartupError {
    /// The metric label and the audit field.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Violation(violation) => violation.kind(),
            Self::Version { .. } => "version",
            Self::NoUser => "no_user",
            Self::Duplicate => "duplicate",
        }
    }

    /// The SQLSTATE of the answer.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Violation(_) | Self::Duplicate => "08P01",
            Self::Version { .. } => "0A000",
            Self::NoUser => "28000",
        }
    }
}

/// Reads the first packet; `None` when more bytes are needed, else the packet and how many bytes it took.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<(Opening, usize)>, StartupError> {
    let Some(first) = bytes.first() else {
        return Ok(None);
    };
    // A start-up packet under 16 MB begins with a NUL; a TLS handshake record begins with 0x16.
    if *first == 0x16 {
        return Ok(Some((Opening::DirectTls, 0)));
    }
    let mut reader = Reader::new(bytes);
    let Some(claimed) = reader.u32() else {
        // What is no length below 10,000 is refused without waiting for the rest.
        return if *first == 0 {
            Ok(None)
        } else {
            Err(Violation::LengthTooLarge.into())
        };
    };
    let length = claimed as usize;
    if length < 8 {
        return Err(Violation::LengthTooSmall.into());
    }
    if length > MAX {
        return Err(Violation::LengthTooLarge.into());
    }
    let Some(body) = bytes.get(4..length) else {
        return Ok(None);
    };
    packet(body).map(|opening| Some((opening, length)))
}

fn packet(body: &[u8]) -> Result<Opening, StartupError> {
    let mut reader = Reader::new(body);
    let code = reader.u32().ok_or(Violation::Malformed)?;
    match code {
        SSL | GSS if !reader.is_empty() => Err(Violation::Malformed.into()),
        SSL => Ok(Opening::Ssl),
        GSS => Ok(Opening::Gss),
        CANCEL => {
            let process = reader.u32().ok_or(Violation::Malformed)?;
            let secret = reader.rest();
            if !(4..=256).contains(&secret.len()) {
                return Err(Violation::Malformed.into());
            }
            Ok(Opening::Cancel(CancelKey {
                process,
                secret: secret.to_vec(),
            }))
        }
        version => startup(version, reader).map(Opening::Startup),
    }
}

fn startup(version: u32, mut reader: Reader<'_>) -> Result<Startup, StartupError> {
    let major = (version >> 16) as u16;
    let minor = (version & 0xffff) as u16;
    if major != 3 {
        return Err(StartupError::Version { major, minor });
    }
    let mut settings = Vec::new();
    let mut extensions = Vec::new();
    let (mut user, mut database) = (None, None);
    let (mut options, mut replication) = (None, None);
    loop {
        let name = reader.string().ok_or(Violation::Malformed)?;
        if name.is_empty() {
            break;
        }
        let value = reader.string().ok_or(Violation::Malformed)?;
        let name = str::from_utf8(name).map_err(|_| Violation::NotUtf8)?;
        let value = str::from_utf8(value).map_err(|_| Violation::NotUtf8)?;
        // These names count as they are written; PostgreSQL takes `USER` for a configuration parameter.
        match name {
            "user" => only(&mut user, value)?,
            "database" => only(&mut database, value)?,
            "options" => options = Some(value.to_owned()),
            "replication" => replication = Some(value.to_owned()),
            _ if name.starts_with("_pq_.") => extensions.push(name.to_owned()),
            _ => settings.push((name.to_owned(), value.to_owned())),
        }
    }
    if !reader.is_empty() {
        return Err(Violation::Malformed.into());
    }
    let user = user
        .filter(|name| !name.is_empty())
        .ok_or(StartupError::NoUser)?;
    let database = database
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| user.clone());
    Ok(Startup {
        minor,
        user,
        database,
        options,
        replication,
        settings,
        extensions,
    })
}

/// A name that may be repeated, but not changed.
fn only(kept: &mut Option<String>, value: &str) -> Result<(), StartupError> {
    if kept.as_deref().is_some_and(|earlier| earlier != value) {
        return Err(StartupError::Duplicate);
    }
    *kept = Some(value.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests;

//! Why there is no connection to a database: for the record, for the operator, and for the client, who
//! must learn nothing of addresses, users or passwords.

use std::io;
use std::sync::Arc;

use exeat_identity::scram::ScramError;

use crate::wire::Violation;

/// Why a database can't be reached or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// The policy names a database role that the configuration has no credentials of.
    #[error("the configuration has no user \"{0}\" for this database")]
    UnknownUser(Arc<str>),
    /// No connection, or it broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The server has no TLS, and the configuration asks for it.
    #[error("the server does not support TLS")]
    NoTls,
    /// TLS can't be set up, or the server does not prove itself.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server does not speak the protocol.
    #[error("protocol violation: {0}")]
    Violation(#[from] Violation),
    /// The server asks for what the proxy does not give.
    #[error("the server asks for {0}, which is refused")]
    Authentication(&'static str),
    /// The server's half of SCRAM does not verify, or the exchange broke.
    #[error("SCRAM: {0}")]
    Scram(#[from] ScramError),
    /// The server refused.
    #[error("the server refuses: {code}: {message}")]
    Refused { code: String, message: String },
    /// A setting is not what it was pinned to.
    #[error("the server reports {0} otherwise than pinned")]
    NotPinned(String),
}

impl UpstreamError {
    /// The class of the error: metric label and audit field.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::UnknownUser(_) => "upstream_user",
            Self::Io(_) => "upstream_io",
            Self::TimedOut => "upstream_timeout",
            Self::NoTls | Self::Tls(_) => "upstream_tls",
            Self::Violation(_) => "upstream_violation",
            Self::Authentication(_) | Self::Scram(_) => "upstream_authentication",
            Self::Refused { .. } => "upstream_refused",
            Self::NotPinned(_) => "upstream_not_pinned",
        }
    }

    /// What a client may know: nothing of addresses, users or passwords.
    pub(crate) fn public_message(&self) -> String {
        match self {
            Self::Refused { code, .. } => {
                format!("the database refused the proxy's connection (SQLSTATE {code})")
            }
            Self::TimedOut => "the database did not answer in time".to_owned(),
            _ => "the proxy could not connect to the database".to_owned(),
        }
    }

    /// The SQLSTATE for the client.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } if code == "53300" => "53300",
            Self::Refused { code, .. } if code.starts_with("57P") => "57P03",
            Self::Refused { .. } => "08004",
            Self::UnknownUser(_) => "F0000",
            _ => "08006",
        }
    }
}

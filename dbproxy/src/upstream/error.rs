//! Why there is no connection to a database: for the record, for the operator, and for the client, who
//! must learn nothing of addresses, users or passwords.

use std::io;
use std::sync::Arc;

use exeat_identity::scram::ScramError;

use crate::wire::Violation;
use crate::wire::write::Error;

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
    #[error("the server refuses: {}: {}", .0.code, .0.message)]
    Refused(Box<UpstreamRefused>),
    /// A setting is not what it was pinned to.
    #[error("the server reports {0} otherwise than pinned")]
    NotPinned(String),
}

/// An ErrorResponse of the server in start-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UpstreamRefused {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
}

impl UpstreamRefused {
    /// In the server's own words, where they say nothing of addresses, users or passwords.
    fn told(&self, settings: &[(String, String)]) -> Option<Error> {
        let (code, own) = match self.code.as_str() {
            // invalid_parameter_value and its kin: the session's other settings are the proxy's, and right.
            "22023" => ("22023", !settings.is_empty()),
            "22P02" => ("22P02", self.names_one_of(settings)),
            "42704" => ("42704", self.names_one_of(settings)),
            "42501" => ("42501", self.names_one_of(settings)),
            "42602" => ("42602", self.names_one_of(settings)),
            "55P02" => ("55P02", self.names_one_of(settings)),
            // "sorry, too many clients already", "the database system is starting up"; not where a role
            // or a database of the server is named.
            "53300" => ("53300", !self.message.contains('"')),
            "57P03" => ("57P03", !self.message.contains('"')),
            _ => return None,
        };
        let mut error = Error::fatal(code, self.message.as_str());
        error.detail.clone_from(&self.detail);
        error.hint.clone_from(&self.hint);
        own.then_some(error)
    }

    /// Whether the message is about a parameter that the client has sent.
    fn names_one_of(&self, settings: &[(String, String)]) -> bool {
        let message = self.message.to_ascii_lowercase();
        settings.iter().any(|(name, _)| {
            message.contains(&format!("parameter \"{}\"", name.to_ascii_lowercase()))
        })
    }
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
            Self::Refused(_) => "upstream_refused",
            Self::NotPinned(_) => "upstream_not_pinned",
        }
    }

    /// What a client may know: nothing of addresses, users or passwords.
    pub(crate) fn public_message(&self) -> String {
        match self {
            Self::Refused(refused) => {
                let code = &refused.code;
                format!("the database refused the proxy's connection (SQLSTATE {code})")
            }
            Self::TimedOut => "the database did not answer in time".to_owned(),
            _ => "the proxy could not connect to the database".to_owned(),
        }
    }

    /// What a client that sent these settings is told: PostgreSQL's own words where they are about a
    /// setting of the client's own, or about nothing but the server's state.
    pub(crate) fn told(&self, settings: &[(String, String)]) -> Error {
        if let Self::Refused(refused) = self
            && let Some(error) = refused.told(settings)
        {
            return error;
        }
        Error::fatal(self.code(), self.public_message())
            .hint("The proxy's log says more; its administrator can read it.")
    }

    /// Whether it is about a setting of the client's own: no failure of anybody else's.
    pub(crate) fn is_clients(&self, settings: &[(String, String)]) -> bool {
        matches!(self, Self::Refused(refused)
            if !refused.code.starts_with('5') && refused.told(settings).is_some())
    }

    /// Whether it may be better in a moment: the server is not there, starting, or full.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Io(_) | Self::TimedOut => true,
            Self::Refused(refused) => {
                refused.code.starts_with("57P") || refused.code.starts_with("53")
            }
            Self::UnknownUser(_)
            | Self::NoTls
            | Self::Tls(_)
            | Self::Violation(_)
            | Self::Authentication(_)
            | Self::Scram(_)
            | Self::NotPinned(_) => false,
        }
    }

    /// The SQLSTATE for the client.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused(refused) if refused.code == "53300" => "53300",
            Self::Refused(refused) if refused.code.starts_with("57P") => "57P03",
            Self::Refused(_) => "08004",
            Self::UnknownUser(_) => "F0000",
            _ => "08006",
        }
    }
}

#[cfg(test)]
mod tests;

//! Connections to databases: dialled, encrypted, authenticated, with everything pinned that decides
//! what a statement means. This is the one place that hands them out: pooling belongs behind it.
//!
//! A password never leaves in clear over a connection without TLS, and the server must prove that it
//! knows the password too where SCRAM is used.

mod authenticate;
mod tls;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use exeat_identity::Secret;
use exeat_identity::scram::{ClientPassword, ScramError};
use exeat_service::config::{self, UpstreamTls};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pipe::Pipe;
use crate::stream::Stream;
use crate::wire::backend::{self, Status};
use crate::wire::{Violation, frame, write};

/// A database and how to reach it.
#[derive(Debug)]
pub(crate) struct Upstream {
    host: String,
    port: u16,
    database: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    passwords: HashMap<Arc<str>, Option<Arc<ClientPassword>>>,
    search_path: String,
    timeout: Duration,
}

/// A connection that is ready for statements.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Nothing is left in it: the server has said all that it says before the first statement.
    pub(crate) received: Pipe,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) cancel: CancelTarget,
}

/// What it takes to cancel the statement of a connection.
#[derive(Clone, Debug)]
pub(crate) struct CancelTarget {
    upstream: Arc<Upstream>,
    process: u32,
    secret: Secret<Vec<u8>>,
}

/// Settings whose change would change what a judged statement means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pinned(Vec<(String, String)>);

/// A server reports about fifteen settings before the first statement; one that goes on is not believed.
const REPORTED: usize = 256;

/// The pinned ones among what servers report.
const PINNED: [&str; 6] = [
    "client_encoding",
    "is_superuser",
    "search_path",
    "server_encoding",
    "session_authorization",
    "standard_conforming_strings",
];

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

/// The search path as the server gets it. Where `pg_catalog` is first it is left out: PostgreSQL looks
/// there first anyway, but would put what is created without a schema into the first one that is named.
/// Not where `pg_temp` alone would be left: everything would be temporary.
fn spelled(search_path: &[Arc<str>]) -> String {
    let named = match search_path {
        [first, rest @ ..] if &**first == "pg_catalog" && rest.len() > 1 => rest,
        all => all,
    };
    let quoted = named
        .iter()
        .map(|schema| format!("\"{}\"", schema.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(", ")
}

impl Upstream {
    /// Checks a configured database and reads its roots.
    pub(crate) fn new(
        database: &config::Database,
        search_path: &[Arc<str>],
        timeout: Duration,
    ) -> Result<Self, UpstreamError> {
        let tls = match &database.tls {
            UpstreamTls::Disable => None,
            UpstreamTls::VerifyFull { roots } => Some(tls::client(&database.host, roots)?),
        };
        let passwords = database.users.iter().map(|(name, user)| {
            let password = user.password.clone().map(ClientPassword::new);
            (Arc::clone(name), password.map(Arc::new))
        });
        Ok(Self {
            host: database.host.clone(),
            port: database.port,
            database: database.database.clone(),
            tls,
            passwords: passwords.collect(),
            search_path: spelled(search_path),
            timeout,
        })
    }

    /// Where it is, for the operator's log: never for a client.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens a connection as this database role. `settings` come from the client, judged already.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        user: &Arc<str>,
        settings: &[(String, String)],
        statement_timeout: Option<Duration>,
    ) -> Result<Connection, UpstreamError> {
        let password = self
            .passwords
            .get(user)
            .ok_or_else(|| UpstreamError::UnknownUser(Arc::clone(user)))?;
        let timeout_ms = statement_timeout.map(|limit| limit.as_millis().max(1).to_string());
        let mut parameters: Vec<(&str, &str)> = settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        // What is pinned comes last: the server takes the last one of a name.
        parameters.extend([
            ("user", &**user),
            ("database", self.database.as_str()),
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("search_path", self.search_path.as_str()),
        ]);
        parameters.extend(
            timeout_ms
                .as_deref()
                .map(|limit| ("statement_timeout", limit)),
        );
        let opening = async {
            let mut stream = self.dial().await?;
            let mut hello = Vec::new();
            write::startup(&mut hello, parameters);
            stream.write_all(&hello).await?;
            stream.flush().await?;
            self.greet(stream, password.as_ref()).await
        };
        tokio::time::timeout(self.timeout, opening)
            .await
            .map_err(|_| UpstreamError::TimedOut)?
    }

    async fn dial(&self) -> Result<Stream, UpstreamError> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let Some((config, name)) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        stream.write_all(&write::SSL_REQUEST).await?;
        // Exactly one byte is read: what somebody puts behind it is no part of the session, but meets
        // the TLS handshake and breaks it (CVE-2021-23222).
        match stream.read_u8().await? {
            b'S' => {}
            b'N' => return Err(UpstreamError::NoTls),
            _ => return Err(Violation::UnexpectedType.into()),
        }
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), stream).await;
        Ok(Stream::Tls(Box::new(stream.map_err(handshake)?.into())))
    }

    /// From the start-up message to the first ReadyForQuery.
    async fn greet(
        self: &Arc<Self>,
        stream: Stream,
        password: Option<&Arc<ClientPassword>>,
    ) -> Result<Connection, UpstreamError> {
        let encrypted = self.tls.is_some();
        let mut channel = authenticate::authenticate(stream, password, encrypted).await?;
        let mut parameters: Vec<(String, String)> = Vec::new();
        let mut key = None;
        let mut reports = 0;
        loop {
            let (tag, body) = channel.message().await?;
            match tag {
                b'S' if reports < REPORTED => {
                    reports += 1;
                    let (name, value) = backend::parameter_status(&body)?;
                    // What is reported twice was changed in between.
                    parameters.retain(|(known, _)| known != name);
                    parameters.push((name.to_owned(), value.to_owned()));
                }
                b'K' => {
                    let (process, secret) = backend::key_data(&body)?;
                    key = Some((process, secret.to_vec()));
                }
                b'N' => {}
                b'Z' if backend::ready(&body)? == Status::Idle => break,
                _ => return Err(Violation::UnexpectedType.into()),
            }
        }
        let reported = |wanted: &str| {
            let found = parameters.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        for (name, value) in [
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
        ] {
            if reported(name) != Some(value) {
                return Err(UpstreamError::NotPinned(name.to_owned()));
            }
        }
        let (process, secret) = key.ok_or(Violation::Malformed)?;
        Ok(Connection {
            stream: channel.stream,
            received: channel.received,
            parameters,
            cancel: CancelTarget {
                upstream: Arc::clone(self),
                process,
                secret: Secret::new(secret),
            },
        })
    }
}

impl CancelTarget {
    #[cfg(test)]
    pub(crate) fn of(upstream: Arc<Upstream>) -> Self {
        Self {
            upstream,
            process: 1,
            secret: Secret::new(vec![0; 4]),
        }
    }

    /// Asks the database to cancel; returns when it has taken the request.
    pub(crate) async fn cancel(&self) -> Result<(), UpstreamError> {
        let mut stream = self.upstream.dial().await?;
        let mut request = Vec::new();
        write::cancel(&mut request, self.process, self.secret.expose());
        stream.write_all(&request).await?;
        stream.flush().await?;
        // The server closes after it has sent the signal.
        let mut rest = [0; 16];
        while stream.read(&mut rest).await.unwrap_or(0) > 0 {}
        Ok(())
    }
}

impl Pinned {
    /// The pinned settings as the server reported them at the beginning.
    pub(crate) fn of(parameters: &[(String, String)]) -> Self {
        let pinned = parameters
            .iter()
            .filter(|(name, _)| PINNED.contains(&name.as_str()));
        Self(pinned.cloned().collect())
    }

    /// Whether this report leaves everything pinned as it was.
    pub(crate) fn holds(&self, name: &str, value: &str) -> bool {
        match self.0.iter().find(|(pinned, _)| pinned == name) {
            Some((_, pinned)) => pinned == value,
            // Reported for the first time in mid-session.
            None => !PINNED.contains(&name),
        }
    }
}

/// Messages of a server, one at a time, before the relay.
pub(crate) struct Channel {
    pub(crate) stream: Stream,
    pub(crate) received: Pipe,
}

impl Channel {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            received: Pipe::new(),
        }
    }

    /// The next message; an ErrorResponse is an error.
    pub(crate) async fn message(&mut self) -> Result<(u8, Vec<u8>), UpstreamError> {
        loop {
            let here = self.received.unscanned();
            if let Some(found) = frame::header(here)? {
                if found.length > frame::WHOLE {
                    return Err(Violation::LengthTooLarge.into());
                }
                if let Some(body) = frame::body(here, found) {
                    let body = body.to_vec();
                    self.received.discard(found.length);
                    return match found.tag {
                        b'E' => Err(refused(&body)),
                        tag => Ok((tag, body)),
                    };
                }
                self.received.need(found.length);
            }
            if self.received.fill(&mut self.stream).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}

/// What TLS objects to is no broken connection.
fn handshake(error: io::Error) -> UpstreamError {
    match error.get_ref() {
        Some(inner) if inner.is::<rustls::Error>() => UpstreamError::Tls(inner.to_string()),
        _ => UpstreamError::Io(error),
    }
}

fn refused(body: &[u8]) -> UpstreamError {
    let fields = backend::error_fields(body);
    UpstreamError::Refused {
        code: fields.code.unwrap_or("XX000").to_owned(),
        message: fields.message.unwrap_or_default().to_owned(),
    }
}

//! Connections to databases: dialled, encrypted, authenticated, with everything pinned that decides
//! what a statement means. This is the one place that hands them out: pooling belongs behind it.
//!
//! A password never leaves in clear over a connection without TLS, and the server must prove that it
//! knows the password too where SCRAM is used.

mod authenticate;
mod channel;
mod error;
mod pinned;
mod tls;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use exeat_identity::Secret;
use exeat_identity::scram::ClientPassword;
use exeat_service::config::{self, UpstreamTls};
use exeat_service::keepalive::Keepalive;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::pipe::Pipe;
use crate::stream::Stream;
use crate::wire::backend::{self, Status};
use crate::wire::{Violation, write};
pub(crate) use channel::Channel;
pub(crate) use error::UpstreamError;
pub(crate) use pinned::{ASKED, Pinned, is_as_begun};

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
    keepalive: Keepalive,
}

/// What a connection is opened as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The database role.
    pub(crate) user: &'a Arc<str>,
    /// What the client's start-up packet sets, judged already; or the proxy's own.
    pub(crate) settings: &'a [(String, String)],
    pub(crate) statement_timeout: Option<Duration>,
    /// Nothing is pinned: what `settings` says of encoding and search path counts.
    pub(crate) relaxed: bool,
}

impl<'a> Wanted<'a> {
    /// One of the proxy's own.
    pub(crate) fn own(user: &'a Arc<str>, settings: &'a [(String, String)]) -> Self {
        Self {
            user,
            settings,
            statement_timeout: None,
            relaxed: false,
        }
    }
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
    /// Whose connection it is.
    user: Arc<str>,
    process: u32,
    secret: Secret<Vec<u8>>,
}

/// A server reports about fifteen settings before the first statement; one that goes on is not believed.
const REPORTED: usize = 256;

/// The search path as the server gets it, and shows it.
fn spelled(search_path: &[Arc<str>]) -> String {
    let written = exeat_sql::written_path(search_path);
    exeat_sql::joined(written.iter().map(|schema| &**schema))
}

impl Upstream {
    /// Checks a configured database and reads its roots.
    pub(crate) fn new(
        database: &config::Database,
        search_path: &[Arc<str>],
        timeout: Duration,
        keepalive: Keepalive,
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
            keepalive,
        })
    }

    /// Where it is, for the operator's log: never for a client.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens a connection.
    pub(crate) async fn connect(
        self: &Arc<Self>,
        wanted: Wanted<'_>,
    ) -> Result<Connection, UpstreamError> {
        let user = wanted.user;
        let password = self
            .passwords
            .get(user)
            .ok_or_else(|| UpstreamError::UnknownUser(Arc::clone(user)))?;
        let timeout_ms = wanted
            .statement_timeout
            .map(|limit| limit.as_millis().max(1).to_string());
        let given = wanted.settings.iter();
        let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
        let pinned = [
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("search_path", self.search_path.as_str()),
        ];
        // What is pinned comes last: the server takes the last one of a name.
        let mut parameters: Vec<(&str, &str)> = if wanted.relaxed {
            pinned.into_iter().chain(given).collect()
        } else {
            given.chain(pinned).collect()
        };
        parameters.extend([("user", &**user), ("database", self.database.as_str())]);
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
            let connection = self.greet(stream, (user, password.as_ref())).await?;
            if !wanted.relaxed {
                pinned::check(&connection.parameters)?;
            }
            Ok(connection)
        };
        tokio::time::timeout(self.timeout, opening)
            .await
            .map_err(|_| UpstreamError::TimedOut)?
    }

    async fn dial(&self) -> Result<Stream, UpstreamError> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        self.keepalive.apply(&stream)?;
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
        (user, password): (&Arc<str>, Option<&Arc<ClientPassword>>),
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
        let (process, secret) = key.ok_or(Violation::Malformed)?;
        Ok(Connection {
            stream: channel.stream,
            received: channel.received,
            parameters,
            cancel: CancelTarget {
                upstream: Arc::clone(self),
                user: Arc::clone(user),
                process,
                secret: Secret::new(secret),
            },
        })
    }
}

impl CancelTarget {
    /// The server's process, as `pg_stat_activity` and `pg_backend_pid()` name it.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    #[cfg(test)]
    pub(crate) fn of(upstream: Arc<Upstream>) -> Self {
        Self {
            upstream,
            user: "nobody".into(),
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

    /// Has the database end the connection's session, with all that it has of it and did not run yet: after a
    /// cancel it goes on with the next message. Returns when it was told.
    pub(crate) async fn terminate(&self) -> Result<(), UpstreamError> {
        let settings = [("application_name".to_owned(), "exeat end".to_owned())];
        let wanted = Wanted::own(&self.user, &settings);
        let connection = self.upstream.connect(wanted).await?;
        let mut channel = Channel::open(connection.stream, connection.received);
        let mut asked = Vec::new();
        let end = format!("SELECT pg_catalog.pg_terminate_backend({})", self.process);
        write::query(&mut asked, &end);
        channel.send(&asked).await?;
        while channel.message().await?.0 != b'Z' {}
        Ok(())
    }
}

/// What TLS objects to is no broken connection.
fn handshake(error: io::Error) -> UpstreamError {
    match error.get_ref() {
        Some(inner) if inner.is::<rustls::Error>() => UpstreamError::Tls(inner.to_string()),
        _ => UpstreamError::Io(error),
    }
}

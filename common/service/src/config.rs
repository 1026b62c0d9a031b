//! The configuration of a process: what a step may rely on, already validated.
//!
//! YAML is read into `raw`, judged by `validate`, and only the values of this file leave the
//! module. Every path is absolute or relative to the working directory by then, every secret is
//! read. Nothing here does IO after [`load`], and a key that would silently do nothing is refused
//! there.

pub(crate) mod diagnostic;
mod raw;
mod schema;
mod units;
mod validate;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use exeat_identity::Secret;

use crate::keepalive::Keepalive;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use schema::schema;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// The name of this node in records.
    pub node: Arc<str>,
    /// Files and folders of the policy.
    pub policy: Vec<PathBuf>,
    /// Threads and draining.
    pub runtime: Runtime,
    /// Who is trusted to prove an identity.
    pub identity: exeat_identity::Settings,
    /// The audit log.
    pub audit: Audit,
    /// The admin listener.
    pub admin: Option<Admin>,
    /// The egress gateway.
    pub gateway: Option<Gateway>,
    /// The database proxy.
    pub dbproxy: Option<Dbproxy>,
}

impl Config {
    /// The files that the listeners' TLS is read from.
    pub fn certificate_paths(&self) -> Vec<PathBuf> {
        let gateway = self.gateway.iter().flat_map(|gateway| &gateway.listeners);
        let dbproxy = self.dbproxy.iter().flat_map(|dbproxy| &dbproxy.listeners);
        let tls = gateway.filter_map(|listener| listener.tls.as_ref());
        let tls = tls.chain(dbproxy.filter_map(|listener| listener.tls.as_ref()));
        tls.flat_map(|tls| [tls.certificate.clone(), tls.key.clone()])
            .collect()
    }
}

/// Threads and draining.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Threads that serve connections, one runtime each.
    pub threads: usize,
    /// How long live sessions may go on after SIGTERM.
    pub drain_timeout: Duration,
}

/// The audit log.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Its folder.
    pub directory: PathBuf,
    /// The size after which a segment is sealed.
    pub segment_bytes: u64,
}

/// The admin listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens.
    pub address: SocketAddr,
    /// The bearer token that callers must send; always there when the address is not loopback.
    pub token: Option<Secret<String>>,
}

/// A TLS server side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM file of the certificate chain.
    pub certificate: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
    /// Whether clients are asked for a certificate (they may still come without one).
    pub client_certificates: bool,
}

/// The egress gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// Where it listens; never empty.
    pub listeners: Vec<GatewayListener>,
    /// How names are resolved.
    pub dns: Dns,
    /// How many connections may be unidentified at once.
    pub unidentified: usize,
    /// Deadlines.
    pub timeouts: GatewayTimeouts,
    /// How connections on both sides are kept alive.
    pub keepalive: Keepalive,
}

/// A listener of the gateway.
#[derive(Clone, Debug)]
pub struct GatewayListener {
    /// The address; port 0 is resolved when it is bound.
    pub address: SocketAddr,
    /// TLS, where the proxy itself is spoken to over TLS.
    pub tls: Option<Tls>,
}

/// How names are resolved.
#[derive(Clone, Debug)]
pub struct Dns {
    /// Servers to ask; empty: those of the system.
    pub servers: Vec<SocketAddr>,
    /// Names that are answered here, without asking; lower-case, without a trailing dot.
    pub fixed: BTreeMap<String, Vec<IpAddr>>,
    /// How long an answer may take, all attempts together.
    pub timeout: Duration,
}

/// Deadlines of the gateway.
#[derive(Clone, Copy, Debug)]
pub struct GatewayTimeouts {
    /// From accept to a complete request head, TLS included, and between requests until one is
    /// identified.
    pub handshake: Duration,
    /// From the answer to CONNECT to a complete ClientHello.
    pub client_hello: Duration,
    /// For the dial, all addresses together.
    pub connect: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
}

/// The database proxy.
#[derive(Clone, Debug)]
pub struct Dbproxy {
    /// Where it listens; never empty.
    pub listeners: Vec<DbproxyListener>,
    /// The databases behind it, by their name in the policy and in the startup packet.
    pub databases: BTreeMap<Arc<str>, Database>,
    /// How bound parameters are recorded.
    pub parameters: Parameters,
    /// How many connections may be unidentified at once.
    pub unidentified: usize,
    /// How long messages with SQL may be.
    pub limits: StatementLimits,
    /// Deadlines.
    pub timeouts: DbproxyTimeouts,
    /// How connections on both sides are kept alive.
    pub keepalive: Keepalive,
}

/// How long messages with SQL may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementLimits {
    /// Without the values in quotes.
    pub text: usize,
    /// With them.
    pub message: usize,
    /// What all large messages that are being read may hold together.
    pub memory: usize,
}

impl Default for StatementLimits {
    fn default() -> Self {
        Self {
            text: 1 << 20,
            message: 16 << 20,
            memory: 256 << 20,
        }
    }
}

/// A listener of the database proxy.
#[derive(Clone, Debug)]
pub struct DbproxyListener {
    /// The address; port 0 is resolved when it is bound.
    pub address: SocketAddr,
    /// TLS.
    pub tls: Option<Tls>,
    /// Whether a client must use TLS before it authenticates.
    pub require_tls: bool,
}

/// A database behind the proxy.
#[derive(Clone, Debug)]
pub struct Database {
    /// Host name or address of the server, without the port.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name of the database there.
    pub database: String,
    /// TLS to the server.
    pub tls: UpstreamTls,
    /// Database roles that the policy may name in `as`, and how the proxy proves itself as them.
    pub users: BTreeMap<Arc<str>, User>,
    /// The database role that reads the catalog.
    pub catalog_user: Option<Arc<str>>,
    /// The schemas that unqualified names resolve in, `pg_catalog` first unless named.
    pub search_path: Vec<Arc<str>>,
    /// Whether PostgreSQL is asked what it will check for a statement.
    pub analysis: Analysis,
    /// What happens where a database role can do more than its policy says.
    pub second_wall: SecondWall,
}

/// Who says what a statement touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Analysis {
    /// PostgreSQL itself, asked before a statement is let through, beside the proxy's own reader.
    #[default]
    Required,
    /// The proxy's own two readers: for servers that only speak PostgreSQL's protocol. What a name might
    /// mean counts as meant.
    Own,
}

/// What happens where a database role can do more than its policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondWall {
    /// Nobody gets in through it, nor where it can't be told.
    Require,
    /// It is logged, counted and on record.
    #[default]
    Warn,
    /// Nobody looks.
    Off,
}

/// A database role.
#[derive(Clone, Debug)]
pub struct User {
    /// Its password; `None` where the server asks for none.
    pub password: Option<Secret<String>>,
}

/// TLS to a database server.
#[derive(Clone, Debug)]
pub enum UpstreamTls {
    /// Plain text.
    Disable,
    /// The certificate must verify, for the configured host.
    VerifyFull {
        /// PEM files of the roots; empty: those of the system.
        roots: Vec<PathBuf>,
    },
}

/// How bound parameters are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// As they are.
    Plain,
    /// As a salted commitment.
    Commitment,
    /// Not at all.
    None,
}

/// Deadlines of the database proxy.
#[derive(Clone, Copy, Debug)]
pub struct DbproxyTimeouts {
    /// From accept to a session that is ready, TLS and authentication included.
    pub handshake: Duration,
    /// For the connection to the server, authentication there included.
    pub connect: Duration,
    /// Without a message in either direction.
    pub idle: Duration,
}

/// Reads, parses and validates a configuration file, the secrets that it names included.
pub fn load(path: &Path) -> Result<Config, Diagnostics> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Diagnostics::unreadable(path, &error))?;
    parse(path, &text)
}

/// As [`load`], with the text at hand; relative paths are relative to the folder of `path`.
pub fn parse(path: &Path, text: &str) -> Result<Config, Diagnostics> {
    let raw = raw::parse(path, text)?;
    validate::validate(raw, path, text)
}

#[cfg(test)]
mod tests;

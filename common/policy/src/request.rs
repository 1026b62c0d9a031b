//! What is asked: one plain value per decision, holding every input. A record of the audit log stores
//! this value, so that replaying it gives the recorded decision.
//!
//! Fields stand in the order of their names, see [`crate::Decision`].

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Caller, Subject};

/// Milliseconds since the Unix epoch.
pub type UnixMillis = i64;

/// The host of an authority in its one canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Lower-case ASCII, valid labels, no trailing dot, never numeric in its last label.
    Name(Arc<str>),
    /// An address literal; v4-mapped v6 literals are kept as written and judged as their v4.
    Address(IpAddr),
}

/// Where to: the one authority of a connection, made once at the edge (see `Authority::parse`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

/// What will be spoken through the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// A CONNECT tunnel.
    Tunnel,
    /// A plain HTTP request in absolute form.
    Http,
}

/// What the first bytes inside a tunnel proved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsFinding {
    /// A ClientHello with this server name (canonical form), without Encrypted Client Hello.
    ServerName(Arc<str>),
    /// A ClientHello without a server name.
    NoServerName,
    /// A ClientHello that carries Encrypted Client Hello (or its GREASE).
    EncryptedClientHello,
    /// Bytes that are no TLS at all.
    NotTls,
    /// A ClientHello that breaks the protocol, or exceeds the size cap.
    Malformed,
    /// No complete ClientHello within the deadline.
    TimedOut,
}

/// A limit that was found exhausted before the decision; an input, because counting needs state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// New egress connections in a period.
    Connects,
    /// Live tunnels.
    Tunnels,
    /// Egress bytes in a period.
    Bytes,
    /// Live database sessions.
    Sessions,
    /// Statements in a period.
    Statements,
    /// Rows of one statement.
    Rows,
}

/// May this caller open a connection to this authority? Asked up to three times with more filled in:
/// the name alone (before DNS), with the resolved addresses (before the dial), with the TLS finding
/// (before the first byte goes upstream). What is `None` is not judged yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConnectionRequest {
    /// The complete answer of the resolver, every family; never empty.
    pub addresses: Option<Vec<IpAddr>>,
    /// When.
    pub at: UnixMillis,
    /// Where to.
    pub authority: Authority,
    /// Who.
    pub caller: Caller,
    /// A limit that is exhausted.
    pub exhausted: Option<LimitKind>,
    /// What will be spoken.
    pub protocol: Protocol,
    /// What the ClientHello showed.
    pub tls: Option<TlsFinding>,
}

/// May this caller open a session on this database?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionRequest {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub caller: Caller,
    /// The database's name in the policy.
    pub database: Arc<str>,
    /// A limit that is exhausted.
    pub exhausted: Option<LimitKind>,
}

/// May this caller run this statement?
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StatementRequest {
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub caller: Caller,
    /// The version of the catalog snapshot that names were resolved against; 0 without one.
    pub catalog: u64,
    /// The database's name in the policy.
    pub database: Arc<str>,
    /// A limit that is exhausted.
    pub exhausted: Option<LimitKind>,
    /// What the statement is and touches, or why it can't be read.
    pub subject: Subject,
}

/// Any question that the policy answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// An egress connection.
    Connection(ConnectionRequest),
    /// A database session.
    Session(SessionRequest),
    /// A statement.
    Statement(StatementRequest),
}

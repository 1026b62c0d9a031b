//! What is written down: one event per thing that happened, with everything that explains it.
//!
//! The same types serve for writing (borrowed, so that the hot path copies nothing) and for reading
//! (`Event<'static>`). A decision holds every input of itself, so that replaying it with the policy that
//! its hash names gives the same decision. Secrets never enter: no field here is meant for one.
//!
//! The fields of what is recorded often stand in the order of their names, which is the order of the
//! record: they are written down as they come, without sorting.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use exeat_policy::{AuditMode, PolicyHash, Request, TlsFinding};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{self, UnixMicros};

/// The labels of a role.
pub type Labels = BTreeMap<String, String>;

/// Which part of the product speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plane {
    /// The egress gateway.
    Gateway,
    /// The database proxy.
    Dbproxy,
    /// The process itself: policy, the log, operations.
    Control,
}

/// One event: the head that all share, and the body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event<'a> {
    /// When, microseconds since the Unix epoch.
    pub at: UnixMicros,
    /// What happened.
    #[serde(rename = "event")]
    pub body: Body<'a>,
    /// Its id, a UUID version 7. A decision's id is what its completion refers to and what a client is told.
    pub id: Uuid,
    /// Which part of the product.
    pub plane: Plane,
    /// The session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Uuid>,
}

impl<'a> Event<'a> {
    /// An event that happens now, with a new id.
    pub fn now(plane: Plane, session: Option<Uuid>, body: Body<'a>) -> Self {
        let at = id::now();
        Self {
            id: id::id_at(at),
            at,
            plane,
            session,
            body,
        }
    }

    /// When it must be durable by itself; `None` where nobody is expected to wait for it.
    pub fn mode(&self) -> Option<AuditMode> {
        match &self.body {
            Body::Decision(decided) => Some(decided.decision.obligations.audit),
            Body::LogRead(_) => Some(AuditMode::Strict),
            _ => None,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body<'a> {
    /// The log was opened for writing.
    LogStarted(LogStarted<'a>),
    /// The log was closed in order.
    LogStopped(LogStopped),
    /// The log was found torn after a crash, and repaired.
    LogRecovered(LogRecovered<'a>),
    /// Somebody read the log.
    LogRead(LogRead<'a>),
    /// A policy came into force.
    PolicyActivated(PolicyActivated<'a>),
    /// A policy was refused; the one before stays.
    PolicyRefused(PolicyRefused<'a>),
    /// Something else that was configured changed (certificates, tokens, revocations, …).
    ConfigurationChanged(ConfigurationChanged<'a>),
    /// The privileges of a database came to differ from the policy in another way than before.
    WallCompared(WallCompared<'a>),
    /// A client connected.
    SessionOpened(SessionOpened<'a>),
    /// A client's connection ended.
    SessionClosed(SessionClosed<'a>),
    /// The policy judged a request; a failed authentication is one, with an unknown caller.
    Decision(Decided<'a>),
    /// What came of an allowed request.
    Completion(Completion<'a>),
    /// Refused before there was a request to judge (a protocol violation).
    Refused(Refused<'a>),
}

impl Body<'_> {
    /// The name of the kind, as the log spells it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LogStarted(_) => "log_started",
            Self::LogStopped(_) => "log_stopped",
            Self::LogRecovered(_) => "log_recovered",
            Self::LogRead(_) => "log_read",
            Self::PolicyActivated(_) => "policy_activated",
            Self::PolicyRefused(_) => "policy_refused",
            Self::ConfigurationChanged(_) => "configuration_changed",
            Self::WallCompared(_) => "wall_compared",
            Self::SessionOpened(_) => "session_opened",
            Self::SessionClosed(_) => "session_closed",
            Self::Decision(_) => "decision",
            Self::Completion(_) => "completion",
            Self::Refused(_) => "refused",
        }
    }
}

/// See [`Body::LogStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStarted<'a> {
    /// The version of the program.
    pub version: Cow<'a, str>,
    /// The node's name.
    pub node: Cow<'a, str>,
    /// How many leaves the log held.
    pub leaves: u64,
}

/// See [`Body::LogStopped`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStopped {
    /// How many records this process wrote.
    pub records: u64,
}

/// See [`Body::LogRecovered`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRecovered<'a> {
    /// The segment whose tail was torn.
    pub segment: Cow<'a, str>,
    /// Where the last whole leaf ended.
    pub offset: u64,
    /// How many bytes were cut.
    pub cut_bytes: u64,
    /// How many whole leaves followed the last checkpoint: these are kept, but no signature covered them
    /// while the process was down.
    pub unsigned_leaves: u64,
}

/// See [`Body::LogRead`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRead<'a> {
    /// The command.
    pub command: Cow<'a, str>,
    /// What was asked for.
    pub filter: Cow<'a, str>,
    /// The user of the operating system who asked.
    pub user: Cow<'a, str>,
}

/// See [`Body::PolicyActivated`]. The text lies in `policies/<hash>.json` of the log's folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyActivated<'a> {
    /// The policy's hash: the SHA-256 of its canonical form.
    pub hash: Cow<'a, PolicyHash>,
    /// The canonical form; the log keeps it beside the segments and writes its hash and length.
    #[serde(skip)]
    pub canonical: Cow<'a, str>,
    /// The length of the canonical form in bytes.
    pub bytes: u64,
}

impl<'a> PolicyActivated<'a> {
    /// The activation of a policy with this hash and canonical form.
    pub fn new(hash: &'a PolicyHash, canonical: &'a str) -> Self {
        let bytes = u64::try_from(canonical.len()).unwrap_or(u64::MAX);
        Self {
            hash: Cow::Borrowed(hash),
            canonical: Cow::Borrowed(canonical),
            bytes,
        }
    }
}

/// See [`Body::PolicyRefused`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRefused<'a> {
    /// Why.
    pub error: Cow<'a, str>,
}

/// See [`Body::ConfigurationChanged`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationChanged<'a> {
    /// What changed, e.g. `identity` or `certificates`.
    pub part: Cow<'a, str>,
    /// How, in words; never a secret.
    pub detail: Cow<'a, str>,
    /// Whether it took effect. Where not, what was in force before stays.
    pub accepted: bool,
}

/// See [`Body::WallCompared`]. Written when the answer changes, not each time that it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WallCompared<'a> {
    /// How many things the database lets its roles do that the policy does not.
    pub beyond: u64,
    /// The database, by its name in the policy.
    pub database: Cow<'a, str>,
    /// The first differences, in words: names of the catalog.
    #[serde(default, skip_serializing_if = "<[String]>::is_empty")]
    pub differences: Cow<'a, [String]>,
    /// Why it can't be told, where it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// The policy's hash.
    pub policy: Cow<'a, PolicyHash>,
    /// How many things the policy lets its roles do that the database does not.
    pub short: u64,
}

/// See [`Body::SessionOpened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionOpened<'a> {
    /// The listener's name or address.
    pub listener: Cow<'a, str>,
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether the client's connection is encrypted.
    pub tls: bool,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// To its end.
    Completed,
    /// With an error of the upstream or of the network.
    Failed,
    /// The client cancelled.
    Cancelled,
    /// A time limit of ours.
    TimedOut,
    /// Judged again and denied.
    Denied,
    /// The identity's proof ended.
    Expired,
    /// The process was told to stop.
    Drained,
    /// An operator ended it.
    Killed,
    /// A limit was exhausted while it ran.
    Limited,
    /// Dropped before anybody said how it ended.
    Aborted,
    /// Not known; it may or may not have had its effect.
    Unknown,
}

/// See [`Body::SessionClosed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionClosed<'a> {
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// How long it lived, microseconds.
    pub duration_us: u64,
    /// The kind of the error, where one ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// How.
    pub outcome: Outcome,
}

/// A decision with every input of it. See [`Body::Decision`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided<'a> {
    /// The question, whole.
    pub request: Cow<'a, Request>,
    /// The answer, whole.
    pub decision: Cow<'a, exeat_policy::Decision>,
    /// The labels of the caller's role.
    #[serde(default)]
    pub labels: Cow<'a, Labels>,
    /// The statement's text, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Statement<'a>>,
}

static NO_LABELS: Labels = BTreeMap::new();

impl<'a> Decided<'a> {
    /// The decision on a request.
    pub fn new(request: &'a Request, decision: &'a exeat_policy::Decision) -> Self {
        Self {
            request: Cow::Borrowed(request),
            decision: Cow::Borrowed(decision),
            labels: Cow::Borrowed(&NO_LABELS),
            statement: None,
        }
    }

    /// With the labels of the caller's role.
    pub fn labels(mut self, labels: &'a Labels) -> Self {
        self.labels = Cow::Borrowed(labels);
        self
    }

    /// With the statement's text and its parameters.
    pub fn statement(mut self, sql: &'a str, parameters: &'a [Parameter]) -> Self {
        self.statement = Some(Statement {
            sql: Cow::Borrowed(sql),
            parameters: Cow::Borrowed(parameters),
        });
        self
    }
}

/// A statement as it was sent, password literals taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement<'a> {
    /// The text.
    pub sql: Cow<'a, str>,
    /// The bound parameters as configured; empty where there are none or they are not recorded.
    pub parameters: Cow<'a, [Parameter]>,
}

/// A bound parameter as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// NULL.
    Null,
    /// A value in text format.
    Text(String),
    /// A value in binary format, or text that is no UTF-8: lower-case hex.
    Binary(String),
    /// A salted commitment to the value: `<salt>:<SHA-256 of salt and value>`, lower-case hex. Who knows the
    /// value can show that it is the one.
    Commitment(String),
}

/// What came of an allowed request. See [`Body::Completion`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion<'a> {
    /// The aliases (CNAME) that led from the name to its addresses, in order.
    #[serde(default, skip_serializing_if = "<[Box<str>]>::is_empty")]
    pub aliases: Cow<'a, [Box<str>]>,
    /// Bytes from the client to the upstream.
    pub bytes_in: u64,
    /// Bytes from the upstream to the client.
    pub bytes_out: u64,
    /// The id of the decision.
    pub decision: Uuid,
    /// The address that was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialled: Option<IpAddr>,
    /// From the decision to the end, microseconds.
    pub duration_us: u64,
    /// The kind of the error, where one ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows returned or changed, for a statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The SQLSTATE of the upstream's error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<Cow<'a, str>>,
    /// What the first bytes of a tunnel proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Cow<'a, TlsFinding>>,
}

impl Completion<'_> {
    /// The completion of a decision, with nothing counted.
    pub fn of(decision: Uuid, outcome: Outcome) -> Self {
        Self {
            decision,
            outcome,
            rows: None,
            bytes_in: 0,
            bytes_out: 0,
            duration_us: 0,
            sqlstate: None,
            tls: None,
            dialled: None,
            aliases: Cow::Borrowed(&[]),
            error: None,
        }
    }
}

/// See [`Body::Refused`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused<'a> {
    /// A stable code.
    pub code: Cow<'a, str>,
    /// In words; never a secret or what the client sent.
    pub detail: Cow<'a, str>,
}

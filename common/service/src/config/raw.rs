//! The configuration file as it is written: shapes only, no meaning. Unknown keys are errors. The
//! JSON Schema is generated from these types, so their doc comments are the reference of the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Analysis;
use super::diagnostic::{Diagnostic, Diagnostics};

/// A value and the bytes of the file that it was read from.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::deserialize(deserializer)?;
        Ok(Self {
            value: spanned.value,
            span: range(&spanned.referenced),
        })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }

    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// Bytes of a location; an empty range at the start where the parser knows none.
fn range(location: &serde_saphyr::Location) -> Range<usize> {
    let span = location.span();
    let start = span.byte_offset().unwrap_or(0) as usize;
    start..start + span.byte_len().unwrap_or(0) as usize
}

/// The configuration of an exeat process. Relative paths are relative to the folder of the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The version of this format: 1.
    pub(super) version: At<u32>,
    /// The name of this node in records; the host's name unless given.
    pub(super) node: Option<At<String>>,
    /// A file or a folder of the policy, or a list of them.
    pub(super) policy: At<OneOrMany>,
    /// Threads and draining.
    #[serde(default)]
    pub(super) runtime: Runtime,
    /// Who is trusted to prove an identity.
    #[serde(default)]
    pub(super) identity: Identity,
    /// The audit log.
    pub(super) audit: Audit,
    /// The admin listener: /healthz, /readyz, /metrics, /sessions.
    pub(super) admin: Option<Admin>,
    /// The egress gateway.
    pub(super) gateway: Option<Gateway>,
    /// The database proxy.
    pub(super) dbproxy: Option<Dbproxy>,
}

/// One path or a list of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    /// One.
    One(String),
    /// Many.
    Many(Vec<String>),
}

/// Threads and draining.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Runtime {
    /// Threads that serve connections; one per core unless given.
    pub(super) threads: Option<At<usize>>,
    /// How long live sessions may go on after SIGTERM, e.g. 30s (the default).
    pub(super) drain_timeout: Option<At<String>>,
}

/// Who is trusted to prove an identity.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// SPIFFE trust domains of client certificates.
    #[serde(default)]
    pub(super) trust_domains: Vec<At<TrustDomain>>,
    /// Issuers of JWTs.
    #[serde(default)]
    pub(super) issuers: Vec<At<Issuer>>,
    /// The folder that `exeat identity` writes tokens, SCRAM verifiers and revocations to.
    pub(super) store: Option<At<String>>,
}

/// A trust domain and its roots.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustDomain {
    /// The name, e.g. corp.example.
    pub(super) name: At<String>,
    /// PEM files of its root certificates.
    pub(super) roots: At<Vec<String>>,
    /// PEM or DER files of certificate revocation lists.
    #[serde(default)]
    pub(super) crls: Vec<String>,
}

/// An issuer of JWTs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    /// The `iss` claim, an https URL.
    pub(super) issuer: At<String>,
    /// Audiences of which a token must name one.
    pub(super) audience: At<Vec<String>>,
    /// Where its keys come from: discovery, { url: … } or { file: … }.
    pub(super) jwks: At<Jwks>,
    /// PEM file with the roots of the issuer's TLS certificate; those of the system unless given.
    pub(super) ca: Option<At<String>>,
}

/// Where the keys of an issuer come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Jwks {
    /// OIDC discovery: `<issuer>/.well-known/openid-configuration`.
    Discovery,
    /// A JWKS at an https URL.
    Url(String),
    /// A JWKS file.
    File(String),
}

/// The audit log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Audit {
    /// Its folder; created where it does not exist.
    pub(super) directory: String,
    /// The size after which a segment is sealed, e.g. 64MiB (the default).
    pub(super) segment_bytes: Option<At<String>>,
}

/// The admin listener.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    /// Its address, e.g. 127.0.0.1:9180. Not loopback: `token` is needed.
    pub(super) address: At<String>,
    /// The bearer token that callers must send; without one, everybody on loopback may read.
    pub(super) token: Option<At<SecretSource>>,
}

/// Where a secret comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecretSource {
    /// A file that holds nothing else; a line end at its end is dropped.
    File(String),
    /// An environment variable.
    Env(String),
}

/// A TLS server side.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM file of the certificate chain, the server's own first.
    pub(super) certificate: String,
    /// PEM file of the private key.
    pub(super) key: String,
    /// Whether clients are asked for a certificate of a trust domain; they may still come without one.
    #[serde(default)]
    pub(super) client_certificates: Option<At<bool>>,
}

/// The egress gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gateway {
    /// Where it listens.
    pub(super) listeners: At<Vec<GatewayListener>>,
    /// How names are resolved.
    #[serde(default)]
    pub(super) dns: Dns,
    /// Connections that may be unidentified at once, 4096 unless given; one more is closed.
    pub(super) unidentified: Option<At<usize>>,
    /// Deadlines.
    #[serde(default)]
    pub(super) timeouts: GatewayTimeouts,
    /// TCP keepalive towards clients and destinations.
    #[serde(default)]
    pub(super) keepalive: Keepalive,
}

/// A listener of the gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayListener {
    /// An IP address and a port; port 0 takes a free one.
    pub(super) address: At<String>,
    /// TLS, where clients speak to the proxy over TLS.
    pub(super) tls: Option<Tls>,
}

/// How names are resolved.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dns {
    /// Servers to ask, by address (port 53 unless given); those of the system unless given.
    pub(super) servers: Option<At<Vec<At<String>>>>,
    /// Names that are answered here, without asking anybody.
    #[serde(default, rename = "static")]
    pub(super) fixed: BTreeMap<String, At<Vec<At<String>>>>,
    /// How long an answer may take, e.g. 5s (the default).
    pub(super) timeout: Option<At<String>>,
}

/// Deadlines of the gateway.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewayTimeouts {
    /// From accept to a complete request head, and between requests until one is identified; 10s
    /// unless given.
    pub(super) handshake: Option<At<String>>,
    /// From the answer to CONNECT to a complete ClientHello; 5s unless given.
    pub(super) client_hello: Option<At<String>>,
    /// For the dial, all addresses together; 10s unless given.
    pub(super) connect: Option<At<String>>,
    /// Without a byte in either direction; 10m unless given.
    pub(super) idle: Option<At<String>>,
}

/// The database proxy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Dbproxy {
    /// Where it listens.
    pub(super) listeners: At<Vec<DbproxyListener>>,
    /// The databases behind it, by their name in the policy.
    pub(super) databases: At<BTreeMap<String, At<Database>>>,
    /// What of a statement is recorded.
    #[serde(default)]
    pub(super) audit: StatementAudit,
    /// Connections that may be unidentified at once, 4096 unless given; one more is closed.
    pub(super) unidentified: Option<At<usize>>,
    /// How long messages with SQL may be.
    #[serde(default)]
    pub(super) limits: StatementLimits,
    /// Deadlines.
    #[serde(default)]
    pub(super) timeouts: DbproxyTimeouts,
    /// TCP keepalive towards clients and servers.
    #[serde(default)]
    pub(super) keepalive: Keepalive,
}

/// How long messages with SQL may be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementLimits {
    /// Without the values in quotes, which is what has to be understood; 1MiB unless given.
    pub(super) text: Option<At<String>>,
    /// With them; 16MiB unless given.
    pub(super) message: Option<At<String>>,
    /// What all messages over 1 MiB that are being read may hold together; 256MiB unless given.
    pub(super) memory: Option<At<String>>,
}

/// TCP keepalive: when a peer that says nothing is asked whether it is still there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Keepalive {
    /// How long nothing may come before it is asked; 60s unless given.
    pub(super) idle: Option<At<String>>,
    /// How long it may take to answer before it is asked again; 10s unless given.
    pub(super) interval: Option<At<String>>,
    /// How often it is asked in vain before its connection is closed; 6 unless given.
    pub(super) count: Option<At<u32>>,
}

/// A listener of the database proxy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DbproxyListener {
    /// An IP address and a port; port 0 takes a free one.
    pub(super) address: At<String>,
    /// TLS.
    pub(super) tls: Option<Tls>,
    /// Whether a client must use TLS before it authenticates; true unless given.
    pub(super) require_tls: Option<At<bool>>,
}

/// A database behind the proxy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Database {
    /// Host name or address, and port, of the server.
    pub(super) address: At<String>,
    /// The name of the database there; the name of this entry unless given.
    pub(super) database: Option<At<String>>,
    /// TLS to the server; verified against the system's roots unless given.
    pub(super) tls: Option<UpstreamTls>,
    /// Database roles that the policy may name in `as`.
    pub(super) users: At<BTreeMap<String, User>>,
    /// The database role that reads the catalog; needs no more than CONNECT.
    pub(super) catalog_user: Option<At<String>>,
    /// The schemas that unqualified names resolve in; [public] unless given.
    pub(super) search_path: Option<At<Vec<String>>>,
    /// Who says what a statement touches: `required` (PostgreSQL is asked; the default), or `own`.
    pub(super) analysis: Option<Analysis>,
    /// What happens where a database role can do more than its policy says; `warn` unless given.
    #[serde(default)]
    pub(super) second_wall: SecondWall,
}

/// What happens where a database role can do more than its policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecondWall {
    /// Nobody gets in through it, nor where it can't be told.
    Require,
    /// It is logged, counted and on record.
    #[default]
    Warn,
    /// Nobody looks.
    Off,
}

/// TLS to a database server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamTls {
    /// Whether and how.
    pub(super) mode: UpstreamTlsMode,
    /// PEM files of the roots; those of the system unless given.
    pub(super) roots: Option<At<Vec<String>>>,
}

/// Whether and how TLS is used to a database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum UpstreamTlsMode {
    /// Plain text.
    Disable,
    /// The certificate must verify, for the configured host.
    VerifyFull,
}

/// A database role.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    /// Its password; leave it out where the server asks for none.
    pub(super) password: Option<At<SecretSource>>,
}

/// What of a statement is recorded.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StatementAudit {
    /// How bound parameters are recorded.
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// How bound parameters are recorded.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Parameters {
    /// As they are.
    Plain,
    /// As a salted commitment: who knows the value can prove it, nobody can read it.
    #[default]
    Commitment,
    /// Not at all.
    None,
}

/// Deadlines of the database proxy.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DbproxyTimeouts {
    /// From accept to a session that is ready; 10s unless given.
    pub(super) handshake: Option<At<String>>,
    /// For the connection to the server; 10s unless given.
    pub(super) connect: Option<At<String>>,
    /// Without a message in either direction; 30m unless given.
    pub(super) idle: Option<At<String>>,
}

/// Reads the file's text.
pub(super) fn parse(path: &Path, text: &str) -> Result<Config, Diagnostics> {
    serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let span = error.location().map_or(0..0, |location| range(&location));
        let diagnostic = Diagnostic {
            span,
            message: message(error),
            hint: hint(error).to_owned(),
        };
        Diagnostics::new(path, text, vec![diagnostic])
    })
}

/// The parser's message in words, without its position, which the caret shows.
fn message(error: &serde_saphyr::Error) -> String {
    let full = error.to_string();
    let end = full.rfind(" at line ").unwrap_or(full.len());
    let text = full.get(..end).unwrap_or(&full).trim_end();
    match text {
        "expected mapping start" => "keys are expected here".to_owned(),
        "expected sequence start" => "a list is expected here".to_owned(),
        "unexpected end of input" => "the file is empty".to_owned(),
        _ if text.starts_with("invalid u") => {
            "a whole number, not negative, is expected here".to_owned()
        }
        _ => text.to_owned(),
    }
}

/// What to do about it.
fn hint(error: &serde_saphyr::Error) -> &'static str {
    let text = error.to_string();
    let known = |part| text.contains(part);
    if known("unknown field") {
        "a key that is not known would do nothing, so it is refused; check its spelling and its indentation"
    } else if known("missing field") {
        "add the key; the sample configuration has one with a comment"
    } else if known("duplicate") {
        "keep one of the two; which one would count must not be a guess"
    } else if known("expected mapping start") {
        "write `key: value` lines, or drop the section's name where it has none"
    } else if known("a tab") {
        "indent with spaces"
    } else {
        "compare with config/exeat.yaml, or let your editor check it with the schema of `exeat run --schema`"
    }
}

//! Requests as people ask them: a role and a destination, or a role, a database and a statement.
//!
//! What a service would learn on the way (addresses, the TLS handshake, the catalog) is only judged
//! where it is given.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use exeat_dbproxy::Examined;
use exeat_policy::{
    Assurance, Authority, AuthorityError, Caller, ConnectionRequest, Identity, Method, PolicySet,
    Principal, Protocol, Request, StatementRequest, Subject, TlsFinding,
};
use exeat_sql::Context;

use super::server::Server;
use crate::exit::Failure;

/// Who asks: one of the role's own identities, the strongest where no strength is given.
pub(super) fn caller(policy: &PolicySet, role: &str, assurance: Option<Assurance>) -> Caller {
    let known = policy.role(role).and_then(|known| {
        let own = known
            .identities()
            .iter()
            .filter(|identity| policy.role_of(identity) == Some(known.name()));
        own.filter(|identity| assurance.is_none_or(|wanted| method(identity).assurance() == wanted))
            .max_by_key(|identity| method(identity).assurance())
            .or_else(|| known.identities().first())
    });
    let identity = known
        .cloned()
        .unwrap_or_else(|| Identity::Token(Arc::from(role)));
    let method = match assurance {
        Some(Assurance::Certificate) => Method::Certificate,
        Some(Assurance::Jwt) => Method::Jwt,
        Some(Assurance::Token) => Method::Token,
        Some(Assurance::Source) => Method::Source,
        None => method(&identity),
    };
    Caller::Known(Arc::new(Principal {
        role: Arc::from(role),
        identity,
        method,
        expires_at: None,
    }))
}

/// How an identity is proven.
fn method(identity: &Identity) -> Method {
    match identity {
        Identity::Spiffe(_) => Method::Certificate,
        Identity::Jwt { .. } => Method::Jwt,
        Identity::Token(_) => Method::Token,
        Identity::Scram(_) => Method::Scram,
        Identity::Source(_) => Method::Source,
    }
}

/// A connection, as far as it is described.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    /// Plain HTTP instead of a tunnel.
    pub(super) http: bool,
    /// What the name resolved to; not judged when empty.
    pub(super) addresses: Vec<IpAddr>,
    /// What the handshake showed.
    pub(super) tls: Option<TlsFinding>,
}

/// The request for a connection.
pub(super) fn connection(
    caller: Caller,
    to: &str,
    about: &Connection,
) -> Result<Request, AuthorityError> {
    Ok(Request::Connection(ConnectionRequest {
        caller,
        authority: Authority::parse(to)?,
        protocol: if about.http {
            Protocol::Http
        } else {
            Protocol::Tunnel
        },
        addresses: (!about.addresses.is_empty()).then(|| about.addresses.clone()),
        tls: about.tls.clone(),
        exhausted: None,
        at: now(),
    }))
}

/// A statement of a text: its place, the request, and what PostgreSQL said where it was asked.
pub(super) struct Statement {
    pub(super) range: Range<usize>,
    pub(super) request: Request,
    pub(super) examined: Option<Examined>,
}

impl Statement {
    /// Whether the service judges it only when those before it have run.
    pub(super) fn waits(&self) -> bool {
        self.examined.as_ref().is_some_and(|one| one.waits)
    }
}

/// Which of these is the answer to a whole text, by whether each waits and is denied: all run, or none. A
/// denial that needs no waiting comes first.
pub(super) fn decisive<T>(
    all: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> (bool, bool),
) -> Option<T> {
    let rank = |one: &T| match of(one) {
        (false, true) => 0,
        (true, true) => 1,
        (_, false) => 2,
    };
    // The first one of those of the lowest rank.
    all.into_iter().min_by_key(rank)
}

/// The statements of one text, as our own reader sees them.
pub(super) fn statements(
    caller: &Caller,
    database: &str,
    sql: &str,
    context: &Context<'_>,
) -> Vec<Statement> {
    let catalog = context.catalog.map_or(0, |catalog| catalog.version);
    exeat_sql::read(sql, context)
        .into_iter()
        .map(|read| Statement {
            range: read.range,
            request: request(caller, database, read.subject, catalog),
            examined: None,
        })
        .collect()
}

/// The statements of one text, as the service sees them that asks this server. `None`: see
/// [`Server::examine`].
pub(super) fn asked(
    policy: &PolicySet,
    caller: &Caller,
    database: &str,
    sql: &str,
    server: &mut Server,
) -> Result<Option<Vec<Statement>>, Failure> {
    let examined = server.examine(policy, caller, database, sql)?;
    let statement = |one: Examined| Statement {
        range: one.range.clone(),
        request: request(caller, database, one.judged.clone(), one.catalog),
        examined: Some(one),
    };
    Ok(examined.map(|all| all.into_iter().map(statement).collect()))
}

fn request(caller: &Caller, database: &str, subject: Subject, catalog: u64) -> Request {
    Request::Statement(StatementRequest {
        caller: caller.clone(),
        database: Arc::from(database),
        subject,
        catalog,
        exhausted: None,
        at: now(),
    })
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

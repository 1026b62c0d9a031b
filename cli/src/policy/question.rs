//! Requests as people ask them: a role and a destination, or a role, a database and a statement.
//!
//! What a service would learn on the way (addresses, the TLS handshake, the catalog) is only judged
//! where it is given.

use std::net::IpAddr;
use std::sync::Arc;

use exeat_policy::{
    Assurance, Authority, AuthorityError, Caller, ConnectionRequest, Identity, Method, PolicySet,
    Principal, Protocol, Request, StatementRequest, TlsFinding,
};
use exeat_sql::Context;

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

/// The requests for the statements of one text, with the place of each.
pub(super) fn statements(
    caller: &Caller,
    database: &str,
    sql: &str,
    context: &Context<'_>,
) -> Vec<(std::ops::Range<usize>, Request)> {
    let database: Arc<str> = Arc::from(database);
    let request = |subject| {
        Request::Statement(StatementRequest {
            caller: caller.clone(),
            database: database.clone(),
            subject,
            catalog: context.catalog.map_or(0, |catalog| catalog.version),
            exhausted: None,
            at: now(),
        })
    };
    exeat_sql::read(sql, context)
        .into_iter()
        .map(|statement| (statement.range, request(statement.subject)))
        .collect()
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

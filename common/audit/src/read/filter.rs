//! Which records somebody wants to see.

use exeat_policy::{
    Authority, Caller, Effect, Host, Principal, Reason, RelationAccess, Request, Subject,
};
use uuid::Uuid;

use crate::event::{Body, Decided, Event, Plane};
use crate::id::UnixMicros;

/// What records must have; what is `None` does not matter. Anything but plane, session and time is asked
/// of decisions, so that with one of them set only decisions match.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Decisions alone.
    pub decisions: bool,
    /// The role.
    pub role: Option<String>,
    /// A part of the identity as it is printed, e.g. `spiffe://corp.example/` or `token:billing`.
    pub principal: Option<String>,
    /// The service.
    pub plane: Option<Plane>,
    /// Allowed or denied.
    pub effect: Option<Effect>,
    /// The reason code.
    pub reason: Option<Reason>,
    /// The host of a connection: exact, with `:port`, or `*.example.org` for what lies below.
    pub destination: Option<String>,
    /// A relation that the statement touches: `schema.table`, or `table` in any schema.
    pub table: Option<String>,
    /// The database's name in the policy.
    pub database: Option<String>,
    /// The session.
    pub session: Option<Uuid>,
    /// At this time or later.
    pub since: Option<UnixMicros>,
    /// Before this time.
    pub until: Option<UnixMicros>,
}

impl Filter {
    /// Whether an event is wanted.
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.plane.is_none_or(|plane| plane == event.plane)
            && self
                .session
                .is_none_or(|session| Some(session) == event.session)
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
            && match &event.body {
                Body::Decision(decided) => self.matches_decision(decided),
                _ => !self.asks_for_decisions(),
            }
    }

    /// Whether only decisions can match.
    pub fn asks_for_decisions(&self) -> bool {
        self.decisions
            || self.role.is_some()
            || self.principal.is_some()
            || self.effect.is_some()
            || self.reason.is_some()
            || self.destination.is_some()
            || self.table.is_some()
            || self.database.is_some()
    }

    fn matches_decision(&self, decided: &Decided<'_>) -> bool {
        let request = &*decided.request;
        let principal = principal(request);
        let is = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| {
            wanted.as_deref().is_none_or(test)
        };
        self.effect
            .is_none_or(|effect| effect == decided.decision.effect)
            && self
                .reason
                .is_none_or(|reason| reason == decided.decision.reason)
            && is(&self.role, &|role| {
                principal.is_some_and(|known| &*known.role == role)
            })
            && is(&self.principal, &|part| {
                principal.is_some_and(|known| known.identity.to_string().contains(part))
            })
            && is(&self.destination, &|wanted| {
                authority(request).is_some_and(|to| goes_to(to, wanted))
            })
            && is(&self.database, &|wanted| database(request) == Some(wanted))
            && is(&self.table, &|wanted| {
                relations(request).iter().any(|used| touches(used, wanted))
            })
    }
}

/// Who asked, where that is known.
fn principal(request: &Request) -> Option<&Principal> {
    let caller = match request {
        Request::Connection(request) => &request.caller,
        Request::Session(request) => &request.caller,
        Request::Statement(request) => &request.caller,
    };
    match caller {
        Caller::Known(principal) => Some(principal),
        Caller::Unknown(_) => None,
    }
}

fn authority(request: &Request) -> Option<&Authority> {
    match request {
        Request::Connection(request) => Some(&request.authority),
        Request::Session(_) | Request::Statement(_) => None,
    }
}

fn database(request: &Request) -> Option<&str> {
    match request {
        Request::Connection(_) => None,
        Request::Session(request) => Some(&request.database),
        Request::Statement(request) => Some(&request.database),
    }
}

fn relations(request: &Request) -> &[RelationAccess] {
    match request {
        Request::Statement(request) => match &request.subject {
            Subject::Readable(facts) => &facts.relations,
            Subject::Unreadable(_) => &[],
        },
        Request::Connection(_) | Request::Session(_) => &[],
    }
}

fn goes_to(authority: &Authority, wanted: &str) -> bool {
    let host = match &authority.host {
        Host::Name(name) => name.to_string(),
        Host::Address(address) => address.to_string(),
    };
    let wanted = wanted.to_ascii_lowercase();
    if let Some(parent) = wanted.strip_prefix('*') {
        return parent.starts_with('.') && host.len() > parent.len() && host.ends_with(parent);
    }
    let with_port = match host.contains(':') {
        true => format!("[{host}]:{}", authority.port),
        false => format!("{host}:{}", authority.port),
    };
    wanted == host || wanted == with_port
}

fn touches(used: &RelationAccess, wanted: &str) -> bool {
    *used.relation.name == *wanted || used.relation.to_string() == wanted
}

//! The decision: one request in, one answer out. Total, synchronous, without side effects.
//!
//! It must never allow by accident: every path that is not an explicit allow ends in a denial. The
//! order is: caller, role, expiry, assurance, limits, floors, deny rules, allow rules, default.

mod connection;
pub(crate) mod statement;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::set::{DatabaseGrant, Role};
use crate::{
    Assurance, AuditMode, Basis, Caller, Decision, Effect, IdentityFailure, LimitKind, Obligations,
    PolicySet, Principal, Reason, Request, RuleRef, UnixMillis,
};

/// Judges a request.
pub fn evaluate(policy: &PolicySet, request: &Request) -> Decision {
    judge(policy, request)
        .unwrap_or_else(|denial| denial)
        .into_decision(policy)
}

/// `Err` is a denial on the way, before anything was judged that the request is about.
fn judge(policy: &PolicySet, request: &Request) -> Result<Verdict, Verdict> {
    // A statement that is refused before its facts are looked at is recorded as if it wrote.
    let (caller, at, exhausted, audit) = match request {
        Request::Connection(it) => (&it.caller, it.at, it.exhausted, AuditMode::Release),
        Request::Session(it) => (&it.caller, it.at, it.exhausted, AuditMode::Release),
        Request::Statement(it) => (&it.caller, it.at, it.exhausted, AuditMode::Strict),
    };
    let (role, principal) = identified(policy, caller, at, exhausted, audit)?;
    Ok(match request {
        Request::Connection(request) => connection::judge(role, principal, request),
        Request::Session(request) => {
            let grant = database(role, principal, &request.database)?;
            Verdict::allow(&grant.path, grant.audit.unwrap_or(AuditMode::Release))
        }
        Request::Statement(request) => {
            let grant = database(role, principal, &request.database)?;
            statement::judge(grant, &request.subject)
        }
    })
}

/// A decision without its policy.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) effect: Effect,
    pub(crate) reason: Reason,
    pub(crate) basis: Basis,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) detail: Option<Arc<str>>,
    pub(crate) audit: AuditMode,
    pub(crate) tls: bool,
}

impl Verdict {
    pub(crate) fn allow(rule: &Arc<str>, audit: AuditMode) -> Self {
        Self {
            effect: Effect::Allow,
            reason: Reason::Allowed,
            basis: Basis::Rule,
            rule: Some(rule.clone()),
            detail: None,
            audit,
            tls: false,
        }
    }

    pub(crate) fn deny(reason: Reason, basis: Basis, audit: AuditMode) -> Self {
        Self {
            effect: Effect::Deny,
            reason,
            basis,
            rule: None,
            detail: None,
            audit,
            tls: false,
        }
    }

    pub(crate) fn rule(mut self, rule: Option<&Arc<str>>) -> Self {
        self.rule = rule.cloned();
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<Arc<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// In report mode a denial by the policy happens all the same, and says that it would not have.
    /// INVARIANT: floors and limits stay.
    pub(crate) fn reported(mut self, report: bool) -> Self {
        if report
            && self.effect == Effect::Deny
            && matches!(self.basis, Basis::Default | Basis::DenyRule)
        {
            self.effect = Effect::Allow;
            self.basis = Basis::Report;
        }
        self
    }

    /// In observe mode whatever refuses a statement lets it run all the same, and says that it would not
    /// have. INVARIANT: limits stay; identity was judged before.
    pub(crate) fn observed(mut self) -> Self {
        if self.effect == Effect::Deny && self.basis != Basis::Limit {
            self.effect = Effect::Allow;
            self.basis = Basis::Observe;
        }
        self
    }

    fn into_decision(self, policy: &PolicySet) -> Decision {
        Decision {
            effect: self.effect,
            reason: self.reason,
            basis: self.basis,
            rule: self.rule.map(|path| RuleRef { path }),
            detail: self.detail,
            obligations: Obligations {
                audit: self.audit,
                tls: self.tls,
            },
            policy: policy.hash.clone(),
        }
    }
}

fn identified<'a>(
    policy: &'a PolicySet,
    caller: &'a Caller,
    at: UnixMillis,
    exhausted: Option<LimitKind>,
    audit: AuditMode,
) -> Result<(&'a Role, &'a Principal), Verdict> {
    let floor = |reason| Verdict::deny(reason, Basis::Floor, audit);
    let principal = match caller {
        Caller::Known(principal) => principal,
        Caller::Unknown(failure) => return Err(floor(identity_reason(*failure))),
    };
    let role = policy
        .role(&principal.role)
        .ok_or_else(|| floor(Reason::IdentityUnknown))?;
    // A policy that moved the identity to another role ends what the old role had.
    if policy.role_of(&principal.identity) != Some(&role.name) {
        return Err(floor(Reason::IdentityUnknown));
    }
    if principal.expires_at.is_some_and(|end| at >= end) {
        return Err(floor(Reason::CredentialsExpired));
    }
    assured(principal, role.assurance)
        .map_err(|detail| floor(Reason::AssuranceTooLow).detail(detail))?;
    match exhausted {
        Some(kind) => Err(Verdict::deny(limit_reason(kind), Basis::Limit, audit)),
        None => Ok((role, principal)),
    }
}

/// Whether the proof is strong enough; otherwise what it is and what is asked for.
pub(crate) fn assured(principal: &Principal, minimum: Option<Assurance>) -> Result<(), String> {
    match minimum {
        Some(minimum) if principal.assurance() < minimum => Err(format!(
            "{} where {minimum} is asked for",
            principal.assurance()
        )),
        _ => Ok(()),
    }
}

fn database<'a>(
    role: &'a Role,
    principal: &Principal,
    name: &str,
) -> Result<&'a DatabaseGrant, Verdict> {
    let Some(grant) = role.database(name) else {
        return Err(Verdict::deny(
            Reason::DatabaseNotAllowed,
            Basis::Default,
            AuditMode::Release,
        )
        .detail(name));
    };
    assured(principal, grant.assurance).map_err(|detail| {
        Verdict::deny(Reason::AssuranceTooLow, Basis::Floor, AuditMode::Release)
            .rule(Some(&grant.path))
            .detail(detail)
    })?;
    Ok(grant)
}

fn identity_reason(failure: IdentityFailure) -> Reason {
    match failure {
        IdentityFailure::CredentialsMissing => Reason::CredentialsMissing,
        IdentityFailure::CredentialsInvalid => Reason::CredentialsInvalid,
        IdentityFailure::CredentialsExpired => Reason::CredentialsExpired,
        IdentityFailure::CredentialsRevoked => Reason::CredentialsRevoked,
        IdentityFailure::IdentityUnknown => Reason::IdentityUnknown,
        IdentityFailure::IdentityConflict => Reason::IdentityConflict,
    }
}

fn limit_reason(kind: LimitKind) -> Reason {
    match kind {
        LimitKind::Connects => Reason::LimitConnects,
        LimitKind::Tunnels => Reason::LimitTunnels,
        LimitKind::Bytes => Reason::LimitBytes,
        LimitKind::Sessions => Reason::LimitSessions,
        LimitKind::Statements => Reason::LimitStatements,
        LimitKind::Rows => Reason::LimitRows,
    }
}

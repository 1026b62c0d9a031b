//! The decision: one request in, one answer out. Total, synchronous, without side effects.
//!
//! It must never allow by accident: every path that is not an explicit allow ends in a denial.

use std::sync::Arc;

use crate::set::Role;
use crate::{
    AuditMode, Basis, Caller, Decision, Effect, IdentityFailure, LimitKind, Obligations, PolicySet,
    Reason, Request, RuleRef, UnixMillis,
};

/// Judges a request.
pub fn evaluate(policy: &PolicySet, request: &Request) -> Decision {
    let (caller, at, exhausted) = match request {
        Request::Connection(request) => (&request.caller, request.at, request.exhausted),
        Request::Session(request) => (&request.caller, request.at, request.exhausted),
        Request::Statement(request) => (&request.caller, request.at, request.exhausted),
    };
    let verdict = match identified(policy, caller, at) {
        Err(reason) => Verdict::floor(reason),
        Ok(_) if exhausted.is_some() => Verdict {
            reason: limit_reason(exhausted),
            basis: Basis::Limit,
            rule: None,
            effect: Effect::Deny,
        },
        Ok(role) => judge(role, request),
    };
    Decision {
        effect: verdict.effect,
        reason: verdict.reason,
        basis: verdict.basis,
        rule: verdict.rule.map(|path| RuleRef { path }),
        detail: None,
        obligations: Obligations {
            audit: AuditMode::Strict,
            tls: true,
        },
        policy: policy.hash.clone(),
    }
}

struct Verdict {
    effect: Effect,
    reason: Reason,
    basis: Basis,
    rule: Option<Arc<str>>,
}

impl Verdict {
    fn floor(reason: Reason) -> Self {
        Self {
            effect: Effect::Deny,
            reason,
            basis: Basis::Floor,
            rule: None,
        }
    }

    fn default(reason: Reason) -> Self {
        Self {
            effect: Effect::Deny,
            reason,
            basis: Basis::Default,
            rule: None,
        }
    }
}

fn judge(role: &Role, request: &Request) -> Verdict {
    match request {
        Request::Connection(_) => Verdict::default(Reason::HostNotAllowed),
        Request::Session(request) => match role.database(&request.database) {
            Some(grant) => Verdict {
                effect: Effect::Allow,
                reason: Reason::Allowed,
                basis: Basis::Rule,
                rule: Some(grant.path.clone()),
            },
            None => Verdict::default(Reason::DatabaseNotAllowed),
        },
        Request::Statement(_) => Verdict::default(Reason::StatementNotAllowed),
    }
}

fn identified<'a>(
    policy: &'a PolicySet,
    caller: &Caller,
    at: UnixMillis,
) -> Result<&'a Role, Reason> {
    let principal = match caller {
        Caller::Known(principal) => principal,
        Caller::Unknown(failure) => return Err(identity_reason(*failure)),
    };
    let role = policy
        .role(&principal.role)
        .ok_or(Reason::IdentityUnknown)?;
    if policy.role_of(&principal.identity) != Some(&role.name) {
        return Err(Reason::IdentityUnknown);
    }
    if principal.expires_at.is_some_and(|end| at >= end) {
        return Err(Reason::CredentialsExpired);
    }
    Ok(role)
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

fn limit_reason(kind: Option<LimitKind>) -> Reason {
    match kind {
        Some(LimitKind::Connects) => Reason::LimitConnects,
        Some(LimitKind::Tunnels) => Reason::LimitTunnels,
        Some(LimitKind::Bytes) => Reason::LimitBytes,
        Some(LimitKind::Sessions) => Reason::LimitSessions,
        Some(LimitKind::Statements) => Reason::LimitStatements,
        Some(LimitKind::Rows) | None => Reason::LimitRows,
    }
}

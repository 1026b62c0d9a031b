//! What a role's identities can prove, and what asks for more than any of them does.
//!
//! A rule that none of its role's identities reaches must never pass: it looks as if it allowed something.

use super::Checker;
use crate::Assurance;
use crate::document::spanned::Spanned;
use crate::document::{EgressDocument, IdentityDocument, RoleDocument};

/// The strongest proof that a role can give at each of the two ports; `None` where it can give none.
#[derive(Clone, Copy)]
pub(super) struct Proofs {
    pub(super) gateway: Option<Assurance>,
    pub(super) database: Option<Assurance>,
}

impl Checker<'_> {
    /// What the role can prove, after its own `assurance`.
    pub(super) fn proofs(&self, role: &RoleDocument) -> Proofs {
        let minimum = role.assurance.as_ref();
        let identities = role.identities.iter().map(|identity| &identity.value);
        let at_databases = identities.clone().map(assurance).max();
        let nobody =
            at_databases.is_none_or(|best| minimum.is_some_and(|minimum| minimum.value > best));
        // An identity that could not be read may be the strong one; it has been reported.
        let unsure = self.sink.within(&role.identities.place);
        if nobody || unsure {
            if !unsure {
                self.provable(minimum, at_databases);
            }
            // Of a role that nobody can be, one problem is enough.
            return Proofs {
                gateway: Some(Assurance::Certificate),
                database: Some(Assurance::Certificate),
            };
        }
        // SCRAM is an exchange of PostgreSQL's protocol: no HTTP client proves itself by it.
        let at_gateway = identities
            .filter(|identity| !matches!(identity, IdentityDocument::Scram(_)))
            .map(assurance)
            .max();
        Proofs {
            gateway: at_gateway.filter(|best| minimum.is_none_or(|minimum| minimum.value <= *best)),
            database: at_databases,
        }
    }

    /// Egress rules need an identity that the gateway can learn of.
    pub(super) fn reachable(&self, egress: &EgressDocument, proofs: Proofs) {
        let allow = egress.allow.iter().map(|rule| &rule.place);
        let deny = egress.deny.iter().map(|rule| &rule.place);
        if proofs.gateway.is_none()
            && let Some(first) = allow.chain(deny).next()
        {
            self.slip(
                first,
                "a rule that can never match: no identity of the role proves itself to the gateway",
                "`scram:` proves itself to databases only; add another identity, as strong as the role asks for, or take `egress` out",
            );
        }
    }

    /// What asks for a proof must not ask for more than the best one that there is.
    pub(super) fn provable(&self, asked: Option<&Spanned<Assurance>>, best: Option<Assurance>) {
        if let (Some(asked), Some(best)) = (asked, best)
            && asked.value > best
        {
            let (wanted, kind) = words(asked.value);
            let (own, _) = words(best);
            self.slip(
                &asked.place,
                format!(
                    "a rule that can never match: no identity of the role is as strong as `{wanted}`"
                ),
                format!("add an identity that is ({kind}), or ask for `{own}`"),
            );
        }
    }
}

/// The strongest proof that there is for an identity.
fn assurance(identity: &IdentityDocument) -> Assurance {
    match identity {
        IdentityDocument::Spiffe(_) => Assurance::Certificate,
        IdentityDocument::Jwt { .. } => Assurance::Jwt,
        IdentityDocument::Token(_) | IdentityDocument::Scram(_) => Assurance::Token,
        IdentityDocument::Source(_) => Assurance::Source,
    }
}

/// A proof as policies write it, and the identities that are as strong.
fn words(assurance: Assurance) -> (&'static str, &'static str) {
    match assurance {
        Assurance::Certificate => ("certificate", "`spiffe:`"),
        Assurance::Jwt => ("jwt", "`jwt:` or `spiffe:`"),
        Assurance::Token => ("token", "`token:`, `jwt:` or `spiffe:`"),
        Assurance::Source => ("source", "`source:`"),
    }
}

//! From proofs to a principal.
//!
//! Every proof that is there must hold, and all must give the same role; the strongest one is the
//! principal. The source network counts only where nothing else was presented.

use std::sync::Arc;

use exeat_policy::{Identity, IdentityFailure, Method, Principal, UnixMillis};

use super::Authenticators;
use super::evidence::{CheckedSecret, Presented, View};
use super::stored::VerifierDigest;
use crate::jwt;
use crate::meters;
use crate::token;

/// Gives the role of the policy that claims an identity.
pub(super) type RoleOf<'a> = dyn Fn(&Identity) -> Option<Arc<str>> + 'a;

struct Proof {
    identity: Identity,
    method: Method,
    expires_at: Option<UnixMillis>,
}

impl Authenticators {
    /// Checks the form of a secret, and the signature of a JWT.
    pub(super) fn check_secret(
        &self,
        secret: Option<&str>,
        now: UnixMillis,
    ) -> Result<Option<CheckedSecret>, IdentityFailure> {
        let Some(secret) = secret else {
            return Ok(None);
        };
        if jwt::looks_like(secret) {
            let verified = self.jwt.verify(secret, now).map_err(|error| {
                tracing::debug!("JWT refused: {error}");
                error.kind()
            })?;
            return Ok(Some(CheckedSecret::Jwt(verified)));
        }
        if !token::well_formed(secret) {
            return Err(IdentityFailure::CredentialsInvalid);
        }
        Ok(Some(CheckedSecret::Token(token::digest_of(secret))))
    }

    pub(super) fn judge(
        &self,
        view: &View<'_>,
        role_of: &RoleOf<'_>,
        now: UnixMillis,
    ) -> Result<Principal, IdentityFailure> {
        let proofs = [
            view.certificate
                .map(|chain| self.certificate(chain, now))
                .transpose()?,
            view.secret
                .map(|secret| self.secret(secret, now))
                .transpose()?,
            view.scram
                .map(|(name, proven)| self.scram(name, proven))
                .transpose()?,
        ];
        let mut principal: Option<Principal> = None;
        for proof in proofs.into_iter().flatten() {
            let next = proof.principal(role_of)?;
            principal = Some(match principal {
                None => next,
                Some(before) => agree(before, next)?,
            });
        }
        let principal = match principal {
            Some(principal) => principal,
            None => source(view, role_of)?,
        };
        match view.claimed_role {
            Some(claimed) if claimed != principal.role.as_ref() => {
                Err(IdentityFailure::IdentityConflict)
            }
            _ => Ok(principal),
        }
    }

    fn certificate(
        &self,
        chain: &[rustls_pki_types::CertificateDer<'_>],
        now: UnixMillis,
    ) -> Result<Proof, IdentityFailure> {
        let verified = self.trust.verify_cached(chain, now).map_err(|error| {
            tracing::debug!("client certificate refused: {error}");
            error.kind()
        })?;
        Ok(Proof {
            identity: Identity::Spiffe(Arc::clone(verified.id.text())),
            method: Method::Certificate,
            expires_at: Some(verified.expires_at),
        })
    }

    fn secret(&self, secret: &CheckedSecret, now: UnixMillis) -> Result<Proof, IdentityFailure> {
        match secret {
            CheckedSecret::Token(digest) => {
                let (name, expires_at) = self.stored.token(digest, now)?;
                Ok(Proof {
                    identity: Identity::Token(name),
                    method: Method::Token,
                    expires_at,
                })
            }
            CheckedSecret::Jwt(jwt) => {
                self.jwt.check(jwt, now).map_err(jwt::JwtError::kind)?;
                let (issuer, subject) = (Arc::clone(&jwt.issuer), Arc::clone(&jwt.subject));
                Ok(Proof {
                    identity: Identity::Jwt { issuer, subject },
                    method: Method::Jwt,
                    expires_at: Some(jwt.expires_at()),
                })
            }
        }
    }

    fn scram(&self, name: &str, proven: Option<&VerifierDigest>) -> Result<Proof, IdentityFailure> {
        let name = self.stored.password(name, proven)?;
        Ok(Proof {
            identity: Identity::Scram(name),
            method: Method::Scram,
            expires_at: None,
        })
    }
}

impl Proof {
    fn principal(self, role_of: &RoleOf<'_>) -> Result<Principal, IdentityFailure> {
        let role = role_of(&self.identity).ok_or(IdentityFailure::IdentityUnknown)?;
        let Self {
            identity,
            method,
            expires_at,
        } = self;
        Ok(Principal {
            role,
            identity,
            method,
            expires_at,
        })
    }
}

/// Two proofs of one role: the stronger is the principal, and it ends with the first that ends.
fn agree(one: Principal, two: Principal) -> Result<Principal, IdentityFailure> {
    if one.role != two.role {
        return Err(IdentityFailure::IdentityConflict);
    }
    let expires_at = [one.expires_at, two.expires_at].into_iter().flatten().min();
    let stronger = if one.assurance() >= two.assurance() {
        one
    } else {
        two
    };
    Ok(Principal {
        expires_at,
        ..stronger
    })
}

fn source(view: &View<'_>, role_of: &RoleOf<'_>) -> Result<Principal, IdentityFailure> {
    // A v4 client on a dual-stack listener comes as a mapped address; the policy names its v4 network.
    let proof = Proof {
        identity: Identity::Source(view.source.to_canonical()),
        method: Method::Source,
        expires_at: None,
    };
    proof
        .principal(role_of)
        .map_err(|_unknown| IdentityFailure::CredentialsMissing)
}

/// Counts an outcome by the strongest method that was presented.
pub(super) fn count<E>(
    presented: &Presented<'_>,
    outcome: &Result<(Principal, E), IdentityFailure>,
) {
    match outcome {
        Ok((principal, _evidence)) => meters::authenticated(Some(principal.method), Ok(())),
        Err(failure) => meters::authenticated(method(presented), Err(*failure)),
    }
}

fn method(presented: &Presented<'_>) -> Option<Method> {
    if presented.certificate.is_some() {
        return Some(Method::Certificate);
    }
    match presented.secret {
        Some(secret) if jwt::looks_like(secret) => Some(Method::Jwt),
        Some(_token) => Some(Method::Token),
        None => presented.scram.map(|_name| Method::Scram),
    }
}

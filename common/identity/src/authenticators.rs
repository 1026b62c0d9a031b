//! All authenticators as one value, made from the settings and replaced as a whole when a file changes.

use std::sync::Arc;

use exeat_policy::{Caller, IdentityFailure, PolicySet, Principal, UnixMillis};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;

use crate::ca;
use crate::jwt::{IssuerError, JwtVerifier};
use crate::scram::ScramVerifier;
use crate::settings::{Settings, TrustDomain};
use crate::store::{Store, StoreError};
use crate::trust::{DomainVerifier, TrustBundle, TrustError};

mod evidence;
mod judge;
mod stored;

use evidence::CheckedSecret;
pub use evidence::{Evidence, Presented};
use stored::Stored;

/// Why the authenticators can't be built.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A trust domain.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// An issuer of JWTs.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
}

impl IdentityError {
    /// The class of the error: metric label and audit field.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(error) => error.kind(),
            Self::Trust(error) => error.kind(),
            Self::Issuer(error) => error.kind(),
        }
    }
}

/// Everything that proves identities.
pub struct Authenticators {
    trust: Arc<TrustBundle>,
    jwt: JwtVerifier,
    stored: Stored,
}

impl Authenticators {
    /// Reads every file that the settings name; never touches the network. Keys that are fetched are
    /// missing until [`Authenticators::run_refresh`] has run.
    pub fn build(settings: &Settings) -> Result<Self, IdentityError> {
        Self::build_after(settings, None)
    }

    /// Like [`Authenticators::build`], but takes over the keys that were fetched: use it when a file
    /// changed, so that no JWT is refused in between.
    pub fn rebuild(&self, settings: &Settings) -> Result<Self, IdentityError> {
        Self::build_after(settings, Some(&self.jwt))
    }

    fn build_after(
        settings: &Settings,
        previous: Option<&JwtVerifier>,
    ) -> Result<Self, IdentityError> {
        let mut domains = settings.trust_domains.clone();
        let mut stored = Stored::empty();
        if let Some(directory) = &settings.store {
            let store = Store::at(directory);
            let contents = store.read()?;
            domains.push(TrustDomain {
                name: contents.trust_domain.clone(),
                roots: vec![store.path(ca::CERTIFICATE_FILE)],
                crls: vec![store.path(ca::REVOCATION_FILE)],
            });
            stored = Stored::of(contents);
        }
        let trust = Arc::new(TrustBundle::read(&domains)?);
        let jwt = JwtVerifier::read(&settings.issuers, previous)?;
        Ok(Self { trust, jwt, stored })
    }

    /// Fetches the keys of remote issuers, again and again, until `stop`.
    pub async fn run_refresh(&self, stop: impl Future<Output = ()>) {
        self.jwt.run_refresh(stop).await;
    }

    /// Whether the keys of every issuer are here, or a first fetch of them has failed. Until then JWTs of
    /// some issuer are refused only because its answer is not here yet.
    pub fn is_settled(&self) -> bool {
        self.jwt.is_settled()
    }

    /// Whether an issuer withdrew a key since this was asked last: live sessions are to be judged again.
    pub fn take_withdrawn(&self) -> bool {
        self.jwt.take_withdrawn()
    }

    /// Who is calling. Counts the outcome.
    pub fn identify(
        &self,
        presented: &Presented<'_>,
        policy: &PolicySet,
        now: UnixMillis,
    ) -> Caller {
        caller(
            self.prove(presented, policy, now)
                .map(|(principal, _secret)| principal),
        )
    }

    /// Who is calling, with what is needed to ask again while the session lives. Counts the outcome.
    pub fn identify_with_evidence(
        &self,
        presented: &Presented<'_>,
        policy: &PolicySet,
        now: UnixMillis,
    ) -> (Caller, Option<Evidence>) {
        match self.prove(presented, policy, now) {
            Ok((principal, secret)) => (
                caller(Ok(principal)),
                Some(presented.evidence(secret, &self.stored)),
            ),
            Err(failure) => (caller(Err(failure)), None),
        }
    }

    /// Who a live session's caller is now: by the trust, the store and the policy of now.
    pub fn identify_again(
        &self,
        evidence: &Evidence,
        policy: &PolicySet,
        now: UnixMillis,
    ) -> Caller {
        caller(self.judge(
            &evidence.view(),
            &|identity| policy.role_of(identity).cloned(),
            now,
        ))
    }

    fn prove(
        &self,
        presented: &Presented<'_>,
        policy: &PolicySet,
        now: UnixMillis,
    ) -> Result<(Principal, Option<CheckedSecret>), IdentityFailure> {
        let outcome = self.check_secret(presented.secret, now).and_then(|secret| {
            let role_of = |identity: &_| policy.role_of(identity).cloned();
            let principal = self.judge(&presented.view(secret.as_ref()), &role_of, now)?;
            Ok((principal, secret))
        });
        judge::count(presented, &outcome);
        outcome
    }

    /// The roots of all trust domains.
    pub fn client_roots(&self) -> Vec<CertificateDer<'static>> {
        self.trust.roots().cloned().collect()
    }

    /// Verifies client certificates in handshakes, by trust domain; a client without one is let
    /// through. Without any trust domain, none is asked for.
    pub fn client_verifier(&self) -> Arc<dyn ClientCertVerifier> {
        if self.trust.is_empty() {
            WebPkiClientVerifier::no_client_auth()
        } else {
            Arc::new(DomainVerifier::new(Arc::clone(&self.trust)))
        }
    }

    /// Whether anybody proves a role by a password.
    pub fn has_passwords(&self) -> bool {
        self.stored.has_passwords()
    }

    /// The verifier for an exchange. An unknown or revoked name gets one that never fits, and that
    /// looks the same every time.
    pub fn scram_verifier(&self, name: &str) -> ScramVerifier {
        self.stored.scram_verifier(name)
    }
}

fn caller(outcome: Result<Principal, IdentityFailure>) -> Caller {
    match outcome {
        Ok(principal) => Caller::Known(Arc::new(principal)),
        Err(failure) => Caller::Unknown(failure),
    }
}

impl std::fmt::Debug for Authenticators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticators").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! What a caller presented, and what is kept of it for the time of a session.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::stored::{Stored, VerifierDigest};
use crate::jwt::VerifiedJwt;
use crate::token::TokenDigest;

/// What a caller presented with one request or startup packet.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The chain of the TLS handshake, leaf first.
    pub certificate: Option<&'a [CertificateDer<'a>]>,
    /// A bearer or a password: a JWT where it looks like one, else a token.
    pub secret: Option<&'a str>,
    /// The role that the caller says it is (user of Basic, user of the startup packet). Empty is none.
    pub claimed_role: Option<&'a str>,
    /// The peer's address.
    pub source: IpAddr,
    /// The name whose password a SCRAM exchange proved.
    pub scram: Option<&'a str>,
}

impl<'a> Presented<'a> {
    /// Nothing but an address.
    pub fn from_source(source: IpAddr) -> Self {
        Self {
            certificate: None,
            secret: None,
            claimed_role: None,
            source,
            scram: None,
        }
    }

    pub(super) fn view<'b>(&'b self, secret: Option<&'b CheckedSecret>) -> View<'b> {
        View {
            certificate: self.certificate,
            secret,
            claimed_role: self.claimed_role.filter(|role| !role.is_empty()),
            source: self.source,
            scram: self.scram.map(|name| (name, None)),
        }
    }

    pub(super) fn evidence(&self, secret: Option<CheckedSecret>, stored: &Stored) -> Evidence {
        let owned = |chain: &[CertificateDer<'_>]| {
            chain.iter().map(|der| der.clone().into_owned()).collect()
        };
        Evidence {
            certificate: self.certificate.map(owned),
            secret,
            claimed_role: self
                .claimed_role
                .filter(|role| !role.is_empty())
                .map(Into::into),
            source: self.source,
            scram: self
                .scram
                .and_then(|name| Some((name.into(), stored.verifier_digest(name)?))),
        }
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("certificate", &self.certificate.map(<[_]>::len))
            .field("secret", &self.secret.map(|_secret| ".."))
            .field("claimed_role", &self.claimed_role)
            .field("source", &self.source)
            .field("scram", &self.scram)
            .finish()
    }
}

/// What is kept of what was presented, to judge a live session again. It can't be presented: a token
/// is a digest here, a JWT its claims.
#[derive(Clone)]
pub struct Evidence {
    certificate: Option<Arc<[CertificateDer<'static>]>>,
    secret: Option<CheckedSecret>,
    claimed_role: Option<Arc<str>>,
    source: IpAddr,
    scram: Option<(Arc<str>, VerifierDigest)>,
}

impl Evidence {
    pub(super) fn view(&self) -> View<'_> {
        View {
            certificate: self.certificate.as_deref(),
            secret: self.secret.as_ref(),
            claimed_role: self.claimed_role.as_deref(),
            source: self.source,
            scram: self
                .scram
                .as_ref()
                .map(|(name, proven)| (name.as_ref(), Some(proven))),
        }
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A secret after its form and signature were checked; whether it still holds is judged each time.
#[derive(Clone)]
pub(super) enum CheckedSecret {
    Token(TokenDigest),
    Jwt(Arc<VerifiedJwt>),
}

/// What the judging reads, whether just presented or kept.
pub(super) struct View<'a> {
    pub(super) certificate: Option<&'a [CertificateDer<'a>]>,
    pub(super) secret: Option<&'a CheckedSecret>,
    pub(super) claimed_role: Option<&'a str>,
    pub(super) source: IpAddr,
    /// The name, and for a live session what its password was proven against.
    pub(super) scram: Option<(&'a str, Option<&'a VerifierDigest>)>,
}

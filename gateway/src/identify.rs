//! Step 2, identify: the credentials of one request, the client's certificate and its address become a
//! caller. Each request is authenticated anew. It must never log or keep what was presented.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exeat_identity::{Authenticators, Evidence, Presented};
use exeat_policy::{Caller, IdentityFailure, PolicySet, UnixMillis};
use http::{HeaderMap, header};
use rustls_pki_types::CertificateDer;

/// Who is calling, and what is kept to ask again.
pub(crate) struct Identified {
    pub(crate) caller: Caller,
    pub(crate) evidence: Option<Evidence>,
}

/// What a connection proves about all of its requests.
#[derive(Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) certificate: Option<&'a [CertificateDer<'static>]>,
    pub(crate) source: IpAddr,
}

/// Identifies the caller of one request.
pub(crate) fn identify(
    authenticators: &Authenticators,
    policy: &PolicySet,
    standing: Standing<'_>,
    headers: &HeaderMap,
    now: UnixMillis,
) -> Identified {
    let Ok(credentials) = Credentials::read(headers) else {
        return Identified {
            caller: Caller::Unknown(IdentityFailure::CredentialsInvalid),
            evidence: None,
        };
    };
    let (claimed_role, secret) = match &credentials {
        Credentials::None => (None, None),
        Credentials::Bearer(secret) => (None, Some(*secret)),
        Credentials::Basic { user, password } => (Some(user.as_str()), Some(password.as_str())),
    };
    let presented = Presented {
        certificate: standing.certificate,
        // A user without a password claims a role and proves nothing by it.
        secret: secret.filter(|secret| !secret.is_empty()),
        claimed_role,
        source: standing.source,
        scram: None,
    };
    let (caller, evidence) = authenticators.identify_with_evidence(&presented, policy, now);
    Identified { caller, evidence }
}

/// What `Proxy-Authorization` holds.
enum Credentials<'a> {
    None,
    Bearer(&'a str),
    Basic { user: String, password: String },
}

/// The field is there and can't be read.
struct Unreadable;

impl<'a> Credentials<'a> {
    /// RFC 7617 and RFC 6750; the name of a scheme is read in any case, one space or more follow it.
    fn read(headers: &'a HeaderMap) -> Result<Self, Unreadable> {
        let mut fields = headers.get_all(header::PROXY_AUTHORIZATION).iter();
        let Some(field) = fields.next() else {
            return Ok(Self::None);
        };
        if fields.next().is_some() {
            return Err(Unreadable);
        }
        let text = field.to_str().map_err(|_| Unreadable)?;
        let (scheme, value) = text.split_once(' ').ok_or(Unreadable)?;
        let value = value.trim_ascii();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Self::Bearer(value));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Unreadable);
        }
        let decoded = STANDARD.decode(value).map_err(|_| Unreadable)?;
        let decoded = String::from_utf8(decoded).map_err(|_| Unreadable)?;
        let (user, password) = decoded.split_once(':').ok_or(Unreadable)?;
        Ok(Self::Basic {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;

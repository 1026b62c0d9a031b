//! The request target (RFC 9112 §3.2) as this proxy takes it: authority-form for CONNECT, absolute-form
//! `http://` for everything else. One [`Authority`] comes out, made once, and the Host field has to
//! agree with it. Pure. It must never decode, repair or prefer: what is ambiguous is refused.

use exeat_policy::Authority;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri, header};

use crate::refusal::Refusal;

/// Where a request wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// The authority, in its canonical form.
    pub(crate) authority: Authority,
    /// What the origin is asked for; `None` for CONNECT.
    pub(crate) path: Option<Uri>,
}

const BAD_AUTHORITY: Refusal = Refusal::bad(
    "authority_malformed",
    "the host and port are no legal authority",
);
const BAD_PATH: Refusal = Refusal::bad("bad_target", "the path of the request target is malformed");

/// Reads the target of a request.
///
/// # Errors
/// The request is not one that this proxy can forward.
pub(crate) fn read(method: &Method, raw: &str, headers: &HeaderMap) -> Result<Target, Refusal> {
    let target = if method == Method::CONNECT {
        let authority = Authority::parse(raw).map_err(|_| BAD_AUTHORITY)?;
        Target {
            authority,
            path: None,
        }
    } else if method == Method::TRACE {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "TRACE is not forwarded",
        ));
    } else {
        absolute(method, raw)?
    };
    agree(&target, headers)?;
    Ok(target)
}

fn absolute(method: &Method, raw: &str) -> Result<Target, Refusal> {
    let Some((scheme, rest)) = raw.split_once("://") else {
        return Err(Refusal::bad(
            "not_absolute",
            "a proxy is asked with an absolute http:// target or with CONNECT",
        ));
    };
    if scheme.eq_ignore_ascii_case("https") {
        return Err(Refusal::bad(
            "https_needs_connect",
            "https:// targets are reached with CONNECT",
        ));
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(Refusal::bad(
            "scheme_not_supported",
            "only http:// targets are forwarded",
        ));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end).ok_or(BAD_AUTHORITY)?;
    let authority = with_default_port(host, 80).ok_or(BAD_AUTHORITY)?;
    let path = match path.as_bytes().first() {
        None if method == Method::OPTIONS => PathAndQuery::from_static("*"),
        None => PathAndQuery::from_static("/"),
        Some(b'/') => PathAndQuery::try_from(path).map_err(|_| BAD_PATH)?,
        Some(_) => PathAndQuery::try_from(format!("/{path}")).map_err(|_| BAD_PATH)?,
    };
    Ok(Target {
        authority,
        path: Some(Uri::from(path)),
    })
}

/// RFC 9112 §3.2.2: the Host field names the target's authority; a proxy that let another one through
/// would let the origin serve what the policy never judged.
fn agree(target: &Target, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(host) = headers.get(header::HOST) else {
        return Ok(());
    };
    let default = if target.path.is_some() {
        80
    } else {
        target.authority.port
    };
    let named = host
        .to_str()
        .ok()
        .and_then(|host| with_default_port(host, default));
    if named.as_ref() == Some(&target.authority) {
        Ok(())
    } else {
        Err(Refusal::bad(
            "host_mismatch",
            "the Host field differs from the request target",
        ))
    }
}

fn with_default_port(text: &str, default: u16) -> Option<Authority> {
    let bracketed = text.starts_with('[');
    let has_port = match text.rfind(':') {
        Some(colon) => !bracketed || text.rfind(']').is_some_and(|end| end < colon),
        None => false,
    };
    if has_port {
        Authority::parse(text).ok()
    } else {
        Authority::parse(&format!("{text}:{default}")).ok()
    }
}

#[cfg(test)]
mod tests;

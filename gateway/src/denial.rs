//! The gateway's own answers: denials, refusals and failures, in one form. The status and `Proxy-Status`
//! (RFC 9209) are for programs, `Exeat-Reason` and `Exeat-Decision` for tools, the body for a person who
//! reads it in a terminal. An answer must never speak of anything but the client's own request.

use bytes::Bytes;
use exeat_policy::{Authority, Basis, Caller, Decision, Principal, Protocol, Reason};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use crate::connect::{Unconnected, race};
use crate::decide::{Denial, Denied};
use crate::dns;
use crate::refusal::Refusal;

const REASON: HeaderName = HeaderName::from_static("exeat-reason");
const DECISION: HeaderName = HeaderName::from_static("exeat-decision");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What an answer says, before it is put into the form that the client accepts.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(skip)]
    status: StatusCode,
    /// The stable code.
    reason: &'static str,
    /// In words.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The id of the decision's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<String>,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    /// The command that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<String>,
    /// The rest of `Proxy-Status`.
    #[serde(skip)]
    proxy_status: String,
}

/// The command that gives the same answer. What a name resolved to is not the client's to know: it is in
/// the record.
fn explain(denied: &Denied, principal: &Principal) -> String {
    let asked = &denied.asked;
    if asked.addresses.is_some() {
        return format!("exeat audit --log DIR show {}", denied.id);
    }
    let http = match asked.protocol {
        Protocol::Http => " --http",
        Protocol::Tunnel => "",
    };
    format!(
        "exeat policy explain --policy POLICY --role {} --assurance {} --to {}{http}",
        principal.role,
        principal.assurance(),
        asked.authority
    )
}

impl Answer {
    fn plain(status: StatusCode, reason: &'static str, message: String, error: &str) -> Self {
        Self {
            status,
            reason,
            message,
            destination: None,
            role: None,
            rule: None,
            decision: None,
            hint: None,
            explain: None,
            proxy_status: format!("error={error}; details=\"{reason}\""),
        }
    }

    /// Bytes that never became a request.
    pub(crate) fn refused(refusal: Refusal) -> Self {
        let error = match refusal.status {
            StatusCode::LOOP_DETECTED => "proxy_loop_detected",
            _ => "http_request_error",
        };
        Self::plain(
            refusal.status,
            refusal.code,
            refusal.message.to_owned(),
            error,
        )
    }

    /// No permit.
    pub(crate) fn denied(denial: &Denial) -> Self {
        match denial {
            Denial::Denied(denied) => Self::by_policy(denied),
            Denial::Unresolved(id, failure) => Self::unresolved(*failure).decided(*id),
            Denial::Loop => Self::refused(LOOP),
            Denial::Unrecorded => Self::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "audit_unavailable",
                "nothing is let through while the audit log can't be written".to_owned(),
                "proxy_internal_error",
            ),
            Denial::Ended => Self::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "session_ended",
                "the session was ended while this request was decided".to_owned(),
                "proxy_internal_error",
            ),
        }
    }

    fn by_policy(denied: &Denied) -> Self {
        let reason = denied.decision.reason;
        let mut answer = Self::plain(
            status(&denied.decision),
            reason.code(),
            reason.message().to_owned(),
            "http_request_denied",
        );
        if let Caller::Known(principal) = &denied.asked.caller {
            answer.explain = Some(explain(denied, principal));
            answer.role = Some(principal.role.to_string());
        }
        answer.destination = Some(denied.asked.authority.to_string());
        answer.rule = denied
            .decision
            .rule
            .as_ref()
            .map(|rule| rule.path.to_string());
        answer.decision = Some(denied.id.to_string());
        answer.hint = Some(reason.hint()).filter(|hint| !hint.is_empty());
        answer
    }

    /// The name leads nowhere.
    fn unresolved(failure: dns::Failure) -> Self {
        let (status, error) = match failure {
            dns::Failure::Timeout => (StatusCode::GATEWAY_TIMEOUT, "dns_timeout".to_owned()),
            dns::Failure::NoName => (StatusCode::BAD_GATEWAY, rcode("NXDOMAIN")),
            dns::Failure::NoAddress => (StatusCode::BAD_GATEWAY, rcode("NOERROR")),
            dns::Failure::Server(code) => (StatusCode::BAD_GATEWAY, rcode(&dns::mnemonic(code))),
            dns::Failure::Unusable => (StatusCode::BAD_GATEWAY, "dns_error".to_owned()),
        };
        Self::plain(status, failure.kind(), failure.to_string(), &error)
    }

    /// No address answers.
    pub(crate) fn unconnected(unconnected: &Unconnected) -> Self {
        let failure = unconnected.failure;
        let (status, error) = match failure {
            race::Failure::Refused => (StatusCode::BAD_GATEWAY, "connection_refused"),
            race::Failure::Timeout => (StatusCode::GATEWAY_TIMEOUT, "connection_timeout"),
            race::Failure::Unreachable => (StatusCode::BAD_GATEWAY, "destination_ip_unroutable"),
            race::Failure::Local => (StatusCode::SERVICE_UNAVAILABLE, "connection_limit_reached"),
        };
        Self::plain(status, failure.kind(), failure.to_string(), error)
            .decided(unconnected.decision)
    }

    /// Names the record of the decision.
    fn decided(mut self, id: Uuid) -> Self {
        self.decision = Some(id.to_string());
        self
    }

    /// Names where the request wanted to go.
    pub(crate) fn towards(mut self, authority: &Authority) -> Self {
        self.destination
            .get_or_insert_with(|| authority.to_string());
        self
    }

    /// The destination was reached and did not answer as HTTP asks for.
    pub(crate) fn failed(
        status: StatusCode,
        code: &'static str,
        message: &str,
        error: &str,
    ) -> Self {
        Self::plain(status, code, message.to_owned(), error)
    }

    /// In the form that the client accepts. `close`: the connection can't be used any longer.
    pub(crate) fn into_response(self, accept: Accept, close: bool) -> Response<Bytes> {
        let (kind, body) = match accept {
            Accept::Json => (
                "application/json",
                serde_json::to_string(&self).unwrap_or_default(),
            ),
            Accept::Text => ("text/plain; charset=utf-8", self.text()),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REASON, HeaderValue::from_static(self.reason));
        let proxy_status = HeaderValue::try_from(format!("exeat; {}", self.proxy_status));
        insert(headers, PROXY_STATUS, proxy_status.ok());
        let decision = self.decision.and_then(|id| HeaderValue::try_from(id).ok());
        insert(headers, DECISION, decision);
        if self.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            for challenge in [
                "Basic realm=\"exeat\", charset=\"UTF-8\"",
                "Bearer realm=\"exeat\"",
            ] {
                headers.append(
                    header::PROXY_AUTHENTICATE,
                    HeaderValue::from_static(challenge),
                );
            }
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("exeat: {}: {}\n", self.reason, self.message);
        let lines = [
            ("destination", self.destination.as_deref()),
            ("role", self.role.as_deref()),
            ("rule", self.rule.as_deref()),
            ("decision", self.decision.as_deref()),
            ("hint", self.hint),
            ("explain", self.explain.as_deref()),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                let _ = writeln!(text, "  {name:<12} {value}");
            }
        }
        text
    }
}

/// The destination is this very gateway, or the request came through it already.
pub(crate) const LOOP: Refusal = Refusal::new(
    StatusCode::LOOP_DETECTED,
    "loop_detected",
    "the request leads back to this gateway",
);

/// The form of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// For a terminal.
    Text,
    /// For a program.
    Json,
}

impl Accept {
    /// The form that a request asks for.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let json = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.contains("application/json"));
        if json { Self::Json } else { Self::Text }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

fn rcode(code: &str) -> String {
    format!("dns_error; rcode=\"{code}\"")
}

/// 407 for missing or bad credentials only: with any others the answer would be the same.
fn status(decision: &Decision) -> StatusCode {
    match decision.reason {
        Reason::CredentialsMissing
        | Reason::CredentialsInvalid
        | Reason::CredentialsExpired
        | Reason::CredentialsRevoked => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        _ if decision.basis == Basis::Limit => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::FORBIDDEN,
    }
}

#[cfg(test)]
mod tests;

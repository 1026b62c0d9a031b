use std::sync::Arc;

use super::{Accept, Answer};
use crate::connect::{Unconnected, race};
use crate::decide::{Denial, Denied};
use crate::dns;
use bytes::Bytes;
use exeat_policy::{
    AuditMode, Authority, Basis, Caller, ConnectionRequest, Decision, Effect, Identity, Method,
    Obligations, PolicyHash, Principal, Protocol, Reason, RuleRef,
};
use http::{HeaderMap, HeaderValue, Response, header};

fn denied(reason: Reason, basis: Basis) -> Denial {
    Denial::Denied(Box::new(Denied {
        id: exeat_audit::id(),
        asked: ConnectionRequest {
            addresses: None,
            at: 0,
            authority: Authority::parse("evil.test:443").unwrap(),
            caller: Caller::Known(Arc::new(Principal {
                role: "fn-a".into(),
                identity: Identity::Token("fn-a".into()),
                method: Method::Token,
                expires_at: None,
            })),
            exhausted: None,
            protocol: Protocol::Tunnel,
            tls: None,
        },
        decision: Decision {
            effect: Effect::Deny,
            reason,
            basis,
            rule: Some(RuleRef {
                path: Arc::from("roles.fn-a.egress.deny[0]"),
            }),
            detail: None,
            obligations: Obligations {
                audit: AuditMode::Strict,
                tls: true,
            },
            policy: PolicyHash(Arc::from("00")),
        },
    }))
}

fn response(denial: &Denial) -> Response<Bytes> {
    Answer::denied(denial).into_response(Accept::Text, false)
}

fn field<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[test]
fn only_credentials_that_are_missing_or_bad_give_407() {
    for reason in Reason::ALL {
        let response = response(&denied(*reason, Basis::Floor));
        let bad = reason.code().starts_with("credentials_");
        assert_eq!(
            response.status().as_u16(),
            if bad { 407 } else { 403 },
            "{reason:?}"
        );
        let challenges = response
            .headers()
            .get_all(header::PROXY_AUTHENTICATE)
            .iter()
            .count();
        assert_eq!(challenges, if bad { 2 } else { 0 }, "{reason:?}");
        assert_eq!(field(&response, "exeat-reason"), reason.code());
    }
}

#[test]
fn an_exhausted_limit_says_when_to_come_back() {
    let response = response(&denied(Reason::LimitConnects, Basis::Limit));
    assert_eq!(response.status(), 429);
    assert_eq!(field(&response, "retry-after"), "1");
}

#[test]
fn failures_have_the_names_of_rfc_9209() {
    let unconnected = Unconnected {
        decision: exeat_audit::id(),
        failure: race::Failure::Timeout,
    };
    let dns = |failure| response(&Denial::Unresolved(exeat_audit::id(), failure));
    let table = [
        (
            dns(dns::Failure::NoName),
            502,
            "exeat; error=dns_error; rcode=\"NXDOMAIN\"; details=\"dns_no_name\"",
        ),
        (
            dns(dns::Failure::Server(
                hickory_proto::op::ResponseCode::ServFail,
            )),
            502,
            "exeat; error=dns_error; rcode=\"SERVFAIL\"; details=\"dns_server\"",
        ),
        (
            dns(dns::Failure::Timeout),
            504,
            "exeat; error=dns_timeout; details=\"dns_timeout\"",
        ),
        (
            Answer::unconnected(&unconnected).into_response(Accept::Text, true),
            504,
            "exeat; error=connection_timeout; details=\"connect_timeout\"",
        ),
        (
            response(&Denial::Loop),
            508,
            "exeat; error=proxy_loop_detected; details=\"loop_detected\"",
        ),
        (
            response(&Denial::Unrecorded),
            503,
            "exeat; error=proxy_internal_error; details=\"audit_unavailable\"",
        ),
    ];
    for (response, status, proxy_status) in table {
        assert_eq!(response.status(), status, "{proxy_status}");
        assert_eq!(field(&response, "proxy-status"), proxy_status);
    }
}

#[test]
fn the_body_has_the_form_that_the_client_accepts() {
    let mut headers = HeaderMap::new();
    assert_eq!(Accept::of(&headers), Accept::Text);
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static("text/html, application/json;q=0.9"),
    );
    assert_eq!(Accept::of(&headers), Accept::Json);
    let response = Answer::denied(&denied(Reason::DeniedByRule, Basis::DenyRule))
        .into_response(Accept::Json, false);
    let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(json["rule"], "roles.fn-a.egress.deny[0]");
}

#[test]
fn the_command_that_explains_asks_what_was_asked_and_tells_no_address() {
    let explain = |change: &dyn Fn(&mut ConnectionRequest)| {
        let Denial::Denied(mut denied) = denied(Reason::HostNotAllowed, Basis::Default) else {
            panic!("it is one");
        };
        change(&mut denied.asked);
        let id = denied.id.to_string();
        let response = Answer::denied(&Denial::Denied(denied)).into_response(Accept::Json, false);
        let json: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        json["explain"].as_str().unwrap().replace(&id, "ID")
    };
    let asked =
        "exeat policy explain --policy POLICY --role fn-a --assurance token --to evil.test:443";
    assert_eq!(explain(&|_| {}), asked);
    assert_eq!(
        explain(&|asked| asked.protocol = Protocol::Http),
        format!("{asked} --http")
    );
    assert_eq!(
        explain(&|asked| asked.addresses = Some(vec!["10.0.0.7".parse().unwrap()])),
        "exeat audit --log DIR show ID"
    );
}

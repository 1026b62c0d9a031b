//! Facts about the log as a whole.

use std::fs;
use std::sync::Arc;

use exeat_policy::{
    AuditMode, Authority, Basis, Caller, ConnectionRequest, Decision, Effect, Host, Identity,
    Method, Obligations, PolicyHash, Principal, Protocol, Reason, Request,
};

use crate::{AuditError, Body, Decided, Event, Labels, Log, LogOptions, Plane};

pub(crate) fn request() -> Request {
    Request::Connection(ConnectionRequest {
        caller: Caller::Known(Arc::new(Principal {
            role: "billing-fn".into(),
            identity: Identity::Token("billing-fn".into()),
            method: Method::Token,
            expires_at: None,
        })),
        authority: Authority {
            host: Host::Name("api.stripe.com".into()),
            port: 443,
        },
        protocol: Protocol::Tunnel,
        addresses: None,
        tls: None,
        exhausted: None,
        at: 1_700_000_000_000,
    })
}

pub(crate) fn decision(mode: AuditMode) -> Decision {
    Decision {
        effect: Effect::Allow,
        reason: Reason::Allowed,
        basis: Basis::Rule,
        rule: None,
        detail: None,
        obligations: Obligations {
            audit: mode,
            tls: true,
        },
        policy: PolicyHash("00".repeat(32).into()),
    }
}

#[tokio::test]
async fn a_record_is_in_the_segment_when_its_receipt_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(LogOptions::new(folder.path(), "test")).unwrap();
    let labels: Labels = [("env".into(), "prod".into())].into();
    for mode in [AuditMode::Strict, AuditMode::Release, AuditMode::Written] {
        let (request, decision) = (request(), decision(mode));
        let decided = Decided::new(&request, &decision).labels(&labels);
        let event = Event::now(Plane::Gateway, None, Body::Decision(decided));
        let receipt = log.append(&event).unwrap();
        receipt.wait(mode).await.unwrap();
        assert!(receipt.is(mode));
        let text = fs::read_to_string(folder.path().join("00000000000000000000.jsonl")).unwrap();
        assert!(text.contains(&event.id.to_string()));
        assert_eq!(
            text.matches("api.stripe.com").count(),
            text.matches("\"request\"").count()
        );
        assert_eq!(text.matches("\"prod\"").count(), 1);
    }
    log.close().await;
    log.close().await;
    let event = Event::now(
        Plane::Control,
        None,
        Body::LogStopped(crate::LogStopped { records: 0 }),
    );
    assert!(matches!(log.append(&event), Err(AuditError::Closed)));
}

#[tokio::test]
async fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::open(LogOptions::new(folder.path(), "test")).unwrap();
    let second = Log::open(LogOptions::new(folder.path(), "test"));
    assert!(matches!(second, Err(AuditError::Locked(_))));
    log.close().await;
}

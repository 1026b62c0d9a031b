//! When a live session ends, and when it does not.

use std::time::Duration;

use exeat_policy::{Caller, Method, Principal, Reason};

use super::*;
use crate::stage::{POLICY, Stage, connection, identify, info};
use crate::{Core, clock};

/// Whether the session was told to end by now.
fn ended(live: &Live) -> Option<Reason> {
    live.has_ended().map(|reason| match reason {
        EndReason::Denied(decision) => decision.reason,
        other => panic!("{other:?}"),
    })
}

async fn activate(core: &Core, policy: &str) -> usize {
    let source = exeat_policy::Source {
        name: "policy.yaml".to_owned(),
        text: policy.to_owned(),
    };
    core.activate(Arc::new(exeat_policy::load(&[source]).unwrap()))
        .await
        .unwrap()
}

fn open(core: &Core, token: &str, host: &str) -> Live {
    let live = core.sessions.register(info());
    let (principal, evidence) = identify(core, token);
    live.identified(&principal, evidence);
    live.hold(connection(&principal, host));
    live
}

#[tokio::test]
async fn a_policy_change_ends_only_the_sessions_that_are_now_denied() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let (api, cdn) = (
        open(&core, &token, "api.example.com"),
        open(&core, &token, "cdn.example.com"),
    );
    assert_eq!(
        activate(
            &core,
            &POLICY.replace("        - host: api.example.com\n", "")
        )
        .await,
        1
    );
    assert_eq!(ended(&api), Some(Reason::HostNotAllowed));
    assert_eq!(ended(&cdn), None);
    assert!(matches!(api.ended().await, EndReason::Denied(_)));
}

#[tokio::test]
async fn a_change_that_denies_nothing_ends_nothing() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = open(&core, &token, "api.example.com");
    assert_eq!(activate(&core, &POLICY.replace("cdn", "img")).await, 0);
    assert_eq!(ended(&live), None);
}

#[tokio::test]
async fn a_change_between_register_and_hold_is_not_missed() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = core.sessions.register(info());
    let (principal, evidence) = identify(&core, &token);
    live.identified(&principal, evidence);
    // Decided by the old policy here; it changes before the session holds.
    assert_eq!(
        activate(&core, &POLICY.replace("api.example.com", "img.example.com")).await,
        0
    );
    live.hold(connection(&principal, "api.example.com"));
    assert_eq!(ended(&live), Some(Reason::HostNotAllowed));
}

#[tokio::test]
async fn a_change_between_two_holds_is_not_missed() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = open(&core, &token, "cdn.example.com");
    // The next request is decided by the old policy here; what is held now is still allowed by the new one.
    assert_eq!(
        activate(&core, &POLICY.replace("api.example.com", "img.example.com")).await,
        0
    );
    let (principal, _) = identify(&core, &token);
    live.hold(connection(&principal, "api.example.com"));
    assert_eq!(ended(&live), Some(Reason::HostNotAllowed));
}

#[tokio::test]
async fn a_revoked_token_ends_its_sessions() {
    let stage = Stage::new();
    let (token, kept) = (stage.token("fn"), stage.token("fn"));
    let core = stage.core().await;
    let (first, second) = (
        open(&core, &token, "api.example.com"),
        open(&core, &kept, "api.example.com"),
    );
    let id = stage.store.read().unwrap().tokens[0].id.clone();
    exeat_identity::credentials::revoke(&stage.store, &id, jiff::Timestamp::now()).unwrap();
    let rebuilt = core
        .identity
        .load()
        .rebuild(&stage.config().identity)
        .unwrap();
    assert_eq!(core.authenticate_by(Arc::new(rebuilt)).unwrap(), 1);
    assert_eq!(ended(&first), Some(Reason::CredentialsRevoked));
    assert_eq!(ended(&second), None);
}

#[tokio::test]
async fn a_role_that_is_gone_ends_its_sessions() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = open(&core, &token, "api.example.com");
    assert_eq!(
        activate(&core, &POLICY.replace("  fn:", "  renamed:")).await,
        1
    );
    assert!(ended(&live).is_some());
}

#[tokio::test]
async fn an_exhausted_limit_does_not_end_what_has_its_place() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = open(&core, &token, "api.example.com");
    let limited = POLICY.replace(
        "    egress:\n      allow:",
        "    egress:\n      limits: { tunnels: 1 }\n      allow:",
    );
    assert_eq!(activate(&core, &limited).await, 0);
    assert_eq!(ended(&live), None);
}

#[tokio::test]
async fn what_was_released_is_not_judged_again() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = open(&core, &token, "api.example.com");
    live.release();
    assert_eq!(
        activate(&core, &POLICY.replace("api.example.com", "img.example.com")).await,
        0
    );
    assert_eq!(ended(&live), None);
}

#[tokio::test]
async fn the_end_of_the_proof_is_the_end_of_the_session() {
    let core = Stage::new().core().await;
    let live = core.sessions.register(info());
    let waiting = tokio::spawn(live.ended());
    tokio::task::yield_now().await;
    // Named after somebody waits already, as on a kept-alive connection.
    let principal = Principal {
        role: "fn".into(),
        identity: exeat_policy::Identity::Token("fn".into()),
        method: Method::Token,
        expires_at: Some(clock::now() - 1),
    };
    live.identified(&Arc::new(principal), None);
    assert!(matches!(waiting.await.unwrap(), EndReason::Expired));
}

#[tokio::test]
async fn an_operator_ends_one_session() {
    let core = Stage::new().core().await;
    let (first, second) = (
        core.sessions.register(info()),
        core.sessions.register(info()),
    );
    assert!(core.sessions.kill(first.id()));
    assert!(matches!(first.ended().await, EndReason::Killed));
    assert!(second.has_ended().is_none());
    assert!(!core.sessions.kill(Uuid::nil()));
}

#[tokio::test]
async fn the_first_reason_counts() {
    let core = Stage::new().core().await;
    let live = core.sessions.register(info());
    core.sessions.kill(live.id());
    core.sessions.end_all(&EndReason::Drained);
    assert!(matches!(live.ended().await, EndReason::Killed));
}

#[tokio::test]
async fn sessions_are_shown_with_who_and_where_to_and_are_gone_when_dropped() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = open(&core, &token, "api.example.com");
    live.count_in(10);
    live.count_out(32);
    let views = core.sessions.views();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].role.as_deref(), Some("fn"));
    assert_eq!(views[0].identity.as_deref(), Some("token:fn"));
    assert_eq!(views[0].target.as_deref(), Some("api.example.com:443"));
    assert_eq!((views[0].bytes_in, views[0].bytes_out), (10, 32));
    assert!(!serde_json::to_string(&views).unwrap().contains(&token));
    drop(live);
    core.sessions.emptied().await;
    assert!(core.sessions.views().is_empty());
    assert_eq!(core.sessions.bytes(Plane::Gateway), (10, 32));
    assert_eq!(core.sessions.bytes(Plane::Dbproxy), (0, 0));
}

#[tokio::test]
async fn draining_waits_for_the_last_session_and_ends_the_rest() {
    let core = Stage::new().core().await;
    let live = core.sessions.register(info());
    let ended = tokio::spawn({
        let core = core.clone();
        async move { crate::drain::drain(&core, Duration::from_millis(1)).await }
    });
    assert!(matches!(live.ended().await, EndReason::Drained));
    assert!(core.drain.is_cancelled());
    drop(live);
    assert_eq!(ended.await.unwrap(), 1);
    assert!(core.stopped.is_cancelled());
}

#[tokio::test]
async fn draining_without_sessions_is_at_once() {
    let core = Stage::new().core().await;
    assert_eq!(
        crate::drain::drain(&core, Duration::from_secs(3600)).await,
        0
    );
}

#[tokio::test]
async fn an_unknown_caller_is_denied_when_judged_again() {
    let stage = Stage::new();
    let token = stage.token("fn");
    let core = stage.core().await;
    let live = core.sessions.register(info());
    let (principal, _) = identify(&core, &token);
    let mut request = connection(&principal, "api.example.com");
    if let exeat_policy::Request::Connection(request) = &mut request {
        request.caller = Caller::Unknown(exeat_policy::IdentityFailure::CredentialsMissing);
    }
    live.hold(request);
    assert_eq!(activate(&core, &POLICY.replace("cdn", "img")).await, 1);
    assert_eq!(ended(&live), Some(Reason::CredentialsMissing));
}

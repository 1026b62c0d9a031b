//! Facts about what a process that died left open.

use super::super::*;
use super::{crashed, entries};
use crate::event::{Completion, Outcome, SessionClosed, SessionOpened};
use crate::testing::{connection, event, judge, options};
use crate::tests::verified;
use crate::{files, id};

fn opened<'a>() -> Body<'a> {
    Body::SessionOpened(SessionOpened {
        peer: "127.0.0.1:1".parse().unwrap(),
        listener: "x".into(),
        tls: false,
    })
}

#[tokio::test]
async fn what_was_open_at_a_crash_is_unknown_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_, _) = crashed(folder.path()).await;
    // The run that "crashed": one finished request, one open one, one denied, one open session.
    let log = Log::open(options(folder.path())).unwrap();
    let (session, closed) = (id(), id());
    let mut sent = Vec::new();
    for host in ["api.stripe.com", "api.stripe.com", "other.example"] {
        let mut request = connection("billing-fn", host);
        let mut decision = judge(&request);
        if let exeat_policy::Request::Connection(request) = &mut request {
            request.addresses = None;
        }
        decision.effect = match host {
            "other.example" => exeat_policy::Effect::Deny,
            _ => exeat_policy::Effect::Allow,
        };
        let event = event(&request, &decision);
        sent.push(event.id);
        log.append(&event).unwrap();
    }
    let finished = Body::Completion(Completion::of(sent[0], Outcome::Completed));
    log.append(&Event::now(Plane::Gateway, None, finished))
        .unwrap();
    log.append(&Event::now(Plane::Gateway, Some(session), opened()))
        .unwrap();
    log.append(&Event::now(Plane::Gateway, Some(closed), opened()))
        .unwrap();
    let end = SessionClosed {
        outcome: Outcome::Completed,
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 0,
        error: None,
    };
    let last = log
        .append(&Event::now(
            Plane::Gateway,
            Some(closed),
            Body::SessionClosed(end),
        ))
        .unwrap();
    last.wait(AuditMode::Strict).await.unwrap();
    let path = files::segment(folder.path(), 0);
    let bytes = std::fs::read(&path).unwrap();
    let saved = ["checkpoint", "checkpoints"]
        .map(|name| (name, std::fs::read(folder.path().join(name)).unwrap()));
    log.close().await;
    std::fs::write(&path, bytes).unwrap();
    for (name, content) in saved {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    for _ in 0..2 {
        Log::open(options(folder.path())).unwrap().close().await;
    }
    let unknown: Vec<_> = entries(folder.path())
        .into_iter()
        .filter_map(|entry| match entry.event.body {
            Body::Completion(it) if it.outcome == Outcome::Unknown => Some(it.decision),
            Body::SessionClosed(it) if it.outcome == Outcome::Unknown => entry.event.session,
            _ => None,
        })
        .filter(|id| sent.contains(id) || *id == session || *id == closed)
        .collect();
    assert_eq!(unknown, [sent[1], session]);
    verified(folder.path());
}

use std::time::Duration;

use exeat_audit::{Body, Outcome};
use exeat_policy::{Effect, Reason, TlsFinding};
use exeat_service::config::GatewayTimeouts;

use crate::testing::{Origin, Stage, TIMEOUTS, hello, parse, policy};

#[tokio::test]
async fn an_allowed_tunnel_passes_bytes_and_is_on_record() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("api.example.com:{}", origin.port());
    let mut client = stage.client().await;
    assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
    let hello = hello("api.example.com");
    client.send(&hello).await;
    let mut upstream = origin.accept().await;
    assert_eq!(upstream.exactly(hello.len()).await, hello);
    upstream.send(b"answer").await;
    assert_eq!(client.exactly(6).await, b"answer");
    client.send(b"question").await;
    client.finish().await;
    assert_eq!(upstream.rest().await, b"question");
    upstream.send(b"last").await;
    drop(upstream);
    assert_eq!(client.rest().await, b"last");
    drop(client);

    let events = stage.events().await;
    let decision = events
        .iter()
        .find_map(|event| match &event.body {
            Body::Decision(decided) => Some((event.id, decided)),
            _ => None,
        })
        .unwrap();
    assert_eq!(decision.1.decision.effect, Effect::Allow);
    let completion = events
        .iter()
        .find_map(|event| match &event.body {
            Body::Completion(completion) => Some(completion),
            _ => None,
        })
        .unwrap();
    assert_eq!(completion.decision, decision.0);
    assert_eq!(completion.outcome, Outcome::Completed);
    assert_eq!(
        completion.tls.as_deref(),
        Some(&TlsFinding::ServerName("api.example.com".into()))
    );
    assert_eq!(completion.bytes_in, hello.len() as u64 + 8);
    assert_eq!(completion.bytes_out, 10);
    assert_eq!(completion.dialled, Some("127.0.0.1".parse().unwrap()));
    let kinds: Vec<_> = events.iter().map(|event| event.body.kind()).collect();
    assert!(
        kinds.contains(&"session_opened") && kinds.contains(&"session_closed"),
        "{kinds:?}"
    );
}

#[tokio::test]
async fn bytes_that_came_early_pass_once_the_hello_is_read() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("api.example.com:{}", origin.port());
    let hello = hello("api.example.com");
    let mut client = stage.client().await;
    client
        .send([stage.connect(&to).as_bytes(), &hello, b"early"].concat())
        .await;
    let mut upstream = origin.accept().await;
    assert_eq!(
        upstream.exactly(hello.len() + 5).await,
        [&hello[..], b"early"].concat()
    );
    assert_eq!(client.response().await.status, 200);
}

#[tokio::test]
async fn a_hello_may_arrive_byte_by_byte() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("api.example.com:{}", origin.port());
    let mut client = stage.client().await;
    assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
    client.0.set_nodelay(true).unwrap();
    let hello = hello("api.example.com");
    for byte in &hello {
        client.send([*byte]).await;
    }
    let mut upstream = origin.accept().await;
    assert_eq!(upstream.exactly(hello.len()).await, hello);
}

#[tokio::test]
async fn what_the_first_bytes_do_not_prove_never_reaches_the_origin() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("api.example.com:{}", origin.port());
    let alert = |description| vec![21, 3, 3, 0, 2, 2, description];
    let table: &[(Vec<u8>, Vec<u8>, Reason)] = &[
        (hello("evil.test"), alert(112), Reason::SniMismatch),
        (hello("192.0.2.7"), alert(112), Reason::SniMissing),
        (b"SSH-2.0-x\r\n".to_vec(), Vec::new(), Reason::NotTls),
        (
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            Vec::new(),
            Reason::NotTls,
        ),
        (vec![21, 3, 1, 0, 2, 1, 0], alert(50), Reason::TlsMalformed),
        (
            [hello("evil.test"), hello("api.example.com")].concat(),
            alert(112),
            Reason::SniMismatch,
        ),
    ];
    for (bytes, answer, reason) in table {
        let mut client = stage.client().await;
        assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
        let mut upstream = origin.accept().await;
        client.send(bytes).await;
        assert_eq!(&client.rest().await, answer, "{reason:?}");
        assert_eq!(upstream.rest().await, b"", "{reason:?}");
    }
    let denied: Vec<_> = stage
        .events()
        .await
        .iter()
        .filter_map(|event| match &event.body {
            Body::Decision(decided) if decided.decision.effect == Effect::Deny => {
                Some(decided.decision.reason)
            }
            _ => None,
        })
        .collect();
    let expected: Vec<_> = table.iter().map(|(_, _, reason)| *reason).collect();
    assert_eq!(denied, expected);
}

#[tokio::test]
async fn a_hello_that_does_not_come_is_denied() {
    let origin = Origin::new().await;
    let timeouts = GatewayTimeouts {
        client_hello: Duration::from_millis(50),
        ..TIMEOUTS
    };
    let stage = Stage::with(&policy(origin.port(), ""), timeouts, false).await;
    let to = format!("api.example.com:{}", origin.port());
    let mut client = stage.client().await;
    assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
    client.send(&hello("api.example.com")[..100]).await;
    assert_eq!(client.rest().await, b"");
    assert_eq!(origin.accept().await.rest().await, b"");
}

#[tokio::test]
async fn a_rule_without_tls_passes_anything_either_side_first() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let mut client = stage.client().await;
    let to = format!("plain.example.com:{}", origin.port());
    assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
    let mut upstream = origin.accept().await;
    upstream.send(b"220 smtp\r\n").await;
    assert_eq!(client.exactly(10).await, b"220 smtp\r\n");
    client.send(b"EHLO").await;
    assert_eq!(upstream.exactly(4).await, b"EHLO");
}

#[tokio::test]
async fn a_change_of_policy_ends_the_tunnels_that_it_denies_and_no_others() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let mut open = Vec::new();
    for name in ["api", "plain"] {
        let mut client = stage.client().await;
        let to = format!("{name}.example.com:{}", origin.port());
        assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
        let hello = hello("api.example.com");
        client.send(&hello).await;
        let mut upstream = origin.accept().await;
        upstream.exactly(hello.len()).await;
        open.push((client, upstream));
    }
    let changed =
        policy(origin.port(), "").replace("host: api.example.com", "host: moved.example.com");
    stage.core.activate(parse(&changed)).await.unwrap();
    let (mut client, mut upstream) = open.remove(0);
    assert_eq!(client.rest().await, b"");
    assert_eq!(upstream.rest().await, b"");
    let (mut client, mut upstream) = open.remove(0);
    client.send(b"still").await;
    assert_eq!(upstream.exactly(5).await, b"still");
    drop((client, upstream));
    let events = stage.events().await;
    let outcomes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::Completion(completion) => Some(completion.outcome),
            _ => None,
        })
        .collect();
    assert!(outcomes.contains(&Outcome::Denied), "{outcomes:?}");
    let denied = events.iter().any(|event| matches!(&event.body, Body::Decision(decided) if decided.decision.effect == Effect::Deny));
    assert!(denied, "the denial that ended it is on record");
}

#[tokio::test]
async fn live_tunnels_are_limited() {
    let origin = Origin::new().await;
    let limits = "      limits: { tunnels: 1 }\n";
    let stage = Stage::new(&policy(origin.port(), limits)).await;
    let to = format!("plain.example.com:{}", origin.port());
    let mut first = stage.client().await;
    assert_eq!(first.ask(stage.connect(&to)).await.status, 200);
    let mut second = stage.client().await;
    let answer = second.ask(stage.connect(&to)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.field("retry-after"), Some("1"));
    assert_eq!(answer.field("exeat-reason"), Some("limit_tunnels"));
    drop(first);
    drop(origin.accept().await);
    // The place is given back once the first tunnel is over.
    while second.ask(stage.connect(&to)).await.status != 200 {}
}

#[tokio::test]
async fn a_byte_quota_ends_a_tunnel() {
    let origin = Origin::new().await;
    let limits = "      limits: { bytes: 1KiB/day }\n";
    let stage = Stage::new(&policy(origin.port(), limits)).await;
    let to = format!("plain.example.com:{}", origin.port());
    let mut client = stage.client().await;
    assert_eq!(client.ask(stage.connect(&to)).await.status, 200);
    let mut upstream = origin.accept().await;
    client.send(vec![1; 2000]).await;
    assert!(upstream.rest().await.len() <= 2000);
    assert_eq!(client.rest().await, b"");
    let mut again = stage.client().await;
    assert_eq!(
        again.ask(stage.connect(&to)).await.field("exeat-reason"),
        Some("limit_bytes")
    );
}

/// What one idle connection costs beside its sockets and buffers.
#[tokio::test]
async fn the_state_of_a_connection_stays_small() {
    let stage = Stage::new(&policy(443, "")).await;
    let size = stage.story_size().await;
    assert!(size <= 3200, "{size}");
}

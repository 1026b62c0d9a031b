//! What waits for the record of a decision, by audit mode; and what becomes of it where there is none.

use exeat_audit::{Hold, Step};
use futures_util::FutureExt as _;

use crate::testing::{Origin, Raw, Stage, policy};

async fn staged(mode: &str) -> (Origin, Stage, Hold, String) {
    let origin = Origin::new().await;
    let audit = format!("      audit: {mode}\n");
    let (stage, hold) = Stage::held(&policy(origin.port(), &audit)).await;
    let to = format!("plain.example.com:{}", origin.port());
    (origin, stage, hold, to)
}

/// Until the log's writer stands before the step that is held.
async fn stands(hold: &Hold) {
    while !hold.stands() {
        tokio::task::yield_now().await;
    }
}

/// The gateway goes round: it answers others meanwhile, whose denials wait for nothing.
async fn goes_round(stage: &Stage) {
    for _ in 0..2 {
        let mut other = stage.client().await;
        let answer = other.ask(stage.connect("evil.test:443")).await;
        assert_eq!(answer.status, 403);
    }
}

/// A tunnel with a byte on its way in each direction; both ends.
async fn tunnel(origin: &Origin, stage: &Stage, to: &str) -> (Raw, Raw) {
    let mut client = stage.client().await;
    assert_eq!(client.ask(stage.connect(to)).await.status, 200);
    let mut upstream = origin.accept().await;
    client.send(b"up").await;
    upstream.send(b"down").await;
    (client, upstream)
}

#[tokio::test]
async fn strict_nothing_is_dialled_before_the_record_is_durable() {
    let (origin, stage, hold, to) = staged("strict").await;
    for get in [false, true] {
        hold.hold(Step::Sync);
        let mut client = stage.client().await;
        let get_it = format!(
            "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n",
            stage.auth()
        );
        let asked = if get { get_it } else { stage.connect(&to) };
        client.send(asked).await;
        stands(&hold).await;
        goes_round(&stage).await;
        assert!(origin.accept().now_or_never().is_none(), "{to} is dialled");
        assert!(!client.has_something());
        hold.release();
        drop(origin.accept().await);
    }
}

#[tokio::test]
async fn release_a_tunnel_is_dialled_at_once_and_its_first_bytes_wait_for_the_disk() {
    let (origin, stage, hold, to) = staged("release").await;
    hold.hold(Step::Sync);
    let (mut client, mut upstream) = tunnel(&origin, &stage, &to).await;
    stands(&hold).await;
    goes_round(&stage).await;
    assert!(!upstream.has_something() && !client.has_something());
    hold.release();
    assert_eq!(upstream.exactly(2).await, b"up");
    assert_eq!(client.exactly(4).await, b"down");
}

#[tokio::test]
async fn release_a_plain_request_goes_at_once_and_its_answer_waits_for_the_disk() {
    let (origin, stage, hold, to) = staged("release").await;
    hold.hold(Step::Sync);
    let mut client = stage.client().await;
    client
        .send(format!(
            "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n",
            stage.auth()
        ))
        .await;
    let mut upstream = origin.accept().await;
    assert!(upstream.head().await.starts_with("GET / "));
    upstream
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    goes_round(&stage).await;
    assert!(!client.has_something());
    hold.release();
    assert_eq!(client.response().await.body, "ok");
}

#[tokio::test]
async fn written_waits_for_the_kernel_and_not_for_the_disk() {
    let (origin, stage, hold, to) = staged("written").await;
    hold.hold(Step::Sync);
    let (mut client, mut upstream) = tunnel(&origin, &stage, &to).await;
    assert_eq!(upstream.exactly(2).await, b"up");
    assert_eq!(client.exactly(4).await, b"down");

    hold.hold(Step::Write);
    let (mut client, mut upstream) = tunnel(&origin, &stage, &to).await;
    stands(&hold).await;
    goes_round(&stage).await;
    assert!(!upstream.has_something() && !client.has_something());
    hold.release();
    assert_eq!(upstream.exactly(2).await, b"up");
    assert_eq!(client.exactly(4).await, b"down");
}

#[tokio::test]
async fn what_waits_for_a_record_that_fails_never_happens() {
    let (origin, stage, hold, to) = staged("strict").await;
    hold.hold(Step::Sync);
    let mut client = stage.client().await;
    client.send(stage.connect(&to)).await;
    stands(&hold).await;
    hold.fail();
    let answer = client.response().await;
    let reason = answer.field("exeat-reason");
    assert_eq!((answer.status, reason), (503, Some("audit_unavailable")));
    assert!(origin.accept().now_or_never().is_none(), "{to} is dialled");

    let (origin, stage, hold, to) = staged("release").await;
    hold.hold(Step::Sync);
    let (mut client, mut upstream) = tunnel(&origin, &stage, &to).await;
    stands(&hold).await;
    hold.fail();
    assert_eq!(upstream.rest().await, b"");
    assert!(!client.rest().await.starts_with(b"down"));
}

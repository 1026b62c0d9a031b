use std::time::Duration;

use super::{End, Meter, relay};
use crate::testing::Stage;
use bytes::BytesMut;
use exeat_service::{Plane, SessionInfo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};

const IDLE: Duration = Duration::from_secs(60);

async fn meter() -> Meter {
    let stage = Stage::new(&crate::testing::policy(443, "")).await;
    let peer = "127.0.0.1:1".parse().unwrap();
    let live = stage.core.sessions.register(SessionInfo {
        plane: Plane::Gateway,
        peer,
        listener: peer,
    });
    Meter::new(std::sync::Arc::new(live), None)
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (one, other) = tokio::join!(
        TcpStream::connect(listener.local_addr().unwrap()),
        listener.accept()
    );
    (one.unwrap(), other.unwrap().0)
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    let (mut client, client_side) = pair().await;
    let (upstream_side, mut upstream) = pair().await;
    let meter = meter().await;
    let talk = async {
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        upstream.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "kept question");
        // The client's half is closed; the answer still comes through.
        upstream.write_all(b"answer").await.unwrap();
        upstream.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
    };
    let (end, ()) = tokio::join!(
        relay(
            client_side,
            upstream_side,
            BytesMut::from("kept "),
            IDLE,
            &meter
        ),
        talk
    );
    assert_eq!(end, End::Closed);
    assert_eq!(meter.live.bytes(), (13, 6));
}

#[tokio::test]
async fn the_upstream_may_end_first() {
    let (mut client, client_side) = pair().await;
    let (upstream_side, mut upstream) = pair().await;
    let meter = meter().await;
    let talk = async {
        upstream.write_all(b"bye").await.unwrap();
        upstream.shutdown().await.unwrap();
        let mut bye = String::new();
        client.read_to_string(&mut bye).await.unwrap();
        client.write_all(b"last words").await.unwrap();
        drop(client);
        let mut last = String::new();
        upstream.read_to_string(&mut last).await.unwrap();
        assert_eq!(last, "last words");
    };
    let (end, ()) = tokio::join!(
        relay(client_side, upstream_side, BytesMut::new(), IDLE, &meter),
        talk
    );
    assert_eq!(end, End::Closed);
}

#[tokio::test]
async fn it_says_which_side_failed() {
    let (client, client_side) = pair().await;
    let (upstream_side, _upstream) = pair().await;
    client.set_zero_linger().unwrap();
    drop(client);
    let meter = meter().await;
    let end = relay(client_side, upstream_side, BytesMut::new(), IDLE, &meter).await;
    assert_eq!(end, End::Client);

    let (_client, client_side) = pair().await;
    let (upstream_side, upstream) = pair().await;
    upstream.set_zero_linger().unwrap();
    drop(upstream);
    let end = relay(client_side, upstream_side, BytesMut::new(), IDLE, &meter).await;
    assert_eq!(end, End::Upstream);
}

#[tokio::test]
async fn silence_ends_it_after_the_idle_timeout() {
    let (mut client, client_side) = duplex(1024);
    let (upstream_side, mut upstream) = duplex(1024);
    let idle = Duration::from_millis(60);
    let meter = meter().await;
    let talk = async {
        client.write_all(b"x").await.unwrap();
        upstream.read_u8().await.unwrap();
        std::time::Instant::now()
    };
    let (end, talked) = tokio::join!(
        relay(client_side, upstream_side, BytesMut::new(), idle, &meter),
        talk
    );
    assert_eq!(end, End::Idle);
    assert!(talked.elapsed() >= idle);
}

#[tokio::test]
async fn bulk_arrives_whole_through_small_pipes() {
    let (mut client, client_side) = pair().await;
    let (upstream_side, mut upstream) = pair().await;
    let meter = meter().await;
    let bulk: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let talk = async {
        let send = async {
            upstream.write_all(&bulk).await.unwrap();
            upstream.shutdown().await.unwrap();
        };
        let receive = async {
            let mut received = Vec::new();
            client.read_to_end(&mut received).await.unwrap();
            client.shutdown().await.unwrap();
            received
        };
        tokio::join!(send, receive).1
    };
    let (end, received) = tokio::join!(
        relay(client_side, upstream_side, BytesMut::new(), IDLE, &meter),
        talk
    );
    assert_eq!(end, End::Closed);
    assert!(received == bulk);
}

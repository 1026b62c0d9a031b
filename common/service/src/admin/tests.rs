//! The admin API over real HTTP on loopback.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use exeat_identity::{Authenticators, Issuer, Jwks, Settings};

use super::*;
use crate::listen;
use crate::stage::{Stage, info};
use metrics_exporter_prometheus::PrometheusBuilder;

/// The answer to one request: status and body.
async fn ask(address: SocketAddr, request: String) -> (u16, String) {
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    ask(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    )
    .await
}

async fn get_with(address: SocketAddr, method: &str, path: &str, token: &str) -> u16 {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    ask(
        address,
        format!("{head}Authorization: Bearer {token}\r\n\r\n"),
    )
    .await
    .0
}

/// An admin API that is served, with a recorder of its own.
async fn serve(stage: &Stage, token: Option<&str>) -> (Admin, SocketAddr) {
    let core = stage.core().await;
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let admin = Admin::new(
        core,
        metrics,
        token.map(|token| Secret::new(token.to_owned())),
    );
    let listener = listen::exclusive(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(admin.clone().serve(listener));
    (admin, address)
}

#[tokio::test]
async fn ready_is_told_apart_from_alive() {
    let stage = Stage::new();
    let (admin, address) = serve(&stage, None).await;
    assert_eq!(get(address, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(
        get(address, "/readyz").await,
        (503, "starting\n".to_owned())
    );
    admin.ready();
    assert_eq!(get(address, "/readyz").await, (200, "ready\n".to_owned()));
    admin.core.drain.cancel();
    assert_eq!(
        get(address, "/readyz").await,
        (503, "draining\n".to_owned())
    );
    assert_eq!(get(address, "/healthz").await.0, 200);
}

/// The refresh does not run here, so the first fetch never comes.
#[tokio::test]
async fn an_issuer_that_was_not_asked_for_its_keys_is_not_ready() {
    let stage = Stage::new();
    let (admin, address) = serve(&stage, None).await;
    admin.ready();
    let settings = Settings {
        issuers: vec![Issuer {
            issuer: "https://issuer.example".into(),
            audience: vec!["exeat".into()],
            jwks: Jwks::Discovery,
            ca: None,
        }],
        ..Settings::default()
    };
    let identity = Authenticators::build(&settings).unwrap();
    admin.core.authenticate_by(Arc::new(identity)).unwrap();
    assert_eq!(
        get(address, "/readyz").await,
        (503, "fetching the keys of an issuer\n".to_owned())
    );
}

#[tokio::test]
async fn a_log_that_is_closed_is_not_ready() {
    let stage = Stage::new();
    let (admin, address) = serve(&stage, None).await;
    admin.ready();
    admin.core.log.close().await;
    assert_eq!(get(address, "/readyz").await.0, 503);
}

#[tokio::test]
async fn sessions_are_listed_as_json() {
    let stage = Stage::new();
    let (admin, address) = serve(&stage, None).await;
    let live = admin.core.sessions.register(info());
    let (status, body) = get(address, "/sessions").await;
    assert_eq!(status, 200);
    let listed: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(listed["sessions"][0]["id"], live.id().to_string());
    assert_eq!(listed["sessions"][0]["plane"], "gateway");
    assert_eq!(listed["sessions"][0]["role"], serde_json::Value::Null);
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let stage = Stage::new();
    let (_admin, address) = serve(&stage, None).await;
    assert_eq!(get(address, "/metrics").await.0, 200);
}

#[tokio::test]
async fn with_a_token_only_its_holder_reads() {
    let stage = Stage::new();
    let (_admin, address) = serve(&stage, Some("open sesame")).await;
    for path in ["/metrics", "/sessions"] {
        assert_eq!(get(address, path).await.0, 401);
        assert_eq!(get_with(address, "GET", path, "open sesam").await, 401);
        assert_eq!(get_with(address, "GET", path, "open sesame").await, 200);
    }
    assert_eq!(get(address, "/healthz").await.0, 200);
}

#[tokio::test]
async fn ending_a_session_needs_a_token() {
    let stage = Stage::new();
    let (admin, address) = serve(&stage, None).await;
    let live = admin.core.sessions.register(info());
    let path = format!("/sessions/{}", live.id());
    assert_eq!(get_with(address, "DELETE", &path, "").await, 403);
    assert!(live.has_ended().is_none());

    let other = Stage::new();
    let (admin, address) = serve(&other, Some("open sesame")).await;
    let live = admin.core.sessions.register(info());
    let path = format!("/sessions/{}", live.id());
    assert_eq!(get_with(address, "DELETE", &path, "wrong").await, 401);
    assert_eq!(get_with(address, "DELETE", &path, "open sesame").await, 202);
    assert!(live.has_ended().is_some());
    assert_eq!(
        get_with(
            address,
            "DELETE",
            &format!("/sessions/{}", Uuid::nil()),
            "open sesame"
        )
        .await,
        404
    );
}

#[tokio::test]
async fn without_a_token_a_foreign_name_reads_nothing() {
    let stage = Stage::new();
    let (_admin, address) = serve(&stage, None).await;
    let cases = [
        ("rebound.example", 403),
        ("localhost.rebound.example", 403),
        ("127.0.0.1.rebound.example", 403),
        ("127.0.0.1:9180", 200),
        ("[::1]:9180", 200),
        ("localhost", 200),
    ];
    for (host, expected) in cases {
        let head = format!("GET /sessions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        assert_eq!(ask(address, head).await.0, expected, "{host}");
    }
}

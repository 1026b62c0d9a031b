use std::time::Duration;

use exeat_audit::Body;
use exeat_service::config::GatewayTimeouts;

use crate::testing::{Origin, Raw, Stage, TIMEOUTS, policy};

#[tokio::test]
async fn every_request_is_authenticated_anew() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("plain.example.com:{}", origin.port());
    let plain = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    let get = |auth: &str| format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{auth}\r\n");
    let mut client = stage.client().await;
    for _ in 0..2 {
        let answer = client.ask(&plain).await;
        assert_eq!(answer.status, 407);
        assert_eq!(answer.field("exeat-reason"), Some("credentials_missing"));
        let challenges: Vec<_> = answer
            .head
            .lines()
            .filter(|line| line.starts_with("proxy-authenticate: "))
            .collect();
        assert_eq!(challenges.len(), 2, "{}", answer.head);
    }
    let served = tokio::spawn(async move {
        let mut upstream = origin.accept().await;
        upstream.head().await;
        upstream
            .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        origin
    });
    assert_eq!(client.ask(get(&stage.auth())).await.body, "ok");
    let origin = served.await.unwrap();
    // Nobody is left on the connection, and another role is another role.
    assert_eq!(client.ask(get("")).await.status, 407);
    let other = format!("Proxy-Authorization: Bearer {}\r\n", stage.other);
    let answer = client.ask(get(&other)).await;
    assert_eq!(
        (answer.status, answer.field("exeat-reason")),
        (403, Some("host_not_allowed"))
    );
    let wrong = "Proxy-Authorization: Bearer exeat_wrong\r\n";
    assert_eq!(client.ask(get(wrong)).await.status, 407);
    let broken = "Proxy-Authorization: Negotiate x\r\n";
    assert_eq!(client.ask(get(broken)).await.status, 407);
    let conflict = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("fn-b:{}", stage.token),
    );
    let answer = client
        .ask(get(&format!("Proxy-Authorization: Basic {conflict}\r\n")))
        .await;
    assert_eq!(
        (answer.status, answer.field("exeat-reason")),
        (403, Some("identity_conflict"))
    );
    let good = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("fn-a:{}", stage.token),
    );
    let answer = client
        .ask(format!(
            "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: basic {good}\r\n\r\n"
        ))
        .await;
    assert_eq!(answer.status, 200);
    drop(origin);
}

#[tokio::test]
async fn a_denial_says_what_why_and_how_to_explain_it() {
    let stage = Stage::new(&policy(443, "")).await;
    let mut client = stage.client().await;
    let answer = client.ask(stage.connect("evil.test:443")).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.field("proxy-status"),
        Some("exeat; error=http_request_denied; details=\"host_not_allowed\"")
    );
    assert_eq!(answer.field("exeat-reason"), Some("host_not_allowed"));
    let id = answer.field("exeat-decision").unwrap().to_owned();
    for words in [
        "host_not_allowed",
        "evil.test:443",
        "fn-a",
        &id,
        "exeat policy explain --policy POLICY --role fn-a --assurance token --to evil.test:443",
    ] {
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    let json = format!(
        "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\nAccept: application/json\r\n{}\r\n",
        stage.auth()
    );
    let answer = client.ask(json).await;
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(json["reason"], "host_not_allowed");
    assert_eq!(json["destination"], "evil.test:443");
    let port = client.ask(stage.connect("api.example.com:22")).await;
    assert_eq!(port.field("exeat-reason"), Some("port_not_allowed"));
    drop(client);
    let events = stage.events().await;
    assert!(
        events
            .iter()
            .any(|event| event.id.to_string() == id && matches!(event.body, Body::Decision(_)))
    );
}

#[tokio::test]
async fn addresses_are_judged_as_a_whole() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let mut client = stage.client().await;
    for name in ["closed.example.com", "mixed.example.com"] {
        let answer = client
            .ask(stage.connect(&format!("{name}:{}", origin.port())))
            .await;
        assert_eq!(
            (answer.status, answer.field("exeat-reason")),
            (403, Some("address_not_public")),
            "{name}"
        );
    }
    for (to, reason) in [
        ("169.254.169.254:80", "address_metadata"),
        ("127.0.0.1:443", "ip_literal"),
        ("localhost:443", "special_use_name"),
    ] {
        let answer = client.ask(stage.connect(to)).await;
        assert_eq!(answer.status, 403, "{to}");
        assert_eq!(answer.field("exeat-reason"), Some(reason), "{to}");
    }
}

#[tokio::test]
async fn failures_on_the_way_are_no_denials() {
    let port = Origin::new().await.port();
    let stage = Stage::new(&policy(port, "        - { host: unknown.example.com }\n")).await;
    let mut client = stage.client().await;
    let answer = client
        .ask(stage.connect(&format!("api.example.com:{port}")))
        .await;
    assert_eq!(answer.status, 502);
    assert_eq!(
        answer.field("proxy-status"),
        Some("exeat; error=connection_refused; details=\"connect_refused\"")
    );
    let answer = client.ask(stage.connect("unknown.example.com:443")).await;
    assert!(matches!(answer.status, 502 | 504), "{}", answer.head);
    assert!(
        answer
            .field("proxy-status")
            .unwrap()
            .starts_with("exeat; error=dns_"),
        "{}",
        answer.head
    );
}

#[tokio::test]
async fn the_gateway_is_no_destination_of_its_own() {
    let stage = Stage::new(&policy(1, "")).await;
    let port = stage.address.port();
    stage
        .core
        .activate(crate::testing::parse(&policy(port, "")))
        .await
        .unwrap();
    let mut client = stage.client().await;
    let answer = client
        .ask(stage.connect(&format!("plain.example.com:{port}")))
        .await;
    assert_eq!(
        (answer.status, answer.field("exeat-reason")),
        (508, Some("loop_detected"))
    );
}

#[tokio::test]
async fn a_plain_request_reaches_the_origin_in_origin_form_and_clean() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("plain.example.com:{}", origin.port());
    let mut client = stage.client().await;
    let request = format!(
        "POST http://{to}/a?b=c HTTP/1.1\r\nHost: {to}\r\n{}Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\nUpgrade: websocket\r\nX-Forwarded-Client-Cert: x\r\nX-Role: admin\r\nX-Smokescreen-Role: x\r\nX-Upstream-Https-Proxy: x\r\nX-Yours: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
        stage.auth()
    );
    client.send(&request).await;
    let mut upstream = origin.accept().await;
    let head = upstream.head().await.to_ascii_lowercase();
    assert!(head.starts_with("post /a?b=c http/1.1\r\n"), "{head}");
    for name in [
        "proxy-",
        "x-mine",
        "te:",
        "upgrade",
        "x-forwarded-client-cert",
        "x-role",
        "x-smokescreen",
        "x-upstream",
        "connection",
    ] {
        assert!(!head.contains(&format!("\r\n{name}")), "{name}: {head}");
    }
    assert!(
        head.contains(&format!("\r\nhost: {to}\r\n"))
            && head.contains("\r\nx-yours: 2\r\n")
            && head.contains("\r\nvia: 1.1 exeat-"),
        "{head}"
    );
    assert_eq!(upstream.exactly(15).await, b"5\r\nhello\r\n0\r\n\r\n");
    upstream.send("HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nProxy-Authenticate: Basic\r\nExeat-Reason: forged\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    let answer = client.head().await.to_ascii_lowercase();
    for name in ["x-hop", "proxy-authenticate", "exeat-"] {
        assert!(!answer.contains(&format!("\r\n{name}")), "{name}: {answer}");
    }
    let via = answer
        .lines()
        .find_map(|line| line.strip_prefix("via: 1.1 "))
        .unwrap()
        .to_owned();
    assert_eq!(client.exactly(13).await, b"3\r\nabc\r\n0\r\n\r\n");
    // A request that carries this gateway's own signature came back.
    let answer = client
        .ask(format!(
            "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nVia: 1.0 x, 1.1 {via}\r\n{}\r\n",
            stage.auth()
        ))
        .await;
    assert_eq!(answer.status, 508);
}

#[tokio::test]
async fn answers_without_a_body_keep_their_length() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("plain.example.com:{}", origin.port());
    let mut client = stage.client().await;
    client
        .send(format!(
            "HEAD http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n",
            stage.auth()
        ))
        .await;
    let mut upstream = origin.accept().await;
    upstream.head().await;
    upstream
        .send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n")
        .await;
    assert!(
        client
            .head()
            .await
            .to_ascii_lowercase()
            .contains("content-length: 12345")
    );
    client
        .send(format!(
            "POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nContent-Length: 0\r\n{}\r\n",
            stage.auth()
        ))
        .await;
    let mut upstream = origin.accept().await;
    assert!(
        upstream
            .head()
            .await
            .to_ascii_lowercase()
            .contains("content-length: 0\r\n")
    );
    upstream.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 204"));
}

#[tokio::test]
async fn an_origin_that_does_not_speak_http_gives_502() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("plain.example.com:{}", origin.port());
    for answer in [
        "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "",
    ] {
        let mut client = stage.client().await;
        client
            .send(format!(
                "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n",
                stage.auth()
            ))
            .await;
        let mut upstream = origin.accept().await;
        upstream.head().await;
        upstream.send(answer).await;
        drop(upstream);
        assert_eq!(client.response().await.status, 502, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_ambiguous_is_refused_in_its_turn_and_ends_the_connection() {
    let stage = Stage::new(&policy(443, "")).await;
    let to = "plain.example.com:443";
    let auth = stage.auth();
    let table: Vec<(String, u16)> = vec![
        (
            format!(
                "POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{auth}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
            400,
        ),
        (
            format!(
                "POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{auth}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"
            ),
            400,
        ),
        (
            format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nHost: evil.test\r\n{auth}\r\n"),
            400,
        ),
        (
            format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{auth}{auth}\r\n"),
            400,
        ),
        (format!("GET http://{to}/ HTTP/1.1\nHost: {to}\n\n"), 400),
        (
            format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n{auth}Content-Length: 5\r\n\r\nhello"),
            400,
        ),
        (
            format!("connect {to} HTTP/1.1\r\nHost: {to}\r\n{auth}\r\n"),
            400,
        ),
        ("\x16\x03\x01\x02\x00\x01".to_owned(), 400),
        (
            format!("GET http://{to}/{} HTTP/1.1\r\n", "a".repeat(64 * 1024)),
            414,
        ),
        (
            format!(
                "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n",
                "X: y\r\n".repeat(1000)
            ),
            431,
        ),
        (
            format!(
                "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nX: {}\r\n\r\n",
                "y".repeat(1 << 20)
            ),
            431,
        ),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 505),
    ];
    for (request, status) in table {
        let mut client = stage.client().await;
        // The gateway may stop reading before everything is sent.
        let (mut reader, mut writer) = client.0.split();
        let send = tokio::io::AsyncWriteExt::write_all(&mut writer, request.as_bytes());
        let mut answer = Vec::new();
        let (_, read) = tokio::join!(
            send,
            tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer)
        );
        read.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let first: String = request.chars().take(60).collect();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{first:?}: {answer}"
        );
        assert_eq!(
            answer.matches("\nHTTP/1.1").count(),
            0,
            "{first:?}: {answer}"
        );
        assert!(
            answer.contains("proxy-status: exeat; error=http_request_error"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn what_is_no_legal_target_is_refused_and_the_connection_goes_on() {
    let stage = Stage::new(&policy(443, "")).await;
    let mut client = stage.client().await;
    for line in [
        "GET / HTTP/1.1\r\nHost: a.test",
        "OPTIONS * HTTP/1.1\r\nHost: a.test",
        "GET https://a.test/ HTTP/1.1\r\nHost: a.test",
        "GET http://user@a.test/ HTTP/1.1\r\nHost: a.test",
        "GET http://a.test/ HTTP/1.1\r\nHost: evil.test",
        "CONNECT a.test HTTP/1.1\r\nHost: a.test",
        "CONNECT / HTTP/1.1\r\nHost: a.test",
        "CONNECT http://a.test:443 HTTP/1.1\r\nHost: a.test",
        "CONNECT 2130706433:443 HTTP/1.1\r\nHost: 2130706433:443",
        "CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443",
    ] {
        let answer = client.ask(format!("{line}\r\n{}\r\n", stage.auth())).await;
        assert_eq!(answer.status, 400, "{line}: {}", answer.head);
    }
    let trace = format!(
        "TRACE http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{}\r\n",
        stage.auth()
    );
    assert_eq!(client.ask(trace).await.status, 405);
    assert_eq!(client.ask(stage.connect("a.test:443")).await.status, 403);
}

#[tokio::test]
async fn a_smuggled_request_is_a_request_of_its_own() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("plain.example.com:{}", origin.port());
    let inner = format!("GET http://{to}/admin HTTP/1.1\r\nHost: {to}\r\n\r\n");
    let mut client = stage.client().await;
    // The inner request has no credentials: it is answered by 407 and never reaches the origin.
    client
        .send(format!(
            "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n{inner}",
            stage.auth()
        ))
        .await;
    let mut upstream = origin.accept().await;
    assert!(upstream.head().await.starts_with("GET / HTTP/1.1\r\n"));
    upstream
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    assert_eq!(client.response().await.body, "ok");
    assert_eq!(client.response().await.status, 407);
    assert_eq!(upstream.rest().await, b"");
}

#[tokio::test]
async fn a_slow_head_is_answered_and_a_silent_client_is_not() {
    let timeouts = GatewayTimeouts {
        handshake: Duration::from_millis(50),
        idle: Duration::from_millis(50),
        ..TIMEOUTS
    };
    let stage = Stage::with(&policy(443, ""), timeouts, false).await;
    let mut slow = stage.client().await;
    slow.send("GET http://a.test/ HT").await;
    assert_eq!(slow.response().await.status, 408);
    let mut silent = stage.client().await;
    assert_eq!(silent.rest().await, b"");
    let mut idle = stage.client().await;
    assert_eq!(idle.ask(stage.connect("a.test:443")).await.status, 403);
    assert_eq!(idle.rest().await, b"");
    let mut second = stage.client().await;
    assert_eq!(second.ask(stage.connect("a.test:443")).await.status, 403);
    second.send("GET http://a.test/ HT").await;
    assert_eq!(second.response().await.status, 408);
}

#[tokio::test]
async fn nothing_passes_without_a_record() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    stage.core.log.close().await;
    let mut client = stage.client().await;
    for to in [
        format!("plain.example.com:{}", origin.port()),
        "evil.test:443".to_owned(),
    ] {
        let answer = client.ask(stage.connect(&to)).await;
        assert_eq!(
            (answer.status, answer.field("exeat-reason")),
            (503, Some("audit_unavailable"))
        );
    }
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let stage = Stage::new(&policy(443, "")).await;
    for request in [
        stage.connect("evil.test:443"),
        "nonsense\r\n\r\n".to_owned(),
    ] {
        let mut client = stage.client().await;
        client.send(&request).await;
        client.finish().await;
        assert!(client.rest().await.starts_with(b"HTTP/1.1 40"), "{request}");
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    use exeat_identity::ca;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let origin = Origin::new().await;
    let more = "  fn-c:\n    identities: [{ spiffe: spiffe://test.example/role/fn-c }]\n    egress:\n      allow: [{ host: evil.test, ports: [9] }]\n";
    let stage = Stage::with(&policy(origin.port(), more), TIMEOUTS, true).await;
    let store = crate::testing::store(&stage.folder);
    let now = jiff::Timestamp::now();
    let issued = ca::issue(
        &store,
        "spiffe://test.example/role/fn-c",
        &ca::Purpose::Client,
        Duration::from_secs(600),
        now,
    )
    .unwrap();
    let chain = CertificateDer::pem_slice_iter(issued.certificate_pem.as_bytes())
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.expose().as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(store.path(ca::CERTIFICATE_FILE)).unwrap())
        .unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let Raw(stream) = stage.client().await;
    let mut client = connector
        .connect("gateway.test".try_into().unwrap(), stream)
        .await
        .unwrap();
    let request =
        "CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\nConnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut client, request.as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut client, &mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    ended.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(
        answer.contains("--role fn-c --assurance certificate --to other.test:443"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let origin = Origin::new().await;
    let timeouts = GatewayTimeouts {
        idle: Duration::from_millis(40),
        connect: Duration::from_millis(40),
        ..TIMEOUTS
    };
    let stage = Stage::with(&policy(origin.port(), ""), timeouts, false).await;
    let to = format!("plain.example.com:{}", origin.port());
    let mut client = stage.client().await;
    let get = format!(
        "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{}\r\n",
        stage.auth()
    );
    client.send(get).await;
    let mut upstream = origin.accept().await;
    upstream.head().await;
    upstream.send("HTTP/1.1 200 OK\r\n\r\n").await;
    // More than all buffers on the way hold: it ends because the gateway lets go.
    let chunk = vec![0; 1 << 20];
    while tokio::io::AsyncWriteExt::write_all(&mut upstream.0, &chunk)
        .await
        .is_ok()
    {}
    stage.core.sessions.emptied().await;
}

#[tokio::test]
async fn an_upgrade_that_was_asked_for_is_not_given_and_ends_in_order() {
    let origin = Origin::new().await;
    let stage = Stage::new(&policy(origin.port(), "")).await;
    let to = format!("plain.example.com:{}", origin.port());
    let mut client = stage.client().await;
    client
        .send(format!(
            "GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n{}\r\n",
            stage.auth()
        ))
        .await;
    let mut upstream = origin.accept().await;
    let head = upstream.head().await.to_ascii_lowercase();
    assert!(
        !head.contains("h2c") && !head.contains("http2-settings"),
        "{head}"
    );
    upstream
        .send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        .await;
    assert!(client.rest().await.ends_with(b"\r\n\r\nok"));
}

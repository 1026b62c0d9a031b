//! Fetching from a real server on loopback: discovery, rotation, and everything that can go wrong.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::super::refresh::{self, Pace};
use super::super::{JwtError, JwtVerifier};
use super::{KEYS, NOW, NOW_MILLIS, ec_jwk, ed_jwk, token_of};
use crate::fixtures::{Signer, dns};
use crate::settings::{Issuer, Jwks};

const BRISK: Pace = Pace {
    every: Duration::from_secs(3600),
    at_most_every: Duration::from_millis(20),
    first_retry: Duration::from_millis(5),
    last_retry: Duration::from_millis(20),
};

/// What the issuer answers with.
struct Answers {
    issuer: String,
    jwks_uri: String,
    status: StatusCode,
    keys: Vec<u8>,
}

struct Provider {
    url: String,
    answers: Arc<Mutex<Answers>>,
    fetches: Arc<AtomicUsize>,
    _server: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self._server.abort();
    }
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn answer(answers: &Answers, url: &str, path: &str) -> Response<Full<Bytes>> {
    let body = match path {
        "/.well-known/openid-configuration" => {
            json!({ "issuer": answers.issuer, "jwks_uri": answers.jwks_uri, "response_types_supported": [] })
                .to_string()
                .into_bytes()
        }
        "/keys" => answers.keys.clone(),
        _ => Vec::new(),
    };
    let status = if path == "/keys" {
        answers.status
    } else {
        StatusCode::OK
    };
    Response::builder()
        .status(status)
        .header(header::LOCATION, format!("{url}/elsewhere"))
        .body(Full::new(body.into()))
        .unwrap()
}

impl Provider {
    async fn start(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = match tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let answers = Arc::new(Mutex::new(Answers {
            issuer: url.clone(),
            jwks_uri: format!("{url}/keys"),
            status: StatusCode::OK,
            keys: set(&[ec_jwk(&KEYS.ec, "ec")]),
        }));
        let fetches = Arc::new(AtomicUsize::new(0));
        let (shared, count, own) = (Arc::clone(&answers), Arc::clone(&fetches), url.clone());
        let server = tokio::spawn(async move {
            loop {
                let (socket, _peer) = listener.accept().await.unwrap();
                let (shared, count, own) = (Arc::clone(&shared), Arc::clone(&count), own.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    if request.uri().path() == "/keys" {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    let answer = answer(&shared.lock().unwrap(), &own, request.uri().path());
                    async move { Ok::<_, Infallible>(answer) }
                });
                let tls = tls.clone();
                tokio::spawn(async move {
                    let builder = http1::Builder::new();
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(socket).await {
                                builder
                                    .serve_connection(TokioIo::new(stream), service)
                                    .await
                                    .ok();
                            }
                        }
                        None => drop(
                            builder
                                .serve_connection(TokioIo::new(socket), service)
                                .await,
                        ),
                    }
                });
            }
        });
        Self {
            url,
            answers,
            fetches,
            _server: server,
        }
    }

    fn issuer(&self, jwks: Jwks) -> Issuer {
        Issuer {
            issuer: self.url.clone(),
            audience: vec!["exeat".into()],
            jwks,
            ca: None,
        }
    }

    fn token(&self, algorithm: &str, kid: &str) -> String {
        let claims = json!({ "iss": self.url, "sub": "charge", "aud": "exeat", "exp": NOW + 600 });
        token_of(
            &json!({ "alg": algorithm, "kid": kid }),
            &claims.to_string(),
            algorithm,
        )
    }

    fn change(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
    }

    fn fetched(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

/// A verifier with its refresh task running.
fn running(settings: Issuer) -> (Arc<JwtVerifier>, JoinHandle<()>) {
    let verifier = Arc::new(JwtVerifier::read(&[settings], None).unwrap());
    let issuers: Vec<_> = verifier.issuers.values().cloned().collect();
    let task = tokio::spawn(refresh::run(
        issuers.into_iter(),
        BRISK,
        std::future::pending(),
    ));
    (verifier, task)
}

/// Looks until something is so; fails after a minute.
async fn until(mut holds: impl FnMut() -> bool) {
    let look = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look)
        .await
        .expect("it never came to be");
}

#[tokio::test]
async fn keys_come_by_discovery_and_by_url() {
    let provider = Provider::start(None).await;
    for jwks in [Jwks::Discovery, Jwks::Url(format!("{}/keys", provider.url))] {
        let (verifier, task) = running(provider.issuer(jwks));
        let token = provider.token("ES256", "ec");
        until(|| verifier.verify(&token, NOW_MILLIS).is_ok()).await;
        task.abort();
    }
}

#[tokio::test]
async fn before_the_first_fetch_a_token_is_refused_without_io() {
    let provider = Provider::start(None).await;
    let verifier = JwtVerifier::read(&[provider.issuer(Jwks::Discovery)], None).unwrap();
    let token = provider.token("ES256", "ec");
    assert_eq!(
        verifier.verify(&token, NOW_MILLIS).unwrap_err(),
        JwtError::Key
    );
    assert_eq!(provider.fetched(), 0);
}

#[tokio::test]
async fn issuers_are_settled_by_the_first_fetch_whether_it_succeeds_or_fails() {
    for status in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
        let provider = Provider::start(None).await;
        provider.change(|answers| answers.status = status);
        let issuer = provider.issuer(Jwks::Discovery);
        let idle = JwtVerifier::read(std::slice::from_ref(&issuer), None).unwrap();
        assert!(!idle.is_settled());
        let (verifier, _task) = running(issuer);
        until(|| verifier.is_settled()).await;
        let token = provider.token("ES256", "ec");
        let proven = verifier.verify(&token, NOW_MILLIS).is_ok();
        assert_eq!(proven, status == StatusCode::OK);
    }
}

#[tokio::test]
async fn a_token_of_a_new_key_has_the_keys_fetched_at_once() {
    let provider = Provider::start(None).await;
    let (verifier, _task) = running(provider.issuer(Jwks::Discovery));
    let old = provider.token("ES256", "ec");
    until(|| verifier.verify(&old, NOW_MILLIS).is_ok()).await;
    assert!(!verifier.take_withdrawn());
    provider.change(|answers| answers.keys = set(&[ed_jwk(&KEYS.ed, "ed")]));
    let new = provider.token("EdDSA", "ed");
    until(|| verifier.verify(&new, NOW_MILLIS).is_ok()).await;
    assert!(verifier.take_withdrawn() && !verifier.take_withdrawn());
    // The old key is gone, and the token that it signed with it, cached or not.
    assert_eq!(
        verifier.verify(&old, NOW_MILLIS).unwrap_err(),
        JwtError::Key
    );
}

#[tokio::test]
async fn unknown_keys_cause_few_fetches() {
    let provider = Provider::start(None).await;
    let (verifier, _task) = running(provider.issuer(Jwks::Discovery));
    let known = provider.token("ES256", "ec");
    until(|| verifier.verify(&known, NOW_MILLIS).is_ok()).await;
    let (before, started) = (provider.fetched(), std::time::Instant::now());
    for number in 0..200 {
        let unknown = provider.token("EdDSA", &format!("made-up-{number}"));
        assert_eq!(
            verifier.verify(&unknown, NOW_MILLIS).unwrap_err(),
            JwtError::Key
        );
        tokio::task::yield_now().await;
    }
    let allowed = started.elapsed().as_millis() / BRISK.at_most_every.as_millis() + 2;
    let fetched = (provider.fetched() - before) as u128;
    assert!(fetched <= allowed, "{fetched} fetches, {allowed} allowed");
}

#[tokio::test]
async fn answers_that_are_no_keys_are_refused() {
    type Spoil = fn(&mut Answers);
    let spoil: [(&str, Spoil); 7] = [
        ("status", |answers| {
            answers.status = StatusCode::INTERNAL_SERVER_ERROR;
        }),
        // A redirect is not followed.
        ("status", |answers| answers.status = StatusCode::FOUND),
        ("document", |answers| answers.keys = b"<html>".to_vec()),
        ("document", |answers| {
            answers.keys = set(&[json!({ "kty": "oct", "k": "c2VjcmV0" })]);
        }),
        // More than the cap, be it only blanks.
        ("connection", |answers| {
            answers.keys.resize(2 * 1024 * 1024, b' ')
        }),
        ("other_issuer", |answers| {
            answers.issuer = "https://evil.example".into();
        }),
        ("url", |answers| {
            answers.jwks_uri = "http://192.0.2.1/keys".into();
        }),
    ];
    for (kind, spoil) in spoil {
        let provider = Provider::start(None).await;
        let settings = provider.issuer(Jwks::Discovery);
        let fetcher = super::super::fetch::Fetcher::new(&settings).unwrap();
        assert!(fetcher.keys(&settings).await.is_ok());
        provider.change(spoil);
        let Err(error) = fetcher.keys(&settings).await else {
            panic!("{kind}")
        };
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn a_failing_issuer_takes_no_keys_away_and_may_recover() {
    let provider = Provider::start(None).await;
    let (verifier, _task) = running(provider.issuer(Jwks::Discovery));
    let (known, new) = (provider.token("ES256", "ec"), provider.token("EdDSA", "ed"));
    until(|| verifier.verify(&known, NOW_MILLIS).is_ok()).await;
    provider.change(|answers| {
        answers.status = StatusCode::SERVICE_UNAVAILABLE;
        answers.keys = set(&[ed_jwk(&KEYS.ed, "ed")]);
    });
    let before = provider.fetched();
    // Two further fetches, so that one has failed for sure.
    until(|| verifier.verify(&new, NOW_MILLIS).is_err() && provider.fetched() > before + 1).await;
    assert!(verifier.verify(&known, NOW_MILLIS).is_ok());
    provider.change(|answers| answers.status = StatusCode::OK);
    until(|| verifier.verify(&new, NOW_MILLIS).is_ok()).await;
}

#[tokio::test]
async fn a_rebuild_keeps_the_fetched_keys() {
    let provider = Provider::start(None).await;
    let settings = provider.issuer(Jwks::Discovery);
    let (verifier, task) = running(settings.clone());
    let token = provider.token("ES256", "ec");
    until(|| verifier.verify(&token, NOW_MILLIS).is_ok()).await;
    task.abort();
    let rebuilt = JwtVerifier::read(std::slice::from_ref(&settings), Some(&verifier)).unwrap();
    assert!(rebuilt.verify(&token, NOW_MILLIS).is_ok());
    // Not where the issuer's settings are others.
    let mut others = settings;
    others.audience.push("another".into());
    let rebuilt = JwtVerifier::read(&[others], Some(&verifier)).unwrap();
    assert_eq!(
        rebuilt.verify(&token, NOW_MILLIS).unwrap_err(),
        JwtError::Key
    );
}

#[tokio::test]
async fn https_is_verified_by_the_issuers_roots() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Signer::root("issuer");
    let leaf = authority.leaf(|leaf| {
        leaf.subject_alt_names = vec![dns("localhost")];
        leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(leaf.chain.clone(), leaf.key_der())
        .unwrap();
    let provider = Provider::start(Some(Arc::new(config).into())).await;
    let token = provider.token("ES256", "ec");

    let mut settings = provider.issuer(Jwks::Discovery);
    settings.ca = Some(Signer::root("stranger").write(directory.path(), "stranger.pem"));
    let fetcher = super::super::fetch::Fetcher::new(&settings).unwrap();
    let Err(error) = fetcher.keys(&settings).await else {
        panic!("a stranger's root")
    };
    assert_eq!(error.kind(), "connection");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    assert_eq!(provider.fetched(), 0);

    settings.ca = Some(authority.write(directory.path(), "issuer.pem"));
    let (verifier, task) = running(settings.clone());
    until(|| verifier.verify(&token, NOW_MILLIS).is_ok()).await;
    task.abort();

    // An issuer on https can't send us to plain http, not even on this machine.
    provider.change(|answers| answers.jwks_uri = "http://127.0.0.1:1/keys".into());
    let fetcher = super::super::fetch::Fetcher::new(&settings).unwrap();
    assert!(
        fetcher
            .keys(&settings)
            .await
            .is_err_and(|error| error.kind() == "url")
    );
}

#[tokio::test]
async fn refreshing_ends_when_it_is_told_to() {
    let provider = Provider::start(None).await;
    let verifier = JwtVerifier::read(&[provider.issuer(Jwks::Discovery)], None).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let refreshing = verifier.run_refresh(async { drop(stopped.await) });
    let control = async {
        until(|| provider.fetched() == 1).await;
        stop.send(()).unwrap();
    };
    tokio::time::timeout(Duration::from_secs(60), async {
        tokio::join!(refreshing, control)
    })
    .await
    .unwrap();
}

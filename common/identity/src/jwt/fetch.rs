//! Fetches an issuer's documents: one GET, no redirects, a deadline and a size cap.
//!
//! Over https with the issuer's or the system's roots; plain http only to a loopback address literal.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::IssuerError;
use super::issuer::MAX_DOCUMENT_BYTES;
use super::keys::KeySet;
use crate::settings::{Issuer, Jwks};

const DEADLINE: Duration = Duration::from_secs(10);

/// Why keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("no usable roots for https: {0}")]
    Roots(String),
    #[error("{0}: keys are fetched over https")]
    Url(String),
    #[error("{url}: {detail}")]
    Connection { url: String, detail: String },
    #[error("{url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("{0} did not answer in time")]
    TimedOut(String),
    #[error("{url}: {detail}")]
    Document { url: String, detail: String },
    #[error("the discovery document is of issuer {0}")]
    OtherIssuer(String),
}

impl FetchError {
    /// The metric label.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Roots(_) => "roots",
            Self::Url(_) => "url",
            Self::Connection { .. } => "connection",
            Self::Status { .. } => "status",
            Self::TimedOut(_) => "timed_out",
            Self::Document { .. } => "document",
            Self::OtherIssuer(_) => "other_issuer",
        }
    }
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Fetches for one issuer.
pub(super) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

impl Fetcher {
    pub(super) fn new(issuer: &Issuer) -> Result<Self, FetchError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| FetchError::Roots(error.to_string()))?
            .with_root_certificates(roots(issuer)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Self { client })
    }

    /// The issuer's keys as it publishes them now.
    pub(super) async fn keys(&self, issuer: &Issuer) -> Result<KeySet, FetchError> {
        let url = match &issuer.jwks {
            Jwks::Url(url) => url.clone(),
            // A file is read when the issuer is set up; discovery is all that is left.
            Jwks::File(_) | Jwks::Discovery => self.discover(issuer).await?,
        };
        let document = self.document(&url).await?;
        KeySet::parse(&document).map_err(|detail| FetchError::Document { url, detail })
    }

    async fn discover(&self, issuer: &Issuer) -> Result<String, FetchError> {
        let base = issuer.issuer.trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let document = self.document(&url).await?;
        let discovery: Discovery =
            serde_json::from_slice(&document).map_err(|error| FetchError::Document {
                url,
                detail: error.to_string(),
            })?;
        // OpenID Connect Discovery 4.3: identical, else another issuer's keys would speak for this one.
        if discovery.issuer != issuer.issuer {
            return Err(FetchError::OtherIssuer(discovery.issuer));
        }
        let secure = |url: &str| url.starts_with("https://");
        if secure(&issuer.issuer) && !secure(&discovery.jwks_uri) {
            // Else a document could send us to a service on this machine.
            return Err(FetchError::Url(discovery.jwks_uri));
        }
        Ok(discovery.jwks_uri)
    }

    async fn document(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let uri = parse_url(url).ok_or_else(|| FetchError::Url(url.to_owned()))?;
        let request = Request::get(uri)
            .header(header::ACCEPT, "application/json")
            .header(
                header::USER_AGENT,
                concat!("exeat/", env!("CARGO_PKG_VERSION")),
            )
            .body(Empty::new())
            .map_err(|_error| FetchError::Url(url.to_owned()))?;
        tokio::time::timeout(DEADLINE, self.answer(url, request))
            .await
            .map_err(|_elapsed| FetchError::TimedOut(url.to_owned()))?
    }

    async fn answer(
        &self,
        url: &str,
        request: Request<Empty<Bytes>>,
    ) -> Result<Vec<u8>, FetchError> {
        let failed = |error: &dyn std::error::Error| FetchError::Connection {
            url: url.to_owned(),
            detail: causes(error),
        };
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| failed(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status {
                url: url.to_owned(),
                status: answer.status(),
            });
        }
        let body = Limited::new(answer.into_body(), MAX_DOCUMENT_BYTES)
            .collect()
            .await;
        body.map(|body| body.to_bytes().to_vec())
            .map_err(|error| failed(&*error))
    }
}

/// Refuses an address that the fetcher would refuse.
pub(super) fn check_url(url: &str) -> Result<(), IssuerError> {
    parse_url(url)
        .map(|_uri| ())
        .ok_or_else(|| IssuerError::Url(url.to_owned()))
}

fn parse_url(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let loopback = host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => Some(uri),
        Some("http") if loopback => Some(uri),
        _ => None,
    }
}

fn roots(issuer: &Issuer) -> Result<RootCertStore, FetchError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &issuer.ca {
        let certificates = crate::trust::read_certificates(path)
            .map_err(|error| FetchError::Roots(error.to_string()))?;
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| FetchError::Roots(error.to_string()))?;
        }
    } else {
        // Without system roots https fails, and says so; plain http on loopback needs none.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

/// An error with its causes: hyper's own text is only "client error (Connect)".
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

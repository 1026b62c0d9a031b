//! Step 5 for plain HTTP: one request in origin form to the connected destination, and its answer back.
//! One upstream connection serves one request, so nothing of it can reach another caller.

use std::sync::Arc;
use std::time::Duration;

use exeat_audit::Outcome;
use exeat_policy::Authority;
use http::{Method, Request, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::body::{Body, Download, InFlight, Upload};
use crate::connect::Upstream;
use crate::denial::Answer;
use crate::http::fields;
use crate::metrics;
use crate::session::Session;

/// The most of an answer's head that is read.
const MAX_ANSWER_HEAD: usize = 64 * 1024;

/// Why an origin's answer can't be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("the destination does not speak HTTP")]
    Protocol,
    #[error("the destination does not answer in time")]
    Timeout,
    #[error("the destination asks for proxy credentials")]
    AsksForCredentials,
    #[error("the destination changes the protocol, which was not asked for")]
    Upgrade,
    #[error("the request broke off")]
    Request,
}

impl Failure {
    fn kind(self) -> &'static str {
        match self {
            Self::Protocol => "http_protocol",
            Self::Timeout => "http_timeout",
            Self::AsksForCredentials => "http_407",
            Self::Upgrade => "http_101",
            Self::Request => "http_request",
        }
    }

    fn answer(self) -> Answer {
        let (status, error) = match self {
            Self::Protocol | Self::AsksForCredentials | Self::Upgrade => {
                (StatusCode::BAD_GATEWAY, "http_protocol_error")
            }
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "http_response_timeout"),
            Self::Request => (StatusCode::BAD_REQUEST, "http_request_error"),
        };
        Answer::failed(status, self.kind(), &self.to_string(), error)
    }
}

/// Sends the request and answers with what comes back.
pub(crate) async fn relay(
    session: &Arc<Session>,
    upstream: Upstream,
    request: Request<Incoming>,
    place: (&Authority, Uri),
    in_flight: InFlight,
) -> Result<Response<Body>, Answer> {
    let Upstream { stream, mut grant } = upstream;
    let method = request.method().clone();
    let upload = |body| Upload::new(body, &grant, session.clone());
    let request = for_origin(session, request, place).map(upload);
    let response = match ask(session, TokioIo::new(stream), request).await {
        Ok(response) => response,
        Err(failure) => {
            let outcome = match failure {
                Failure::Timeout => Outcome::TimedOut,
                _ => Outcome::Failed,
            };
            grant.record.ended(outcome, Some(failure.kind()));
            if failure != Failure::Request {
                metrics::upstream_error(failure.kind());
            }
            return Err(failure.answer());
        }
    };
    // Not a byte of the answer before the decision is as safe as it promises.
    grant
        .on_record()
        .await
        .map_err(|denial| Answer::denied(&denial))?;
    let (mut parts, body) = response.into_parts();
    fields::for_client(&mut parts.headers, &session.worker.gateway.via.field);
    if method != Method::HEAD && parts.status != StatusCode::NOT_MODIFIED {
        // hyper writes the length of the body that it sends.
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    parts.version = Version::HTTP_11;
    let download = Download::new(body, grant, session.clone(), in_flight);
    Ok(Response::from_parts(
        parts,
        Body::Stream(Box::new(download)),
    ))
}

fn for_origin(
    session: &Session,
    mut request: Request<Incoming>,
    (authority, path): (&Authority, Uri),
) -> Request<Incoming> {
    let via = &session.worker.gateway.via.field;
    fields::for_origin(request.headers_mut(), authority, via);
    request.extensions_mut().clear();
    *request.uri_mut() = path;
    *request.version_mut() = Version::HTTP_11;
    request
}

async fn ask(
    session: &Session,
    io: TokioIo<tokio::net::TcpStream>,
    request: Request<Upload>,
) -> Result<Response<Incoming>, Failure> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER_HEAD)
        .handshake(io)
        .await
        .map_err(|_| Failure::Protocol)?;
    // Ends with the two halves of the exchange that this task holds.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let idle = session.worker.gateway.timeouts.idle;
    let response = while_moving(session, idle, sender.send_request(request))
        .await
        .ok_or(Failure::Timeout)?
        .map_err(|error| {
            if error.is_user() {
                Failure::Request
            } else {
                Failure::Protocol
            }
        })?;
    match response.status() {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(Failure::AsksForCredentials),
        status if status.is_informational() => Err(Failure::Upgrade),
        _ => Ok(response),
    }
}

/// Waits as long as bytes move; `None` once nothing did for `idle`.
async fn while_moving<F: Future>(
    session: &Session,
    idle: Duration,
    future: F,
) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    loop {
        let before = session.live.bytes();
        match tokio::time::timeout(idle, future.as_mut()).await {
            Ok(output) => return Some(output),
            Err(_) if session.live.bytes() == before => return None,
            Err(_) => {}
        }
    }
}

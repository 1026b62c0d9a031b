//! The admin API: `/healthz`, `/readyz`, `/metrics`, `/sessions`. On its own runtime and its own
//! address; never on an address that others reach without a token (the configuration refuses that).

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use exeat_identity::Secret;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::{Core, metrics, telemetry};

const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// What the admin API shows.
#[derive(Clone)]
pub struct Admin {
    core: Arc<Core>,
    metrics: PrometheusHandle,
    token: Option<Arc<Secret<String>>>,
    ready: Arc<AtomicBool>,
}

impl Admin {
    /// The admin API of a core; not ready until [`Admin::ready`].
    pub fn new(core: Arc<Core>, metrics: PrometheusHandle, token: Option<Secret<String>>) -> Self {
        Self {
            core,
            metrics,
            token: token.map(Arc::new),
            ready: Arc::default(),
        }
    }

    /// From now on every listener is served.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Serves, where there is a socket, and keeps the metrics tidy, until the process ends.
    ///
    /// # Errors
    /// The socket can't be used.
    pub fn keep(&self, listener: Option<TcpListener>) -> std::io::Result<()> {
        let (admin, runtime, tasks) = (self.clone(), Handle::current(), &self.core.tasks);
        tasks.keep(&runtime, "upkeep", move |_| {
            let admin = admin.clone();
            async move {
                admin.upkeep().await;
                Ok(())
            }
        });
        let Some(listener) = listener else {
            return Ok(());
        };
        let admin = self.clone();
        // A copy, for the run after one that fails.
        tasks.keep(&runtime, "admin API", move |_| {
            let (admin, listener) = (admin.clone(), listener.try_clone());
            async move { admin.serve(listener?).await }
        });
        Ok(())
    }

    /// Serves until the process ends.
    async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopped = self.core.stopped.clone();
        let serve = axum::serve(listener, self.router());
        serve
            .with_graceful_shutdown(async move { stopped.cancelled().await })
            .await
    }

    /// Keeps the metrics tidy until the process ends: also where nobody ever scrapes.
    async fn upkeep(self) {
        let mut lost = 0;
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        let stopped = &self.core.stopped;
        while stopped.run_until_cancelled(tick.tick()).await.is_some() {
            metrics::sum_bytes(&self.core.sessions);
            self.metrics.run_upkeep();
            lost = count_lost_lines(lost);
        }
    }

    fn router(self) -> Router {
        let guarded = Router::new()
            .route("/metrics", get(render))
            .route("/sessions", get(sessions))
            .route("/sessions/{id}", delete(end_session))
            .route_layer(from_fn_with_state(self.clone(), authenticate));
        // An orchestrator's probes carry no token, and learn nothing but yes or no.
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .merge(guarded)
            .with_state(self)
    }

    fn authenticated(&self, request: &Request) -> bool {
        let Some(token) = &self.token else {
            return names_loopback(request);
        };
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| given.ct_eq(token.expose().as_bytes()).into())
    }
}

/// Counts the lines of the log that nobody has read, and says so in it when there is room again. `before`: those
/// that were lost at the last look.
fn count_lost_lines(before: u64) -> u64 {
    let lost = telemetry::lost_lines();
    if lost > before {
        metrics::log_lines_lost(lost);
        tracing::warn!(
            lost = lost - before,
            "lines of this log were lost: standard error was not read in time"
        );
    }
    lost
}

/// Whether the request asks for this machine by its address or as `localhost`. A page in a browser here
/// can make its own name resolve to 127.0.0.1, but can't hide that name.
fn names_loopback(request: &Request) -> bool {
    let host = request.headers().get(header::HOST);
    let Some(authority) = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok())
    else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

async fn authenticate(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    if admin.authenticated(&request) {
        next.run(request).await
    } else if admin.token.is_some() {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        (
            StatusCode::UNAUTHORIZED,
            challenge,
            "a bearer token is needed\n",
        )
            .into_response()
    } else {
        (StatusCode::FORBIDDEN, "ask by address, or as localhost\n").into_response()
    }
}

/// Alive: this answer is the proof.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready: listeners are served, the keys of each issuer were asked for, the log can be written, all tasks in the
/// background run, and nothing drains. An issuer that does not answer keeps nobody waiting: other proofs still work.
async fn readyz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if !admin.ready.load(Ordering::Acquire) {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    } else if !admin.core.identity.load().is_settled() {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "fetching the keys of an issuer\n",
        )
    } else if admin.core.drain.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if !admin.core.log.health().writable {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the audit log can't be written\n",
        )
    } else if admin.core.tasks.failed().is_some() {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "a task in the background failed and is started again; the log says which\n",
        )
    } else {
        (StatusCode::OK, "ready\n")
    }
}

async fn render(State(admin): State<Admin>) -> impl IntoResponse {
    metrics::sum_bytes(&admin.core.sessions);
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        admin.metrics.render(),
    )
}

async fn sessions(State(admin): State<Admin>) -> impl IntoResponse {
    Json(json!({ "sessions": admin.core.sessions.views() }))
}

/// Ends a session. Reading may be open to everybody on loopback, ending never is: it needs a token.
async fn end_session(
    State(admin): State<Admin>,
    Path(id): Path<Uuid>,
) -> (StatusCode, &'static str) {
    if admin.token.is_none() {
        (
            StatusCode::FORBIDDEN,
            "ending a session needs `admin.token` in the configuration\n",
        )
    } else if admin.core.sessions.kill(id) {
        (StatusCode::ACCEPTED, "ending\n")
    } else {
        (StatusCode::NOT_FOUND, "no live session has this id\n")
    }
}

#[cfg(test)]
mod tests;

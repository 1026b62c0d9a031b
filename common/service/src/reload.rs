//! Takes over changed files while the process runs: on SIGHUP, and by looking once a second. Each part
//! (policy, identities, certificates) is replaced as a whole or not at all; what does not hold is
//! refused, the old stays, and a log line, a metric and an audit event say so.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exeat_audit::{Body, ConfigurationChanged, Event, Plane, PolicyRefused};
use exeat_identity::{Authenticators, Settings};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::Config;
use crate::metrics::{self, Part};
use crate::tasks::Run;
use crate::{Core, policy};

pub use crate::watch::Files;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Watches the files of a configuration and takes over their changes.
#[derive(Debug)]
pub struct Reload {
    core: Arc<Core>,
    policy: Vec<PathBuf>,
    identity: Settings,
    files: Files,
    /// Ends the refresh of the keys that the current authenticators fetch.
    refresh: DropGuard,
}

impl Reload {
    /// To be made when every listener's TLS is set up. `files`: as they were before anything was read.
    pub fn new(core: Arc<Core>, config: &Config, files: Files) -> Self {
        Self {
            policy: config.policy.clone(),
            identity: config.identity.clone(),
            files,
            refresh: refresh(&core, core.identity.load_full()),
            core,
        }
    }

    /// Keeps it running until the process drains. `files`: as they were before anything was read.
    pub fn keep(core: &Arc<Core>, config: &Config, files: Files) {
        let (core, config) = (Arc::clone(core), config.clone());
        let mut files = Some(files);
        core.tasks
            .clone()
            .keep(&Handle::current(), "reload", move |run| {
                let files = files.take().unwrap_or_else(|| Files::watch(&config));
                let mut reload = Self::new(core.clone(), &config, files);
                async move {
                    if run == Run::Again {
                        reload.reload_all().await;
                    }
                    reload.run().await
                }
            });
    }

    async fn run(mut self) -> std::io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let drain = self.core.drain.clone();
        loop {
            tokio::select! {
                () = drain.cancelled() => return Ok(()),
                _ = hangup.recv() => self.reload_all().await,
                _ = look.tick() => self.reload_changed().await,
            }
        }
    }

    /// Takes over what changed since the last look.
    pub async fn reload_changed(&mut self) {
        if self.files.policy.changed() {
            self.reload_policy().await;
        }
        if self.files.identity.changed() {
            self.reload_identity();
        }
        if self.files.certificates.changed() {
            self.reload_certificates();
        }
        if self.core.identity.load().take_withdrawn() {
            let ended = self.core.sessions.judge_again();
            tracing::info!(sessions_ended = ended, "an issuer withdrew a key");
        }
    }

    /// Takes over everything, changed or not.
    pub async fn reload_all(&mut self) {
        self.files.policy.changed();
        self.files.identity.changed();
        self.files.certificates.changed();
        self.reload_policy().await;
        self.reload_identity();
        self.reload_certificates();
    }

    async fn reload_policy(&self) {
        // A large policy takes its time to compile; probes of the admin API are answered meanwhile.
        let paths = self.policy.clone();
        let loaded = match tokio::task::spawn_blocking(move || policy::load(&paths)).await {
            Ok(Ok(policy)) => Arc::new(policy),
            Ok(Err(error)) => return self.refuse_policy(&error.to_string()),
            Err(error) => return self.refuse_policy(&error.to_string()),
        };
        if loaded.hash() == self.core.policy.current().hash() {
            tracing::info!(policy = %loaded.hash(), "policy unchanged");
            return;
        }
        match self.core.activate(loaded.clone()).await {
            Ok(ended) => {
                metrics::reloaded(Part::Policy, true);
                tracing::info!(policy = %loaded.hash(), sessions_ended = ended, "policy activated");
            }
            Err(error) => self.refuse_policy(&error.to_string()),
        }
    }

    fn refuse_policy(&self, error: &str) {
        metrics::reloaded(Part::Policy, false);
        tracing::error!(error, active = %self.core.policy.current().hash(), "new policy refused; the old one stays");
        self.record(Body::PolicyRefused(PolicyRefused {
            error: error.into(),
        }));
    }

    fn reload_identity(&mut self) {
        let outcome = self.rebuild_identity();
        self.report(Part::Identity, outcome);
    }

    fn rebuild_identity(&mut self) -> Result<usize, String> {
        let rebuilt = self
            .core
            .identity
            .load()
            .rebuild(&self.identity)
            .map_err(|error| error.to_string())?;
        let rebuilt = Arc::new(rebuilt);
        let ended = self
            .core
            .authenticate_by(rebuilt.clone())
            .map_err(|error| error.to_string())?;
        // What is watched stays as it is: it was looked at before the files were read, so a change since
        // then is found at the next look. The same settings name the same files.
        self.refresh = refresh(&self.core, rebuilt);
        Ok(ended)
    }

    fn reload_certificates(&self) {
        let outcome = self
            .core
            .tls
            .reload(&self.core.identity.load())
            .map(|()| 0)
            .map_err(|error| error.to_string());
        self.report(Part::Certificates, outcome);
    }

    fn report(&self, part: Part, outcome: Result<usize, String>) {
        metrics::reloaded(part, outcome.is_ok());
        let detail = match &outcome {
            Ok(ended) => {
                tracing::info!(part = part.as_str(), sessions_ended = ended, "reloaded");
                format!("reloaded; {ended} live sessions ended")
            }
            Err(error) => {
                tracing::error!(
                    part = part.as_str(),
                    error,
                    "reload refused; the old one stays"
                );
                error.clone()
            }
        };
        let accepted = outcome.is_ok();
        let changed = ConfigurationChanged {
            part: part.as_str().into(),
            detail: detail.into(),
            accepted,
        };
        self.record(Body::ConfigurationChanged(changed));
    }

    fn record(&self, body: Body<'_>) {
        if let Err(error) = self
            .core
            .log
            .append(&Event::now(Plane::Control, None, body))
        {
            // The log lets nothing new through by itself now; this line is for the operator.
            tracing::error!(%error, "the audit log can't be written");
        }
    }
}

/// Keeps the fetched keys of these authenticators fresh until the guard is dropped.
fn refresh(core: &Core, identity: Arc<Authenticators>) -> DropGuard {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    core.tasks
        .keep(&Handle::current(), "issuers' keys", move |_| {
            let (identity, stopped) = (identity.clone(), stopped.clone());
            async move {
                identity.run_refresh(stopped.cancelled_owned()).await;
                Ok(())
            }
        });
    stop.drop_guard()
}

#[cfg(test)]
mod tests;

//! From a validated configuration to the end of the process. Everything here runs on the control
//! runtime: admin API, reload and upkeep share no thread with connections.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use exeat_service::admin::Admin;
use exeat_service::config::Config;
use exeat_service::reload::{Files, Reload};
use exeat_service::{Core, drain, listen, metrics};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::planes::{Planes, Sockets};
use super::{check, failure};

/// Serves until SIGTERM or SIGINT, then drains. A second signal ends the wait for live sessions.
pub(super) async fn serve(config: Config, ready_file: Option<PathBuf>) -> anyhow::Result<()> {
    let metrics = metrics::install()?;
    // Signals first: one that comes during the start must not kill a half-started process.
    let mut stop = Stop::new()?;
    match listen::raise_file_limit() {
        Ok(limit) => tracing::debug!(?limit, "file descriptors"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it is"),
    }
    let prepared = Prepared {
        sockets: Sockets::bind(&config)?,
        files: Files::watch(&config),
        ready_file,
    };
    let core = Core::start(&config)
        .await
        .map_err(|error| failure::start(error, &config))?;
    let admin = Admin::new(
        core.clone(),
        metrics,
        config.admin.as_ref().and_then(|admin| admin.token.clone()),
    );
    let served = serve_core(&core, &config, prepared, &admin, &mut stop).await;
    core.log.close().await;
    served
}

/// What is there before anything is read.
struct Prepared {
    sockets: Sockets,
    files: Files,
    ready_file: Option<PathBuf>,
}

async fn serve_core(
    core: &Arc<Core>,
    config: &Config,
    prepared: Prepared,
    admin: &Admin,
    stop: &mut Stop,
) -> anyhow::Result<()> {
    let Prepared {
        mut sockets,
        files,
        ready_file,
    } = prepared;
    for advice in check::advice(config, &core.policy.current()) {
        tracing::warn!("{advice}");
    }
    let planes = Planes::new(core, config)?;
    Reload::keep(core, config, files);
    admin.keep(sockets.admin.take())?;
    let (ready, threads) = planes.start(sockets, core)?;
    admin.ready();
    ready.announce();
    if let Some(file) = ready_file {
        ready
            .write(&file)
            .map_err(|error| failure::ready_file(&error, &file))?;
    }

    let mut threads = tokio::task::spawn_blocking(|| threads.join());
    tokio::select! {
        () = stop.asked() => {}
        ended = &mut threads => {
            let why = ended.map_or_else(|error| error.to_string(), |ended| format!("{ended:?}"));
            return Err(failure::threads(&why).into());
        }
    }
    let timeout = config.runtime.drain_timeout;
    tracing::info!(sessions = core.sessions.len(), ?timeout, "draining");
    let ended = tokio::select! {
        ended = drain::drain(core, timeout) => ended,
        () = stop.asked() => drain::drain(core, Duration::ZERO).await,
    };
    tracing::info!(sessions_ended = ended, "drained");
    threads.await??;
    Ok(())
}

/// The signals that ask for an orderly end.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    /// Held so that a hangup before reload listens does not end the process.
    _hangup: Signal,
    /// Held so that a file that may not grow any more is an error of the write, and the log fails
    /// closed, instead of the end of the process.
    _file_size: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

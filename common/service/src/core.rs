//! What every session of both services shares, and the only places where it is replaced.

use std::sync::Arc;

use arc_swap::ArcSwap;
use exeat_audit::{AuditError, Body, Event, Log, LogOptions, Plane, PolicyActivated};
use exeat_identity::{Authenticators, IdentityError};
use exeat_policy::{AuditMode, PolicySet};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::policy::{self, PolicyError, PolicyStore};
use crate::tls::{TlsError, TlsServer, TlsStore};
use crate::{Limits, Registry, Tasks};

/// Why a process can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No usable policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The identities can't be set up.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The audit log can't be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

/// What every session shares.
#[derive(Debug)]
pub struct Core {
    /// The active policy.
    pub policy: PolicyStore,
    /// Who proves identities.
    pub identity: Arc<ArcSwap<Authenticators>>,
    /// The audit log.
    pub log: Log,
    /// The live sessions.
    pub sessions: Registry,
    /// What is left of the limits.
    pub limits: Limits,
    /// TLS of the listeners.
    pub tls: TlsStore,
    /// How the tasks in the background fare.
    pub tasks: Tasks,
    /// Cancelled when the process stops accepting.
    pub drain: CancellationToken,
    /// Cancelled when the serving threads end, after all sessions did.
    pub stopped: CancellationToken,
}

impl Core {
    /// Loads policy and identities, then opens the log and writes down the policy. In this order, so
    /// that a configuration that can't run leaves no trace in the log.
    pub async fn start(config: &Config) -> Result<Arc<Self>, StartError> {
        let policy = Arc::new(policy::load(&config.policy)?);
        let identity = Authenticators::build(&config.identity)?;
        let log = Log::open(log_options(config))?;
        Ok(Self::assemble(policy, identity, log).await?)
    }

    /// Puts a core together from its parts, and writes down the policy.
    pub async fn assemble(
        policy: Arc<PolicySet>,
        identity: Authenticators,
        log: Log,
    ) -> Result<Arc<Self>, AuditError> {
        record_activation(&log, &policy).await?;
        let limits = Limits::new(&policy);
        let policy = PolicyStore::new(policy);
        let identity = Arc::new(ArcSwap::from_pointee(identity));
        let sessions = Registry::new(policy.clone(), identity.clone());
        let (drain, stopped) = (CancellationToken::new(), CancellationToken::new());
        Ok(Arc::new(Self {
            policy,
            identity,
            log,
            sessions,
            limits,
            tls: TlsStore::default(),
            tasks: Tasks::default(),
            drain,
            stopped,
        }))
    }

    /// Sets up the TLS side of a listener with these protocol names (ALPN).
    pub fn tls_server(
        &self,
        tls: &config::Tls,
        alpn: &[&[u8]],
    ) -> Result<Arc<TlsServer>, TlsError> {
        self.tls.server(tls, alpn, &self.identity.load())
    }

    /// Makes a policy the active one and judges the live sessions again; how many of them ended.
    ///
    /// INVARIANT: the policy is durably on record before anything is decided by it.
    pub async fn activate(&self, policy: Arc<PolicySet>) -> Result<usize, AuditError> {
        record_activation(&self.log, &policy).await?;
        self.limits.follow(&policy);
        self.policy.replace(policy);
        Ok(self.sessions.judge_again())
    }

    /// Takes over new authenticators and judges the live sessions again; how many of them ended.
    pub fn authenticate_by(&self, identity: Arc<Authenticators>) -> Result<usize, TlsError> {
        self.tls.follow(&identity)?;
        self.identity.store(identity);
        Ok(self.sessions.judge_again())
    }
}

async fn record_activation(log: &Log, policy: &PolicySet) -> Result<(), AuditError> {
    let activated = PolicyActivated {
        hash: std::borrow::Cow::Borrowed(policy.hash()),
        canonical: policy.canonical().into(),
        bytes: 0,
    };
    let event = Event::now(Plane::Control, None, Body::PolicyActivated(activated));
    log.append(&event)?.wait(AuditMode::Strict).await
}

fn log_options(config: &Config) -> LogOptions {
    let mut options = LogOptions::new(&config.audit.directory, &*config.node);
    options.segment_bytes = config.audit.segment_bytes;
    options
}

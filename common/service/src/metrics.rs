//! The metrics that both planes have, by typed functions: no label string is hashed on a hot path,
//! and no label is anything but a value of an enum. Roles, names and addresses are never labels.

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use exeat_audit::Plane;
use exeat_policy::{Basis, Decision, Effect, Reason};
use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::registry::{EndReason, Registry};

const DECISIONS: &str = "exeat_decisions_total";
const DECISION_SECONDS: &str = "exeat_decision_seconds";
const SESSIONS: &str = "exeat_sessions";
const SESSIONS_TOTAL: &str = "exeat_sessions_total";
const SESSIONS_ENDED: &str = "exeat_sessions_ended_total";
const BYTES: &str = "exeat_bytes_total";
const RELOADS: &str = "exeat_reloads_total";
const TASK_FAILURES: &str = "exeat_task_failures_total";
const LOG_LINES_LOST: &str = "exeat_log_lines_lost_total";

/// From half a microsecond (the goal) to a tenth of a second (something is wrong).
const DECISION_BUCKETS: &[f64] = &[
    5e-7, 1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 1e-2, 1e-1,
];
/// For every other `_seconds` of the services.
const SECONDS_BUCKETS: &[f64] = &[
    1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 60.0,
];

const BASES: usize = 8;
const REASONS: usize = 64;

/// A part of the configuration that is reloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The policy.
    Policy,
    /// Tokens, verifiers, roots, revocations.
    Identity,
    /// Certificates of listeners.
    Certificates,
}

impl Part {
    /// The label and the name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Identity => "identity",
            Self::Certificates => "certificates",
        }
    }
}

struct PlaneMetrics {
    decisions: Vec<OnceLock<Counter>>,
    decision_seconds: Histogram,
    sessions: Gauge,
    sessions_total: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
}

static GATEWAY: LazyLock<PlaneMetrics> = LazyLock::new(|| PlaneMetrics::new(Plane::Gateway));
static DBPROXY: LazyLock<PlaneMetrics> = LazyLock::new(|| PlaneMetrics::new(Plane::Dbproxy));

impl PlaneMetrics {
    fn new(plane: Plane) -> Self {
        let plane = plane_label(plane);
        Self {
            decisions: (0..2 * BASES * REASONS).map(|_| OnceLock::new()).collect(),
            decision_seconds: histogram!(DECISION_SECONDS, "plane" => plane),
            sessions: gauge!(SESSIONS, "plane" => plane),
            sessions_total: counter!(SESSIONS_TOTAL, "plane" => plane),
            bytes_in: counter!(BYTES, "plane" => plane, "direction" => "in"),
            bytes_out: counter!(BYTES, "plane" => plane, "direction" => "out"),
        }
    }

    fn of(plane: Plane) -> &'static Self {
        match plane {
            Plane::Gateway => &GATEWAY,
            Plane::Dbproxy | Plane::Control => &DBPROXY,
        }
    }
}

/// Installs the process's recorder and describes what every process has. To be called once, before
/// the first metric is touched.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(DECISION_SECONDS.to_owned()), DECISION_BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS_BUCKETS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    metrics::describe_counter!(
        DECISIONS,
        "Decisions by effect, by what the effect rests on, and by reason code."
    );
    metrics::describe_histogram!(
        DECISION_SECONDS,
        Unit::Seconds,
        "Time from a complete request to its decision."
    );
    metrics::describe_gauge!(SESSIONS, "Live sessions.");
    metrics::describe_counter!(SESSIONS_TOTAL, "Sessions accepted.");
    metrics::describe_counter!(
        SESSIONS_ENDED,
        "Live sessions that were ended from here, by reason."
    );
    metrics::describe_counter!(
        BYTES,
        Unit::Bytes,
        "Bytes from clients (in) and to clients (out)."
    );
    metrics::describe_counter!(
        TASK_FAILURES,
        "Tasks in the background that failed and were started again."
    );
    metrics::describe_counter!(
        LOG_LINES_LOST,
        "Lines of the process's log that nobody read in time."
    );
    metrics::describe_counter!(
        RELOADS,
        "Reloads of a part of the configuration, by outcome."
    );
}

/// Counts a decision and the time that it took.
pub fn decided(plane: Plane, decision: &Decision, took: Duration) {
    let metrics = PlaneMetrics::of(plane);
    let index = (decision.effect as usize * BASES + decision.basis as usize) * REASONS
        + decision.reason as usize;
    if let Some(counter) = metrics.decisions.get(index) {
        counter
            .get_or_init(|| decisions(plane, decision.effect, decision.basis, decision.reason))
            .increment(1);
    }
    metrics.decision_seconds.record(took);
}

fn decisions(plane: Plane, effect: Effect, basis: Basis, reason: Reason) -> Counter {
    let effect = match effect {
        Effect::Allow => "allow",
        Effect::Deny => "deny",
    };
    let basis = match basis {
        Basis::Rule => "rule",
        Basis::Report => "report",
        Basis::Observe => "observe",
        Basis::Default => "default",
        Basis::DenyRule => "deny_rule",
        Basis::Limit => "limit",
        Basis::Floor => "floor",
    };
    counter!(DECISIONS, "plane" => plane_label(plane), "effect" => effect, "basis" => basis, "reason" => reason.code())
}

pub(crate) fn session_opened(plane: Plane) {
    let metrics = PlaneMetrics::of(plane);
    metrics.sessions.increment(1);
    metrics.sessions_total.increment(1);
}

pub(crate) fn session_closed(plane: Plane) {
    PlaneMetrics::of(plane).sessions.decrement(1);
}

pub(crate) fn session_ended(plane: Plane, reason: &EndReason) {
    let reason = match reason {
        EndReason::Denied(_) => "denied",
        EndReason::Expired => "expired",
        EndReason::Drained => "drained",
        EndReason::Killed => "killed",
    };
    counter!(SESSIONS_ENDED, "plane" => plane_label(plane), "reason" => reason).increment(1);
}

pub(crate) fn reloaded(part: Part, accepted: bool) {
    let outcome = if accepted { "accepted" } else { "refused" };
    counter!(RELOADS, "part" => part.as_str(), "outcome" => outcome).increment(1);
}

/// A task in the background failed.
pub fn task_failed(task: &'static str) {
    counter!(TASK_FAILURES, "task" => task).increment(1);
}

/// So many lines of the process's log were lost since the start.
pub fn log_lines_lost(lost: u64) {
    counter!(LOG_LINES_LOST).absolute(lost);
}

/// Brings the byte counters up to date. Relays count per session; the sum is made here, once a
/// second and before a scrape, not per chunk.
pub(crate) fn sum_bytes(sessions: &Registry) {
    for plane in [Plane::Gateway, Plane::Dbproxy] {
        let (bytes_in, bytes_out) = sessions.bytes(plane);
        let metrics = PlaneMetrics::of(plane);
        metrics.bytes_in.absolute(bytes_in);
        metrics.bytes_out.absolute(bytes_out);
    }
}

fn plane_label(plane: Plane) -> &'static str {
    match plane {
        Plane::Gateway => "gateway",
        Plane::Dbproxy => "dbproxy",
        Plane::Control => "control",
    }
}

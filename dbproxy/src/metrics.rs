//! Metrics of the database proxy alone; what both planes have is in `exeat_service::metrics`.
//! Handles are made once: a hot path adds, it never looks a name up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, gauge, histogram};

use crate::wall::{Direction, Kind};

const STATEMENT: &str = "exeat_dbproxy_statement_seconds";
const CONNECT: &str = "exeat_dbproxy_upstream_connect_seconds";
const VERDICTS: &str = "exeat_dbproxy_verdict_cache_total";
const REFUSED: &str = "exeat_dbproxy_refused_total";
const CANCELS: &str = "exeat_dbproxy_cancels_total";
const ANALYSES: &str = "exeat_dbproxy_analysis_seconds";
const DRIFT: &str = "exeat_dbproxy_drift_differences";
const DRIFT_CHECKS: &str = "exeat_dbproxy_drift_checks_total";
const DRIFT_SECONDS: &str = "exeat_dbproxy_drift_check_seconds";
const CATALOGS: &str = "exeat_dbproxy_catalog_loads_total";

struct Handles {
    statement: Histogram,
    connect: Histogram,
    hit: Counter,
    miss: Counter,
}

static HANDLES: LazyLock<Handles> = LazyLock::new(|| Handles {
    statement: histogram!(STATEMENT),
    connect: histogram!(CONNECT),
    hit: counter!(VERDICTS, "outcome" => "hit"),
    miss: counter!(VERDICTS, "outcome" => "miss"),
});

/// Says what the metrics mean. To be called after the recorder was installed.
pub(crate) fn describe() {
    metrics::describe_histogram!(
        STATEMENT,
        Unit::Seconds,
        "From the decision on a statement to its completion."
    );
    metrics::describe_histogram!(
        CONNECT,
        Unit::Seconds,
        "From the dial of a database to an authenticated connection."
    );
    metrics::describe_counter!(
        VERDICTS,
        "Look-ups of statements in the verdict cache, by outcome."
    );
    metrics::describe_counter!(
        REFUSED,
        "What was refused before a statement was judged: connections, sessions, proofs, messages that are too large; by code. Cancel requests have a counter of their own."
    );
    metrics::describe_counter!(CANCELS, "Cancel requests, by outcome.");
    metrics::describe_histogram!(
        ANALYSES,
        Unit::Seconds,
        "How long PostgreSQL took to say what it would check for a statement, by outcome."
    );
    metrics::describe_gauge!(
        DRIFT,
        "Differences between the policy and the privileges in the databases, all databases together, by direction and kind; NaN where one can't be told."
    );
    metrics::describe_counter!(
        DRIFT_CHECKS,
        "Comparisons of a database's privileges with the policy, by outcome."
    );
    metrics::describe_histogram!(
        DRIFT_SECONDS,
        Unit::Seconds,
        "How long a comparison of a database's privileges with the policy takes."
    );
    metrics::describe_counter!(CATALOGS, "Loads of a database's catalog, by outcome.");
}

pub(crate) fn statement(took: Duration) {
    HANDLES.statement.record(took);
}

pub(crate) fn connected(took: Duration) {
    HANDLES.connect.record(took);
}

pub(crate) fn verdict_found() {
    HANDLES.hit.increment(1);
}

pub(crate) fn verdict_missed() {
    HANDLES.miss.increment(1);
}

pub(crate) fn refused(code: &str) {
    counter!(REFUSED, "code" => code.to_owned()).increment(1);
}

pub(crate) fn cancel(outcome: &'static str) {
    counter!(CANCELS, "outcome" => outcome).increment(1);
}

pub(crate) fn catalog_loaded(ok: bool) {
    let outcome = if ok { "loaded" } else { "failed" };
    counter!(CATALOGS, "outcome" => outcome).increment(1);
}

pub(crate) fn analysed(outcome: &'static str, took: Duration) {
    histogram!(ANALYSES, "outcome" => outcome).record(took);
}

/// The differences that each database had when it was last compared, by direction and kind; `None` where it
/// could not be told.
type Drift = BTreeMap<(Direction, Kind), u64>;

/// What is known of all databases.
struct Drifts {
    /// `None` where it is not known.
    by_database: BTreeMap<Arc<str>, Option<Drift>>,
    /// All that was ever told: what is there no more goes back to zero.
    told: BTreeSet<(Direction, Kind)>,
}

static DRIFTS: Mutex<Drifts> = Mutex::new(Drifts {
    by_database: BTreeMap::new(),
    told: BTreeSet::new(),
});

/// A database was compared with the policy.
pub(crate) fn wall_compared(database: &Arc<str>, found: &Option<Drift>, took: Duration) {
    let real = |(direction, _): &(Direction, Kind)| *direction != Direction::Told;
    let outcome = match found {
        Some(found) if found.keys().any(real) => "drift",
        Some(_) => "equal",
        None => "failed",
    };
    counter!(DRIFT_CHECKS, "outcome" => outcome).increment(1);
    histogram!(DRIFT_SECONDS).record(took);
    let mut drifts = DRIFTS.lock().unwrap_or_else(PoisonError::into_inner);
    drifts
        .by_database
        .insert(Arc::clone(database), found.clone());
    drifts.told.extend(found.iter().flat_map(BTreeMap::keys));
    let mut sums: BTreeMap<(Direction, Kind), u64> =
        drifts.told.iter().map(|key| (*key, 0)).collect();
    for (key, count) in drifts.by_database.values().flatten().flatten() {
        *sums.entry(*key).or_default() += count;
    }
    let known = drifts.by_database.values().all(Option::is_some);
    for ((direction, kind), sum) in sums {
        let sum = if known {
            f64::from(u32::try_from(sum).unwrap_or(u32::MAX))
        } else {
            f64::NAN
        };
        gauge!(DRIFT, "direction" => direction.name(), "kind" => kind.name()).set(sum);
    }
}

//! Metrics of the database proxy alone; what both planes have is in `exeat_service::metrics`.
//! Handles are made once: a hot path adds, it never looks a name up.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{Counter, Histogram, Unit, counter, histogram};

const STATEMENT: &str = "exeat_dbproxy_statement_seconds";
const CONNECT: &str = "exeat_dbproxy_upstream_connect_seconds";
const VERDICTS: &str = "exeat_dbproxy_verdict_cache_total";
const REFUSED: &str = "exeat_dbproxy_refused_total";
const CANCELS: &str = "exeat_dbproxy_cancels_total";
const ANALYSES: &str = "exeat_dbproxy_analysis_seconds";
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
        "Connections and sessions refused for how they speak the protocol, by code."
    );
    metrics::describe_counter!(CANCELS, "Cancel requests, by outcome.");
    metrics::describe_histogram!(
        ANALYSES,
        Unit::Seconds,
        "How long PostgreSQL took to say what it would check for a statement, by outcome."
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

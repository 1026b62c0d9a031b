//! The log's metrics.

use std::fmt;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

/// Handles, taken once.
pub(super) struct Measures {
    records: Counter,
    bytes: Counter,
    sync: Histogram,
    pending: Gauge,
    failed: Gauge,
}

impl fmt::Debug for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Measures")
    }
}

impl Default for Measures {
    fn default() -> Self {
        metrics::describe_counter!(
            "exeat_audit_records_total",
            "Records written to the audit log."
        );
        metrics::describe_counter!("exeat_audit_bytes_total", "Bytes written to the audit log.");
        metrics::describe_histogram!(
            "exeat_audit_sync_seconds",
            metrics::Unit::Seconds,
            "Time that one sync of the audit log took."
        );
        metrics::describe_gauge!("exeat_audit_pending", "Records that wait for the writer.");
        metrics::describe_gauge!(
            "exeat_audit_failed",
            "1 once the audit log failed; nothing new is let through until the process is restarted."
        );
        let measures = Self {
            records: metrics::counter!("exeat_audit_records_total"),
            bytes: metrics::counter!("exeat_audit_bytes_total"),
            sync: metrics::histogram!("exeat_audit_sync_seconds"),
            pending: metrics::gauge!("exeat_audit_pending"),
            failed: metrics::gauge!("exeat_audit_failed"),
        };
        measures.failed.set(0.0);
        measures
    }
}

impl Measures {
    pub(super) fn records(&self, count: usize) {
        self.records.increment(u64::try_from(count).unwrap_or(0));
    }

    pub(super) fn bytes(&self, count: usize) {
        self.bytes.increment(u64::try_from(count).unwrap_or(0));
    }

    pub(super) fn sync(&self, took: Duration) {
        self.sync.record(took.as_secs_f64());
    }

    pub(super) fn pending(&self, count: u64) {
        self.pending
            .set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }

    pub(super) fn failed(&self) {
        self.failed.set(1.0);
    }
}

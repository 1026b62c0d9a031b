//! The filters of `tail` and `search`.

use exeat_audit::{Filter, Plane, UnixMicros, Uuid, now, parse_time};
use exeat_policy::{Effect, Reason};
use serde::de::DeserializeOwned;

/// Filters; all that are given must hold.
// A flattened group of the same name would clash with the command's own.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Decisions on this role
    #[arg(long, short)]
    role: Option<String>,
    /// Decisions on an identity that contains this, e.g. `spiffe://corp.example/` or `token:billing`
    #[arg(long, value_name = "PART")]
    principal: Option<String>,
    /// Records of one service
    #[arg(long, value_name = "SERVICE", value_parser = ["gateway", "dbproxy", "control"])]
    service: Option<String>,
    /// Decisions with this answer
    #[arg(long, value_name = "ANSWER", value_parser = ["allow", "deny"])]
    decision: Option<String>,
    /// Decisions with this reason code, e.g. `host_not_allowed`
    #[arg(long, value_name = "CODE", value_parser = word::<Reason>)]
    reason: Option<Reason>,
    /// Connections to this host, HOST:PORT, or *.DOMAIN for what lies below it
    #[arg(long, value_name = "HOST")]
    destination: Option<String>,
    /// Statements that touch this relation: SCHEMA.TABLE, or TABLE in any schema
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    /// Sessions and statements on this database of the policy
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Records of one session
    #[arg(long, value_name = "ID")]
    session: Option<Uuid>,
    /// Not before: `30m`, `1h`, `7d` ago, a date (UTC), or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<UnixMicros>,
    /// Before: forms as for --since
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<UnixMicros>,
}

fn time(text: &str) -> Result<UnixMicros, String> {
    parse_time(text, now()).map_err(|error| error.to_string())
}

/// A word of the log as its value.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

impl Arguments {
    /// The filter that they make.
    pub(super) fn filter(&self) -> Filter {
        let known = |value: &Option<String>| value.clone();
        Filter {
            decisions: false,
            role: known(&self.role),
            principal: known(&self.principal),
            plane: self
                .service
                .as_deref()
                .and_then(|service| word::<Plane>(service).ok()),
            effect: self
                .decision
                .as_deref()
                .and_then(|answer| word::<Effect>(answer).ok()),
            reason: self.reason,
            destination: known(&self.destination),
            table: known(&self.table),
            database: known(&self.database),
            session: self.session,
            since: self.since,
            until: self.until,
        }
    }
}

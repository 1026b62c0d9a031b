//! The gateway's own metrics. What both planes have lives in `exeat_service::metrics`.

use std::sync::LazyLock;
use std::time::Duration;

use metrics::{Histogram, Unit, counter, describe_counter, describe_histogram, histogram};

const DNS_SECONDS: &str = "exeat_gateway_dns_seconds";
const CONNECT_SECONDS: &str = "exeat_gateway_connect_seconds";
const UPSTREAM_ERRORS: &str = "exeat_gateway_upstream_errors_total";
const REFUSED: &str = "exeat_gateway_refused_total";

// Looked up once: no name is hashed per connection.
static DNS: LazyLock<Histogram> = LazyLock::new(|| histogram!(DNS_SECONDS));
static CONNECT: LazyLock<Histogram> = LazyLock::new(|| histogram!(CONNECT_SECONDS));

/// Says what each of them is.
pub(crate) fn describe() {
    describe_histogram!(
        DNS_SECONDS,
        Unit::Seconds,
        "Time to resolve a name, static names excluded."
    );
    describe_histogram!(
        CONNECT_SECONDS,
        Unit::Seconds,
        "Time to connect to a destination."
    );
    describe_counter!(
        UPSTREAM_ERRORS,
        "Allowed requests that failed on the way to their destination, by kind."
    );
    describe_counter!(
        REFUSED,
        "Connections and messages that never became a request, by code."
    );
}

/// A name was resolved, or not.
pub(crate) fn resolved(took: Duration) {
    DNS.record(took);
}

/// A destination was reached, or not.
pub(crate) fn connected(took: Duration) {
    CONNECT.record(took);
}

/// An allowed request failed on its way.
pub(crate) fn upstream_error(kind: &'static str) {
    counter!(UPSTREAM_ERRORS, "kind" => kind).increment(1);
}

/// A connection or a message was refused.
pub(crate) fn refused(code: &'static str) {
    counter!(REFUSED, "code" => code).increment(1);
}

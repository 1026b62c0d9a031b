//! The time source of both services. A decision never reads it: it gets the time as a field.

use std::time::{SystemTime, UNIX_EPOCH};

use exeat_policy::UnixMillis;

/// The time now.
pub fn now() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
}

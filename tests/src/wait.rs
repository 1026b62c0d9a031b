//! Waiting for a condition, with patience for a busy machine and none for a fixed time.

use std::time::{Duration, Instant};

/// How long a condition may take to come true.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const BEAT: Duration = Duration::from_millis(5);

/// Waits until `condition` gives a value; panics with `what` when patience ends.
#[track_caller]
pub fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "still not so after {PATIENCE:?}: {what}"
        );
        pause();
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub fn until_true(what: &str, mut condition: impl FnMut() -> bool) {
    until(what, || condition().then_some(()));
}

/// One beat between two looks at a condition.
pub fn pause() {
    std::thread::park_timeout(BEAT);
}

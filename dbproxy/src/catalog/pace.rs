//! How much of the server's time a load takes while nobody waits for it: a quarter.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// For each moment of work, so many of rest.
pub(super) const REST: u32 = 3;
/// Less is not rested at a time.
const LEAST: Duration = Duration::from_millis(2);
/// Nor at all when the load has taken that long: on a busy server it would never end.
const LONGEST: Duration = Duration::from_millis(400);

/// The pace of one load.
pub(super) struct Pace<'h> {
    /// Whether somebody waits for the end by now.
    hurried: &'h (dyn Fn() -> bool + Sync),
    begun: Instant,
    /// Rest that is still to be taken.
    owed: Duration,
    /// Rest that was taken.
    pub(super) rested: Duration,
}

impl<'h> Pace<'h> {
    pub(super) fn new(hurried: &'h (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            hurried,
            begun: Instant::now(),
            owed: Duration::ZERO,
            rested: Duration::ZERO,
        }
    }

    /// Whether nothing is rested by now.
    pub(super) fn is_hurried(&self) -> bool {
        (self.hurried)() || self.begun.elapsed() > LONGEST
    }

    /// One step, and the rest after it.
    pub(super) async fn step<T>(&mut self, step: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = step.await;
        self.owed += begun.elapsed() * REST;
        if self.is_hurried() {
            self.owed = Duration::ZERO;
        }
        if self.owed >= LEAST {
            let begun = Instant::now();
            sleep(std::mem::take(&mut self.owed)).await;
            self.rested += begun.elapsed();
        }
        done
    }
}

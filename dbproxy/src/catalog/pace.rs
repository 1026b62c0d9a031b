//! How much of the server's time a load takes while nobody waits for it: a quarter. What sessions define meanwhile
//! is read in between.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::meanwhile::Meanwhile;

/// For each moment of work, so many of rest.
pub(super) const REST: u32 = 3;
/// Less is not rested at a time.
const LEAST: Duration = Duration::from_millis(2);
/// Nor at all when the load has taken that long: on a busy server it would never end.
const LONGEST: Duration = Duration::from_millis(500);

/// The pace of one load.
pub(super) struct Pace<'c, 'm> {
    pub(super) meanwhile: &'m mut Meanwhile<'c>,
    begun: Instant,
    /// Rest that is still to be taken.
    owed: Duration,
    /// Rest that was taken.
    pub(super) rested: Duration,
}

impl<'c, 'm> Pace<'c, 'm> {
    pub(super) fn new(meanwhile: &'m mut Meanwhile<'c>) -> Self {
        Self {
            meanwhile,
            begun: Instant::now(),
            owed: Duration::ZERO,
            rested: Duration::ZERO,
        }
    }

    /// Whether nothing is rested by now.
    pub(super) fn is_hurried(&self) -> bool {
        self.meanwhile.is_waited_for() || self.begun.elapsed() > LONGEST
    }

    /// One step, and the rest after it.
    pub(super) async fn step<T>(&mut self, step: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = step.await;
        self.owed += begun.elapsed() * REST;
        if self.is_hurried() {
            self.owed = Duration::ZERO;
        }
        let until = Instant::now() + self.owed;
        if self.owed >= LEAST {
            self.owed = Duration::ZERO;
            let begun = Instant::now();
            loop {
                tokio::select! {
                    () = sleep(until.saturating_duration_since(Instant::now())) => break,
                    () = self.meanwhile.is_told() => self.meanwhile.read().await,
                }
            }
            self.rested += begun.elapsed();
        } else if self.meanwhile.is_due() {
            self.meanwhile.read().await;
        }
        done
    }
}

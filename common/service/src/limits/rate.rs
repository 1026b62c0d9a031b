//! A rate: so many in a period, as a bucket that refills evenly (GCRA, by governor).

use std::fmt;
use std::num::NonZeroU32;

use exeat_policy::Rate;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Lets pass at a rate. Cloning shares the state.
pub(super) struct Gate<C: Clock> {
    rate: Rate,
    /// `None` lets nothing pass: a rate of zero.
    limiter: Option<std::sync::Arc<Limiter<C>>>,
}

impl<C: Clock + Clone> Gate<C> {
    /// The gate for a rate; the old one where the rate did not change.
    pub(super) fn follow(rate: Option<Rate>, old: Option<&Self>, clock: &C) -> Option<Self> {
        let rate = rate?;
        let limiter = match old.filter(|old| old.rate == rate) {
            Some(old) => old.limiter.clone(),
            None => {
                quota(rate).map(|quota| RateLimiter::direct_with_clock(quota, clock.clone()).into())
            }
        };
        Some(Self { rate, limiter })
    }

    /// Whether one more may pass now; counts it if so.
    pub(super) fn pass(&self) -> bool {
        self.limiter
            .as_ref()
            .is_some_and(|limiter| limiter.check().is_ok())
    }
}

/// A full bucket of `count`, refilled evenly within `per`.
fn quota(rate: Rate) -> Option<Quota> {
    let burst = NonZeroU32::new(rate.count)?;
    // A rate finer than a nanosecond apart is more than a clock can tell.
    let step = (rate.per / rate.count).max(std::time::Duration::from_nanos(1));
    Quota::with_period(step).map(|quota| quota.allow_burst(burst))
}

impl<C: Clock> fmt::Debug for Gate<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

//! The places of those who ask at once: so many for all, half of them for one identity. Where more wait, the
//! next place is for the identity that holds the fewest, and among those for who came first. It must never
//! let one identity take what all others wait for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// The places.
#[derive(Debug)]
pub(super) struct Places {
    each: usize,
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    free: usize,
    held: HashMap<Arc<str>, usize>,
    waiting: VecDeque<(Arc<str>, oneshot::Sender<()>)>,
}

/// A place; dropping it gives it to the next.
#[derive(Debug)]
pub(super) struct Place<'p> {
    places: &'p Places,
    who: &'p Arc<str>,
}

/// Somebody in the line. Who leaves it with a place that was just given passes that on.
struct Waiting<'p> {
    places: &'p Places,
    who: &'p Arc<str>,
    given: oneshot::Receiver<()>,
    through: bool,
}

impl Places {
    pub(super) fn new(all: usize) -> Self {
        Self {
            each: all.div_ceil(2),
            line: Mutex::new(Line {
                free: all,
                held: HashMap::new(),
                waiting: VecDeque::new(),
            }),
        }
    }

    /// Waits for a place.
    pub(super) async fn take<'p>(&'p self, who: &'p Arc<str>) -> Place<'p> {
        let (give, given) = oneshot::channel();
        let mut waiting = Waiting {
            places: self,
            who,
            given,
            through: false,
        };
        self.change(|line| line.waiting.push_back((Arc::clone(who), give)));
        // The line keeps the other end until it gives.
        drop((&mut waiting.given).await);
        waiting.through = true;
        Place { places: self, who }
    }

    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut line);
        line.give(self.each);
    }
}

impl Line {
    fn give(&mut self, each: usize) {
        while self.free > 0 {
            let held = |who: &Arc<str>| self.held.get(who).copied().unwrap_or_default();
            let may = self.waiting.iter().enumerate();
            let may = may.map(|(at, (who, _))| (held(who), at));
            let next = may.filter(|(held, _)| *held < each).min();
            let Some((who, give)) = next.and_then(|(_, at)| self.waiting.remove(at)) else {
                return;
            };
            // Who has left the line meanwhile takes none.
            if give.send(()).is_ok() {
                self.free -= 1;
                *self.held.entry(who).or_default() += 1;
            }
        }
    }

    fn leave(&mut self, who: &Arc<str>) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(who) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(who);
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.change(|line| line.leave(self.who));
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.given.close();
        if !self.through && self.given.try_recv().is_ok() {
            self.places.change(|line| line.leave(self.who));
        }
    }
}

#[cfg(test)]
mod tests;

//! The tasks that must not end while the process serves. One that panics or fails is told, counted, and started
//! again; `/readyz` says so until it has stayed up for a while.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::metrics;

/// How long a task that failed is left alone; doubled each time, up to [`LONGEST_BREATH`].
const BREATH: Duration = Duration::from_secs(1);
const LONGEST_BREATH: Duration = Duration::from_secs(30);
/// For so long a task has to stay up, so that it counts as well.
const WELL_AFTER: Duration = Duration::from_secs(10);

/// How the tasks of a process fare. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    /// By their numbers: several tasks may have one name.
    failed: Mutex<BTreeMap<u64, Failed>>,
}

/// A task that failed.
#[derive(Clone, Copy, Debug)]
struct Failed {
    name: &'static str,
    /// When it was started again; `None` while it is left alone.
    again: Option<Instant>,
}

impl Tasks {
    /// Runs a task on a runtime until it ends well; one that panics or fails is started again. `task` is asked for
    /// a new one each time, and told whether it is the first.
    pub fn keep<F>(
        &self,
        runtime: &Handle,
        name: &'static str,
        mut task: impl FnMut(Run) -> F + Send + 'static,
    ) where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let tasks = self.clone();
        let inner = runtime.clone();
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        runtime.spawn(async move {
            let mut run = Run::First;
            let mut breath = None;
            loop {
                let began = Instant::now();
                let error = match inner.spawn(task(run)).await {
                    Ok(Ok(())) => break,
                    Ok(Err(error)) => error.to_string(),
                    Err(error) if error.is_cancelled() => break,
                    Err(error) => error.to_string(),
                };
                let pause = next_breath(breath, began.elapsed());
                breath = Some(pause);
                tracing::error!(task = name, error, again_after = ?pause, "a background task failed and is started again");
                metrics::task_failed(name);
                tasks.note(number, name, None);
                tokio::time::sleep(pause).await;
                run = Run::Again;
                tasks.note(number, name, Some(Instant::now()));
            }
            tasks.lock().remove(&number);
        });
    }

    fn note(&self, number: u64, name: &'static str, again: Option<Instant>) {
        self.lock().insert(number, Failed { name, again });
    }

    /// A task that failed and has not been up for long since.
    pub fn failed(&self) -> Option<&'static str> {
        let ill = |task: &&Failed| task.again.is_none_or(|again| again.elapsed() < WELL_AFTER);
        self.lock().values().find(ill).map(|task| task.name)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Failed>> {
        self.0.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a task is left alone that was up for a while, given how long it was the last time.
fn next_breath(last: Option<Duration>, up: Duration) -> Duration {
    match last {
        Some(last) if up < WELL_AFTER => (2 * last).min(LONGEST_BREATH),
        _ => BREATH,
    }
}

/// Which run of a task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The first.
    First,
    /// One after a failure: what was to be done meanwhile was not.
    Again,
}

#[cfg(test)]
mod tests;

//! A thread of its own for what must never hold up a session: reading catalogs and PostgreSQL's answers,
//! comparing privileges.
//!
//! It starts with its first task and ends with the last owner. A task that panics is told and starts anew.

use std::future::Future;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long a task that ended against its will is left alone.
const BREATH: Duration = Duration::from_secs(1);

/// The thread.
#[derive(Debug)]
pub(crate) struct Background {
    name: &'static str,
    running: Mutex<Option<Running>>,
}

/// Its runtime, which ends when `_alive` is dropped.
#[derive(Debug)]
struct Running {
    handle: Handle,
    _alive: oneshot::Sender<()>,
}

impl Background {
    /// One that is not started yet, by the name that its thread will have (15 bytes are shown).
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            running: Mutex::default(),
        }
    }

    /// Its runtime, started where it is not.
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*running {
            return Ok(running.handle.clone());
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name(self.name.to_owned())
            .spawn(move || drop(runtime.block_on(ended)))?;
        *running = Some(Running {
            handle: handle.clone(),
            _alive: alive,
        });
        Ok(handle)
    }

    /// Runs a task that is not meant to end; one that panics is told and started again.
    pub(crate) fn keep<F>(
        &self,
        name: &'static str,
        task: impl Fn() -> F + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let handle = self.handle()?;
        let inner = handle.clone();
        handle.spawn(async move {
            while let Err(error) = inner.spawn(task()).await {
                if error.is_cancelled() {
                    break;
                }
                tracing::error!(task = name, %error, "a background task failed and starts again");
                tokio::time::sleep(BREATH).await;
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;

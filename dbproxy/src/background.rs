//! A thread of its own for what must never hold up a session: reading catalogs and PostgreSQL's answers,
//! comparing privileges.
//!
//! It starts with its first task and ends with the last owner.

use std::future::Future;
use std::io;
use std::sync::{Mutex, PoisonError};

use exeat_service::Tasks;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread.
#[derive(Debug)]
pub(crate) struct Background {
    name: &'static str,
    tasks: Tasks,
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
    pub(crate) fn new(name: &'static str, tasks: &Tasks) -> Self {
        Self {
            name,
            tasks: tasks.clone(),
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
        self.tasks.keep(&handle, name, move |_| {
            let task = task();
            async {
                task.await;
                Ok(())
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;

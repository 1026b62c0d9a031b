//! Ctrl-C and SIGTERM as a question that the demo asks between its steps, so that it always leaves
//! by the same door and removes what it made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Whether the demo was asked to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
}

impl Stop {
    /// Takes the signals over for the rest of the process. Call it on the thread that will wait.
    pub(crate) fn install() -> Result<Self> {
        let stop = Self {
            asked: Arc::new(AtomicBool::new(false)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting a runtime for signals")?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        let (asked, waiting) = (Arc::clone(&stop.asked), thread::current());
        let heard = async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                tell(&asked, &waiting);
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || runtime.block_on(heard))
            .context("starting a thread for signals")?;
        Ok(stop)
    }

    /// Whether it was asked to end.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it is.
    pub(crate) fn wait(&self) {
        while !self.asked() {
            thread::park();
        }
    }
}

fn tell(asked: &AtomicBool, waiting: &Thread) {
    asked.store(true, Ordering::SeqCst);
    waiting.unpark();
}

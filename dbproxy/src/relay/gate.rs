//! Holds a direction's bytes back until a record is where its mode promises it to be.
//!
//! Receipts of one log are ordered: waiting for the newest waits for all before it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use exeat_audit::{AuditError, Receipt};
use exeat_policy::AuditMode;

type Wait = Pin<Box<dyn Future<Output = Result<(), AuditError>> + Send>>;

/// A gate; open at first.
#[derive(Default)]
pub(crate) struct Gate {
    closed: Option<(Receipt, AuditMode)>,
    wait: Option<Wait>,
}

impl Gate {
    /// Closes until the record is there. Costs nothing where it is already.
    pub(crate) fn close(&mut self, receipt: &Receipt, mode: AuditMode) {
        if receipt.is(mode) {
            return;
        }
        // A durable record is also written; the other way round nothing follows.
        let mode = match &self.closed {
            Some((_, earlier)) => mode.max(*earlier),
            None => mode,
        };
        self.closed = Some((receipt.clone(), mode));
        self.wait = None;
    }

    /// Whether something is held back.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Ready when it is open.
    pub(crate) fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), AuditError>> {
        let Some((receipt, mode)) = &self.closed else {
            return Poll::Ready(Ok(()));
        };
        if !receipt.is(*mode) {
            let wait = self.wait.get_or_insert_with(|| {
                let (receipt, mode) = (receipt.clone(), *mode);
                Box::pin(async move { receipt.wait(mode).await })
            });
            let waited = ready!(wait.as_mut().poll(cx));
            // Whoever asks again gets the same answer: what failed once stays failed, and the gate shut.
            self.wait = None;
            waited?;
        }
        self.closed = None;
        Poll::Ready(Ok(()))
    }
}

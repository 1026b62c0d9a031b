//! A receipt for an appended record: how far it got, and waiting for it.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use exeat_policy::AuditMode;

use super::queue::{Shared, Ticket};
use crate::error::AuditError;

/// Tells how far a record got. Dropping it changes nothing about the record.
#[derive(Clone)]
pub struct Receipt {
    shared: Arc<Shared>,
    position: u64,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Receipt {
    pub(super) fn new(shared: Arc<Shared>, position: u64) -> Self {
        Self { shared, position }
    }

    /// Whether what the mode promises holds already: `Strict` and `Release` mean durable, `Written` means
    /// in the kernel.
    pub fn is(&self, mode: AuditMode) -> bool {
        self.shared.reached(mode) >= self.position
    }

    /// Waits until what the mode promises holds. Costs an atomic load where it holds already.
    ///
    /// # Errors
    /// Where the log failed before: the record may not exist, and its effect must not happen.
    pub async fn wait(&self, mode: AuditMode) -> Result<(), AuditError> {
        if self.is(mode) {
            return Ok(());
        }
        Wait {
            receipt: self,
            mode,
            ticket: None,
        }
        .await
    }
}

impl Receipt {
    /// The same for a thread that runs no futures.
    pub(crate) fn wait_blocking(&self, mode: AuditMode) -> Result<(), AuditError> {
        struct Unpark(Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut wait = pin!(self.wait(mode));
        loop {
            match wait.as_mut().poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => thread::park(),
            }
        }
    }
}

struct Wait<'a> {
    receipt: &'a Receipt,
    mode: AuditMode,
    ticket: Option<Ticket>,
}

impl Future for Wait<'_> {
    type Output = Result<(), AuditError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (receipt, mode) = (self.receipt, self.mode);
        if receipt.is(mode) {
            return Poll::Ready(Ok(()));
        }
        receipt
            .shared
            .register(mode, receipt.position, &mut self.ticket, context.waker())
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.receipt.shared.forget(ticket);
        }
    }
}

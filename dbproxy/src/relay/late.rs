//! Statements that take long: they waited in the server, behind others or for a lock, and what they ran by may be
//! something else than what was judged. Each second they are judged again, as far as policy and catalog are known
//! here, to the end of their results; and by a newer catalog when the first of the result is there.
//!
//! INVARIANT: of a result that came late nothing goes on before that.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use exeat_policy::Reason;
use tokio::time::Sleep;

use super::client::Flow;
use super::running::Stopped;
use super::{End, Pending, Relay};
use crate::disclosure::Sight;
use crate::guard::{Again, Asked, Overruled};
use crate::wire::{Fields, Frame, frame};

/// As old as a catalog may be: what takes no longer is judged by what it ran by.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// What is looked at again.
#[derive(Default)]
pub(super) struct Late {
    /// The result in front is held back.
    held: Option<Held>,
    /// What is waited for.
    waits: Option<Pending>,
    look: Look,
}

/// A result that is held back.
#[derive(Clone, Copy)]
struct Held {
    /// When the first of it came.
    came: Instant,
    /// A catalog was waited for that is newer.
    waited: bool,
}

/// When all that is on its way is looked at again.
#[derive(Default)]
enum Look {
    /// Nothing was on its way.
    #[default]
    Never,
    /// When the timer fires.
    Timed,
    /// Now, or when nothing is held back or waited for any more.
    Due,
}

impl Late {
    /// Nothing is held back or waited for.
    fn is_free(&self) -> bool {
        self.held.is_none() && self.waits.is_none()
    }
}

/// Whether only its names are nothing, or something else, by now.
fn is_renamed(overruled: &Overruled) -> bool {
    overruled.decision.reason == Reason::Unreadable
}

/// What came of looking at a statement once more.
enum Seen {
    /// It would be let through, and this much of it be seen.
    Passes(Sight),
    /// It would not.
    Overtaken(Box<Overruled>),
    /// Not known yet.
    Unknown(Option<Pending>),
}

impl Relay {
    /// Ready when what is looked at again can be looked at further. The timer runs only while something is on its
    /// way.
    pub(super) fn poll_late(
        &mut self,
        cx: &mut Context<'_>,
        mut tick: Pin<&mut Sleep>,
    ) -> Poll<()> {
        if let Some(pending) = &mut self.late.waits
            && pending.as_mut().poll(cx).is_ready()
        {
            self.late.waits = None;
            return Poll::Ready(());
        }
        if let Look::Never = self.late.look {
            if self.queue.is_empty() {
                return Poll::Pending;
            }
            tick.as_mut().reset(tokio::time::Instant::now() + LATE);
            self.late.look = Look::Timed;
        }
        if let Look::Timed = self.late.look {
            std::task::ready!(tick.as_mut().poll(cx));
            self.late.look = Look::Due;
        }
        match self.late.is_free() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Looks at all that is on its way, where something has changed since it was judged: what would not be let
    /// through any more must not run, or run on.
    pub(super) fn look_at_what_waits(&mut self) -> Result<(), End> {
        if !matches!(self.late.look, Look::Due) || !self.late.is_free() {
            return Ok(());
        }
        let guard = &mut self.guard;
        let overruled = self
            .queue
            .statements_mut()
            .find_map(|running| guard.overruled(running.passed.as_ref()?));
        if let Some(overruled) = overruled {
            self.record_overtaken(&overruled)?;
            return Err(End::Overtaken);
        }
        let waiting: Vec<Again> = self
            .queue
            .statements_mut()
            .filter(|running| running.admitted.elapsed() >= LATE)
            .filter_map(|running| running.again.clone())
            .collect();
        for again in &waiting {
            if self.guard.still_stands(again) {
                continue;
            }
            match self.look_again(again) {
                Seen::Overtaken(overruled) if !is_renamed(&overruled) => {
                    self.record_overtaken(&overruled)?;
                    return Err(End::Overtaken);
                }
                Seen::Passes(_) | Seen::Overtaken(_) | Seen::Unknown(None) => {}
                Seen::Unknown(waits) => {
                    self.late.waits = waits;
                    return Ok(());
                }
            }
        }
        self.late.look = Look::Never;
        Ok(())
    }

    /// Called before a part of a result is looked at: waits where it came late, until it is known whether its
    /// statement would still be let through.
    pub(super) fn is_overtaken(&mut self, frame: Frame) -> Result<Flow, End> {
        if self.late.waits.is_some() {
            return Ok(Flow::Wait);
        }
        let Frame { tag, .. } = frame;
        if !matches!(tag, b'D' | b'C' | b's' | b'E' | b'T' | b'H' | b'd') || self.is_cut_off(frame)
        {
            return Ok(Flow::Next);
        }
        let Some(running) = self.queue.running() else {
            return Ok(Flow::Next);
        };
        let Some(again) = &running.again else {
            return Ok(Flow::Next);
        };
        let held = match self.late.held {
            Some(held) => held,
            None => {
                let came = Instant::now();
                let late = came.duration_since(running.admitted) >= LATE;
                if !late && self.guard.is_being_defined(again).is_ok() {
                    running.again = None;
                    return Ok(Flow::Next);
                }
                let waited = false;
                *self.late.held.insert(Held { came, waited })
            }
        };
        let again = again.clone();
        let catalogs = self.guard.catalogs();
        if !held.waited && !catalogs.is_newer_than(held.came) {
            self.late.waits = Some(catalogs.newer_than(held.came));
            let waited = true;
            self.late.held = Some(Held { waited, ..held });
            return Ok(Flow::Wait);
        }
        let seen = match self.guard.still_stands(&again) {
            true => Seen::Passes(Sight::ALL),
            false => self.look_again(&again),
        };
        // What is complete can't be cancelled any more.
        self.settle_late(seen, !matches!(tag, b'C' | b's' | b'E'))?;
        Ok(match self.late.waits {
            Some(_) => Flow::Wait,
            None => Flow::Next,
        })
    }

    /// What the statement in front gives by what was seen of it.
    fn settle_late(&mut self, seen: Seen, goes_on: bool) -> Result<(), End> {
        if let Seen::Overtaken(overruled) = &seen {
            self.record_overtaken(overruled)?;
        }
        let Some(running) = self.queue.running() else {
            return Ok(());
        };
        match seen {
            Seen::Unknown(Some(pending)) => {
                self.late.waits = Some(pending);
                return Ok(());
            }
            Seen::Passes(sight) => running.sight = running.sight.least(sight),
            // What it has written stays written, and was let through by names that are gone.
            Seen::Overtaken(overruled) if is_renamed(&overruled) && !running.only_reads() => {
                running.sight = Sight::NONE;
            }
            // It gave no rows.
            Seen::Unknown(None) if !goes_on && !running.only_reads() => {
                running.sight = Sight::NONE;
            }
            Seen::Overtaken(_) | Seen::Unknown(None) => {
                running.sight = Sight::NONE;
                running.stopped.get_or_insert(Stopped::Overtaken);
                if goes_on {
                    self.cancel.send();
                }
            }
        }
        running.again = None;
        self.late.held = None;
        Ok(())
    }

    /// The denial of what was let through before, on record.
    fn record_overtaken(&mut self, overruled: &Overruled) -> Result<(), End> {
        let text = Some((&*overruled.text, &[][..]));
        let (request, decision) = (&overruled.request, &overruled.decision);
        let recorded = self.recorder.decision(request, decision, text);
        recorded.map(drop).map_err(End::Audit)
    }

    /// An error that says nothing of what was run: it was cancelled, the server goes down.
    fn is_cut_off(&self, frame: Frame) -> bool {
        let body = frame::body(self.outbound.unscanned(), frame);
        let fields = body.filter(|_| frame.tag == b'E').map(Fields::read);
        fields.is_some_and(|fields| {
            fields
                .bytes(b'C')
                .is_some_and(|code| code.starts_with(b"57"))
        })
    }

    fn look_again(&mut self, again: &Again) -> Seen {
        match self.guard.judged_again(again) {
            Ok(answer) if answer.is_allowed() => Seen::Passes(answer.sight),
            Ok(answer) => Seen::Overtaken(Box::new(answer.into())),
            Err(Asked::Others(pending)) => Seen::Unknown(Some(pending)),
            Err(Asked::Aside(questions)) => Seen::Unknown(Some(self.guard.ask_aside(questions))),
            // The session's own connection is busy.
            Err(Asked::Own(_)) => Seen::Unknown(None),
        }
    }
}

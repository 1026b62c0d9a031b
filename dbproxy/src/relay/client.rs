//! What the client sends, examined before any of it goes on.
//!
//! INVARIANT: a frame passes only after everything that it would make the server do was judged, allowed
//! and recorded.

use super::batch::{Attention, Batch};
use super::deny::Refusal;
use super::expected::Expected;
use super::names::{Called, Id, Known};
use super::{Copy, End, Relay};
use crate::disclosure::Sight;
use crate::guard::Code;
use crate::wire::frontend::{self, Target};
use crate::wire::{Frame, Violation, frame, write};

/// So many messages may be on their way before the client has to wait.
const PIPELINE: usize = 4096;

/// Whether the next frame may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It may.
    Next,
    /// Not before something arrives: more bytes, or an answer of the server.
    Wait,
}

impl Relay {
    /// Examines all that has arrived from the client.
    pub(super) fn scan_client(&mut self) -> Result<(), End> {
        self.give_up();
        while !self.inbound.within_frame()
            && !self.inbound.congested()
            && !self.outbound.congested()
            && self.queue.len() < PIPELINE
            && !self.hand.waits()
            && !self.cancel.in_flight()
        {
            if let Some(denied) = self.denied.take() {
                self.tell_denied(denied);
                continue;
            }
            if self.attention == Attention::Settling {
                if !self.queue.is_empty() {
                    // Without it the server keeps an Execute's answer until a Sync that waits here.
                    self.ask_for_answers();
                    // The last answer of a script is held back until the server has committed.
                    self.commit_script();
                    break;
                }
                self.attention = Attention::All;
            }
            if self.script.is_some() && self.copy == Copy::None {
                match self.next_of_script()? {
                    Flow::Next => continue,
                    Flow::Wait => break,
                }
            }
            let Some(frame) = frame::header(self.inbound.unscanned()).map_err(End::Client)? else {
                break;
            };
            let flow = match self.copy {
                Copy::Waiting => Flow::Wait,
                Copy::In => self.copy_frame(frame)?,
                Copy::None if self.batch.is_skipped() => self.skipped_frame(frame)?,
                Copy::None => self.frame(frame)?,
            };
            if flow == Flow::Wait {
                break;
            }
        }
        Ok(())
    }

    /// While the server skips to the next Sync it ignores everything else, and so do we.
    fn skipped_frame(&mut self, frame: Frame) -> Result<Flow, End> {
        match frame.tag {
            b'S' => self.sync(frame),
            b'X' => {
                self.leave(End::Terminated);
                Ok(Flow::Wait)
            }
            b'Q' | b'P' | b'B' | b'E' | b'D' | b'C' | b'H' | b'F' | b'd' | b'c' | b'f' => {
                self.inbound.discard(frame.length);
                Ok(Flow::Next)
            }
            _ => Err(End::Client(Violation::UnexpectedType)),
        }
    }

    /// While the server reads COPY data.
    fn copy_frame(&mut self, frame: Frame) -> Result<Flow, End> {
        match frame.tag {
            b'd' => {
                if let Some(running) = self.queue.running() {
                    running.bytes_in += frame.length as u64;
                }
                self.inbound.pass(frame.length);
                Ok(Flow::Next)
            }
            b'c' | b'f' => {
                if frame.length > frame::WHOLE {
                    return Err(End::Client(Violation::LengthTooLarge));
                }
                self.inbound.pass(frame.length);
                // Of a Query more may come that asks for data. Of an Execute nothing more comes, and
                // the server holds its answer back until the Sync that follows.
                self.copy = match self.queue.front() {
                    Some(Expected::Query(_)) => Copy::Waiting,
                    _ => Copy::None,
                };
                Ok(Flow::Next)
            }
            // Client libraries send these behind an Execute without knowing that it is a COPY; the
            // server ignores them during COPY, and only then.
            b'S' | b'H' => {
                self.inbound.discard(frame.length);
                Ok(Flow::Next)
            }
            b'X' => {
                self.leave(End::Terminated);
                Ok(Flow::Wait)
            }
            _ => Err(End::Client(Violation::UnexpectedType)),
        }
    }

    fn frame(&mut self, frame: Frame) -> Result<Flow, End> {
        if self.hand.was_given_up() {
            self.catalog_failed = None;
            return self.settle(frame, Err(Refusal::cancelled()));
        }
        if let Some(setting) = self.guard.is_out_of_hand() {
            return Err(End::Pinned(setting));
        }
        match frame.tag {
            b'B' => {
                let result = self.bind(frame);
                self.settle(frame, result)
            }
            b'Q' | b'P' | b'F' if self.is_too_large(frame) => {
                let refusal = self.too_large(frame);
                self.settle(frame, Err(refusal))
            }
            b'X' => {
                self.leave(End::Terminated);
                Ok(Flow::Wait)
            }
            // COPY data that comes after its COPY has failed: the server ignores it.
            b'd' | b'c' | b'f' => {
                self.inbound.discard(frame.length);
                Ok(Flow::Next)
            }
            b'S' => self.sync(frame),
            b'Q' | b'P' | b'D' | b'E' | b'C' | b'H' | b'F' => {
                if frame.length > frame::WHOLE && !matches!(frame.tag, b'Q' | b'P' | b'F') {
                    return Err(End::Client(Violation::LengthTooLarge));
                }
                if self.inbound.unscanned().len() < frame.length {
                    if let Err(refusal) = self.need(frame) {
                        return self.settle(frame, Err(refusal));
                    }
                    return Ok(Flow::Wait);
                }
                self.whole_frame(frame)
            }
            _ => Err(End::Client(Violation::UnexpectedType)),
        }
    }

    fn whole_frame(&mut self, frame: Frame) -> Result<Flow, End> {
        self.hand.take_up();
        let result = match frame.tag {
            b'Q' => self.query(frame),
            b'P' => self.parse(frame),
            b'E' => self.execute(frame),
            b'D' => self.describe(frame),
            b'C' => self.close(frame),
            b'H' => self.flush(frame),
            _ => self.function_call(frame),
        };
        self.settle(frame, result)
    }

    /// Turns a refusal into what the client and the server get.
    fn settle(&mut self, frame: Frame, result: Result<(), Refusal>) -> Result<Flow, End> {
        match result {
            Ok(()) => Ok(Flow::Next),
            Err(Refusal::Wait | Refusal::Behind) => {
                self.hand.put_down();
                Ok(Flow::Wait)
            }
            Err(Refusal::End(end)) => Err(end),
            Err(Refusal::Error(error)) => {
                self.deny(frame, error);
                Ok(Flow::Next)
            }
        }
    }

    fn describe(&mut self, frame: Frame) -> Result<(), Refusal> {
        let (target, name) = frontend::target(self.body(frame)?)?;
        let name = &*name.to_vec();
        if target == Target::Portal {
            self.portal_settled(name)?;
        }
        let (called, judgeable, early) = match target {
            Target::Statement => match self.names.statement(name) {
                Known::Is(found) => {
                    let prepared = &found.value.prepared;
                    let early = prepared.code() >= Code::Early;
                    (found.called, prepared.judgeable(), early)
                }
                Known::Nothing => return Err(Self::unknown_statement(name)),
                Known::Unsettled => return Err(Refusal::Wait),
            },
            Target::Portal => match self.names.portal(name) {
                Known::Is(found) => {
                    let prepared = &found.value.statement.prepared;
                    (found.called, prepared.judgeable(), false)
                }
                Known::Nothing => return Err(Self::unknown_portal(name)),
                Known::Unsettled => return Err(Refusal::Wait),
            },
        };
        // The server may parse it anew, and run code for that.
        if early {
            self.transaction.shows_at_most(Sight::NONE);
        }
        if let (Target::Portal, Some(judgeable)) = (target, &judgeable) {
            self.names.describe(called, judgeable);
        }
        self.forward_target(frame, target, called)?;
        self.expect_extended(match target {
            Target::Statement => Expected::DescribeStatement(judgeable, early),
            Target::Portal => Expected::Describe(judgeable),
        });
        Ok(())
    }

    /// A Describe or Close goes on.
    fn forward_target(
        &mut self,
        frame: Frame,
        target: Target,
        called: Called,
    ) -> Result<(), Refusal> {
        let name = frontend::target(self.body(frame)?)?.1.to_vec();
        self.forward_renamed(frame, frame.length, |out| {
            out.push(target.byte());
            called.write(&name, out);
        });
        Ok(())
    }

    fn close(&mut self, frame: Frame) -> Result<(), Refusal> {
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let (target, name) = frontend::target(body)?;
        let called = match target {
            Target::Statement => self.names.statement(name).map(|statement| statement.called),
            Target::Portal => self.names.portal(name).map(|portal| portal.called),
        };
        let (called, effect) = match (called, target) {
            (Known::Unsettled, _) => return Err(Refusal::Wait),
            // To close what is not there is no error.
            (Known::Nothing, _) => (Called::Ours(Id::NOTHING), None),
            (Known::Is(called), Target::Statement) => (called, Some(self.names.deallocate(name))),
            (Known::Is(called), Target::Portal) => (called, Some(self.names.close(name))),
        };
        self.forward_target(frame, target, called)?;
        self.expect_extended(Expected::Close(effect));
        Ok(())
    }

    fn flush(&mut self, frame: Frame) -> Result<(), Refusal> {
        frontend::empty(self.body(frame)?)?;
        self.inbound.pass(frame.length);
        Ok(())
    }

    fn sync(&mut self, frame: Frame) -> Result<Flow, End> {
        if frame.length != frame::HEADER {
            return Err(End::Client(Violation::Malformed));
        }
        if self.batch == Batch::Refused {
            // The server has seen nothing of this batch: its status is the one of before.
            self.inbound.discard(frame.length);
            let status = self.transaction.status();
            self.outbound.inject(|out| write::ready(out, status));
        } else {
            self.inbound.pass(frame.length);
            self.queue.push(Expected::Sync);
        }
        self.batch = Batch::Fresh;
        self.names.next_batch();
        Ok(Flow::Next)
    }

    pub(super) fn body(&self, frame: Frame) -> Result<&[u8], Violation> {
        frame::body(self.inbound.unscanned(), frame).ok_or(Violation::Malformed)
    }
}

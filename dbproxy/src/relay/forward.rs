//! Messages on their way to the server, with the server's names in them.
//!
//! It changes names and blanked comments and nothing else; what it forwards was judged before.

use super::Relay;
use super::batch::Batch;
use super::expected::Expected;
use super::names::spelled::{self, Edit};
use super::names::{Called, Id};
use crate::guard::Verdict;
use crate::wire::frontend::Target;
use crate::wire::{Frame, frame, write};

impl Relay {
    /// A message of the extended protocol goes on.
    pub(super) fn expect_extended(&mut self, expected: Expected) {
        self.queue.push(expected);
        // An earlier Flush does not bring this answer.
        self.batch = Batch::Open { flushed: false };
    }

    /// A message goes on with its first `head` bytes replaced; `names` writes what follows the length.
    pub(super) fn forward_renamed(
        &mut self,
        frame: Frame,
        head: usize,
        names: impl FnOnce(&mut Vec<u8>),
    ) {
        let rest = frame.length.saturating_sub(head);
        self.inbound.discard(head);
        self.inbound
            .inject(|out| write::head(out, frame.tag, rest, names));
        self.inbound.pass(rest);
    }

    /// A Parse goes on, its comments blanked, under this name.
    pub(super) fn forward_parse(
        &mut self,
        frame: Frame,
        sql_at: usize,
        verdict: &Verdict,
        (id, edit): (Option<Id>, Option<Edit>),
    ) {
        let name = |out: &mut Vec<u8>| match id {
            Some(id) => Called::Ours(id).write(b"", out),
            None => out.push(0),
        };
        let head = frame::HEADER + sql_at;
        let Some(edit) = edit else {
            self.blank(head, verdict.blanked.as_deref());
            self.forward_renamed(frame, head, name);
            return;
        };
        let text = verdict.forwarded();
        self.forward_renamed(frame, head + text.len(), |out| {
            name(out);
            spelled::edited(text, &[edit], out);
        });
    }

    /// A Query goes on, its comments blanked.
    pub(super) fn forward_query(&mut self, frame: Frame, verdict: &Verdict, edits: &[Edit]) {
        if edits.is_empty() {
            self.blank(frame::HEADER, verdict.blanked.as_deref());
            self.inbound.pass(frame.length);
            return;
        }
        let text = verdict.forwarded();
        let head = frame::HEADER + text.len();
        self.forward_renamed(frame, head, |out| spelled::edited(text, edits, out));
    }

    /// Overwrites the text that begins at `start` of the message, comments blanked.
    fn blank(&mut self, start: usize, blanked: Option<&[u8]>) {
        let Some(blanked) = blanked else { return };
        let end = start + blanked.len();
        if let Some(text) = self.inbound.unscanned_mut().get_mut(start..end) {
            text.copy_from_slice(blanked);
        }
    }

    /// Closes a portal whose name is another one's now.
    pub(super) fn close_own_portal(&mut self, called: Called) {
        self.inbound
            .inject(|out| write::target(out, b'C', Target::Portal, |out| called.write(b"", out)));
        self.expect_extended(Expected::Own(b'3'));
    }

    /// Closes what nothing can use any more, in front of what is forwarded next.
    pub(super) fn clear_unreachable(&mut self) {
        while let Some(id) = self.names.next_unreachable() {
            self.inbound.inject(|out| {
                write::target(out, b'C', Target::Statement, |out| {
                    Called::Ours(id).write(b"", out);
                });
            });
            self.expect_extended(Expected::Cleared(id));
        }
    }
}

//! Bounds on what the walk of one statement holds and does: a text of a thousand bytes can name more
//! columns than there is memory for (`SELECT * FROM c, c`, again and again). Nothing may grow by more than
//! what was read without asking here first.

#[cfg(test)]
mod tests;

use exeat_policy::UnreadableKind;

use super::scope::{Item, Output};
use super::{Walk, Walked, refused};
use crate::tree::Node;

/// Columns of one output: PostgreSQL's own limit.
const MAX_OUTPUT: usize = 1664;
/// Columns that the items and outputs of one statement are made of, all taken together.
const MAX_HELD: usize = 1 << 18;
/// Columns that its names are looked for in.
const MAX_LOOKED: usize = 1 << 25;

impl Walk<'_> {
    /// Counts columns that are about to be held.
    pub(super) fn hold(&mut self, columns: usize, node: Node<'_>) -> Walked {
        self.held = self.held.saturating_add(columns);
        if self.held > MAX_HELD {
            let detail = "too many columns in one statement";
            return Err(refused(UnreadableKind::TooLarge, node, detail));
        }
        Ok(())
    }

    /// Counts the columns that an output is about to have.
    pub(super) fn hold_output(&mut self, output: &Output, more: usize, node: Node<'_>) -> Walked {
        if output.names.len().saturating_add(more) > MAX_OUTPUT {
            let detail = "target lists can have at most 1664 entries";
            return Err(refused(UnreadableKind::TooLarge, node, detail));
        }
        self.hold(more, node)
    }

    /// Counts columns that are about to be looked through.
    pub(super) fn look(&mut self, columns: usize, node: Node<'_>) -> Walked {
        self.looked = self.looked.saturating_add(columns);
        if self.looked > MAX_LOOKED {
            let detail = "too many columns to look for its names in";
            return Err(refused(UnreadableKind::TooLarge, node, detail));
        }
        Ok(())
    }

    /// Counts one look through everything that is in scope.
    pub(super) fn look_around(&mut self, node: Node<'_>) -> Walked {
        let frames = self.frames.iter().filter(|frame| !frame.hidden);
        let columns = frames.flat_map(|frame| &frame.items).map(Item::width).sum();
        self.look(columns, node)
    }

    /// The columns of the items of this level.
    pub(super) fn width(&self) -> usize {
        let items = self.frames.last().map_or(&[][..], |frame| &frame.items);
        items.iter().map(Item::width).sum()
    }
}

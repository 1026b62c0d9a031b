//! The prepared statements and portals of one session, kept as the server keeps them.
//!
//! SQL-level PREPARE and DECLARE share their names with protocol-level Parse and Bind. A definition is
//! entered when its message is forwarded and taken back when the server skips or refuses it, so what
//! this file says of a name is what the server would execute.
//!
//! INVARIANT: a name that is not in here was never judged, and is never executed.

mod table;

use std::sync::Arc;

use exeat_audit::Parameter;

use crate::guard::Prepared;
pub(crate) use table::Known;
use table::{Before, Table};

/// So many prepared statements and portals may a session hold.
const MOST: usize = 8192;
/// A definition up to this size is not weighed.
const SMALL: usize = 4 << 10;
/// So many bytes may the texts and values of a session's definitions take, small ones left out.
const LARGEST: usize = 64 << 20;

/// What a portal runs.
#[derive(Clone, Debug)]
pub(crate) struct Portal {
    pub(crate) statement: Arc<Prepared>,
    pub(crate) parameters: Arc<[Parameter]>,
    /// Made by DECLARE: it may outlive its transaction.
    pub(crate) cursor: bool,
    /// Rows that it gave so far.
    pub(crate) rows: u64,
}

/// What to do when the server did not do what was forwarded.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    statement: Option<Before<Arc<Prepared>>>,
    portal: Option<Before<Portal>>,
}

/// A name whose meaning depends on an answer that is still to come: ask again when all answers are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsettled;

/// The names of a session.
#[derive(Debug, Default)]
pub(crate) struct Names {
    statements: Table<Arc<Prepared>>,
    portals: Table<Portal>,
    batch: u64,
}

impl Names {
    /// A Sync or a Query was forwarded: what comes now is not skipped when something before it fails.
    pub(crate) fn next_batch(&mut self) {
        self.batch += 1;
    }

    /// How many names there are; each costs memory.
    fn len(&self) -> usize {
        self.statements.len() + self.portals.len()
    }

    /// Whether there is room for one more definition of this size.
    pub(crate) fn has_room(&self, size: usize) -> bool {
        // Small ones are bounded by their number.
        self.len() < MOST && (size <= SMALL || self.size() + size <= LARGEST)
    }

    fn size(&self) -> usize {
        let text = |statement: &Arc<Prepared>| statement.verdict.sql.len();
        let values = |portal: &Portal| portal.parameters.iter().map(size_of_value).sum();
        self.statements.sum(text) + self.portals.sum(values)
    }

    pub(crate) fn statement(&self, name: &[u8]) -> Known<&Arc<Prepared>> {
        self.statements.look_up(name, self.batch)
    }

    pub(crate) fn portal(&self, name: &[u8]) -> Known<&Portal> {
        self.portals.look_up(name, self.batch)
    }

    /// A Parse or PREPARE is forwarded.
    pub(crate) fn prepare(
        &mut self,
        name: &[u8],
        statement: Arc<Prepared>,
    ) -> Result<Undo, Unsettled> {
        let before = self.statements.define(name, statement, self.batch)?;
        Ok(Undo {
            statement: before,
            portal: None,
        })
    }

    /// A Bind or DECLARE is forwarded.
    pub(crate) fn open(&mut self, name: &[u8], portal: Portal) -> Result<Undo, Unsettled> {
        let before = self.portals.define(name, portal, self.batch)?;
        Ok(Undo {
            statement: None,
            portal: before,
        })
    }

    /// A Close of a statement, or DEALLOCATE.
    pub(crate) fn deallocate(&mut self, name: &[u8]) -> Result<Undo, Unsettled> {
        let before = self.statements.forget(name, self.batch)?;
        Ok(Undo {
            statement: before,
            portal: None,
        })
    }

    /// A Close of a portal, or CLOSE.
    pub(crate) fn close(&mut self, name: &[u8]) -> Result<Undo, Unsettled> {
        let before = self.portals.forget(name, self.batch)?;
        Ok(Undo {
            statement: None,
            portal: before,
        })
    }

    /// DEALLOCATE ALL.
    pub(crate) fn deallocate_all(&mut self) -> Undo {
        Undo {
            statement: Some(self.statements.forget_all()),
            portal: None,
        }
    }

    /// CLOSE ALL.
    pub(crate) fn close_all(&mut self) -> Undo {
        Undo {
            statement: None,
            portal: Some(self.portals.forget_all()),
        }
    }

    /// DISCARD ALL.
    pub(crate) fn discard_all(&mut self) -> Undo {
        Undo {
            statement: Some(self.statements.forget_all()),
            portal: Some(self.portals.forget_all()),
        }
    }

    /// The server did what was forwarded.
    pub(crate) fn confirm(&mut self, undo: Undo) {
        if let Some(before) = undo.statement {
            self.statements.confirm(&before);
        }
        if let Some(before) = undo.portal {
            self.portals.confirm(&before);
        }
    }

    /// The server skipped or refused what was forwarded. Called for the newest first.
    pub(crate) fn undo(&mut self, undo: Undo) {
        if let Some(before) = undo.statement {
            self.statements.restore(before);
        }
        if let Some(before) = undo.portal {
            self.portals.restore(before);
        }
    }

    /// A portal gave rows.
    pub(crate) fn count(&mut self, name: &[u8], rows: u64) {
        if let Some(portal) = self.portals.value_mut(name) {
            portal.rows = portal.rows.saturating_add(rows);
        }
    }

    /// The transaction is over: the server has dropped every portal but held cursors. What is not yet
    /// confirmed belongs to the next transaction.
    pub(crate) fn transaction_ended(&mut self) {
        self.portals.retain_confirmed(|portal| portal.cursor);
    }
}

fn size_of_value(value: &Parameter) -> usize {
    match value {
        Parameter::Null => 0,
        Parameter::Text(text) | Parameter::Binary(text) | Parameter::Commitment(text) => text.len(),
    }
}

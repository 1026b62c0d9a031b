//! How far what a session knows of its own definitions is to be trusted: what it has to ask before it judges
//! the next text, and what the end of its open transaction may change about that. Pure.
//!
//! INVARIANT: only an answer of the server, or a shared snapshot that began later, makes it trust more.

use crate::guard::Code;
use crate::relay::names::Id;

/// What a session knows, and what its open transaction has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trust {
    known: Knowledge,
    /// The open transaction has run code of others, which may have put some of it off.
    ran_code: bool,
    /// It has defined something.
    defined: bool,
}

/// What a session knows of what its names mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// All.
    All,
    /// Not what it has defined itself since it asked.
    NotItsOwn,
    /// Nothing, since code of others was run; but for this portal, where only its own Bind has run it: what the
    /// portal runs was settled by then. Whether it has defined something itself besides.
    Nothing { but: Option<Id>, defined: bool },
}

/// What a session has to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// Nothing of its own: others may have changed something.
    Nothing,
    /// What it has defined.
    Definitions,
    /// Whether code has changed anything.
    Look,
}

impl Trust {
    /// Of a session that begins; code may be run then.
    pub(crate) fn new(code: bool) -> Self {
        let known = match code {
            true => Knowledge::Nothing {
                but: None,
                defined: false,
            },
            false => Knowledge::All,
        };
        Self {
            known,
            ran_code: false,
            defined: false,
        }
    }

    /// What has to be asked before a text is judged, or before this portal is run.
    pub(crate) fn asks(&self, bound: Option<Id>) -> Asks {
        match self.known {
            Knowledge::All => Asks::Nothing,
            Knowledge::NotItsOwn => Asks::Definitions,
            Knowledge::Nothing { but, defined } if but.is_some() && but == bound => match defined {
                true => Asks::Definitions,
                false => Asks::Nothing,
            },
            Knowledge::Nothing { .. } => Asks::Look,
        }
    }

    /// Whether there is nothing to ask.
    pub(crate) fn knows_all(&self) -> bool {
        self.known == Knowledge::All
    }

    /// All see by now what it has defined: there is nothing of its own left to ask.
    pub(crate) fn all_have_seen(&mut self) {
        if self.known == Knowledge::NotItsOwn {
            self.known = Knowledge::All;
        }
    }

    /// The portal that may be run although code was run for it, where there is one.
    pub(crate) fn bound(&self) -> Option<Id> {
        match self.known {
            Knowledge::Nothing { but, .. } => but,
            Knowledge::All | Knowledge::NotItsOwn => None,
        }
    }

    /// Whether the end of the open transaction may run code.
    pub(crate) fn may_run_code_at_its_end(&self) -> bool {
        self.ran_code
    }

    /// Whether the end of the open transaction may take away what is known.
    pub(crate) fn may_lose_definitions(&self) -> bool {
        self.defined
    }

    /// Code of others may have been run.
    pub(crate) fn code_ran(&mut self) {
        self.ran_code = true;
        self.know_nothing(None);
    }

    /// It may have been run for a Bind, of this portal.
    pub(crate) fn code_bound(&mut self, code: Code, portal: Option<Id>) {
        match code {
            Code::Never => {}
            Code::Run if !matches!(self.known, Knowledge::Nothing { .. }) => {
                self.ran_code = true;
                self.know_nothing(portal);
            }
            Code::Run | Code::Early | Code::Parsed => self.code_ran(),
        }
    }

    /// The session has defined something.
    pub(crate) fn defines(&mut self) {
        self.defined = true;
        self.know_not_its_own();
    }

    /// A statement has ended the transaction, or a part of it. Whether that may have taken definitions away.
    pub(crate) fn part_ended(&mut self) -> bool {
        if self.defined {
            self.know_not_its_own();
        }
        self.defined
    }

    /// The transaction is over: what it defined is there for all, or gone. Whether it has defined something.
    pub(crate) fn transaction_over(&mut self) -> bool {
        // Its end has run what was put off.
        if std::mem::take(&mut self.ran_code) {
            self.know_nothing(None);
        }
        let defined = std::mem::take(&mut self.defined);
        if defined {
            self.know_not_its_own();
        }
        defined
    }

    /// It has looked: whether code may have changed something, and whether that is in an open transaction.
    /// Whether what was defined is told by no name.
    pub(crate) fn looked(&mut self, changed: bool, open: bool) -> bool {
        let defined = match self.known {
            Knowledge::All => false,
            Knowledge::NotItsOwn => true,
            Knowledge::Nothing { defined, .. } => defined,
        };
        self.known = match changed || defined {
            true => Knowledge::NotItsOwn,
            false => Knowledge::All,
        };
        // The end of the transaction may take it away, or show it to all.
        self.defined |= open;
        changed || defined
    }

    /// It has seen what it has defined; the end of an open transaction may take some of it away.
    pub(crate) fn seen(&mut self, passing: bool) {
        self.defined |= passing;
        self.known = match self.known {
            Knowledge::All | Knowledge::NotItsOwn => Knowledge::All,
            Knowledge::Nothing { but, .. } => Knowledge::Nothing {
                but,
                defined: false,
            },
        };
    }

    fn know_not_its_own(&mut self) {
        self.known = match self.known {
            Knowledge::All | Knowledge::NotItsOwn => Knowledge::NotItsOwn,
            Knowledge::Nothing { but, .. } => Knowledge::Nothing { but, defined: true },
        };
    }

    fn know_nothing(&mut self, but: Option<Id>) {
        let defined = match self.known {
            Knowledge::All => false,
            Knowledge::NotItsOwn => true,
            Knowledge::Nothing { defined, .. } => defined,
        };
        self.known = Knowledge::Nothing { but, defined };
    }
}

#[cfg(test)]
mod tests;

//! What is wrong with a log, and where.

use std::fmt;

use super::VerifyError;

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Fault {
    /// The number of the first bad leaf, where one can be named.
    pub sequence: Option<u64>,
    /// Its segment's file.
    pub segment: Option<String>,
    /// Where it starts in the segment.
    pub offset: Option<u64>,
    /// The record's id, as far as it can still be read.
    pub id: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl Fault {
    pub(super) fn whole(what: String) -> Box<Self> {
        Box::new(Self {
            what,
            ..Self::default()
        })
    }

    pub(super) fn at(sequence: u64) -> Self {
        Self {
            sequence: Some(sequence),
            ..Self::default()
        }
    }

    pub(super) fn because(self, what: String) -> Box<Self> {
        Box::new(Self { what, ..self })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sequence) = self.sequence {
            write!(f, "record {sequence}")?;
        }
        if let (Some(segment), Some(offset)) = (&self.segment, self.offset) {
            write!(f, " (`{segment}`, byte {offset}")?;
            if let Some(id) = &self.id {
                write!(f, ", id {id}")?;
            }
            f.write_str(")")?;
        }
        if self.sequence.is_some() {
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        Self::Bad(Box::new(fault))
    }
}

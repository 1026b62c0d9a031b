//! One thing that no rule covers, with its reason code and the words that the caller reads.
//!
//! It must never hold or print a literal of the statement.

use std::fmt;
use std::sync::Arc;

use super::sequences;
use super::words::touched;
use crate::{Name, Reason, RelationAccess, SequenceUse, Setting};

/// One thing that a statement does and that no rule covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack<'f> {
    /// The kind of statement, by the word of a `statement` rule.
    Statement(&'f str),
    /// An access to a relation that has no rule at all.
    Relation(&'f RelationAccess),
    /// Columns of a relation that has a rule for others.
    Columns(&'f RelationAccess, Vec<&'f Arc<str>>),
    /// All columns, where the rules name some.
    AllColumns(&'f RelationAccess),
    /// A function.
    Function(&'f Name),
    /// A sequence that a function uses.
    Sequence(&'f SequenceUse),
    /// An operator.
    Operator(&'f Name),
    /// A type or collation.
    Type(&'f Name),
    /// A parameter.
    Setting(&'f Setting),
    /// Only one reader could read it.
    Unconfirmed,
}

impl Lack<'_> {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Statement(_) => Reason::StatementNotAllowed,
            Self::Relation(_) | Self::Sequence(_) => Reason::RelationNotAllowed,
            Self::Columns(..) | Self::AllColumns(_) => Reason::ColumnNotAllowed,
            Self::Function(_) => Reason::FunctionNotAllowed,
            Self::Operator(_) => Reason::OperatorNotAllowed,
            Self::Type(_) => Reason::TypeNotAllowed,
            Self::Setting(_) => Reason::SettingNotAllowed,
            Self::Unconfirmed => Reason::Unconfirmed,
        }
    }
}

impl fmt::Display for Lack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(word) => f.write_str(word),
            Self::Relation(access) => f.write_str(&touched(access)),
            Self::Columns(access, columns) => {
                let columns: Vec<&str> = columns.iter().map(|column| &***column).collect();
                write!(f, "{}({})", touched(access), columns.join(", "))
            }
            Self::Sequence(used) => f.write_str(&sequences::touched(used)),
            Self::AllColumns(access) => write!(f, "{}(*)", touched(access)),
            Self::Function(name) | Self::Operator(name) | Self::Type(name) => write!(f, "{name}"),
            Self::Setting(setting) => f.write_str(&setting.name),
            Self::Unconfirmed => f.write_str("one reader only"),
        }
    }
}

//! A privilege on a thing in a database: what policies want, what the catalog says, what SQL grants.
//!
//! Names are the catalog's own; they become SQL in `quote` and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

/// A name.
pub(crate) type Text = Arc<str>;

/// What PostgreSQL grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Privilege {
    Select,
    Insert,
    Update,
    Delete,
    Truncate,
    References,
    Trigger,
    Maintain,
    Usage,
    Execute,
    Create,
    Temporary,
    Connect,
}

impl Privilege {
    /// Its word in SQL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::References => "REFERENCES",
            Self::Trigger => "TRIGGER",
            Self::Maintain => "MAINTAIN",
            Self::Usage => "USAGE",
            Self::Execute => "EXECUTE",
            Self::Create => "CREATE",
            Self::Temporary => "TEMPORARY",
            Self::Connect => "CONNECT",
        }
    }
}

/// The kinds of things that default privileges are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Later {
    Tables,
    Sequences,
    Functions,
    Types,
    Schemas,
    LargeObjects,
}

impl Later {
    /// Its word in SQL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tables => "TABLES",
            Self::Sequences => "SEQUENCES",
            Self::Functions => "FUNCTIONS",
            Self::Types => "TYPES",
            Self::Schemas => "SCHEMAS",
            Self::LargeObjects => "LARGE OBJECTS",
        }
    }

    /// By the letter of `pg_default_acl`.
    pub(crate) fn of(letter: &str) -> Option<Self> {
        Some(match letter {
            "L" => Self::LargeObjects,
            "r" => Self::Tables,
            "S" => Self::Sequences,
            "f" => Self::Functions,
            "T" => Self::Types,
            "n" => Self::Schemas,
            _ => return None,
        })
    }
}

/// A thing that has privileges.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Object {
    /// The database that is compared.
    Database,
    Schema(Text),
    /// A table, a view, a foreign table.
    Relation(Text, Text),
    Column(Text, Text, Text),
    Sequence(Text, Text),
    /// Schema, name, types of the arguments, each as SQL.
    Function(Text, Text, Text),
    Type(Text, Text),
    /// What a role creates later, in one schema or in all of them.
    Later(Text, Option<Text>, Later),
}

impl Object {
    /// The schema that it is in.
    pub(crate) fn schema(&self) -> Option<&Text> {
        match self {
            Self::Relation(schema, _)
            | Self::Column(schema, ..)
            | Self::Sequence(schema, _)
            | Self::Function(schema, ..)
            | Self::Type(schema, _) => Some(schema),
            Self::Database | Self::Schema(_) | Self::Later(..) => None,
        }
    }

    /// A column's table; otherwise itself.
    pub(crate) fn whole(&self) -> Self {
        match self {
            Self::Column(schema, name, _) => Self::Relation(schema.clone(), name.clone()),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database => f.write_str("the database"),
            Self::Schema(name) => write!(f, "schema {name}"),
            Self::Relation(schema, name) => write!(f, "{schema}.{name}"),
            Self::Column(schema, name, column) => write!(f, "{schema}.{name}({column})"),
            Self::Sequence(schema, name) => write!(f, "sequence {schema}.{name}"),
            Self::Function(schema, name, arguments) => {
                // The types of PostgreSQL's own read better without their schema.
                let arguments = arguments.replace("pg_catalog.", "");
                write!(f, "function {schema}.{name}({arguments})")
            }
            Self::Type(schema, name) => write!(f, "type {schema}.{name}"),
            Self::Later(owner, schema, kind) => {
                let kind = kind.word().to_lowercase();
                write!(f, "{kind} that {owner} creates later")?;
                schema
                    .as_ref()
                    .map_or(Ok(()), |schema| write!(f, " in schema {schema}"))
            }
        }
    }
}

/// A privilege on a thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Right {
    pub(crate) object: Object,
    pub(crate) privilege: Privilege,
}

impl Right {
    pub(crate) fn new(object: Object, privilege: Privilege) -> Self {
        Self { object, privilege }
    }

    /// The same on the whole table, for a column.
    pub(crate) fn whole(&self) -> Self {
        Self::new(self.object.whole(), self.privilege)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.privilege.word(), self.object)
    }
}

/// How a right was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// It may be passed on.
    pub(crate) grantable: bool,
    /// Who gave it, beside the owner.
    pub(crate) by: BTreeSet<Text>,
}

/// Rights of one grantee.
pub(crate) type Granted = BTreeMap<Right, Given>;

/// Whether a right is held, as such or on the whole table.
pub(crate) fn covered(held: &BTreeSet<Right>, right: &Right) -> bool {
    held.contains(right)
        || matches!(right.object, Object::Column(..)) && held.contains(&right.whole())
}

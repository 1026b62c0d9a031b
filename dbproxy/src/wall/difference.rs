//! What differs between a policy and the privileges in the database, in both directions.

use std::fmt;

use super::right::{Later, Object, Right, Text};

/// In which direction something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// The database lets the role do more than the policy.
    Beyond,
    /// The database lets the role do less than the policy.
    Short,
    /// Worth to know; privileges can't change it, or need not.
    Told,
}

impl Direction {
    /// Its name, as metrics and records have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Beyond => "beyond",
            Self::Short => "short",
            Self::Told => "told",
        }
    }
}

/// What kind of thing differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The role does not exist.
    Role,
    /// SUPERUSER, BYPASSRLS, CREATEDB, CREATEROLE, REPLICATION, LOGIN.
    Attribute,
    /// A membership in another role.
    Membership,
    /// It owns something that it may not define.
    Ownership,
    /// CONNECT, CREATE, TEMPORARY on the database.
    Database,
    /// USAGE or CREATE on a schema.
    Schema,
    /// A privilege on a whole table or view.
    Table,
    /// A privilege on a column.
    Column,
    /// A privilege on a sequence.
    Sequence,
    /// EXECUTE on a function.
    Function,
    /// EXECUTE on a function that runs as its owner.
    SecurityDefiner,
    /// EXECUTE on a function of PostgreSQL's own.
    BuiltinFunction,
    /// A privilege on one of PostgreSQL's own tables.
    SystemCatalog,
    /// USAGE on a type.
    Type,
    /// Privileges on what is created later.
    DefaultPrivileges,
    /// A privilege that may be passed on.
    GrantOption,
    /// A privilege on a language, a foreign server, a tablespace, a large object, a parameter.
    Other,
    /// A setting of the role.
    Setting,
    /// A view that reads more than its reader may.
    View,
    /// A trigger that runs with the rights of who writes, and may need some that the policy does not give.
    Trigger,
    /// Several policy roles, or one that is not judged, have one database role.
    SharedRole,
}

impl Kind {
    /// Its name, as metrics and records have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Attribute => "attribute",
            Self::Membership => "membership",
            Self::Ownership => "ownership",
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Table => "table",
            Self::Column => "column",
            Self::Sequence => "sequence",
            Self::Function => "function",
            Self::SecurityDefiner => "security_definer",
            Self::BuiltinFunction => "builtin_function",
            Self::SystemCatalog => "system_catalog",
            Self::Type => "type",
            Self::DefaultPrivileges => "default_privileges",
            Self::GrantOption => "grant_option",
            Self::Other => "other",
            Self::Setting => "setting",
            Self::View => "view",
            Self::Trigger => "trigger",
            Self::SharedRole => "shared_role",
        }
    }

    /// The kind of a right's thing.
    pub(super) fn of(right: &Right) -> Self {
        let system = right
            .object
            .schema()
            .is_some_and(|schema| super::live::is_system(schema));
        match &right.object {
            Object::Database => Self::Database,
            Object::Schema(_) => Self::Schema,
            Object::Relation(..) | Object::Column(..) if system => Self::SystemCatalog,
            Object::Relation(..) => Self::Table,
            Object::Column(..) => Self::Column,
            Object::Sequence(..) => Self::Sequence,
            Object::Function(..) if system => Self::BuiltinFunction,
            Object::Function(..) => Self::Function,
            Object::Type(..) | Object::Later(_, _, Later::Types) => Self::Type,
            Object::Later(..) => Self::DefaultPrivileges,
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The database role; `PUBLIC` where everybody is meant.
    pub role: Text,
    /// In which direction.
    pub direction: Direction,
    /// What kind of thing.
    pub kind: Kind,
    /// What, in words: names of the catalog, no values.
    pub what: String,
}

impl Difference {
    pub(super) fn new(
        role: &Text,
        direction: Direction,
        kind: Kind,
        what: impl Into<String>,
    ) -> Self {
        Self {
            role: role.clone(),
            direction,
            kind,
            what: what.into(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.role, self.what)
    }
}

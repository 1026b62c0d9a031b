//! What a database says of its roles, things and privileges: the answer to `question.sql`.
//!
//! INVARIANT: a row that is not understood is an error. Not knowing is not allowed.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::right::{Later, Privilege, Text};

/// The question, with the names of the roles that it is about.
pub(crate) fn question<'a>(roles: impl Iterator<Item = &'a Text>) -> String {
    let names: Vec<String> = roles.map(|role| super::quote::literal(role)).collect();
    let roles = format!("ARRAY[{}]::name[])", names.join(", "));
    include_str!("question.sql").replace("ROLES)", &roles)
}

/// What a database says.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) server: Server,
    pub(crate) roles: BTreeMap<Text, Role>,
    pub(crate) schemas: Vec<Schema>,
    pub(crate) relations: BTreeMap<i64, Relation>,
    pub(crate) system_relations: Vec<SystemRelation>,
    pub(crate) functions: BTreeMap<i64, Function>,
    pub(crate) system_functions: Vec<Function>,
    pub(crate) types: Vec<Type>,
    pub(crate) operators: Vec<Operator>,
    /// What a view reads, by the view.
    pub(crate) reads: BTreeMap<i64, Vec<Reads>>,
    /// Parents, by the child.
    pub(crate) parents: BTreeMap<i64, Vec<i64>>,
    /// Children, by the parent.
    pub(crate) children: BTreeMap<i64, Vec<i64>>,
    /// Functions that a relation's own expressions call.
    pub(crate) calls: BTreeMap<i64, Vec<Calls>>,
    /// Sequences that a relation's columns take their values from.
    pub(crate) takes: BTreeMap<i64, Vec<i64>>,
    /// Triggers that run with the rights of who writes.
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) defaults: Vec<DefaultPrivileges>,
    pub(crate) owns: Vec<Held>,
    pub(crate) others: Vec<Held>,
}

/// Grantee (empty: PUBLIC), privilege, whether it may be passed on, who gave it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry(
    pub(crate) Text,
    pub(crate) Privilege,
    pub(crate) bool,
    pub(crate) Text,
);

/// A role and what it can do.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Can(
    pub(crate) Text,
    #[serde(deserialize_with = "list")] pub(crate) Vec<Privilege>,
);

/// A role, what it can do with columns, and with which.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct CanColumns(
    pub(crate) Text,
    pub(crate) Privilege,
    #[serde(deserialize_with = "list")] pub(crate) Vec<Text>,
);

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Server {
    pub(crate) version: u32,
    pub(crate) database: Text,
    pub(crate) owner: Text,
    /// Whether the connection that asked is a superuser's.
    pub(crate) superuser: bool,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
    #[serde(deserialize_with = "list")]
    pub(crate) can: Vec<Can>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: Text,
    pub(crate) superuser: bool,
    pub(crate) login: bool,
    pub(crate) bypass_rls: bool,
    pub(crate) create_db: bool,
    pub(crate) create_role: bool,
    pub(crate) replication: bool,
    /// Whether for this database alone, and `name=value`.
    #[serde(deserialize_with = "list")]
    pub(crate) settings: Vec<(bool, String)>,
    /// Role and who made it a member.
    #[serde(deserialize_with = "list")]
    pub(crate) member_of: Vec<(Text, Text)>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Schema {
    pub(crate) name: Text,
    pub(crate) owner: Text,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
    #[serde(deserialize_with = "list")]
    pub(crate) can: Vec<Can>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Relation {
    pub(crate) id: i64,
    pub(crate) schema: Text,
    pub(crate) name: Text,
    pub(crate) kind: char,
    pub(crate) owner: Text,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
    #[serde(deserialize_with = "list")]
    pub(crate) columns: Vec<Text>,
    #[serde(deserialize_with = "list")]
    pub(crate) column_acl: Vec<(Text, Entry)>,
    #[serde(deserialize_with = "list")]
    pub(crate) can: Vec<Can>,
    #[serde(deserialize_with = "list")]
    pub(crate) can_columns: Vec<CanColumns>,
}

impl Relation {
    pub(crate) fn is_sequence(&self) -> bool {
        self.kind == 'S'
    }

    pub(crate) fn is_view(&self) -> bool {
        matches!(self.kind, 'v' | 'm')
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct SystemRelation {
    pub(crate) schema: Text,
    pub(crate) name: Text,
    pub(crate) column: Option<Text>,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Function {
    #[serde(default)]
    pub(crate) id: i64,
    pub(crate) schema: Text,
    pub(crate) name: Text,
    pub(crate) owner: Text,
    /// SECURITY DEFINER.
    #[serde(default)]
    pub(crate) definer: bool,
    /// Types, each as SQL.
    pub(crate) arguments: Text,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
    #[serde(deserialize_with = "list")]
    pub(crate) can: Vec<Can>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Type {
    pub(crate) schema: Text,
    pub(crate) name: Text,
    pub(crate) owner: Text,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
    #[serde(deserialize_with = "list")]
    pub(crate) can: Vec<Can>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Operator {
    pub(crate) schema: Text,
    pub(crate) name: Text,
    pub(crate) function: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Reads {
    pub(crate) relation: i64,
    pub(crate) of: i64,
    /// NULL where only the relation as such is used.
    #[serde(deserialize_with = "list")]
    pub(crate) columns: Vec<Option<Text>>,
    /// A whole row, or nothing but the number of rows.
    pub(crate) whole: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Kin {
    relation: i64,
    of: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Calls {
    relation: i64,
    pub(crate) function: i64,
    /// Only who writes needs it.
    pub(crate) writes: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) relation: i64,
    pub(crate) name: Text,
    pub(crate) function: i64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Takes {
    relation: i64,
    sequence: i64,
}

/// Default privileges.
#[derive(Debug, Deserialize)]
pub(crate) struct DefaultPrivileges {
    pub(crate) owner: Text,
    pub(crate) schema: Option<Text>,
    #[serde(deserialize_with = "later")]
    pub(crate) kind: Later,
    #[serde(deserialize_with = "list")]
    pub(crate) acl: Vec<Entry>,
}

/// Something that a role owns, or has privileges on, of a kind that is listed nowhere else.
#[derive(Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) role: Text,
    /// The catalog that it is in.
    pub(crate) class: String,
    /// Its kind in words.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Its name as SQL.
    pub(crate) identity: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    Server(Server),
    Role(Role),
    Schema(Schema),
    Relation(Relation),
    SystemRelation(SystemRelation),
    Function(Function),
    SystemFunction(Function),
    Type(Type),
    Operator(Operator),
    Reads(Reads),
    Kin(Kin),
    Calls(Calls),
    Takes(Takes),
    Trigger(Trigger),
    Default(DefaultPrivileges),
    Owns(Held),
    Other(Held),
}

/// A row that is not understood.
#[derive(Debug, thiserror::Error)]
#[error("a row of the catalog is not understood: {0}")]
pub(crate) struct NotUnderstood(#[from] serde_json::Error);

impl Listing {
    /// Takes in one row of the answer.
    pub(crate) fn add(&mut self, row: &str) -> Result<(), NotUnderstood> {
        match serde_json::from_str(row)? {
            Row::Server(it) => self.server = it,
            Row::Role(it) => drop(self.roles.insert(it.name.clone(), it)),
            Row::Schema(it) => self.schemas.push(it),
            Row::Relation(it) => drop(self.relations.insert(it.id, it)),
            Row::SystemRelation(it) => self.system_relations.push(it),
            Row::Function(it) => drop(self.functions.insert(it.id, it)),
            Row::SystemFunction(it) => self.system_functions.push(it),
            Row::Type(it) => self.types.push(it),
            Row::Operator(it) => self.operators.push(it),
            Row::Reads(it) => self.reads.entry(it.relation).or_default().push(it),
            Row::Kin(it) => {
                self.parents.entry(it.relation).or_default().push(it.of);
                self.children.entry(it.of).or_default().push(it.relation);
            }
            Row::Calls(it) => self.calls.entry(it.relation).or_default().push(it),
            Row::Takes(it) => self.takes.entry(it.relation).or_default().push(it.sequence),
            Row::Trigger(it) => self.triggers.push(it),
            Row::Default(it) => self.defaults.push(it),
            Row::Owns(it) => self.owns.push(it),
            Row::Other(it) => self.others.push(it),
        }
        Ok(())
    }
}

/// A list, where the database says NULL for an empty one.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}

/// What default privileges are about, by its letter.
fn later<'de, D: Deserializer<'de>>(from: D) -> Result<Later, D::Error> {
    let letter = String::deserialize(from)?;
    let unknown = || serde::de::Error::custom(format!("default privileges of kind {letter:?}"));
    Later::of(&letter).ok_or_else(unknown)
}

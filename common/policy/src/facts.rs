//! What a SQL statement is and touches, as plain data. `exeat-sql` makes these values; the policy
//! judges them; the audit log stores them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A schema-qualified name, in the catalog's spelling (folded unless quoted).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name {
    /// The schema; `None` where the statement does not qualify the name and nothing resolves it.
    pub schema: Option<Arc<str>>,
    /// The name.
    pub name: Arc<str>,
}

/// Whose a thing is, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// PostgreSQL's own: it is in `pg_catalog`.
    PostgreSql,
    /// Comes with every database too, but is looked for by the schema only: `information_schema`.
    Standard,
    /// Somebody's.
    Other,
    /// The name has no schema: nobody has said which one it is.
    Unresolved,
}

impl Name {
    /// Whose it is. Who asks says what becomes of a name that nobody has resolved.
    pub fn origin(&self) -> Origin {
        match self.schema.as_deref() {
            Some("pg_catalog") => Origin::PostgreSql,
            Some("information_schema") => Origin::Standard,
            Some(_) => Origin::Other,
            None => Origin::Unresolved,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What the statement is, at the top.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// SELECT, VALUES, TABLE.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
    /// TRUNCATE.
    Truncate,
    /// COPY … FROM STDIN.
    CopyIn,
    /// COPY … TO STDOUT.
    CopyOut,
    /// CALL of a procedure.
    Call,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT, RELEASE (not two-phase).
    Transaction,
    /// SET, RESET, SET TRANSACTION, SET CONSTRAINTS.
    Set,
    /// SHOW.
    Show,
    /// EXPLAIN; the relations are those of the inner statement.
    Explain,
    /// PREPARE; the relations are those of the inner statement.
    Prepare,
    /// EXECUTE of a statement prepared by PREPARE.
    Execute,
    /// DEALLOCATE.
    Deallocate,
    /// DECLARE CURSOR; the relations are those of the query.
    Declare,
    /// FETCH, MOVE.
    Fetch,
    /// CLOSE.
    Close,
    /// DISCARD.
    Discard,
    /// LISTEN, UNLISTEN.
    Listen,
    /// NOTIFY.
    Notify,
    /// LOCK TABLE.
    Lock,
    /// CREATE, ALTER, DROP, COMMENT, GRANT, REVOKE, REINDEX and the rest of the definition language.
    Define,
    /// DO: code in a language of its own, which nobody reads here.
    Do,
    /// VACUUM, ANALYZE, CLUSTER, CHECKPOINT, REFRESH, and anything else with a statement node of its own.
    Maintain,
    /// An empty statement (`;` alone, or only comments).
    Empty,
}

/// What is done to a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Its rows or columns are read.
    Select,
    /// Rows are added.
    Insert,
    /// Rows are changed.
    Update,
    /// Rows are removed.
    Delete,
    /// It is emptied.
    Truncate,
    /// Its rows or itself are locked (FOR UPDATE and its kin, LOCK TABLE).
    Lock,
    /// It is created, altered, dropped, commented on, or granted.
    Define,
    /// It is vacuumed, analysed, refreshed.
    Maintain,
}

/// Which columns of a relation an access touches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Columns {
    /// Exactly these; empty where only the number of rows matters (`SELECT count(*)`).
    Named(BTreeSet<Arc<str>>),
    /// All of them, also those added later: `*` that no catalog expanded, a whole-row reference, a
    /// reference that can't be attributed.
    All,
}

/// One access to one relation. A statement has one entry per relation and kind of access.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RelationAccess {
    /// The relation.
    pub relation: Name,
    /// What is done.
    pub access: Access,
    /// To which columns.
    pub columns: Columns,
}

/// What is done to a sequence by a function that is given its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceAccess {
    /// `currval`: the number that this session got last.
    Read,
    /// `nextval`, also as a column's default: the next number is taken.
    Next,
    /// `setval`: it goes on from another number.
    Set,
}

/// A sequence that a statement uses by a function (reading it as a relation is a [`RelationAccess`]).
/// The function stands in `functions` too: without an entry here it needs a `call` rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SequenceUse {
    /// What is done.
    pub access: SequenceAccess,
    /// The table whose column owns it (serial, identity, OWNED BY), where one does.
    pub owner: Option<Name>,
    /// The sequence; `None` where the statement does not tell which (its name is computed).
    pub sequence: Option<Name>,
}

/// A configuration parameter that is set or reset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// The parameter's name in lower case; `all` for RESET ALL.
    pub name: Arc<str>,
    /// The value as one string; `None` for DEFAULT and RESET.
    pub value: Option<Arc<str>>,
}

impl Setting {
    /// Stands for a name that comes with Bind: whoever binds it is asked then.
    const BOUND: &str = "$";

    /// Stands for a name that nobody can tell; no rule opens it.
    const ANY: &str = "*";

    /// One is read whose name comes with Bind.
    pub fn read_by_bind() -> Self {
        Self {
            name: Self::BOUND.into(),
            value: None,
        }
    }

    /// One is read, and nobody can tell which.
    pub fn unknown() -> Self {
        Self {
            name: Self::ANY.into(),
            value: None,
        }
    }

    /// Whether one is read whose name comes with Bind.
    pub fn is_read_by_bind(&self) -> bool {
        &*self.name == Self::BOUND && self.value.is_none()
    }
}

/// Who has confirmed what the first reader saw: the second one, nobody, or PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirmation {
    /// Both readers agree.
    Confirmed,
    /// The second reader can't read this statement; the first one can.
    Unconfirmed,
    /// PostgreSQL itself was asked what it will check.
    Analysed,
}

/// The facts about one statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Facts {
    /// What it is.
    pub verb: Verb,
    /// The statement's name in words for messages and rules, e.g. `create table`, `select`.
    pub label: Arc<str>,
    /// Relations that it touches, also within sub-queries, CTEs and inner statements. Sorted, unique.
    pub relations: Vec<RelationAccess>,
    /// Functions, procedures and aggregates that it calls, special syntax included (`coalesce`). Sorted, unique.
    pub functions: Vec<Name>,
    /// Operators that are not PostgreSQL's own, e.g. `evil.>` or `@@@`. Sorted, unique.
    pub operators: Vec<Name>,
    /// Types and collations that are not PostgreSQL's own. Sorted, unique.
    pub types: Vec<Name>,
    /// Parameters that it sets, and those that it reads where that is a right of its own.
    pub settings: Vec<Setting>,
    /// Who has confirmed what our own reader saw.
    pub confirmation: Confirmation,
    /// What the relations lead to: the tables behind views, the parents and parts of a partitioned or
    /// inherited table. Their owners opened them: allow rules are not asked, deny rules and masks are.
    /// Sorted, unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<RelationAccess>,
    /// Functions that run without being named: those that views and row security call, and those of plans, casts,
    /// defaults and aggregates. For deny rules. Sorted, unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind_functions: Vec<Name>,
    /// Sequences that it uses by functions. Sorted, unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<SequenceUse>,
}

/// Adds to a list that is sorted and unique.
fn add<T: Ord>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    let before = list.len();
    list.extend(more);
    if list.len() > before {
        list.sort();
        list.dedup();
    }
}

impl Facts {
    /// Of a statement of this kind that touches nothing, and of which two readers have seen nothing else.
    pub fn nothing(verb: Verb, label: Arc<str>) -> Self {
        Self {
            verb,
            label,
            relations: Vec::new(),
            functions: Vec::new(),
            operators: Vec::new(),
            types: Vec::new(),
            settings: Vec::new(),
            confirmation: Confirmation::Confirmed,
            behind: Vec::new(),
            behind_functions: Vec::new(),
            sequences: Vec::new(),
        }
    }

    /// All that the other one touches, too. What it is, and whether readers agree, stays.
    pub fn join(&mut self, other: &Self) {
        // Named one by one, so that a list more does not compile until somebody has looked here.
        let Self {
            verb: _,
            label: _,
            confirmation: _,
            relations,
            functions,
            operators,
            types,
            settings,
            behind,
            behind_functions,
            sequences,
        } = other;
        self.add_relations(relations.iter().cloned());
        self.add_functions(functions.iter().cloned());
        add(&mut self.operators, operators.iter().cloned());
        self.add_types(types.iter().cloned());
        self.add_settings(settings.iter().cloned());
        self.add_behind(behind.iter().cloned());
        self.add_behind_functions(behind_functions.iter().cloned());
        add(&mut self.sequences, sequences.iter().cloned());
    }

    /// It touches these relations too.
    pub fn add_relations(&mut self, relations: impl IntoIterator<Item = RelationAccess>) {
        add(&mut self.relations, relations);
    }

    /// It leads to these relations too.
    pub fn add_behind(&mut self, behind: impl IntoIterator<Item = RelationAccess>) {
        add(&mut self.behind, behind);
    }

    /// What it runs calls these functions too.
    pub fn add_behind_functions(&mut self, functions: impl IntoIterator<Item = Name>) {
        add(&mut self.behind_functions, functions);
    }

    /// It sets or reads these parameters too.
    pub fn add_settings(&mut self, settings: impl IntoIterator<Item = Setting>) {
        add(&mut self.settings, settings);
    }

    /// It calls these functions too.
    pub fn add_functions(&mut self, functions: impl IntoIterator<Item = Name>) {
        add(&mut self.functions, functions);
    }

    /// It names these types too.
    pub fn add_types(&mut self, types: impl IntoIterator<Item = Name>) {
        add(&mut self.types, types);
    }

    /// How many bytes they take, roughly: for caches.
    pub fn weight(&self) -> usize {
        let relations = self.relations.iter().chain(&self.behind);
        let relations: usize = relations.map(RelationAccess::weight).sum();
        let names = [
            &self.functions,
            &self.operators,
            &self.types,
            &self.behind_functions,
        ];
        let names: usize = names.iter().map(|names| names.len()).sum();
        let value = |setting: &Setting| setting.value.as_ref().map_or(0, |value| value.len());
        let settings: usize = self.settings.iter().map(|it| 64 + value(it)).sum();
        relations + settings + 64 * names + 128 * self.sequences.len()
    }
}

impl UnreadableKind {
    /// Whether a name that the catalog does not have is all that is wrong.
    pub fn is_unresolved(self) -> bool {
        matches!(self, Self::UnresolvedRelation | Self::UnresolvedColumn)
    }
}

impl RelationAccess {
    /// How many bytes it takes, roughly.
    pub fn weight(&self) -> usize {
        let columns = match &self.columns {
            Columns::Named(columns) => 32 * columns.len(),
            Columns::All => 0,
        };
        96 + columns
    }
}

/// Why a statement can't be read. Never an allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableKind {
    /// Over the caps of bytes, tokens or nesting.
    TooLarge,
    /// Not UTF-8, or holds a NUL.
    Encoding,
    /// The grammar does not accept it.
    Syntax,
    /// A construct that is outside the allow-list of the reader.
    Unsupported,
    /// The two readers see different statements.
    Disagreement,
    /// A relation that the catalog does not have, or that nothing in scope is called by.
    #[serde(alias = "unresolved")]
    UnresolvedRelation,
    /// A column that the relations in scope do not have.
    UnresolvedColumn,
    /// PostgreSQL, asked what it would check, refuses the statement.
    Rejected,
    /// PostgreSQL could not be asked, or its answer is not understood.
    Unanswered,
}

/// A statement that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unreadable {
    /// What and where, for people; never holds literals of the statement.
    pub detail: Arc<str>,
    /// The kind.
    pub kind: UnreadableKind,
    /// Byte offset into the statement, where one is known.
    pub offset: Option<usize>,
}

/// The subject of a statement decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// It was read.
    Readable(Arc<Facts>),
    /// It was not.
    Unreadable(Arc<Unreadable>),
}

#[cfg(test)]
mod tests;

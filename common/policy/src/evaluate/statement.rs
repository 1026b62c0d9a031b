//! May this role run this statement?
//!
//! What a statement touches has to be covered piece by piece, by the union of the allow rules; what no
//! rule covers is a [`Lack`]. The decision stops at the first one, `explain` collects them all.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::Verdict;
use crate::grants::floors::{catalog_write, harmless, never_called, pinned};
use crate::grants::presets::{is_builtin, is_introspection_relation};
use crate::grants::{Grants, PG_CATALOG, Rule, schema_of};
use crate::set::DatabaseGrant;
use crate::{
    Access, AuditMode, Basis, Columns, Confirmation, Facts, Name, Reason, RelationAccess, Setting,
    Subject, Verb,
};

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
    /// An operator.
    Operator(&'f Name),
    /// A type or collation.
    Type(&'f Name),
    /// A parameter.
    Setting(&'f Setting),
    /// Only one reader could read it.
    Unconfirmed,
}

/// Judges a statement on a database that the role may use.
pub(crate) fn judge(grant: &DatabaseGrant, subject: &Subject) -> Verdict {
    let facts = match subject {
        Subject::Readable(facts) => facts,
        Subject::Unreadable(unreadable) => {
            return Verdict::deny(
                Reason::Unreadable,
                Basis::Floor,
                grant.audit.unwrap_or(AuditMode::Release),
            )
            .detail(unreadable.detail.clone());
        }
    };
    let audit = grant.audit.unwrap_or_else(|| default_audit(facts));
    if let Some((reason, detail)) = floor(facts) {
        return Verdict::deny(reason, Basis::Floor, audit).detail(detail);
    }
    if let Some((rule, detail)) = denied(&grant.deny, facts) {
        return Verdict::deny(Reason::DeniedByRule, Basis::DenyRule, audit)
            .rule(Some(rule))
            .detail(detail)
            .reported(grant.report);
    }
    if let Some(detail) = masked(grant, facts) {
        return Verdict::deny(Reason::ColumnMasked, Basis::Default, audit)
            .detail(detail)
            .reported(grant.report);
    }
    let mut first = None;
    let rule = lacks(&grant.allow, facts, &mut |lack| {
        first = Some((lack.reason(), lack.to_string()));
        ControlFlow::Break(())
    });
    match first {
        Some((reason, detail)) => Verdict::deny(reason, Basis::Default, audit)
            .detail(detail)
            .reported(grant.report),
        None => Verdict::allow(rule.unwrap_or(&grant.path), audit),
    }
}

/// `strict` for what may change something, `release` for what only looks.
fn default_audit(facts: &Facts) -> AuditMode {
    let looks = match facts.verb {
        Verb::Select
        | Verb::CopyOut
        | Verb::Transaction
        | Verb::Set
        | Verb::Show
        | Verb::Explain
        | Verb::Prepare
        | Verb::Execute
        | Verb::Deallocate
        | Verb::Declare
        | Verb::Fetch
        | Verb::Close
        | Verb::Discard
        | Verb::Listen
        | Verb::Empty => true,
        Verb::Insert
        | Verb::Update
        | Verb::Delete
        | Verb::Merge
        | Verb::Truncate
        | Verb::CopyIn
        | Verb::Call
        | Verb::Notify
        | Verb::Lock
        | Verb::Define
        | Verb::Maintain => false,
    };
    let reads = facts
        .relations
        .iter()
        .all(|relation| matches!(relation.access, Access::Select | Access::Lock));
    let harmless = facts
        .functions
        .iter()
        .all(|function| schema_of(function) == PG_CATALOG && is_builtin(&function.name));
    if looks && reads && harmless {
        AuditMode::Release
    } else {
        AuditMode::Strict
    }
}

/// What no rule opens.
fn floor(facts: &Facts) -> Option<(Reason, String)> {
    if let Some(setting) = facts
        .settings
        .iter()
        .find(|setting| pinned(&setting.name) && !harmless(setting))
    {
        return Some((Reason::SettingNotAllowed, setting.name.to_string()));
    }
    let never =
        |function: &&Name| schema_of(function) == PG_CATALOG && never_called(&function.name);
    if let Some(function) = facts.functions.iter().find(never) {
        return Some((Reason::FunctionNotAllowed, function.to_string()));
    }
    let write = facts.relations.iter().find(|access| {
        access
            .relation
            .schema
            .as_deref()
            .is_some_and(|schema| catalog_write(schema, access.access))
    })?;
    Some((Reason::RelationNotAllowed, touched(write)))
}

/// The deny rule that holds for any part of the statement.
fn denied<'g>(deny: &'g Grants, facts: &Facts) -> Option<(&'g Rule, String)> {
    if let Some(rule) = deny
        .statements
        .get(verb_word(facts))
        .or_else(|| deny.statements.get(&*facts.label))
    {
        return Some((rule, facts.label.to_string()));
    }
    for access in &facts.relations {
        let Some(schema) = access.relation.schema.as_deref() else {
            continue;
        };
        let rules = deny.relation(access.access, schema, &access.relation.name);
        let rule = rules.all().or_else(|| match &access.columns {
            Columns::All => rules.any(),
            Columns::Named(columns) => columns.iter().find_map(|column| rules.column(column)),
        });
        if let Some(rule) = rule {
            return Some((rule, touched(access)));
        }
    }
    for function in &facts.functions {
        if let Some(rule) = deny.functions.find(schema_of(function), &function.name) {
            return Some((rule, function.to_string()));
        }
    }
    facts
        .settings
        .iter()
        .find_map(|setting| Some((deny.settings.get(&*setting.name)?, setting.name.to_string())))
}

/// A masked column that the statement reads.
fn masked(grant: &DatabaseGrant, facts: &Facts) -> Option<String> {
    let reads = facts
        .relations
        .iter()
        .filter(|access| access.access == Access::Select);
    for access in reads {
        let Some(schema) = access.relation.schema.as_deref() else {
            continue;
        };
        let Some(masked) = grant.masks.of(schema, &access.relation.name) else {
            continue;
        };
        let column = match &access.columns {
            Columns::All => masked.iter().min(),
            Columns::Named(columns) => columns.iter().find(|column| masked.contains(*column)),
        };
        if let Some(column) = column {
            return Some(format!("{}.{column}", access.relation));
        }
    }
    None
}

/// Calls `found` for each thing that no rule covers, until it breaks. Gives the rule that covers the
/// first thing that one covers.
pub(crate) fn lacks<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    found: &mut dyn FnMut(Lack<'f>) -> ControlFlow<()>,
) -> Option<&'g Rule> {
    let mut by = None;
    let mut seen = |outcome: Result<Option<&'g Rule>, Lack<'f>>| match outcome {
        Ok(rule) => {
            by = by.or(rule);
            ControlFlow::Continue(())
        }
        Err(lack) => found(lack),
    };
    let _ = pieces(allow, facts, &mut seen);
    by
}

fn pieces<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    seen: &mut dyn FnMut(Result<Option<&'g Rule>, Lack<'f>>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    seen(statement(allow, facts))?;
    for access in &facts.relations {
        seen(relation(allow, facts, access))?;
    }
    for function in &facts.functions {
        seen(
            allow
                .function(function)
                .map(Some)
                .ok_or(Lack::Function(function)),
        )?;
    }
    for operator in &facts.operators {
        seen(
            named(&allow.operators, operator)
                .map(Some)
                .ok_or(Lack::Operator(operator)),
        )?;
    }
    for name in &facts.types {
        seen(named(&allow.types, name).map(Some).ok_or(Lack::Type(name)))?;
    }
    for setting in &facts.settings {
        if !harmless(setting) {
            seen(
                allow
                    .settings
                    .get(&*setting.name)
                    .map(Some)
                    .ok_or(Lack::Setting(setting)),
            )?;
        }
    }
    // By now a definition has been granted, and only a definition may stay unconfirmed.
    if facts.confirmation == Confirmation::Unconfirmed && facts.verb != Verb::Define {
        seen(Err(Lack::Unconfirmed))?;
    }
    ControlFlow::Continue(())
}

/// Operators and types need their schema said: PostgreSQL's own never come here.
fn named<'g>(names: &'g crate::grants::Names, name: &Name) -> Option<&'g Rule> {
    names.find(name.schema.as_deref()?, &name.name)
}

/// Whether this kind of statement is allowed as such.
fn statement<'g, 'f>(allow: &'g Grants, facts: &'f Facts) -> Result<Option<&'g Rule>, Lack<'f>> {
    let touches = |wanted: &[Access]| {
        facts
            .relations
            .iter()
            .any(|access| wanted.contains(&access.access))
    };
    let by_word = |word: &'f str| {
        allow
            .statements
            .get(word)
            .map(Some)
            .ok_or(Lack::Statement(word))
    };
    match facts.verb {
        Verb::Select
        | Verb::CopyOut
        | Verb::Transaction
        | Verb::Set
        | Verb::Show
        | Verb::Explain
        | Verb::Prepare
        | Verb::Execute
        | Verb::Deallocate
        | Verb::Declare
        | Verb::Fetch
        | Verb::Close
        | Verb::Discard
        | Verb::Empty => Ok(None),
        // A write that names nothing to write to was not understood.
        Verb::Insert | Verb::CopyIn if touches(&[Access::Insert]) => Ok(None),
        Verb::Update if touches(&[Access::Update]) => Ok(None),
        Verb::Delete if touches(&[Access::Delete]) => Ok(None),
        Verb::Truncate if touches(&[Access::Truncate]) => Ok(None),
        Verb::Merge if touches(&[Access::Insert, Access::Update, Access::Delete]) => Ok(None),
        Verb::Call if !facts.functions.is_empty() => Ok(None),
        Verb::Define if touches(&[Access::Define]) => Ok(None),
        Verb::Define => by_word(&facts.label),
        Verb::Listen | Verb::Notify | Verb::Lock | Verb::Maintain => by_word(verb_word(facts)),
        Verb::Insert
        | Verb::CopyIn
        | Verb::Update
        | Verb::Delete
        | Verb::Truncate
        | Verb::Merge
        | Verb::Call => Err(Lack::Statement(verb_word(facts))),
    }
}

fn relation<'g, 'f>(
    allow: &'g Grants,
    facts: &'f Facts,
    access: &'f RelationAccess,
) -> Result<Option<&'g Rule>, Lack<'f>> {
    let none = || Lack::Relation(access);
    let Some(schema) = access.relation.schema.as_deref() else {
        // What lives in no schema (an extension, a role, the whole database) is granted by its statement.
        let word = match access.access {
            Access::Define => &*facts.label,
            Access::Maintain => verb_word(facts),
            Access::Select
            | Access::Insert
            | Access::Update
            | Access::Delete
            | Access::Truncate
            | Access::Lock => {
                return Err(none());
            }
        };
        return allow
            .statements
            .get(word)
            .map(Some)
            .ok_or(Lack::Statement(word));
    };
    let name = &access.relation.name;
    let rules = allow.relation(access.access, schema, name);
    match access.access {
        Access::Select | Access::Insert | Access::Update => {
            if let Some(rule) = rules.all() {
                return Ok(Some(rule));
            }
            if let Some(rule) = &allow.introspection
                && access.access == Access::Select
                && is_introspection_relation(schema, name)
            {
                return Ok(Some(rule));
            }
            let first = rules.any().ok_or_else(none)?;
            match &access.columns {
                Columns::All => Err(Lack::AllColumns(access)),
                Columns::Named(columns) => {
                    if columns.iter().all(|column| rules.column(column).is_some()) {
                        return Ok(Some(first));
                    }
                    Err(Lack::Columns(
                        access,
                        columns
                            .iter()
                            .filter(|column| rules.column(column).is_none())
                            .collect(),
                    ))
                }
            }
        }
        Access::Delete | Access::Truncate | Access::Define | Access::Maintain => {
            rules.any().map(Some).ok_or_else(none)
        }
        // As PostgreSQL has it: who may change rows may lock them.
        Access::Lock => [Access::Update, Access::Delete, Access::Truncate]
            .into_iter()
            .find_map(|change| allow.relation(change, schema, name).any())
            .map(Some)
            .ok_or_else(none),
    }
}

/// The word for a kind of statement in a `statement` rule.
pub(crate) fn verb_word(facts: &Facts) -> &'static str {
    match facts.verb {
        Verb::Select => "select",
        Verb::Insert => "insert",
        Verb::Update => "update",
        Verb::Delete => "delete",
        Verb::Merge => "merge",
        Verb::Truncate => "truncate",
        Verb::CopyIn => "copy_in",
        Verb::CopyOut => "copy_out",
        Verb::Call => "call",
        Verb::Transaction => "transaction",
        Verb::Set => "set",
        Verb::Show => "show",
        Verb::Explain => "explain",
        Verb::Prepare => "prepare",
        Verb::Execute => "execute",
        Verb::Deallocate => "deallocate",
        Verb::Declare => "declare",
        Verb::Fetch => "fetch",
        Verb::Close => "close",
        Verb::Discard => "discard",
        Verb::Listen => "listen",
        Verb::Notify => "notify",
        Verb::Lock => "lock",
        Verb::Define => "define",
        Verb::Maintain => "maintain",
        Verb::Empty => "empty",
    }
}

fn touched(access: &RelationAccess) -> String {
    format!("{} on {}", access_word(access.access), access.relation)
}

/// The word for an access in rules and messages.
pub(crate) fn access_word(access: Access) -> &'static str {
    match access {
        Access::Select => "select",
        Access::Insert => "insert",
        Access::Update => "update",
        Access::Delete => "delete",
        Access::Truncate => "truncate",
        Access::Lock => "lock",
        Access::Define => "define",
        Access::Maintain => "maintain",
    }
}

impl Lack<'_> {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Statement(_) => Reason::StatementNotAllowed,
            Self::Relation(_) => Reason::RelationNotAllowed,
            Self::Columns(..) | Self::AllColumns(_) => Reason::ColumnNotAllowed,
            Self::Function(_) => Reason::FunctionNotAllowed,
            Self::Operator(_) => Reason::OperatorNotAllowed,
            Self::Type(_) => Reason::TypeNotAllowed,
            Self::Setting(_) => Reason::SettingNotAllowed,
            Self::Unconfirmed => Reason::Unconfirmed,
        }
    }
}

impl std::fmt::Display for Lack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Statement(word) => f.write_str(word),
            Self::Relation(access) => f.write_str(&touched(access)),
            Self::Columns(access, columns) => {
                let columns: Vec<&str> = columns.iter().map(|column| &***column).collect();
                write!(f, "{}({})", touched(access), columns.join(", "))
            }
            Self::AllColumns(access) => write!(f, "{}(*)", touched(access)),
            Self::Function(name) | Self::Operator(name) | Self::Type(name) => write!(f, "{name}"),
            Self::Setting(setting) => f.write_str(&setting.name),
            Self::Unconfirmed => f.write_str("one reader only"),
        }
    }
}

//! May this role run this statement?
//!
//! The order is: what can't be read, floors, deny rules, masks, allow rules. A statement that touches
//! something which nothing here looks at must never pass: what it touches is all in its [`Facts`].

mod cover;
mod lack;
mod reads;
mod sequences;
mod verb;
mod words;

use std::ops::ControlFlow;

use super::Verdict;
use crate::grants::bounds::milliseconds;
use crate::grants::floors::{catalog_write, harmless, never_called, pinned};
use crate::grants::presets::{is_builtin, is_introspection_function};
use crate::grants::{Grants, Names, PG_CATALOG, Rule, schema_of};
use crate::set::{DatabaseGrant, Mode};
use crate::{
    Access, AuditMode, Basis, Columns, Facts, Name, Reason, RelationAccess, Subject, Unreadable,
    Verb,
};

pub(crate) use cover::lacks;
pub(crate) use lack::Lack;
use verb::{Need, need};
pub(crate) use words::access_word;
use words::{touched, verb_word};

/// Judges a statement on a database that the role may use.
pub(crate) fn judge(grant: &DatabaseGrant, subject: &Subject) -> Verdict {
    let verdict = match subject {
        Subject::Readable(facts) => readable(grant, facts),
        Subject::Unreadable(unreadable) => unread(grant, unreadable),
    };
    match grant.mode {
        Mode::Enforce => verdict,
        Mode::Report => verdict.reported(true),
        Mode::Observe => verdict.observed(),
    }
}

/// What can't be read runs only where nothing is denied, and then it may do anything.
fn unread(grant: &DatabaseGrant, unreadable: &Unreadable) -> Verdict {
    let default = if grant.is_transparent() {
        AuditMode::Strict
    } else {
        AuditMode::Release
    };
    let audit = grant.audit.unwrap_or(default);
    match grant.everything() {
        Some(rule) => Verdict::allow(rule, audit),
        None => {
            Verdict::deny(Reason::Unreadable, Basis::Floor, audit).detail(unreadable.detail.clone())
        }
    }
}

fn readable(grant: &DatabaseGrant, facts: &Facts) -> Verdict {
    let audit = grant.audit.unwrap_or_else(|| default_audit(facts));
    if let Some(detail) = over(grant, facts) {
        return Verdict::deny(Reason::SettingNotAllowed, Basis::Limit, audit).detail(detail);
    }
    if let Some(rule) = grant.everything() {
        return Verdict::allow(rule, audit);
    }
    if let Some((reason, detail)) = floor(facts) {
        return Verdict::deny(reason, Basis::Floor, audit).detail(detail);
    }
    if let Some((rule, detail)) = denied(&grant.deny, facts) {
        return Verdict::deny(Reason::DeniedByRule, Basis::DenyRule, audit)
            .rule(Some(rule))
            .detail(detail);
    }
    if let Some(detail) = masked(grant, facts) {
        return Verdict::deny(Reason::ColumnMasked, Basis::Default, audit).detail(detail);
    }
    let mut first = None;
    let rule = lacks(&grant.allow, facts, &mut |lack| {
        first = Some((lack.reason(), lack.to_string()));
        ControlFlow::Break(())
    });
    match first {
        Some((reason, detail)) => Verdict::deny(reason, Basis::Default, audit).detail(detail),
        None => Verdict::allow(rule.unwrap_or(&grant.path), audit),
    }
}

/// `strict` for what may change something, `release` for what only looks.
fn default_audit(facts: &Facts) -> AuditMode {
    // LISTEN needs a rule, but only waits.
    let looks = matches!(need(facts.verb), Need::Nothing) || facts.verb == Verb::Listen;
    let reads = facts
        .relations
        .iter()
        .all(|relation| matches!(relation.access, Access::Select | Access::Lock));
    let mut called = facts.functions.iter().chain(&facts.behind_functions);
    let harmless = called.all(|function| {
        let name = &function.name;
        schema_of(function) == PG_CATALOG && (is_builtin(name) || is_introspection_function(name))
    });
    // An operator is a function too, and these are not PostgreSQL's own.
    if looks && reads && harmless && facts.operators.is_empty() {
        AuditMode::Release
    } else {
        AuditMode::Strict
    }
}

/// A time-out that is longer than the role's limit, or may be: a limit holds whatever rules and modes say.
fn over(grant: &DatabaseGrant, facts: &Facts) -> Option<String> {
    let limit = grant.limits.statement_timeout?.as_millis();
    let longer =
        |value: &str| milliseconds(value).is_none_or(|ms| ms == 0 || u128::from(ms) > limit);
    facts.settings.iter().find_map(|setting| {
        let name = setting.name.eq_ignore_ascii_case("statement_timeout");
        // DEFAULT and RESET go back to the limit, with which the session started.
        let value = setting.value.as_deref().filter(|_| name)?;
        longer(value).then(|| format!("statement_timeout above the role's limit of {limit} ms"))
    })
}

/// What no rule opens.
pub(crate) fn floor(facts: &Facts) -> Option<(Reason, String)> {
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
        .find(verb_word(facts.verb))
        .or_else(|| deny.statements.find(&facts.label))
    {
        return Some((rule, facts.label.to_string()));
    }
    for access in facts.relations.iter().chain(&facts.behind) {
        let Some(schema) = access.relation.schema.as_deref() else {
            continue;
        };
        let rules = |kind| deny.relations.relation(kind, schema, &access.relation.name);
        let rule = match facts.verb {
            // Who may neither read a table nor define it keeps it from nobody. Rows are locked by other rules.
            Verb::Lock => rules(Access::Select)
                .all()
                .or_else(|| rules(Access::Define).any()),
            _ => None,
        };
        if let Some(rule) = rule.or_else(|| denied_access(deny, access)) {
            return Some((rule, touched(access)));
        }
    }
    for function in facts.functions.iter().chain(&facts.behind_functions) {
        if let Some(rule) = deny.functions.find(schema_of(function), &function.name) {
            return Some((rule, function.to_string()));
        }
    }
    let named = |names: &'g Names, name: &Name| {
        let rule = names.find(name.schema.as_deref()?, &name.name)?;
        Some((rule, name.to_string()))
    };
    let operators = facts.operators.iter();
    let types = facts.types.iter();
    operators
        .filter_map(|name| named(&deny.operators, name))
        .chain(types.filter_map(|name| named(&deny.types, name)))
        .next()
        .or_else(|| sequences::denied(deny, facts))
        .or_else(|| {
            facts.settings.iter().find_map(|setting| {
                let rule = deny.settings.find(&setting.name)?;
                Some((rule, setting.name.to_string()))
            })
        })
}

/// The deny rule that holds for an access, whatever the statement.
fn denied_access<'g>(deny: &'g Grants, access: &RelationAccess) -> Option<&'g Rule> {
    let schema = access.relation.schema.as_deref()?;
    let rules = deny
        .relations
        .relation(access.access, schema, &access.relation.name);
    rules.all().or_else(|| match &access.columns {
        Columns::All => rules.any(),
        Columns::Named(columns) => columns.iter().find_map(|column| rules.column(column)),
    })
}

impl DatabaseGrant {
    /// Whether a deny rule or a mask holds for this access: what else a statement reaches that reaches more than
    /// it names does not matter.
    #[must_use]
    pub fn denies(&self, access: &RelationAccess) -> bool {
        let masked = || {
            let schema = access.relation.schema.as_deref()?;
            self.masks.of(schema, &access.relation.name)
        };
        denied_access(&self.deny, access).is_some()
            || (access.access == Access::Select && masked().is_some())
    }

    /// Whether there is any such rule.
    #[must_use]
    pub fn denies_something(&self) -> bool {
        !(self.deny.is_empty() && self.masks.is_empty())
    }
}

/// A masked column that the statement reads.
fn masked(grant: &DatabaseGrant, facts: &Facts) -> Option<String> {
    let reads = facts
        .relations
        .iter()
        .chain(&facts.behind)
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

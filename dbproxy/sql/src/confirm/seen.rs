//! What `sqlparser` sees in a statement: its kind, relations and functions.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use exeat_policy::Verb;
use sqlparser::ast::{
    CopySource, Expr, ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableFactor, Visit,
    Visitor,
};

use crate::names::identifier;

/// What it saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The kind, where it is one that is compared.
    pub(super) verb: Option<Verb>,
    pub(super) relations: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    /// The name of a table function, which it also visits as a relation.
    skipped: Option<String>,
}

/// Functions that one reader takes for syntax and the other one for calls. They are PostgreSQL's own
/// and the first reader's word is enough.
pub(super) fn is_syntax(name: &str) -> bool {
    #[rustfmt::skip]
    const SYNTAX: [&str; 60] = [
        "all", "any", "array", "ceil", "coalesce", "collation", "convert", "current_catalog", "current_date",
        "current_role", "current_schema", "current_time", "current_timestamp", "current_user",
        "exists", "extract", "floor", "greatest", "grouping", "json", "json_array",
        "json_arrayagg", "json_exists", "json_object", "json_objectagg", "json_query",
        "json_scalar", "json_serialize", "json_table", "json_value", "least", "like_escape",
        "localtime", "localtimestamp", "merge_action", "normalize", "nullif", "overlaps",
        "overlay", "position", "row", "session_user", "similar_to_escape", "some", "substr", "substring",
        "system_user", "timezone", "treat", "trim", "user", "xmlconcat", "xmlelement",
        "xmlexists", "xmlforest", "xmlparse", "xmlpi", "xmlroot", "xmlserialize", "xmltable",
    ];
    SYNTAX.binary_search(&name).is_ok()
}

/// Reads what sqlparser made of a statement.
pub(super) fn see(statement: &Statement) -> Seen {
    let mut seen = Seen {
        verb: verb(statement),
        ..Seen::default()
    };
    let _: ControlFlow<()> = statement.visit(&mut seen);
    match statement {
        Statement::Copy {
            source: CopySource::Table { table_name, .. },
            ..
        } => {
            seen.relations.insert(dotted(table_name));
        }
        Statement::Call(function) => {
            seen.functions.insert(dotted(&function.name));
        }
        _ => {}
    }
    seen
}

fn verb(statement: &Statement) -> Option<Verb> {
    Some(match statement {
        Statement::Query(query) => of_query(query),
        Statement::Insert(_) => Verb::Insert,
        Statement::Update(_) => Verb::Update,
        Statement::Delete(_) => Verb::Delete,
        Statement::Merge(_) => Verb::Merge,
        Statement::Truncate(_) => Verb::Truncate,
        Statement::Copy { to: true, .. } => Verb::CopyOut,
        Statement::Copy { to: false, .. } => Verb::CopyIn,
        Statement::Call(_) => Verb::Call,
        Statement::Explain { .. } => Verb::Explain,
        Statement::Prepare { .. } => Verb::Prepare,
        Statement::Execute { .. } => Verb::Execute,
        Statement::Declare { .. } => Verb::Declare,
        _ => return None,
    })
}

fn of_query(query: &Query) -> Verb {
    match &*query.body {
        SetExpr::Insert(_) => Verb::Insert,
        SetExpr::Update(_) => Verb::Update,
        SetExpr::Delete(_) => Verb::Delete,
        SetExpr::Merge(_) => Verb::Merge,
        SetExpr::Select(_)
        | SetExpr::Query(_)
        | SetExpr::SetOperation { .. }
        | SetExpr::Values(_)
        | SetExpr::Table(_) => Verb::Select,
    }
}

fn dotted(name: &ObjectName) -> String {
    let mut parts = Vec::with_capacity(name.0.len());
    for part in &name.0 {
        parts.push(match part {
            ObjectNamePart::Identifier(ident) if ident.quote_style.is_some() => {
                identifier(&format!("\"{}\"", ident.value.replace('"', "\"\""))).into_owned()
            }
            ObjectNamePart::Identifier(ident) => identifier(&ident.value).into_owned(),
            // No name of PostgreSQL: equal to nothing.
            ObjectNamePart::Function(_) => "()".to_owned(),
        });
    }
    parts.join(".")
}

impl Seen {
    /// `TABLE t`, which the visitor passes over.
    fn tables(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => {
                let names = [&table.schema_name, &table.table_name]
                    .map(|name| name.as_deref().unwrap_or(""));
                let names = names
                    .into_iter()
                    .filter(|name| !name.is_empty())
                    .map(identifier);
                self.relations.insert(names.collect::<Vec<_>>().join("."));
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.tables(left);
                self.tables(right);
            }
            SetExpr::Select(_)
            | SetExpr::Query(_)
            | SetExpr::Values(_)
            | SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_) => {}
        }
    }
}

impl Visitor for Seen {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.tables(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table {
                name,
                args: Some(_),
                ..
            } => {
                let name = dotted(name);
                self.functions.insert(name.clone());
                self.skipped = Some(name);
            }
            TableFactor::Function { name, .. } => {
                self.functions.insert(dotted(name));
            }
            TableFactor::UNNEST { .. } => {
                self.functions.insert("unnest".to_owned());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = dotted(relation);
        if self.skipped.take().as_ref() != Some(&name) {
            self.relations.insert(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            self.functions.insert(dotted(&function.name));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_syntax_is_sorted() {
        assert!(
            super::is_syntax("ceil")
                && super::is_syntax("position")
                && super::is_syntax("xmltable")
        );
    }
}

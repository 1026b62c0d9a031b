//! COPY between the client and a table or a query: what it reads or fills. It must never reach the
//! server's own files and programs.

use exeat_policy::{Access, UnreadableKind, Verb};
use squawk_parser::SyntaxKind as K;

use super::change::Target;
use super::question::is_askable;
use super::{Walk, Walked, refused, unsupported};
use crate::names::name;
use crate::tree::Node;

impl Walk<'_> {
    pub(super) fn copy(&mut self, node: Node<'_>) -> Walked<Verb> {
        let direction = node
            .inner()
            .find(|child| matches!(child.kind(), K::COPY_TO | K::COPY_FROM));
        let direction = direction.ok_or_else(|| unsupported(node))?;
        let end = direction.first_inner().map(Node::kind);
        let (verb, access, client) = match direction.kind() {
            K::COPY_TO => (Verb::CopyOut, Access::Select, K::COPY_STDOUT),
            _ => (Verb::CopyIn, Access::Insert, K::COPY_STDIN),
        };
        if end != Some(client) {
            let detail = "COPY to or from the server's own files and programs";
            return Err(refused(UnreadableKind::Unsupported, direction, detail));
        }
        let condition = node.child(K::WHERE_CLAUSE);
        if let Some(condition) = condition.filter(|_| verb == Verb::CopyOut) {
            return Err(unsupported(condition));
        }
        match node.child(K::COPY_QUERY) {
            Some(_) if verb == Verb::CopyIn => return Err(unsupported(direction)),
            Some(query) => self.copied_query(query)?,
            None => self.copied_table(node, access, condition)?,
        }
        Ok(verb)
    }

    fn copied_query(&mut self, query: Node<'_>) -> Walked {
        for inner in query.inner() {
            if !is_askable(inner) {
                return Err(unsupported(inner));
            }
            self.question(inner)?;
        }
        Ok(())
    }

    fn copied_table(
        &mut self,
        node: Node<'_>,
        access: Access,
        condition: Option<Node<'_>>,
    ) -> Walked {
        let table = node.child(K::COPY_TABLE).ok_or_else(|| unsupported(node))?;
        let reference = table
            .child(K::TABLE_NAME_REF)
            .ok_or_else(|| unsupported(table))?;
        let Target {
            relation,
            item,
            known,
        } = self.target(reference, None)?;
        self.touch(relation, access);
        let list = table.child(K::COLUMN_REF_LIST);
        match (list, &known) {
            (Some(list), _) => list
                .inner()
                .for_each(|column| self.mark(relation, access, &name(column))),
            (None, Some(columns)) => columns
                .iter()
                .for_each(|column| self.mark(relation, access, column)),
            (None, None) => self.mark_all(relation, access),
        }
        if access == Access::Select && self.context.asks {
            self.equal_of_rows(reference, list);
        }
        if access == Access::Insert && self.context.asks {
            self.equal_questions(reference, list, condition);
            if let Some(mark) = mark_of_defaults(node) {
                let columns = match (list, known) {
                    (Some(list), _) => list
                        .inner()
                        .map(|column| column.text().to_owned())
                        .collect(),
                    (None, Some(known)) => known.iter().map(|column| quoted(column)).collect(),
                    // A question without them would say that it fills none.
                    (None, None) => return Err(unsupported(mark)),
                };
                self.equal_of_defaults(reference, columns);
            }
        }
        let Some(condition) = condition else {
            return Ok(());
        };
        // It sees the rows that are about to be added; PostgreSQL asks for SELECT on their columns.
        self.within(vec![item], |walk| walk.walk(condition))
    }

    /// With row level security COPY runs a query in the table's place, which has the policies in it (`DoCopy` of
    /// `copy.c`).
    fn equal_of_rows(&mut self, table: Node<'_>, columns: Option<Node<'_>>) {
        let table = table.text();
        let columns = match columns {
            Some(list) => {
                let columns: Vec<&str> = list.inner().map(Node::text).collect();
                columns.join(", ")
            }
            None => "*".to_owned(),
        };
        self.questions
            .equal
            .push(format!("SELECT {columns} FROM ONLY {table}"));
    }

    /// COPY fills the columns that it leaves out as INSERT does. Where it names none, it leaves none out.
    fn equal_questions(
        &mut self,
        table: Node<'_>,
        columns: Option<Node<'_>>,
        condition: Option<Node<'_>>,
    ) {
        let table = table.text();
        if let Some(list) = columns {
            let columns: Vec<&str> = list.inner().map(Node::text).collect();
            let nulls = vec!["NULL"; columns.len()].join(", ");
            self.questions.equal.push(format!(
                "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES ({nulls})",
                columns.join(", ")
            ));
        }
        if let Some(condition) = condition {
            let condition = condition.text();
            self.questions
                .equal
                .push(format!("SELECT FROM ONLY {table} {condition}"));
        }
    }

    /// With a mark for defaults it fills those that it names, too.
    fn equal_of_defaults(&mut self, table: Node<'_>, columns: Vec<String>) {
        let table = table.text();
        let defaults = vec!["DEFAULT"; columns.len()].join(", ");
        self.questions.equal.push(format!(
            "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES ({defaults})",
            columns.join(", ")
        ));
    }
}

/// The mark that stands for a column's default (PostgreSQL 16 and later).
fn mark_of_defaults(node: Node<'_>) -> Option<Node<'_>> {
    let mut options = node.child(K::COPY_OPTION_LIST)?.inner();
    let is_mark = |option: &Node<'_>| {
        let key = option.child(K::COPY_OPTION_KEY);
        key.is_some_and(|key| &*name(key) == "default")
    };
    options.find(is_mark)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

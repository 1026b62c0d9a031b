//! The statement at the top: what it is, and which part of the walk reads it.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use exeat_policy::{Access, UnreadableKind, Verb};
use squawk_parser::SyntaxKind as K;

use super::query::is_query;
use super::question::is_askable;
use super::{Walk, Walked, refused, unsupported, words};
use crate::names::{name, path};
use crate::tree::Node;

impl Walk<'_> {
    /// Reads the one statement of a source file.
    pub(super) fn statement(&mut self, root: Node<'_>) -> Walked<(Verb, Arc<str>)> {
        let mut statements = root.inner().filter(|node| node.kind() != K::EMPTY_STMT);
        let Some(node) = statements.next() else {
            return Ok((Verb::Empty, Arc::from("empty")));
        };
        if let Some(second) = statements.next() {
            return Err(refused(
                UnreadableKind::Syntax,
                second,
                "a second statement without a semicolon",
            ));
        }
        self.temporary = node.has(K::TEMP);
        let verb = self.top(node)?;
        self.wide = self.wide(node);
        let defines = self
            .touched
            .keys()
            .any(|(_, access)| *access == Access::Define);
        if verb == Verb::Select && defines {
            // SELECT … INTO within a set operation.
            return Ok((Verb::Define, Arc::from("select into")));
        }
        Ok((verb, label(node)))
    }

    fn top(&mut self, node: Node<'_>) -> Walked<Verb> {
        match node.kind() {
            K::SELECT_INTO => {
                self.question(node)?;
                Ok(Verb::Define)
            }
            K::INSERT => self.question(node).map(|()| Verb::Insert),
            K::UPDATE => self.question(node).map(|()| Verb::Update),
            K::DELETE => self.question(node).map(|()| Verb::Delete),
            K::MERGE => self.question(node).map(|()| Verb::Merge),
            K::TRUNCATE => self.truncate(node).map(|()| Verb::Truncate),
            K::COPY => self.copy(node),
            K::CALL => {
                let procedure = node
                    .child(K::PROCEDURE_NAME_REF)
                    .ok_or_else(|| unsupported(node))?;
                self.calls_procedure(&path(procedure), procedure)?;
                node.inner()
                    .skip(1)
                    .try_for_each(|child| self.walk(child))?;
                Ok(Verb::Call)
            }
            K::BEGIN => {
                self.transaction_modes(node, "transaction");
                Ok(Verb::Transaction)
            }
            K::COMMIT_TRANSACTION
            | K::ROLLBACK_TRANSACTION
            | K::ROLLBACK_TO_SAVEPOINT
            | K::SAVEPOINT_CREATE
            | K::RELEASE_SAVEPOINT => Ok(Verb::Transaction),
            K::SET
            | K::RESET
            | K::SET_ROLE
            | K::RESET_ROLE
            | K::SET_SESSION_AUTH
            | K::RESET_SESSION_AUTH
            | K::SET_CONSTRAINTS
            | K::SET_TRANSACTION => self.setting(node).map(|()| Verb::Set),
            K::SHOW => {
                self.show(node);
                Ok(Verb::Show)
            }
            // Code in another language: nobody reads it here.
            K::DO => Ok(Verb::Do),
            K::EXPLAIN => self.wrapped(node, Verb::Explain),
            K::PREPARE => {
                self.names_prepared(node.child(K::PREPARED_STATEMENT));
                let types = node.child(K::PARAM_LIST).into_iter().flat_map(Node::inner);
                self.questions.declared = types.map(Node::range).collect();
                self.wrapped(node, Verb::Prepare)
            }
            K::DECLARE => {
                self.names_prepared(node.child(K::CURSOR));
                self.wrapped(node, Verb::Declare)
            }
            K::EXECUTE => {
                self.execute(node)?;
                Ok(Verb::Execute)
            }
            K::DEALLOCATE => {
                self.names_prepared(node.child(K::PREPARED_STATEMENT_REF));
                Ok(Verb::Deallocate)
            }
            K::FETCH | K::MOVE => {
                self.names_prepared(node.child(K::CURSOR_REF));
                Ok(Verb::Fetch)
            }
            K::CLOSE => {
                self.names_prepared(node.child(K::CURSOR_REF));
                Ok(Verb::Close)
            }
            K::DISCARD => Ok(Verb::Discard),
            K::LISTEN | K::UNLISTEN => Ok(Verb::Listen),
            K::NOTIFY => Ok(Verb::Notify),
            K::LOCK => {
                // As in PostgreSQL: the lock that reading takes needs no more than reading.
                let mode = node.child(K::LOCK_MODE_CLAUSE);
                let access = match mode.is_some_and(|mode| mode.has(K::ACCESS_SHARE)) {
                    true => Access::Select,
                    false => Access::Lock,
                };
                self.relations_of(node, access)?;
                Ok(Verb::Lock)
            }
            K::VACUUM | K::ANALYZE | K::CLUSTER | K::REFRESH | K::REINDEX | K::CHECKPOINT => {
                self.relations_of(node, Access::Maintain)?;
                self.at_least(node, Access::Maintain);
                Ok(Verb::Maintain)
            }
            K::PREPARE_TRANSACTION | K::COMMIT_PREPARED | K::ROLLBACK_PREPARED => {
                self.at_least(node, Access::Maintain);
                Ok(Verb::Maintain)
            }
            K::CREATE_TABLE_AS | K::CREATE_VIEW | K::CREATE_MATERIALIZED_VIEW => {
                self.definition(node)?;
                Ok(Verb::Define)
            }
            _ if is_query(node) => self.question(node).map(|()| Verb::Select),
            _ if is_definition(node) => {
                self.definition(node)?;
                Ok(Verb::Define)
            }
            _ => Err(unsupported(node)),
        }
    }

    /// The prepared statement or cursor that a statement names.
    fn names_prepared(&mut self, node: Option<Node<'_>>) {
        self.prepared = node.map(name);
        self.prepared_at = node.map(Node::range);
    }

    /// EXPLAIN, PREPARE, DECLARE: the statement inside is what counts.
    fn wrapped(&mut self, node: Node<'_>, verb: Verb) -> Walked<Verb> {
        for child in node.inner() {
            match child.kind() {
                _ if is_askable(child) => self.question(child)?,
                K::DECLARE => drop(self.wrapped(child, verb)?),
                K::CREATE_TABLE_AS | K::CREATE_MATERIALIZED_VIEW => self.definition(child)?,
                _ => self.walk(child)?,
            }
        }
        Ok(verb)
    }

    fn execute(&mut self, node: Node<'_>) -> Walked {
        self.names_prepared(node.child(K::PREPARED_STATEMENT_REF));
        match node.child(K::ARG_LIST) {
            Some(arguments) => self.walk(arguments),
            None => Ok(()),
        }
    }

    fn truncate(&mut self, node: Node<'_>) -> Walked {
        self.cascades = node.has(K::CASCADE);
        if self.cascades && !self.context.asks {
            let detail = "TRUNCATE … CASCADE empties relations that it does not name, which only the \
                          database knows: name them all";
            return Err(refused(UnreadableKind::Unsupported, node, detail));
        }
        self.relations_of(node, Access::Truncate)
    }

    /// Counts every relation below a node.
    fn relations_of(&mut self, node: Node<'_>, access: Access) -> Walked {
        for child in node.inner() {
            match child.kind() {
                K::RELATION_NAME_REF | K::TABLE_NAME_REF | K::VIEW_REF | K::INDEX_REF => {
                    let mut parts = path(child);
                    self.beside_its_table(&mut parts, child);
                    self.mentions.relations.insert(parts.join("."));
                    let (full, _) = self.named_relation(&parts, child)?;
                    let relation = self.relation(full);
                    match access {
                        // Of any of its columns.
                        Access::Select => self.touch(relation, access),
                        _ => self.mark_all(relation, access),
                    }
                }
                _ => self.relations_of(child, access)?,
            }
        }
        Ok(())
    }
}

/// The statement's name in words.
fn label(node: Node<'_>) -> Arc<str> {
    Arc::from(match node.kind() {
        K::SELECT | K::COMPOUND_SELECT | K::PAREN_SELECT | K::VALUES | K::TABLE => {
            "select".to_owned()
        }
        K::COMMIT_TRANSACTION => "commit".to_owned(),
        K::ROLLBACK_TRANSACTION | K::ROLLBACK_TO_SAVEPOINT => "rollback".to_owned(),
        K::SAVEPOINT_CREATE => "savepoint".to_owned(),
        K::SET_SESSION_AUTH => "set session authorization".to_owned(),
        K::RESET_SESSION_AUTH => "reset session authorization".to_owned(),
        K::REFRESH => "refresh materialized view".to_owned(),
        _ => words(node),
    })
}

/// Whether a statement belongs to the definition language.
fn is_definition(node: Node<'_>) -> bool {
    if matches!(
        node.kind(),
        K::COMMENT_ON | K::GRANT | K::REVOKE | K::REASSIGN | K::SECURITY_LABEL
    ) {
        return true;
    }
    let kind = format!("{:?}", node.kind());
    let named = ["CREATE_", "ALTER_", "DROP_", "IMPORT_FOREIGN_"]
        .iter()
        .any(|start| kind.starts_with(start));
    // What must be refused outright is refused by its kind.
    named && crate::kinds::handling(node.kind()) == crate::kinds::Handling::Walk
}

//! The definition language. Every object that such a statement names counts as defined. Objects outside
//! schemas get a name without a schema: such a statement needs a rule for its label. Sub-queries and
//! expressions inside are read as anywhere. An object that is defined must never go uncounted.

use std::sync::Arc;

use exeat_policy::{Access, Name};
use squawk_parser::SyntaxKind as K;

use super::query::is_query;
use super::question::holds_question;
use super::{Walk, Walked, unsupported, words};
use crate::catalog::RelationKind;
use crate::names::{name, path};
use crate::tree::Node;

impl Walk<'_> {
    /// Counts the object that a node names as defined.
    pub(super) fn define(&mut self, node: Node<'_>) -> Walked {
        let mut parts = path(node);
        if node.kind() == K::QUALIFIED_COLUMN_NAME_REF {
            parts.pop();
        }
        self.beside_its_table(&mut parts, node);
        if parts.len() == 1
            && let Some(old) = renamed_object(node)
        {
            // The new name is one of the same schema.
            parts.splice(0..0, self.schema_of_object(&old));
        }
        let relational = matches!(
            node.kind(),
            K::TABLE_NAME | K::TABLE_NAME_REF | K::RELATION_NAME_REF | K::VIEW | K::VIEW_REF
        );
        if relational {
            self.mentions.relations.insert(parts.join("."));
        }
        if node.kind() == K::FUNCTION_NAME_REF && self.runs {
            return self.runs_function(&parts, node);
        }
        if node
            .parent()
            .is_some_and(|parent| parent.kind() == K::LIKE_CLAUSE)
        {
            return self.copied(&parts, node);
        }
        let made = matches!(node.kind(), K::TABLE_NAME | K::VIEW | K::SEQUENCE);
        let full = match parts.as_slice() {
            [] => return Err(unsupported(node)),
            [single] if made && self.temporary => Name {
                schema: Some(Arc::from("pg_temp")),
                name: Arc::clone(single),
            },
            [single] if made && single.starts_with("pg_") => Name {
                schema: self.schema_of(""),
                name: Arc::clone(single),
            },
            [single] => Name {
                schema: self.schema_of_known(single),
                name: Arc::clone(single),
            },
            [schema, single] => Name {
                schema: Some(Arc::clone(schema)),
                name: Arc::clone(single),
            },
            _ => return Err(unsupported(node)),
        };
        let relation = self.relation(full);
        self.mark_all(relation, Access::Define);
        // Arguments of functions, typmods and the like.
        for child in node
            .inner()
            .filter(|child| !matches!(child.kind(), K::PATH | K::PATH_REF))
        {
            self.walk(child)?;
        }
        Ok(())
    }

    /// What a table is made LIKE, which is only looked at: PostgreSQL asks for SELECT on it, or for USAGE where it is
    /// a type (`transformTableLikeClause`). The expressions that are copied run where the new table is written, and
    /// count there.
    fn copied(&mut self, parts: &[Arc<str>], node: Node<'_>) -> Walked {
        let (full, _) = self.named_relation(parts, node)?;
        let known = self.context.catalog.and_then(|catalog| {
            let schema = full.schema.as_deref()?;
            catalog.relation(schema, &full.name)
        });
        if known.is_some_and(|known| known.kind == RelationKind::Composite) {
            self.types.insert(full);
        } else {
            let relation = self.relation(full);
            self.mark_all(relation, Access::Select);
        }
        Ok(())
    }

    /// An index without a schema is in that of its table, where the statement names that, or in that of the
    /// index which gets its name.
    pub(super) fn beside_its_table(&self, parts: &mut Vec<Arc<str>>, node: Node<'_>) {
        if parts.len() != 1 || !matches!(node.kind(), K::INDEX | K::INDEX_REF) {
            return;
        }
        let mut above = node.parent();
        while let Some(statement) = above {
            above = statement.parent();
            if !matches!(
                statement.kind(),
                K::CREATE_INDEX | K::ALTER_TABLE | K::ALTER_INDEX | K::CLUSTER
            ) {
                continue;
            }
            // What is attached to an index is looked for as any other.
            if statement.kind() == K::ALTER_INDEX && node.kind() != K::INDEX {
                return;
            }
            if let Some(table) = first_relation(statement)
                && table.range() != node.range()
            {
                parts.splice(0..0, self.schema_of_object(&path(table)));
            }
            return;
        }
    }

    /// The schema of what has this path.
    fn schema_of_object(&self, of: &[Arc<str>]) -> Option<Arc<str>> {
        match of {
            [schema, _] => Some(Arc::clone(schema)),
            [name] => self.schema_of_known(name),
            _ => None,
        }
    }

    /// What is moved to another schema is made there.
    fn define_moved(&mut self, node: Node<'_>) {
        let Some(schema) = find(node, &|child| child.kind() == K::SET_SCHEMA) else {
            return;
        };
        let schema = find(schema, &|child| child.kind() == K::SCHEMA_REF).map(name);
        let moved = first_object(node).and_then(|object| object.last().map(Arc::clone));
        if let (Some(schema), Some(name)) = (schema, moved) {
            let relation = self.relation(Name {
                schema: Some(schema),
                name,
            });
            self.mark_all(relation, Access::Define);
        }
    }

    /// The schema of a relation that is named without one.
    fn schema_of_known(&self, name: &str) -> Option<Arc<str>> {
        let catalog = self.context.catalog;
        let known = catalog.and_then(|catalog| catalog.resolve(self.context.search_path, name));
        known
            .map(|relation| Arc::clone(&relation.schema))
            .or_else(|| self.schema_of(name))
    }

    /// A function that a cast, an operator class, a handler or the like will run.
    fn runs_function(&mut self, parts: &[Arc<str>], node: Node<'_>) -> Walked {
        match parts {
            [name] => self.calls(None, name),
            [schema, name] => self.calls(Some(schema), name),
            _ => return Err(unsupported(node)),
        }
        Ok(())
    }

    /// Counts the operator that a definition makes, or changes: one without a schema is in any of those that have it.
    pub(super) fn define_operator(&mut self, node: Node<'_>) -> Walked {
        let mut parts = node.child(K::PATH_REF).map(path).unwrap_or_default();
        parts.retain(|part| !part.is_empty());
        let symbol = node.children().filter(|child| child.kind() != K::PATH_REF);
        let symbol: Arc<str> = symbol.map(Node::text).collect::<String>().into();
        let makes = node
            .parent()
            .is_some_and(|parent| parent.kind() == K::CREATE_OPERATOR);
        let catalog = self.context.catalog.filter(|_| !makes && parts.is_empty());
        let known =
            catalog.map(|catalog| catalog.operator_schemas(self.context.search_path, &symbol));
        let known: Vec<_> = known.into_iter().flatten().map(Arc::clone).collect();
        let schemas = match parts.as_slice() {
            [] if known.is_empty() => vec![self.schema_of("")],
            [] => known.into_iter().map(Some).collect(),
            [schema] => vec![Some(Arc::clone(schema))],
            _ => return Err(unsupported(node)),
        };
        for schema in schemas {
            let relation = self.relation(Name {
                schema,
                name: Arc::clone(&symbol),
            });
            self.mark_all(relation, Access::Define);
        }
        Ok(())
    }

    /// Counts an object that lives in no schema. A schema counts as everything in it.
    pub(super) fn define_global(&mut self, node: Node<'_>) -> Walked {
        let name = name(node);
        let full = match node.kind() {
            K::SCHEMA | K::SCHEMA_REF => Name {
                schema: Some(name),
                name: Arc::from("*"),
            },
            _ => Name { schema: None, name },
        };
        let relation = self.relation(full);
        self.mark_all(relation, Access::Define);
        Ok(())
    }

    /// Reads a statement of the definition language. One that names nothing that is defined counts
    /// under its own label, without a schema.
    pub(super) fn definition(&mut self, node: Node<'_>) -> Walked {
        let before = std::mem::replace(&mut self.defining, true);
        self.temporary |= node.has(K::TEMP);
        self.runs = runs_functions(node);
        for child in node.inner() {
            if is_query(child) && holds_question(node) {
                self.question(child)?;
            } else {
                self.walk(child)?;
            }
        }
        self.define_moved(node);
        self.defining = before;
        self.at_least(node, Access::Define);
        Ok(())
    }

    /// Makes sure that a statement has an access of this kind to judge.
    pub(super) fn at_least(&mut self, node: Node<'_>, access: Access) {
        if !self.touched.keys().any(|(_, known)| *known == access) {
            let relation = self.relation(Name {
                schema: None,
                name: Arc::from(words(node)),
            });
            self.mark_all(relation, access);
        }
    }
}

/// The first node below this one that is wanted.
fn find<'n>(node: Node<'n>, wanted: &impl Fn(Node<'n>) -> bool) -> Option<Node<'n>> {
    node.inner().find_map(|child| match wanted(child) {
        true => Some(child),
        false => find(child, wanted),
    })
}

/// The path of the object that a statement names first.
fn first_object(statement: Node<'_>) -> Option<Vec<Arc<str>>> {
    let named = |child: Node<'_>| {
        let kind = format!("{:?}", child.kind());
        kind.ends_with("_REF") && kind != "PATH_REF" && !path(child).is_empty()
    };
    find(statement, &named).map(path)
}

/// The path of the object that gets this name, where the name is the new one of RENAME TO.
fn renamed_object(node: Node<'_>) -> Option<Vec<Arc<str>>> {
    let parent = node.parent()?;
    let statement = parent.parent()?;
    let renames = format!("{:?}", parent.kind()).ends_with("RENAME_TO");
    renames.then(|| first_object(statement)).flatten()
}

/// The relation that a statement names first, wherever it stands in it.
fn first_relation(node: Node<'_>) -> Option<Node<'_>> {
    node.inner().find_map(|child| match child.kind() {
        K::RELATION_NAME_REF | K::TABLE_NAME_REF | K::INDEX_REF => Some(child),
        _ => first_relation(child),
    })
}

/// Whether the functions that a definition refers to are those that what it makes will run. Any other
/// statement that refers to one drops it, changes it or grants it.
fn runs_functions(node: Node<'_>) -> bool {
    let creates = format!("{:?}", node.kind()).starts_with("CREATE_");
    // A schema may be made with grants in it.
    creates && node.kind() != K::CREATE_SCHEMA
        || matches!(
            node.kind(),
            K::ALTER_OPERATOR_FAMILY | K::ALTER_FOREIGN_DATA_WRAPPER
        )
}

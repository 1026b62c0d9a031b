//! INSERT, UPDATE, DELETE, MERGE: what they write, what they read, what they return.

use std::sync::Arc;

use exeat_policy::{Access, Name};
use squawk_parser::SyntaxKind as K;

use super::query::is_query;
use super::scope::{Column, Item, Output, RelationId, Shape};
use super::{Walk, Walked, unsupported};
use crate::names::{name, path};
use crate::tree::Node;

/// The relation that a statement changes or copies.
pub(super) struct Target<'c> {
    pub(super) relation: RelationId,
    pub(super) item: Item<'c>,
    pub(super) known: Option<&'c [Arc<str>]>,
}

impl<'c> Walk<'c> {
    /// Reads a statement that changes rows; its output is that of RETURNING.
    pub(super) fn change(&mut self, node: Node<'_>) -> Walked<Output> {
        let depth = self.ctes.len();
        if let Some(with) = node.child(K::WITH_CLAUSE) {
            self.with(with)?;
        }
        let output = match node.kind() {
            K::INSERT => self.insert(node),
            K::UPDATE | K::DELETE => self.update_or_delete(node),
            K::MERGE => self.merge(node),
            _ => Err(unsupported(node)),
        }?;
        self.ctes.truncate(depth);
        Ok(output)
    }

    /// The changed relation. It is never a CTE.
    pub(super) fn target(
        &mut self,
        reference: Node<'_>,
        alias: Option<Node<'_>>,
    ) -> Walked<Target<'c>> {
        let parts = path(reference);
        self.mentions.relations.insert(parts.join("."));
        let (full, known) = self.named_relation(&parts, reference)?;
        let alias = alias
            .and_then(|alias| alias.child(K::TABLE_ALIAS))
            .map(name);
        let relation = self.relation(Name::clone(&full));
        let item = self.base(full, known, alias);
        Ok(Target {
            relation,
            item,
            known,
        })
    }

    /// The target of UPDATE, DELETE and MERGE.
    fn changed(&mut self, node: Node<'_>) -> Walked<Target<'c>> {
        let wrapper = node
            .inner()
            .find(|child| matches!(child.kind(), K::RELATION_NAME | K::TABLE_RELATION_NAME));
        let reference = match wrapper {
            Some(wrapper) => wrapper.first_inner(),
            None => node
                .inner()
                .find(|child| matches!(child.kind(), K::RELATION_NAME_REF | K::TABLE_NAME_REF)),
        };
        let reference = reference.ok_or_else(|| unsupported(node))?;
        self.target(reference, node.child(K::OPTIONAL_AS_ALIAS))
    }

    fn insert(&mut self, node: Node<'_>) -> Walked<Output> {
        let reference = node
            .child(K::RELATION_NAME_REF)
            .ok_or_else(|| unsupported(node))?;
        let target = self.target(reference, node.child(K::REQUIRED_AS_ALIAS))?;
        self.insert_columns(node.child(K::COLUMN_TARGET_LIST), &target)?;
        let mut output = Output::default();
        for child in node.inner() {
            match child.kind() {
                K::WITH_CLAUSE
                | K::RELATION_NAME_REF
                | K::REQUIRED_AS_ALIAS
                | K::COLUMN_TARGET_LIST => {}
                K::OVERRIDING_SYSTEM_VALUE | K::OVERRIDING_USER_VALUE | K::DEFAULT_VALUES => {}
                K::ON_CONFLICT_CLAUSE => self.on_conflict(child, &target)?,
                K::RETURNING_CLAUSE => output = self.returning(child, &target, Vec::new())?,
                _ if is_query(child) => drop(self.query(child)?),
                _ => return Err(unsupported(child)),
            }
        }
        Ok(output)
    }

    /// The columns that an INSERT fills: those listed, else all.
    fn insert_columns(&mut self, list: Option<Node<'_>>, target: &Target<'c>) -> Walked {
        match (list, target.known) {
            // Only as many as there are values.
            (None, _) if self.asking => {
                self.touch(target.relation, Access::Insert);
                Ok(())
            }
            (Some(list), _) => self.assigned(list, Access::Insert, target),
            (None, Some(columns)) => {
                for column in columns {
                    self.mark(target.relation, Access::Insert, column);
                }
                self.touch(target.relation, Access::Insert);
                Ok(())
            }
            (None, None) => {
                self.mark_all(target.relation, Access::Insert);
                Ok(())
            }
        }
    }

    /// Counts the columns that a list (or one column target) assigns to, and reads its subscripts.
    fn assigned(&mut self, node: Node<'_>, access: Access, target: &Target<'c>) -> Walked {
        self.touch(target.relation, access);
        for child in node.inner() {
            match child.kind() {
                K::COLUMN_TARGET => self.assigned(child, access, target)?,
                K::COLUMN_NAME_REF => self.mark(target.relation, access, &name(child)),
                K::FIELD_ACCESSOR => {}
                _ => self.walk(child)?,
            }
        }
        Ok(())
    }

    fn on_conflict(&mut self, node: Node<'_>, target: &Target<'c>) -> Walked {
        let excluded = Item {
            alias: Arc::from("excluded"),
            schema: None,
            shape: excluded(target),
            bases: Vec::new(),
            unsure: false,
        };
        self.within(vec![target.item.clone()], |walk| {
            for child in node.inner() {
                match child.kind() {
                    K::CONFLICT_DO_UPDATE_SET => {
                        if let Some(frame) = walk.frames.last_mut() {
                            frame.items.push(excluded.clone());
                        }
                        for part in child.inner() {
                            match part.kind() {
                                K::SET_CLAUSE => walk.set_clause(part, Access::Update, target)?,
                                _ => walk.walk(part)?,
                            }
                        }
                    }
                    K::CONFLICT_ON_INDEX | K::CONFLICT_ON_CONSTRAINT | K::CONFLICT_DO_NOTHING => {
                        walk.conflict_target(child)?
                    }
                    _ => return Err(unsupported(child)),
                }
            }
            Ok(())
        })
    }

    /// The columns of an inferred index are read (PostgreSQL asks for SELECT on them). The names of
    /// operator classes and constraints touch nothing.
    fn conflict_target(&mut self, node: Node<'_>) -> Walked {
        for child in node.inner() {
            match child.kind() {
                K::CONFLICT_INDEX_ITEM_LIST | K::CONFLICT_INDEX_ITEM => {
                    self.conflict_target(child)?
                }
                K::OP_CLASS_REF => {}
                _ => self.walk(child)?,
            }
        }
        Ok(())
    }

    fn set_clause(&mut self, node: Node<'_>, access: Access, target: &Target<'c>) -> Walked {
        for child in node.inner() {
            match child.kind() {
                K::SET_COLUMN_LIST | K::SET_SINGLE_COLUMN | K::SET_MULTIPLE_COLUMNS => {
                    self.set_clause(child, access, target)?;
                }
                K::COLUMN_TARGET_LIST => self.assigned(child, access, target)?,
                K::COLUMN_TARGET => {
                    self.touch(target.relation, access);
                    self.assigned(child, access, target)?;
                }
                _ => self.walk(child)?,
            }
        }
        Ok(())
    }

    fn returning(
        &mut self,
        node: Node<'_>,
        target: &Target<'c>,
        others: Vec<Item<'c>>,
    ) -> Walked<Output> {
        let mut items = vec![target.item.clone()];
        items.extend(others);
        let visible = items.len();
        // PostgreSQL 18: the row before and after, by these names or the given ones.
        let mut versions = vec![
            (K::RETURNING_OLD, Arc::from("old")),
            (K::RETURNING_NEW, Arc::from("new")),
        ];
        if let Some(options) = node.child(K::RETURNING_OPTION_LIST) {
            for option in options.inner() {
                let alias = option
                    .child(K::TABLE_ALIAS)
                    .ok_or_else(|| unsupported(option))?;
                for version in versions
                    .iter_mut()
                    .filter(|(kind, _)| *kind == option.kind())
                {
                    version.1 = name(alias);
                }
            }
        }
        for (_, alias) in versions {
            if !items.iter().any(|item| item.alias == alias) {
                items.push(Item {
                    alias,
                    ..target.item.clone()
                });
            }
        }
        let list = node
            .child(K::TARGET_LIST)
            .ok_or_else(|| unsupported(node))?;
        let mut output = self.within(items, |walk| walk.targets(list))?;
        output.shuffled |= visible > 1;
        Ok(output)
    }

    /// UPDATE and DELETE: FROM or USING, the condition, RETURNING.
    fn update_or_delete(&mut self, node: Node<'_>) -> Walked<Output> {
        let target = self.changed(node)?;
        let updates = node.kind() == K::UPDATE;
        let others = if updates {
            self.touch(target.relation, Access::Update);
            K::FROM_CLAUSE
        } else {
            self.mark_all(target.relation, Access::Delete);
            K::USING_CLAUSE
        };
        self.within(vec![target.item.clone()], |walk| {
            if let Some(others) = node.child(others) {
                walk.read_from(others)?;
            }
            let mut output = Output::default();
            for child in node.inner() {
                match child.kind() {
                    K::WITH_CLAUSE
                    | K::RELATION_NAME
                    | K::RELATION_NAME_REF
                    | K::OPTIONAL_AS_ALIAS => {}
                    kind if kind == others => {}
                    K::SET_CLAUSE if updates => walk.set_clause(child, Access::Update, &target)?,
                    K::WHERE_CLAUSE | K::WHERE_CURRENT_OF => walk.walk(child)?,
                    K::RETURNING_CLAUSE => {
                        output = walk.returning(child, &target, walk.others())?;
                    }
                    _ => return Err(unsupported(child)),
                }
            }
            Ok(output)
        })
    }

    fn merge(&mut self, node: Node<'_>) -> Walked<Output> {
        let target = self.changed(node)?;
        // PostgreSQL asks for SELECT on the columns that the conditions read; the rows are read anyway.
        self.touch(target.relation, Access::Select);
        self.within(vec![target.item.clone()], |walk| {
            let mut output = Output::default();
            for child in node.inner() {
                match child.kind() {
                    K::WITH_CLAUSE | K::TABLE_RELATION_NAME | K::OPTIONAL_AS_ALIAS => {}
                    K::USING_ON_CLAUSE => {
                        for part in child.inner() {
                            match part.kind() {
                                K::ON_CLAUSE => walk.walk_children(part)?,
                                _ => walk.group(part)?,
                            }
                        }
                    }
                    K::MERGE_WHEN_MATCHED
                    | K::MERGE_WHEN_NOT_MATCHED_SOURCE
                    | K::MERGE_WHEN_NOT_MATCHED_TARGET => {
                        walk.merge_when(child, &target)?;
                    }
                    K::RETURNING_CLAUSE => {
                        output = walk.returning(child, &target, walk.others())?
                    }
                    _ => return Err(unsupported(child)),
                }
            }
            Ok(output)
        })
    }

    fn merge_when(&mut self, node: Node<'_>, target: &Target<'c>) -> Walked {
        for child in node.inner() {
            match child.kind() {
                K::BY_TARGET | K::MERGE_DO_NOTHING => {}
                K::MERGE_CONDITION => self.walk(child)?,
                K::MERGE_DELETE => self.mark_all(target.relation, Access::Delete),
                K::MERGE_UPDATE => {
                    for part in child.inner() {
                        match part.kind() {
                            K::SET_CLAUSE => self.set_clause(part, Access::Update, target)?,
                            _ => return Err(unsupported(part)),
                        }
                    }
                }
                K::MERGE_INSERT => {
                    self.insert_columns(child.child(K::COLUMN_TARGET_LIST), target)?;
                    for part in child.inner().filter(|part| part.kind() == K::VALUES) {
                        self.walk_children(part)?;
                    }
                }
                _ => return Err(unsupported(child)),
            }
        }
        Ok(())
    }

    /// The items beside the target, which RETURNING sees too.
    fn others(&self) -> Vec<Item<'c>> {
        self.frames.last().map_or_else(Vec::new, |frame| {
            frame.items.iter().skip(1).cloned().collect()
        })
    }
}

/// The shape of `excluded`: the target's columns, but their values come from the statement.
fn excluded<'c>(target: &Target<'c>) -> Shape<'c> {
    let columns = target
        .known
        .unwrap_or(&[])
        .iter()
        .cloned()
        .map(Column::derived)
        .collect();
    Shape::Derived {
        columns,
        open: target.known.is_none(),
        behind: Vec::new(),
    }
}

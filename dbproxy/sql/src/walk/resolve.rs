//! What names mean: relations by the search path, columns by the scopes, functions, types, collations
//! and operators by the lists of what PostgreSQL brings along.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use exeat_policy::{Access, Name, Unreadable, UnreadableKind};

use super::scope::{Item, Match, Origins, RelationId, Shape};
use super::{Walk, Walked, refused};
use crate::tree::Node;

impl<'c> Walk<'c> {
    /// The relation that a dotted name means, and its columns where a catalog knows them.
    pub(super) fn named_relation(
        &self,
        parts: &[Arc<str>],
        node: Node<'_>,
    ) -> Walked<(Name, Option<&'c [Arc<str>]>)> {
        let catalog = self.context.catalog;
        match parts {
            [name] => {
                if let Some(catalog) = catalog
                    && let Some(relation) = catalog.resolve(self.context.search_path, name)
                {
                    let known = Some(relation.columns.as_slice());
                    return Ok((
                        Name {
                            schema: Some(Arc::clone(&relation.schema)),
                            name: Arc::clone(name),
                        },
                        known,
                    ));
                }
                if self.asking {
                    let schema = None;
                    let name = Arc::clone(name);
                    return Ok((Name { schema, name }, None));
                }
                let schema = self.schema_of(name);
                let system = schema.as_deref() == Some("pg_catalog");
                if catalog.is_some() && !self.defining && !system {
                    return Err(no_relation(parts, node));
                }
                Ok((
                    Name {
                        schema,
                        name: Arc::clone(name),
                    },
                    None,
                ))
            }
            [schema, name] => {
                let known = catalog.and_then(|catalog| catalog.relation(schema, name));
                let system = matches!(&**schema, "pg_catalog" | "information_schema");
                if catalog.is_some() && known.is_none() && !self.is_lenient() && !system {
                    return Err(no_relation(parts, node));
                }
                let name = Name {
                    schema: Some(Arc::clone(schema)),
                    name: Arc::clone(name),
                };
                Ok((name, known.map(|relation| relation.columns.as_slice())))
            }
            _ => Err(refused(
                UnreadableKind::Unsupported,
                node,
                "a name of more than two parts",
            )),
        }
    }

    /// The schema of an unqualified name that no catalog resolves.
    pub(super) fn schema_of(&self, name: &str) -> Option<Arc<str>> {
        let system = |schema: &Arc<str>| &**schema == "pg_catalog";
        let path = self.context.search_path;
        if name.starts_with("pg_")
            && let Some(schema) = path.iter().find(|schema| system(schema))
        {
            return Some(Arc::clone(schema));
        }
        // Nothing is made in `pg_temp` that does not say so, unless it is the only one that is named.
        let temporary = |schema: &Arc<str>| &**schema == "pg_temp";
        let mut named = path.iter().filter(|schema| !system(schema));
        let real = named.clone().find(|schema| !temporary(schema));
        real.or_else(|| named.next()).cloned()
    }

    /// The schema of an unqualified type or collation.
    pub(super) fn schema_of_type(&self, name: &str) -> Option<Arc<str>> {
        let path = self.context.search_path;
        let known = self
            .context
            .catalog
            .and_then(|catalog| catalog.type_schema(path, name));
        known.cloned().or_else(|| self.schema_of(name))
    }

    /// Counts a read of an unqualified column (or a whole row by its alias).
    pub(super) fn read_column(&mut self, name: &str, node: Node<'_>) -> Walked {
        self.look_around(node)?;
        if self.asking {
            self.read_certain(name);
            return Ok(());
        }
        let mut found = false;
        let mut possible = false;
        let mut marks = Origins::new();
        for frame in self.frames.iter().rev().filter(|frame| !frame.hidden) {
            let mut sure = Origins::new();
            let mut surely = false;
            let mut perhaps = Origins::new();
            for item in frame.items.iter().skip(frame.first) {
                match item.find(name) {
                    Match::Surely(origins) => {
                        surely = true;
                        sure.extend(origins);
                    }
                    Match::Perhaps(relations) => {
                        possible = true;
                        perhaps.extend(relations.into_iter().map(|id| (id, Arc::from(name))));
                    }
                    Match::No => {}
                }
            }
            marks.extend(sure);
            if surely && !frame.loose {
                found = true;
                break;
            }
            possible |= surely;
            marks.extend(perhaps);
        }
        for (relation, column) in &marks {
            self.mark(*relation, Access::Select, column);
        }
        if !found && let Some(item) = self.item(None, name) {
            self.read_all(&item);
            found = true;
        }
        if found || possible || self.defining {
            return Ok(());
        }
        Err(no_column(node, &format!("\"{name}\"")))
    }

    /// Counts a read of an unqualified column where there is no doubt about what it is of.
    fn read_certain(&mut self, name: &str) {
        for frame in self.frames.iter().rev().filter(|frame| !frame.hidden) {
            let mut sure = Origins::new();
            let (mut surely, mut perhaps) = (false, false);
            for item in frame.items.iter().skip(frame.first) {
                match item.find(name) {
                    Match::Surely(origins) => {
                        surely = true;
                        sure.extend(origins);
                    }
                    Match::Perhaps(_) => perhaps = true,
                    Match::No => {}
                }
            }
            if surely || perhaps {
                let certain = surely && !frame.loose;
                for (relation, column) in sure.iter().filter(|_| certain) {
                    self.mark(*relation, Access::Select, column);
                }
                return;
            }
        }
        if let Some(item) = self.item(None, name) {
            self.read_all(&item);
        }
    }

    /// The item that a qualifier means: the innermost level that has one.
    pub(super) fn item(&self, schema: Option<&str>, name: &str) -> Option<Item<'c>> {
        self.frames
            .iter()
            .rev()
            .filter(|frame| !frame.hidden)
            .find_map(|frame| frame.items.iter().find(|item| item.is_named(schema, name)))
            .cloned()
    }

    /// Counts a read of a qualified column.
    pub(super) fn read_qualified(
        &mut self,
        schema: Option<&str>,
        qualifier: &str,
        name: &str,
        node: Node<'_>,
    ) -> Walked {
        self.look_around(node)?;
        let Some(item) = self.item(schema, qualifier) else {
            if self.is_lenient() {
                return Ok(());
            }
            return Err(no_entry(qualifier, node));
        };
        if self.asking {
            self.read_of(&item, name);
            return Ok(());
        }
        if matches!(item.find(name), Match::Perhaps(_)) {
            self.perhaps_calls(&item, name);
        }
        if self.read_of(&item, name) {
            return Ok(());
        }
        // PostgreSQL reads `o.f` as f(o) where o has no such column.
        if self.defining {
            self.read_all(&item);
            self.calls(None, &Arc::from(name));
            return Ok(());
        }
        Err(no_column(node, &format!("{qualifier}.{name}")))
    }

    /// Counts the call that `x.f` is where x has no column f: of every f on the path. Where no catalog
    /// knows the columns of a relation, they are taken for those that the policy names.
    fn perhaps_calls(&mut self, item: &Item<'_>, name: &str) {
        let (catalog, path) = (self.context.catalog, self.context.search_path);
        if catalog.is_some_and(|catalog| catalog.is_only_a_field(path, name)) {
            return;
        }
        let name: Arc<str> = Arc::from(name);
        let system = |schema: &str| matches!(schema, "pg_catalog" | "information_schema");
        match (&item.shape, catalog) {
            (Shape::Base { .. }, None) => {}
            (Shape::Base { relation, .. }, Some(catalog)) => {
                let known = self.relations.get(*relation as usize);
                let own = known
                    .and_then(|name| name.schema.as_deref())
                    .is_some_and(system);
                if !own {
                    return self.calls(None, &name);
                }
                // The columns of the system's relations come before the system's functions.
                let schemas = catalog.function_schemas(path, &name);
                for schema in schemas
                    .into_iter()
                    .flatten()
                    .filter(|schema| !system(schema))
                {
                    self.functions.insert(Name {
                        schema: Some(Arc::clone(schema)),
                        name: Arc::clone(&name),
                    });
                }
            }
            (Shape::Derived { .. }, _) if item.unsure || catalog.is_some() => {
                self.calls(None, &name);
            }
            (Shape::Derived { .. }, _) => {}
        }
    }

    /// Counts a read of one column of an item; false where it surely has none of that name.
    pub(super) fn read_of(&mut self, item: &Item<'_>, name: &str) -> bool {
        match item.find(name) {
            Match::Surely(origins) => {
                for (relation, column) in &origins {
                    self.mark(*relation, Access::Select, column);
                }
                true
            }
            Match::Perhaps(_) if self.asking => true,
            Match::Perhaps(relations) => {
                let column = Arc::from(name);
                for relation in relations {
                    self.mark(relation, Access::Select, &column);
                }
                true
            }
            Match::No => false,
        }
    }

    /// Counts a read of all columns of an item.
    pub(super) fn read_all(&mut self, item: &Item<'_>) {
        match &item.shape {
            Shape::Base {
                relation,
                known: None,
            } => self.mark_all(*relation, Access::Select),
            Shape::Base {
                relation,
                known: Some(columns),
            } => {
                for column in *columns {
                    self.mark(*relation, Access::Select, column);
                }
            }
            Shape::Derived {
                columns, behind, ..
            } => {
                for (relation, column) in columns.iter().flat_map(|column| &column.origins) {
                    self.mark(*relation, Access::Select, column);
                }
                // Which of their columns there are is not known.
                let behind = if self.asking { &[] } else { behind.as_slice() };
                for relation in behind {
                    self.mark_all(*relation, Access::Select);
                }
            }
        }
    }

    /// Counts a read of all columns of an item, some of which are read.
    pub(super) fn read_perhaps(&mut self, item: &Item<'_>) {
        if !self.asking {
            self.read_all(item);
        }
    }

    /// Counts a call. Where a catalog knows functions, an unqualified name counts for every schema of
    /// the path that has one, because the types of the arguments choose among them.
    pub(super) fn calls(&mut self, schema: Option<&Arc<str>>, name: &Arc<str>) {
        self.perhaps_uses_sequence(schema, name);
        if schema.is_none()
            && let Some(catalog) = self.context.catalog
            && let Some(schemas) = catalog.function_schemas(self.context.search_path, name)
        {
            let mut known = false;
            let schemas: Vec<_> = schemas.collect();
            let open = self.asking && schemas.len() > 1;
            for schema in schemas.into_iter().filter(|_| !open) {
                known = true;
                self.functions.insert(Name {
                    schema: Some(Arc::clone(schema)),
                    name: Arc::clone(name),
                });
            }
            if known {
                return;
            }
        }
        let home = || self.home_of(name).filter(|_| self.defining);
        let schema = schema.cloned().or_else(home);
        self.functions.insert(Name {
            schema,
            name: Arc::clone(name),
        });
    }

    /// Counts the procedure that CALL names.
    pub(super) fn calls_procedure(&mut self, parts: &[Arc<str>], node: Node<'_>) -> Walked {
        self.call_path(parts, node)?;
        if let [name] = parts
            && let schema @ Some(_) = self.home_of(name)
        {
            let name = Arc::clone(name);
            self.functions.retain(|known| known.name != name);
            self.functions.insert(Name { schema, name });
        }
        Ok(())
    }

    /// Where a function would be that nothing on the path has: in the one schema of it that is not
    /// PostgreSQL's own. Who may define there is told by PostgreSQL that it does not exist.
    fn home_of(&self, name: &str) -> Option<Arc<str>> {
        // What the grammar has a syntax for is no function of anybody's.
        const OF_THE_GRAMMAR: [&str; 9] = [
            "coalesce", "greatest", "grouping", "least", "nullif", "row", "treat", "json", "xml",
        ];
        let grammar =
            |known: &&str| *known == name || (known.len() < 5 && name.starts_with(*known));
        if self.asking || OF_THE_GRAMMAR.iter().any(grammar) {
            return None;
        }
        let path = self.context.search_path;
        let mut found = self.context.catalog?.function_schemas(path, name)?;
        let own = |schema: &&Arc<str>| !matches!(&***schema, "pg_catalog" | "pg_temp");
        let mut homes = path.iter().filter(own);
        match (found.next(), homes.next(), homes.next()) {
            (None, Some(home), None) => Some(Arc::clone(home)),
            _ => None,
        }
    }

    /// Whether an unqualified name can only be a function of PostgreSQL's own.
    pub(super) fn is_system_function(&self, name: &str) -> bool {
        let schemas = self
            .context
            .catalog
            .and_then(|catalog| catalog.function_schemas(self.context.search_path, name));
        schemas.is_none_or(|mut schemas| schemas.all(|schema| &**schema == "pg_catalog"))
    }

    /// Counts a function that the grammar has a syntax for.
    pub(super) fn calls_special(&mut self, name: &'static str) {
        self.mentions.special.insert(name);
        self.functions.insert(Name {
            schema: None,
            name: Arc::from(name),
        });
    }

    /// The items of a base relation that a statement reads.
    pub(super) fn base(
        &mut self,
        name: Name,
        known: Option<&'c [Arc<str>]>,
        alias: Option<Arc<str>>,
    ) -> Item<'c> {
        let schema = if alias.is_none() {
            name.schema.clone()
        } else {
            None
        };
        let alias = alias.unwrap_or_else(|| Arc::clone(&name.name));
        let relation: RelationId = self.relation(name);
        Item {
            alias,
            schema,
            shape: Shape::Base { relation, known },
            bases: vec![relation],
            unsure: false,
        }
    }
}

/// A column that nothing has, in PostgreSQL's words.
fn no_column(node: Node<'_>, name: &str) -> Unreadable {
    let detail = format!("column {name} does not exist");
    refused(UnreadableKind::UnresolvedColumn, node, &detail)
}

/// A relation that nothing has, in PostgreSQL's words.
fn no_relation(parts: &[Arc<str>], node: Node<'_>) -> Unreadable {
    let detail = format!("relation \"{}\" does not exist", parts.join("."));
    refused(UnreadableKind::UnresolvedRelation, node, &detail)
}

/// A qualifier that nothing in scope has.
pub(super) fn no_entry(qualifier: &str, node: Node<'_>) -> Unreadable {
    let detail = format!("missing FROM-clause entry for table \"{qualifier}\"");
    refused(UnreadableKind::UnresolvedRelation, node, &detail)
}

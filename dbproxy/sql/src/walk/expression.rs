//! Expressions: every node is handled by its kind; what has no handling of its own has its children
//! walked, so that a sub-query is found wherever it hides.

mod special;

use std::sync::Arc;

use exeat_policy::{Name, Unreadable, UnreadableKind};
use squawk_parser::SyntaxKind as K;

use super::resolve::no_entry;
use super::scope::Output;
use super::{Walk, Walked, refused, unsupported};
use crate::builtin;
use crate::kinds::{Handling, handling};
use crate::names::{name, path};
use crate::tree::Node;
use special::special;
pub(super) use special::value_function;

/// A dotted expression taken apart.
struct Dotted<'t> {
    base: Node<'t>,
    fields: Vec<Arc<str>>,
    star: bool,
}

fn dotted(node: Node<'_>) -> Walked<Dotted<'_>> {
    let mut fields = Vec::new();
    let mut star = false;
    let mut node = node;
    while node.kind() == K::FIELD_EXPR {
        let mut parts = node.children();
        let base = parts.next().ok_or_else(|| unsupported(node))?;
        match parts.filter(|part| part.kind() != K::DOT).last() {
            Some(field) if field.kind() == K::NAME_REF => fields.push(name(field)),
            Some(field) if field.kind() == K::STAR && !star && fields.is_empty() => star = true,
            _ => return Err(unsupported(node)),
        }
        node = base;
    }
    fields.reverse();
    Ok(Dotted {
        base: node,
        fields,
        star,
    })
}

fn too_many_parts(node: Node<'_>) -> Unreadable {
    let detail = "a name of more than two parts";
    refused(UnreadableKind::Unsupported, node, detail)
}

/// The parts of the name of a called function.
pub(super) fn callee_path(node: Node<'_>) -> Walked<Vec<Arc<str>>> {
    let parts = dotted(node)?;
    if parts.base.kind() != K::NAME_REF || parts.star {
        return Err(unsupported(node));
    }
    let mut names = vec![name(parts.base)];
    names.extend(parts.fields);
    Ok(names)
}

impl Walk<'_> {
    pub(super) fn walk_children(&mut self, node: Node<'_>) -> Walked {
        for child in node.children() {
            self.walk(child)?;
        }
        Ok(())
    }

    /// Reads any node by its kind.
    pub(super) fn walk(&mut self, node: Node<'_>) -> Walked {
        match handling(node.kind()) {
            Handling::Token => {
                match node.kind() {
                    K::ESCAPE_KW => self.calls_special("like_escape"),
                    K::OVERLAPS_KW => self.calls_special("overlaps"),
                    K::MINUS if is_sign(node) => {}
                    K::EQ if gives_a_value(node) => {}
                    // Only a catalog can know of another operator of the same name.
                    _ if self.context.catalog.is_some() && builtin::is_operator(node.text()) => {
                        self.operator_symbol(None, node.text());
                    }
                    _ => {}
                }
                Ok(())
            }
            Handling::Name => Ok(()),
            Handling::Walk if node.kind() == K::ATTRIBUTE_OPTION && self.defining => {
                self.option(node)
            }
            Handling::Walk if is_made(node) && self.defining => self.define_operator(node),
            Handling::Walk => {
                self.cascades |= self.defining && is_cascade(node);
                self.walk_children(node)
            }
            Handling::Query => self.query(node).map(drop),
            Handling::Column => self.column(node),
            Handling::Field => self.field(node),
            Handling::Call => self.call(node),
            Handling::Special => {
                self.calls_special(special(node).ok_or_else(|| unsupported(node))?);
                self.walk_children(node)
            }
            Handling::Type => self.type_name(node),
            Handling::Collation if self.defining && is_defined(node) => self.define(node),
            Handling::Collation => self.foreign(node, builtin::is_collation),
            Handling::Operator => self.operator(node),
            Handling::Object if self.defining => self.define(node),
            Handling::Global if self.defining => self.define_global(node),
            Handling::Change
            | Handling::From
            | Handling::Object
            | Handling::Global
            | Handling::Refuse => Err(unsupported(node)),
        }
    }

    fn column(&mut self, node: Node<'_>) -> Walked {
        let leaf = node.first_leaf().ok_or_else(|| unsupported(node))?;
        match value_function(leaf.kind()) {
            Some(function) => {
                self.calls_special(function);
                Ok(())
            }
            None if is_keyword(node, leaf.kind()) => Ok(()),
            None => self.read_column(&name(node), node),
        }
    }

    fn field(&mut self, node: Node<'_>) -> Walked {
        let parts = dotted(node)?;
        if parts.star {
            return self.qualified_star(node, &mut Output::default());
        }
        if parts.base.kind() != K::NAME_REF {
            return self.attribute(&parts);
        }
        let first = name(parts.base);
        match parts.fields.as_slice() {
            [column] => self.read_qualified(None, &first, column, node),
            [relation, column] => self.read_qualified(Some(&first), relation, column, node),
            _ => Err(refused(
                UnreadableKind::Unsupported,
                node,
                "a name of more than three parts",
            )),
        }
    }

    /// `(expression).name`: a field of a composite value (of a whole row too: PostgreSQL asks for all of
    /// its columns), or the function of that name: `('/etc/passwd').pg_read_file` calls it. Only where
    /// there is no such function it must be a field.
    fn attribute(&mut self, parts: &Dotted<'_>) -> Walked {
        self.walk(parts.base)?;
        let (catalog, path) = (self.context.catalog, self.context.search_path);
        if self.asking {
            return Ok(());
        }
        for field in &parts.fields {
            if !catalog.is_some_and(|catalog| catalog.is_only_a_field(path, field)) {
                self.calls(None, field);
            }
        }
        Ok(())
    }

    /// `o.*`, `s.o.*`, `(expression).*`.
    pub(super) fn qualified_star(&mut self, node: Node<'_>, output: &mut Output) -> Walked {
        let parts = dotted(node)?;
        output.open = true;
        if parts.base.kind() != K::NAME_REF {
            output.unsure = true;
            return self.walk(parts.base);
        }
        self.look_around(node)?;
        let first = name(parts.base);
        let (schema, qualifier) = match parts.fields.as_slice() {
            [] => (None, &first),
            [relation] => (Some(&*first), relation),
            _ => return Err(too_many_parts(node)),
        };
        let item = self.item(schema, qualifier);
        match item {
            Some(item) => {
                self.hold_output(output, item.width(), node)?;
                self.read_all(&item);
                let (names, _) = item.names();
                output.names.extend(names);
                output.unsure |= item.unsure;
                Ok(())
            }
            None if self.is_lenient() => Ok(()),
            None => Err(no_entry(qualifier, node)),
        }
    }

    fn call(&mut self, node: Node<'_>) -> Walked {
        let callee = node.first_inner().ok_or_else(|| unsupported(node))?;
        match callee.kind() {
            K::NAME_REF | K::FIELD_EXPR => {
                let names = callee_path(callee)?;
                if self.set_config(&names, node) {
                    self.mentions.functions.insert(names.join("."));
                    return Ok(());
                }
                self.current_setting(&names, node);
                if self.uses_sequence(&names, node) {
                    self.mentions.functions.insert(names.join("."));
                } else {
                    self.call_path(&names, callee)?;
                }
            }
            _ => self.walk(callee)?,
        }
        for child in node.inner().skip(1) {
            self.walk(child)?;
        }
        Ok(())
    }

    /// The name of a called function.
    pub(super) fn callee(&mut self, node: Node<'_>) -> Walked {
        self.call_path(&callee_path(node)?, node)
    }

    /// A function by the parts of its name.
    pub(super) fn call_path(&mut self, names: &[Arc<str>], node: Node<'_>) -> Walked {
        self.mentions.functions.insert(names.join("."));
        match names {
            [function] => self.calls(None, function),
            [schema, function] => self.calls(Some(schema), function),
            _ => return Err(too_many_parts(node)),
        }
        Ok(())
    }

    /// Counts a type or collation unless it can only be PostgreSQL's own.
    pub(super) fn foreign(&mut self, node: Node<'_>, is_own: fn(&str) -> bool) -> Walked {
        let (schema, name) = match path(node).as_slice() {
            [single] if is_own(single) => return Ok(()),
            [schema, _] if &**schema == "pg_catalog" => return Ok(()),
            [single] if self.asking => {
                self.questions.types.insert(Name {
                    schema: None,
                    name: Arc::clone(single),
                });
                return Ok(());
            }
            [single] => (self.schema_of_type(single), Arc::clone(single)),
            [schema, single] => (Some(Arc::clone(schema)), Arc::clone(single)),
            _ => return Err(too_many_parts(node)),
        };
        self.types.insert(Name { schema, name });
        Ok(())
    }

    fn type_name(&mut self, node: Node<'_>) -> Walked {
        let column = |node: Node<'_>| matches!(node.kind(), K::COLUMN | K::ADD_COLUMN);
        if self.defining && node.parent().is_some_and(column) {
            self.foreign(node, |name| {
                builtin::is_type(name) || builtin::is_serial(name)
            })?;
        } else {
            self.foreign(node, builtin::is_type)?;
        }
        // A bare name as a modifier is a word: `geometry(point, 4326)`.
        let arguments = node
            .inner()
            .filter(|child| child.kind() == K::ARG_LIST)
            .flat_map(Node::inner);
        for argument in arguments {
            for value in argument
                .children()
                .filter(|value| value.kind() != K::NAME_REF)
            {
                self.walk(value)?;
            }
        }
        Ok(())
    }

    /// `@@@`, `OPERATOR(schema.+)`.
    fn operator(&mut self, node: Node<'_>) -> Walked {
        if node.kind() == K::CUSTOM_OP {
            self.operator_symbol(None, node.text());
            return Ok(());
        }
        let operator = node.child(K::OP).ok_or_else(|| unsupported(node))?;
        let mut parts = operator.child(K::PATH_REF).map(path).unwrap_or_default();
        parts.retain(|part| !part.is_empty());
        let symbol = operator
            .children()
            .filter(|child| child.kind() != K::PATH_REF);
        let symbol: String = symbol.map(|part| part.text()).collect();
        match parts.as_slice() {
            [] => self.operator_symbol(None, &symbol),
            [schema] => self.operator_symbol(Some(schema), &symbol),
            _ => return Err(unsupported(node)),
        }
        Ok(())
    }

    /// Counts an operator unless it can only be PostgreSQL's own.
    pub(super) fn operator_symbol(&mut self, schema: Option<&Arc<str>>, symbol: &str) {
        let known = builtin::is_operator(symbol);
        let name: Arc<str> = Arc::from(symbol);
        match schema {
            Some(schema) if &**schema == "pg_catalog" && known => {}
            Some(schema) => {
                self.operators.insert(Name {
                    schema: Some(Arc::clone(schema)),
                    name,
                });
            }
            None if self.asking => {}
            None => {
                let path = self.context.search_path;
                let others = self
                    .context
                    .catalog
                    .map(|catalog| catalog.operator_schemas(path, symbol));
                let others: Vec<_> = others.into_iter().flatten().collect();
                let placed = !others.is_empty();
                for schema in others {
                    self.operators.insert(Name {
                        schema: Some(Arc::clone(schema)),
                        name: Arc::clone(&name),
                    });
                }
                if !known && !placed {
                    self.operators.insert(Name { schema: None, name });
                }
            }
        }
    }
}

/// Whether a word in the place of a column is none: `a IS UNKNOWN`, `a IS NOT DOCUMENT`,
/// `normalize(a, NFC)`.
fn is_keyword(node: Node<'_>, leaf: K) -> bool {
    let Some(parent) = node.parent() else {
        return false;
    };
    match (leaf, parent.kind()) {
        (K::UNKNOWN_KW | K::DOCUMENT_KW, K::BIN_EXPR) => {
            let last = parent.children().last() == Some(node);
            let operator = parent.children().nth(1).map(Node::kind);
            last && matches!(operator, Some(K::IS_KW | K::IS_NOT))
        }
        (K::NFC_KW | K::NFD_KW | K::NFKC_KW | K::NFKD_KW, K::ARG) => {
            let call = parent.parent().and_then(Node::parent);
            let callee = call.and_then(Node::first_inner);
            let bare = callee.filter(|callee| callee.kind() == K::NAME_REF);
            let normalize = bare.and_then(Node::first_leaf).map(Node::kind);
            let first = parent.parent().and_then(Node::first_inner);
            normalize == Some(K::NORMALIZE_KW) && first != Some(parent)
        }
        _ => false,
    }
}

/// Whether a collation is what a definition is about, not one that it uses.
fn is_defined(collation: Node<'_>) -> bool {
    collation.parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            K::DROP_COLLATION | K::ALTER_COLLATION | K::OBJECT_COLLATION
        )
    })
}

/// Whether a node is the operator that a definition is about.
fn is_made(node: Node<'_>) -> bool {
    let defines = |parent: Node<'_>| {
        matches!(
            parent.kind(),
            K::CREATE_OPERATOR | K::OP_SIG | K::OBJECT_OPERATOR
        )
    };
    node.kind() == K::OP && node.parent().is_some_and(defines)
}

/// Whether a node is the CASCADE of a statement, not of a foreign key.
fn is_cascade(node: Node<'_>) -> bool {
    let key = |parent: Node<'_>| matches!(parent.kind(), K::ON_DELETE_ACTION | K::ON_UPDATE_ACTION);
    node.kind() == K::CASCADE && !node.parent().is_some_and(key)
}

/// Whether an equals sign compares nothing: what is left of it gets the value that is right of it.
fn gives_a_value(sign: Node<'_>) -> bool {
    let parent = sign.parent().map(Node::kind);
    matches!(
        parent,
        Some(
            K::ATTRIBUTE_OPTION
                | K::SET_SINGLE_COLUMN
                | K::SET_MULTIPLE_COLUMNS
                | K::TO_CONFIG_VALUE
        )
    )
}

/// Whether a minus belongs to the number behind it, as PostgreSQL's grammar has it.
fn is_sign(minus: Node<'_>) -> bool {
    let prefixed = minus
        .parent()
        .filter(|parent| parent.kind() == K::PREFIX_EXPR);
    let literal = prefixed
        .and_then(|parent| parent.child(K::LITERAL))
        .and_then(Node::first_leaf);
    literal.is_some_and(|leaf| matches!(leaf.kind(), K::INT_NUMBER | K::NUMERIC_NUMBER))
}

//! Sequences that a definition uses by `nextval`, `currval` and `setval`: which one a constant names. It must
//! never take a value for a name that PostgreSQL would read otherwise: such a sequence is not known.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use exeat_policy::{Name, SequenceAccess, SequenceUse};
use squawk_parser::SyntaxKind as K;

use super::Walk;
use super::session::lone_child;
use crate::names::{constant, path};
use crate::tree::Node;

/// What a function does to a sequence.
fn access(function: &str) -> Option<SequenceAccess> {
    match function {
        "nextval" => Some(SequenceAccess::Next),
        "currval" => Some(SequenceAccess::Read),
        "setval" => Some(SequenceAccess::Set),
        _ => None,
    }
}

impl Walk<'_> {
    /// A call that names its sequence, as `nextval('s'::regclass)` does. Only of a definition: of all else
    /// PostgreSQL says it.
    pub(super) fn uses_sequence(&mut self, names: &[Arc<str>], call: Node<'_>) -> bool {
        let function = match names {
            [function] if self.is_system_function(function) => function,
            [schema, function] if &**schema == "pg_catalog" => function,
            _ => return false,
        };
        if !self.counts_sequences() {
            return false;
        }
        let list = call
            .children()
            .nth(1)
            .filter(|list| list.kind() == K::ARG_LIST);
        let first = list.and_then(|list| list.inner().next());
        let (Some(access), Some(parts)) = (access(function), first.and_then(regclass)) else {
            return false;
        };
        let sequence = match parts.as_slice() {
            [schema, name] => Name {
                schema: Some(Arc::clone(schema)),
                name: Arc::clone(name),
            },
            [name] => self.in_path(name),
            _ => return false,
        };
        self.functions.insert(Name {
            schema: Some(Arc::from("pg_catalog")),
            name: Arc::clone(function),
        });
        self.sequences.insert(SequenceUse {
            access,
            owner: None,
            sequence: Some(sequence),
        });
        true
    }

    /// A call by whatever notation of which nobody has said which sequence it uses.
    pub(super) fn perhaps_uses_sequence(&mut self, schema: Option<&Arc<str>>, function: &str) {
        let own = schema.is_none_or(|schema| &**schema == "pg_catalog");
        if let Some(access) = access(function).filter(|_| own && self.counts_sequences()) {
            self.sequences.insert(SequenceUse {
                access,
                owner: None,
                sequence: None,
            });
        }
    }

    fn counts_sequences(&self) -> bool {
        self.defining && !self.asking
    }

    /// What a name without a schema means, or will mean when it is there.
    fn in_path(&self, name: &Arc<str>) -> Name {
        let catalog = self.context.catalog;
        let known = catalog.and_then(|catalog| catalog.resolve(self.context.search_path, name));
        Name {
            schema: known
                .map(|relation| Arc::clone(&relation.schema))
                .or_else(|| self.schema_of(name)),
            name: Arc::clone(name),
        }
    }
}

/// The name that an argument is which is a constant and nothing else, or such a one cast to `regclass`.
fn regclass(argument: Node<'_>) -> Option<Vec<Arc<str>>> {
    let mut value = lone_child(argument).filter(|_| argument.kind() == K::ARG)?;
    if value.kind() == K::CAST_EXPR {
        let target = value.child(K::PATH_TYPE)?;
        let parts = path(target);
        let plain = match parts.as_slice() {
            [name] => &**name == "regclass",
            [schema, name] => &**schema == "pg_catalog" && &**name == "regclass",
            _ => false,
        };
        value = value
            .first_inner()
            .filter(|inner| plain && *inner != target)?;
    }
    let token = lone_child(value).filter(|_| value.kind() == K::LITERAL)?;
    let text = constant(token.text()).filter(|_| token.kind() == K::STRING)?;
    parts(&text)
}

/// The parts of a name as `regclass` reads it: folded unless quoted. `None` for what it reads otherwise (a
/// number is an OID), and for all that needs a closer look.
fn parts(text: &str) -> Option<Vec<Arc<str>>> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(inside) => {
                let (name, after) = inside.split_once('"')?;
                (name.to_owned(), after)
            }
            None => {
                let (name, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
                let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let begins = name.starts_with(|first: char| !first.is_ascii_digit());
                if !begins || !name.bytes().all(word) {
                    return None;
                }
                (name.to_ascii_lowercase(), after)
            }
        };
        // A longer one is cut off.
        if name.is_empty() || name.len() > 63 {
            return None;
        }
        found.push(Arc::from(name));
        if after.is_empty() {
            return Some(found);
        }
        rest = after.strip_prefix('.')?;
    }
}

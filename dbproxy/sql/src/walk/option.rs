//! The options of CREATE TYPE, CREATE OPERATOR, CREATE AGGREGATE and their kin: `name = value`, where the
//! grammar takes every word for a type. A function that what is made will run must never go uncounted.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use exeat_policy::{Access, Name};
use squawk_parser::SyntaxKind as K;

use super::{Walk, Walked};
use crate::builtin;
use crate::names::{constant, name, path};
use crate::tree::Node;

/// Options whose value is a function. Sorted.
#[rustfmt::skip]
const FUNCTIONS: [&str; 34] = [
    "analyze", "canonical", "combinefunc", "deserialfunc", "end", "finalfunc", "function", "gettoken",
    "headline", "init", "input", "join", "lexize", "lextypes", "mfinalfunc", "minvfunc", "msfunc", "output",
    "prepare", "procedure", "receive", "restrict", "send", "serialfunc", "sfunc", "sfunc1", "sfunc2",
    "start", "subscript", "subtype_diff", "support", "typmod_in", "typmod_out", "validator",
];

/// Options whose value is a word, a number or a string that names nothing. Sorted.
#[rustfmt::skip]
const WORDS: [&str; 30] = [
    "alignment", "category", "collatable", "default", "delimiter", "deterministic", "finalfunc_extra",
    "finalfunc_modify", "hashes", "hypothetical", "initcond", "initcond1", "internallength", "lc_collate",
    "lc_ctype", "locale", "merges", "mfinalfunc_extra", "mfinalfunc_modify", "minitcond", "msspace",
    "parallel", "passedbyvalue", "preferred", "provider", "rules", "sspace", "storage", "subtype_opclass",
    "version",
];

impl Walk<'_> {
    /// Reads one option.
    pub(super) fn option(&mut self, node: Node<'_>) -> Walked {
        let option = node.child(K::ATTRIBUTE_NAME).map(name);
        let option = option.unwrap_or_else(|| Arc::from(""));
        let value = node.child(K::ATTRIBUTE_VALUE).and_then(Node::first_inner);
        let Some(value) = value else {
            return self.walk_children(node);
        };
        let parts = match value.kind() {
            K::PATH_TYPE => path(value),
            _ => Vec::new(),
        };
        if FUNCTIONS.binary_search(&&*option).is_ok() {
            return self.function_option(&parts, value);
        }
        if WORDS.binary_search(&&*option).is_ok() {
            return Ok(());
        }
        match (&*option, parts.as_slice()) {
            ("collation", _) => self.foreign(value, builtin::is_collation),
            ("multirange_type_name", [single]) => {
                let schema = self.schema_of(single);
                let relation = self.relation(Name {
                    schema,
                    name: Arc::clone(single),
                });
                self.mark_all(relation, Access::Define);
                Ok(())
            }
            _ => self.walk_children(node),
        }
    }

    /// The value is the name of a function, as a string too.
    fn function_option(&mut self, parts: &[Arc<str>], value: Node<'_>) -> Walked {
        match parts {
            [word] if &**word == "none" => Ok(()),
            [function] => {
                self.calls(None, function);
                Ok(())
            }
            [schema, function] => {
                self.calls(Some(schema), function);
                Ok(())
            }
            _ => match constant(value.text()) {
                Some(text) => {
                    self.calls(None, &Arc::from(text));
                    Ok(())
                }
                None => self.walk(value),
            },
        }
    }
}

//! Settings and transactions: every spelling of SET as the parameter that it sets. A parameter that is
//! set must never go uncounted.

use std::sync::Arc;

use exeat_policy::{Name, Setting, UnreadableKind};
use squawk_parser::SyntaxKind as K;

use super::expression::callee_path;
use super::scope::{Item, Shape};
use super::{Walk, Walked, refused, unsupported};
use crate::names::{constant, path};
use crate::path::joined;
use crate::tree::Node;

impl Walk<'_> {
    fn set(&mut self, name: &str, value: Option<String>) {
        // NONE is the role that a session has without one.
        let value = value.filter(|value| name != "role" || value != "none");
        self.settings.push(Setting {
            name: Arc::from(name),
            value: value.map(Arc::from),
        });
    }

    /// SET, RESET and their relatives.
    pub(super) fn setting(&mut self, node: Node<'_>) -> Walked {
        match node.kind() {
            K::SET => self.set_statement(node),
            K::RESET => self.reset(node),
            K::SET_ROLE => {
                self.set("role", Some(last_value(node)));
                Ok(())
            }
            K::RESET_ROLE => {
                self.set("role", None);
                Ok(())
            }
            K::SET_SESSION_AUTH => {
                let value = (!ends_with_default(node)).then(|| last_value(node));
                self.set("session_authorization", value);
                Ok(())
            }
            K::RESET_SESSION_AUTH => {
                self.set("session_authorization", None);
                Ok(())
            }
            K::SET_CONSTRAINTS => {
                self.set("constraints", Some(last_value(node)));
                Ok(())
            }
            K::SET_TRANSACTION => {
                let target = node.first_inner().ok_or_else(|| unsupported(node))?;
                match target.kind() {
                    K::SESSION_CHARACTERISTICS => {
                        self.transaction_modes(target, "default_transaction")
                    }
                    K::TRANSACTION_MODES => self.transaction_modes(target, "transaction"),
                    K::TRANSACTION_SNAPSHOT => {
                        self.set("transaction_snapshot", Some(last_value(target)))
                    }
                    _ => return Err(unsupported(target)),
                }
                Ok(())
            }
            _ => Err(unsupported(node)),
        }
    }

    /// `set_config('name', 'value', …)` is a SET; with anything else than constants it is a function
    /// like any other. The value may come with Bind: it is counted as `$n`.
    pub(super) fn set_config(&mut self, names: &[Arc<str>], call: Node<'_>) -> bool {
        let own = match names {
            [function] => &**function == "set_config" && self.is_system_function(function),
            [schema, function] => &**schema == "pg_catalog" && &**function == "set_config",
            _ => false,
        };
        let mut parts = call.children().skip(1);
        let (Some(list), None) = (parts.next().filter(|_| own), parts.next()) else {
            return false;
        };
        let arguments: Option<Vec<Node<'_>>> = list.inner().map(lone_constant).collect();
        let Some([parameter, value, local]) = arguments.as_deref() else {
            return false;
        };
        let plain = list.kind() == K::ARG_LIST
            && parameter.kind() == K::STRING
            && matches!(value.kind(), K::STRING | K::POSITIONAL_PARAM | K::NULL_KW)
            && matches!(
                local.kind(),
                K::TRUE_KW | K::FALSE_KW | K::STRING | K::POSITIONAL_PARAM
            );
        let Some(parameter) = constant(parameter.text()).filter(|_| plain) else {
            return false;
        };
        let value = (value.kind() != K::NULL_KW)
            .then(|| constant(value.text()).unwrap_or_else(|| value.text().to_owned()));
        self.set(&parameter.to_ascii_lowercase(), value);
        true
    }

    /// `current_setting('name')` reads a parameter. One of somebody's own (with a dot) needs the rule that
    /// setting it needs; so does one whose name is computed, by the name `*`, which no rule opens.
    pub(super) fn current_setting(&mut self, names: &[Arc<str>], call: Node<'_>) {
        let own = match names {
            [function] => &**function == "current_setting" && self.is_system_function(function),
            [schema, function] => &**schema == "pg_catalog" && &**function == "current_setting",
            _ => false,
        };
        if !own {
            return;
        }
        let list = call.children().nth(1);
        let first = list
            .and_then(|list| list.inner().next())
            .and_then(lone_constant);
        if first.is_some_and(|first| first.kind() == K::POSITIONAL_PARAM) {
            // Whoever binds it is asked then.
            return self.settings.push(Setting::read_by_bind());
        }
        let name = first
            .filter(|first| first.kind() == K::STRING)
            .and_then(|first| constant(first.text()));
        let argument = list.and_then(|list| list.inner().next());
        if name.is_none() && argument.is_some_and(|argument| self.is_shown(argument)) {
            return;
        }
        self.reads_setting(name.as_deref());
    }

    /// Whether an argument is the name of a parameter that `pg_settings` shows with its value anyway: those
    /// that somebody has made up are not among them.
    fn is_shown(&self, argument: Node<'_>) -> bool {
        let field = lone_child(argument)
            .filter(|field| argument.kind() == K::ARG && field.kind() == K::FIELD_EXPR);
        let Some(Ok(names)) = field.map(callee_path) else {
            return false;
        };
        // At one level a qualifier means one thing.
        let ([qualifier, column], 1) = (names.as_slice(), self.frames.len()) else {
            return false;
        };
        let Some(Item {
            shape: Shape::Base { relation, .. },
            ..
        }) = self.item(None, qualifier)
        else {
            return false;
        };
        let shows =
            |of: &Name| of.schema.as_deref() == Some("pg_catalog") && &*of.name == "pg_settings";
        &**column == "name" && self.relations.get(relation as usize).is_some_and(shows)
    }

    /// `SHOW name`.
    pub(super) fn show(&mut self, node: Node<'_>) {
        let name = words_after(node, 1).replace([' ', '"'], "");
        self.reads_setting(Some(&name));
    }

    fn reads_setting(&mut self, name: Option<&str>) {
        match name {
            Some(name) if name.contains('.') => self.set(&name.to_ascii_lowercase(), None),
            Some(_) => {}
            None => self.settings.push(Setting::unknown()),
        }
    }

    fn set_statement(&mut self, node: Node<'_>) -> Walked {
        let scopes = [K::LOCAL_SCOPE, K::SESSION_SCOPE];
        let target = node.inner().find(|child| !scopes.contains(&child.kind()));
        let target = target.ok_or_else(|| unsupported(node))?;
        match target.kind() {
            K::SET_CONFIG => {
                let parameter = target
                    .child(K::CONFIG_PARAMETER_REF)
                    .ok_or_else(|| unsupported(target))?;
                let name = path(parameter).join(".").to_ascii_lowercase();
                let value = match target.child(K::TO_CONFIG_VALUE) {
                    Some(value) => config_value(value, is_list_of_names(&name))?,
                    None => return Err(unsupported(target)),
                };
                self.set(&name, value);
            }
            K::SET_TIME_ZONE => {
                let value = (!target.has(K::LOCAL_KW) && !target.has(K::DEFAULT_KW))
                    .then(|| words_after(target, 2));
                self.set("timezone", value);
            }
            K::SET_SCHEMA_VALUE => {
                self.set("search_path", Some(quoted(last_value(target))));
            }
            K::SET_XML_OPTION => self.set("xmloption", Some(last_value(target))),
            _ => return Err(unsupported(target)),
        }
        Ok(())
    }

    fn reset(&mut self, node: Node<'_>) -> Walked {
        let target = node.first_inner().ok_or_else(|| unsupported(node))?;
        match target.kind() {
            K::ALL => self.set("all", None),
            K::CONFIG_PARAMETER_REF => self.set(&path(target).join(".").to_ascii_lowercase(), None),
            K::RESET_TIME_ZONE => self.set("timezone", None),
            K::RESET_TRANSACTION_ISOLATION => self.set("transaction_isolation", None),
            _ => return Err(unsupported(target)),
        }
        Ok(())
    }

    /// The modes that BEGIN and SET TRANSACTION set, as the parameters behind them.
    pub(super) fn transaction_modes(&mut self, node: Node<'_>, prefix: &str) {
        for mode in node.inner() {
            let (suffix, value) = match mode.kind() {
                K::SERIALIZABLE => ("isolation", "serializable"),
                K::REPEATABLE_READ => ("isolation", "repeatable read"),
                K::READ_COMMITTED => ("isolation", "read committed"),
                K::READ_UNCOMMITTED => ("isolation", "read uncommitted"),
                K::READ_ONLY => ("read_only", "on"),
                K::READ_WRITE => ("read_only", "off"),
                K::DEFERRABLE => ("deferrable", "on"),
                K::NOT_DEFERRABLE => ("deferrable", "off"),
                _ => {
                    self.transaction_modes(mode, prefix);
                    continue;
                }
            };
            self.set(&format!("{prefix}_{suffix}"), Some(value.to_owned()));
        }
    }
}

/// The token of an argument that is one constant and nothing else.
fn lone_constant(argument: Node<'_>) -> Option<Node<'_>> {
    let mut literal = lone_child(argument).filter(|_| argument.kind() == K::ARG)?;
    // A cast to what it is taken for anyway.
    let plain = |target: &Node<'_>| matches!(path(*target).as_slice(), [name] if matches!(&**name, "text" | "bool" | "boolean"));
    while literal.kind() == K::CAST_EXPR
        && let Some(target) = literal
            .child(K::PATH_TYPE)
            .filter(plain)
            // With a length it would be cut.
            .or_else(|| {
                literal
                    .child(K::VARCHAR_TYPE)
                    .filter(|of| of.inner().next().is_none())
            })
    {
        literal = literal.first_inner().filter(|inner| *inner != target)?;
    }
    lone_child(literal).filter(|token| literal.kind() == K::LITERAL && token.is_leaf())
}

/// The only child of a node.
pub(super) fn lone_child(node: Node<'_>) -> Option<Node<'_>> {
    let mut children = node.children();
    let child = children.next()?;
    children.next().is_none().then_some(child)
}

/// The tokens below a node, the first few left out.
fn words_after(node: Node<'_>, skipped: usize) -> String {
    let mut leaves = Vec::new();
    collect(node, &mut leaves);
    let values = leaves.into_iter().skip(skipped);
    values
        .map(|text| constant(text).unwrap_or_else(|| text.to_owned()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn collect<'t>(node: Node<'t>, leaves: &mut Vec<&'t str>) {
    for child in node.children() {
        if child.is_leaf() {
            leaves.push(child.text());
        } else {
            collect(child, leaves);
        }
    }
}

/// The value of the last token.
fn last_value(node: Node<'_>) -> String {
    let mut leaves = Vec::new();
    collect(node, &mut leaves);
    leaves.pop().map_or_else(String::new, |text| {
        constant(text).unwrap_or_else(|| text.to_owned())
    })
}

/// `= value, value`; `None` for DEFAULT.
fn config_value(node: Node<'_>, names: bool) -> Walked<Option<String>> {
    if node.has(K::DEFAULT_KW) {
        return Ok(None);
    }
    let mut values = Vec::new();
    for value in node.inner() {
        let text = value.text();
        let Some(value) = constant(text) else {
            return Err(refused(
                UnreadableKind::Unsupported,
                value,
                "a value that is no plain constant",
            ));
        };
        values.push(if names { quoted(value) } else { value });
    }
    Ok(Some(values.join(", ")))
}

/// Whether a parameter is a list of names, which PostgreSQL shows with the quotes that they need.
fn is_list_of_names(parameter: &str) -> bool {
    matches!(
        parameter,
        "local_preload_libraries"
            | "search_path"
            | "session_preload_libraries"
            | "shared_preload_libraries"
            | "temp_tablespaces"
            | "unix_socket_directories"
    )
}

/// A name as `quote_identifier` writes it; keywords are quoted there too, but mean the same without.
fn quoted(name: String) -> String {
    joined([name.as_str()])
}

/// Whether the last token is the keyword DEFAULT.
fn ends_with_default(node: Node<'_>) -> bool {
    let mut leaves = Vec::new();
    collect(node, &mut leaves);
    leaves
        .pop()
        .is_some_and(|leaf| leaf.eq_ignore_ascii_case("default"))
}

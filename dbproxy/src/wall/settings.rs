//! What a role's sessions start with, as `ALTER ROLE … SET` has it: the search path and the time limit of
//! the policy, for who comes past the proxy.

use std::time::Duration;

use exeat_policy::DatabaseGrant;

use super::listing::Role;
use super::quote;
use super::right::Text;

/// A setting as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// As SQL.
    pub(crate) sql: String,
    /// For people.
    pub(crate) shown: String,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Names(Vec<String>),
    Milliseconds(u128),
}

/// The settings of a role with these grants.
pub(crate) fn wanted(grants: &[&DatabaseGrant], search_path: &[Text]) -> Vec<Setting> {
    let mut all = Vec::new();
    if !search_path.is_empty() {
        let names: Vec<String> = search_path.iter().map(ToString::to_string).collect();
        let quoted: Vec<String> = names.iter().map(|name| quote::name(name)).collect();
        all.push(Setting {
            name: "search_path",
            sql: quoted.join(", "),
            shown: names.join(", "),
            value: Value::Names(names),
        });
    }
    // The longest: what is shared is the union.
    let limits: Option<Vec<Duration>> = grants
        .iter()
        .map(|grant| grant.limits.statement_timeout)
        .collect();
    if let Some(longest) = limits.and_then(|limits| limits.into_iter().max()) {
        let milliseconds = longest.as_millis().max(1);
        all.push(Setting {
            name: "statement_timeout",
            sql: milliseconds.to_string(),
            shown: format!("{milliseconds}ms"),
            value: Value::Milliseconds(milliseconds),
        });
    }
    all
}

/// Those of the wanted ones that the role's sessions would not start with.
pub(crate) fn missing<'a>(
    role: &'a Role,
    wanted: &'a [Setting],
) -> impl Iterator<Item = &'a Setting> {
    wanted.iter().filter(|setting| !holds(role, setting))
}

fn holds(role: &Role, setting: &Setting) -> bool {
    let value = |of_database: bool| {
        role.settings.iter().find_map(|(here, text)| {
            let (name, value) = text.split_once('=')?;
            (*here == of_database && name.eq_ignore_ascii_case(setting.name)).then_some(value)
        })
    };
    // What is set for the database wins.
    let Some(text) = value(true).or_else(|| value(false)) else {
        return false;
    };
    match &setting.value {
        Value::Names(names) => self::names(text) == *names,
        Value::Milliseconds(wanted) => milliseconds(text) == Some(*wanted),
    }
}

/// The names of a list, unquoted and folded (`SplitIdentifierString`).
fn names(text: &str) -> Vec<String> {
    let (mut all, mut name, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut name)),
            blank if !quoted && blank.is_ascii_whitespace() => {}
            other if quoted => name.push(other),
            other => name.push(other.to_ascii_lowercase()),
        }
    }
    all.push(name);
    all
}

fn milliseconds(text: &str) -> Option<u128> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: u128 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

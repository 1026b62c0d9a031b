//! The search path of a session: what the server is told, and whether a value means the same.
//!
//! It must never take a value for the path that PostgreSQL would read otherwise: in doubt it is another one.

use std::sync::Arc;

use exeat_policy::Setting;

/// The part of a whole path (see [`crate::search_path`]) that is written down: PostgreSQL looks into
/// `pg_temp` and `pg_catalog` first where they are not named, but would put what is created without a
/// schema into the first one that is named.
#[must_use]
pub fn written_path(whole: &[Arc<str>]) -> &[Arc<str>] {
    let named = match whole {
        [first, rest @ ..] if &**first == "pg_temp" && !rest.is_empty() => rest,
        all => all,
    };
    match named {
        // Not where `pg_temp` alone would be left: everything would be temporary.
        [first, rest @ ..]
            if &**first == "pg_catalog"
                && !matches!(rest, [] | [_] if rest.iter().all(|name| &**name == "pg_temp")) =>
        {
            rest
        }
        all => all,
    }
}

/// Whether a value of `search_path` is the path that the session has anyway. A value with capitals
/// outside quotes never is: SET keeps those of a string, `set_config` folds them.
#[must_use]
pub fn is_path(value: &str, whole: &[Arc<str>]) -> bool {
    elements(value).is_some_and(|elements| {
        elements
            .iter()
            .map(String::as_str)
            .eq(written_path(whole).iter().map(|name| &**name))
    })
}

/// A setting to the value that the session began with is the same as DEFAULT, and reported as that.
pub(crate) fn settle(setting: &mut Setting, whole: &[Arc<str>]) {
    let same = match (&*setting.name, setting.value.as_deref()) {
        ("search_path", Some(value)) => is_path(value, whole),
        ("role", Some(value)) => value == "none",
        _ => false,
    };
    if same {
        setting.value = None;
    }
}

/// The schemas as one value, each in quotes where PostgreSQL would otherwise read it differently.
#[must_use]
pub fn joined<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted = names.into_iter().map(|name| {
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && !name.is_empty();
        if plain {
            name.to_owned()
        } else {
            format!("\"{}\"", name.replace('"', "\"\""))
        }
    });
    quoted.collect::<Vec<_>>().join(", ")
}

/// `SplitIdentifierString` of PostgreSQL, for what needs no folding; `None` for all else.
fn elements(value: &str) -> Option<Vec<String>> {
    let blank = |letter: char| matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
    let mut found = Vec::new();
    let mut rest = value.trim_matches(blank);
    loop {
        let name;
        (name, rest) = match rest.strip_prefix('"') {
            Some(inside) => quoted(inside)?,
            None => {
                let end = rest.find(|letter| letter == ',' || blank(letter));
                let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
                // `$1` is what a value that comes with Bind is counted as.
                let plain =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                if name.is_empty() || !name.bytes().all(plain) {
                    return None;
                }
                (name.to_owned(), after)
            }
        };
        found.push(name);
        rest = rest.trim_start_matches(blank);
        if rest.is_empty() {
            return Some(found);
        }
        rest = rest.strip_prefix(',')?.trim_start_matches(blank);
    }
}

/// A quoted name and what is behind it.
fn quoted(inside: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests;

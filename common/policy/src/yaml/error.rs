//! What is wrong at one place, and serde's errors in the words of people who write policies.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::document::spanned::Place;

/// One problem with the place where it is.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) place: Option<Place>,
    /// Already in the sink; the error only unwinds.
    pub(crate) reported: bool,
}

impl Problem {
    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            place: Some(place),
            reported: false,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn without_place(message: String, hint: Option<String>) -> Self {
        Self {
            message,
            hint,
            place: None,
            reported: false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl serde::de::Error for Problem {
    /// What to do stands after a semicolon, as in [`crate::UnitError`]: serde passes on one text only.
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once("; ") {
            Some((message, hint)) => Self::without_place(message.to_owned(), Some(hint.to_owned())),
            None => Self::without_place(text, None),
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let wanted = wanted(expected);
        let message = format!("expected {wanted}, found {}", words(found));
        let hint = match (found, wanted.as_str()) {
            (Unexpected::Unit, _) => "write a value, or take the key out".to_owned(),
            (Unexpected::Str(text), "a list") => format!("put it in brackets: [{text}]"),
            (Unexpected::Unsigned(number), "a list") => format!("put it in brackets: [{number}]"),
            (Unexpected::Seq, "a string") => {
                "write a string; for several, write as many entries".to_owned()
            }
            (_, wanted) => format!("write {wanted}"),
        };
        Self::without_place(message, Some(hint))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::without_place(
            format!("unknown key `{field}`"),
            Some(rule(field, expected).unwrap_or_else(|| suggest(field, expected))),
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::without_place(
            format!("unknown word `{variant}`"),
            Some(suggest(variant, expected)),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::without_place(
            format!("`{field}` is missing"),
            Some(format!("add the key `{field}` here")),
        )
    }
}

fn wanted(expected: &dyn Expected) -> String {
    match expected.to_string().as_str() {
        "u16" => "a number up to 65535".to_owned(),
        "u32" => "a number up to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        other => other.to_owned(),
    }
}

fn words(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Map => "a mapping".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Unit => "nothing".into(),
        Unexpected::Str(text) => format!("`{text}`"),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("the number {value}"),
        Unexpected::Signed(value) => format!("the number {value}"),
        other => other.to_string(),
    }
}

/// The first keys of rules, of a database's and of egress.
const RULES: [&str; 15] = [
    "select",
    "insert",
    "update",
    "delete",
    "truncate",
    "call",
    "operator",
    "type",
    "set",
    "statement",
    "define",
    "preset",
    "rule",
    "host",
    "cidr",
];

/// Where to write a rule that stands beside the list which it belongs into.
fn rule(field: &str, expected: &[&str]) -> Option<String> {
    let is_rule = expected.contains(&"allow") && RULES.contains(&field);
    is_rule.then(|| format!("it is a rule: write it in the list, allow: [{{ {field}: … }}]"))
}

/// The nearest of the expected words, or all of them.
pub(crate) fn suggest(word: &str, expected: &[&str]) -> String {
    let near = expected
        .iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min();
    match near {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None => format!("expected one of {}", list(expected)),
    }
}

fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Edits (insert, remove, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at =
                |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&previous, j) + usize::from(x != y))
                .min(at(&previous, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous.last().copied().unwrap_or(usize::MAX)
}
